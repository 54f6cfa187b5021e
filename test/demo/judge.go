// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/harness"
)

// runDrift runs the drift analysis now, as a person would who does not want to wait for its schedule, and waits until
// its verdict is in the status.
func (d *demo) runDrift(ctx context.Context, name string) (*v1alpha1.AnalysisStatus, error) {
	run, _, err := d.runAnalysis(ctx, v1alpha1.AnalysisRunDrift, name)
	if err != nil {
		return nil, err
	}
	d.sayf("%s of %s to %s: %s, %d rows, %s %% covered", run.JobName, clock(run.From.Time), clock(run.To.Time), run.Outcome, value(run.Rows), run.CoveragePercent)
	for _, t := range run.Thresholds {
		if t.Name == scoreThreshold || t.Outcome != v1alpha1.ThresholdPass {
			d.sayf("  %-12s %-10s %-12s %s", t.Name, t.Segment, t.Outcome, t.Value)
		}
	}
	if run.Outcome == v1alpha1.AnalysisOutcomeDrift {
		for _, f := range run.Worst[:min(3, len(run.Worst))] {
			d.sayf("  stands out: %s in segment %s, %s %s", f.Feature, f.Segment, f.Statistic, f.Effect)
		}
	}
	return run, nil
}

// runAnalysis makes a Job of an analysis' CronJob, and waits for its verdict. It returns what the Job wrote, too.
func (d *demo) runAnalysis(ctx context.Context, kind v1alpha1.AnalysisRunKind, name string) (*v1alpha1.AnalysisStatus, string, error) {
	cron := types.NamespacedName{Namespace: flightsNamespace, Name: naming.CronJob(monitorKey.Name, strings.ToLower(string(kind)))}
	job, err := d.cluster.JobFrom(ctx, cron, name)
	if err != nil {
		return nil, "", err
	}
	d.sayf("$ kubectl -n %s create job %s --from=cronjob/%s", flightsNamespace, name, cron.Name)
	result, err := d.cluster.Run(ctx, runTimeout, job)
	if err != nil {
		return nil, "", err
	}
	run, err := d.verdictOf(ctx, kind, name)
	return run, result.Log, err
}

// verdictOf waits until the verdict of a Job is in the status.
func (d *demo) verdictOf(ctx context.Context, kind v1alpha1.AnalysisRunKind, name string) (*v1alpha1.AnalysisStatus, error) {
	var run *v1alpha1.AnalysisStatus
	err := harness.Until(ctx, runTimeout, "the verdict of "+name+" in the status", func(ctx context.Context) (bool, string, error) {
		m, err := d.monitor(ctx)
		if err != nil {
			return false, "", err
		}
		if run = analysis(m, kind); run == nil {
			return false, "no run of the kind is there", nil
		}
		return string(run.JobName) == name, "it has that of " + string(run.JobName), nil
	})
	return run, err
}

func wantOutcome(run *v1alpha1.AnalysisStatus, want v1alpha1.AnalysisOutcome) error {
	if run.Outcome != want {
		return fmt.Errorf("the outcome of %s is %s (%s: %s), want %s", run.JobName, run.Outcome, run.Reason, run.Message, want)
	}
	return nil
}

// wantThresholds checks the verdicts on a threshold, by segment.
func wantThresholds(run *v1alpha1.AnalysisStatus, threshold v1alpha1.ItemName, want map[v1alpha1.ItemName]v1alpha1.ThresholdOutcome) error {
	got := map[v1alpha1.ItemName]v1alpha1.ThresholdOutcome{}
	for _, t := range run.Thresholds {
		if t.Name == threshold {
			got[t.Segment] = t.Outcome
		}
	}
	for segment, outcome := range want {
		if got[segment] != outcome {
			return fmt.Errorf("segment %s is %q, want %s", segment, got[segment], outcome)
		}
	}
	return nil
}

// scoreThreshold is the threshold of config/samples/flights that June violates in Atlanta.
const scoreThreshold = "score-drift"

// listOutliers runs the outliers analysis and prints what it says of the ten riskiest flights.
func (d *demo) listOutliers(ctx context.Context) error {
	run, log, err := d.runAnalysis(ctx, v1alpha1.AnalysisRunOutliers, "flights-outliers-demo")
	if err != nil {
		return err
	}
	d.print(log)
	if run.Outcome != v1alpha1.AnalysisOutcomeSucceeded {
		return fmt.Errorf("the outcome of %s is %s (%s: %s)", run.JobName, run.Outcome, run.Reason, run.Message)
	}
	if n := len(run.Worst); n == 0 {
		return fmt.Errorf("%s names no prediction that stands out", run.JobName)
	}
	return nil
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
