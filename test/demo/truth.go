// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/data"
)

// accuracyThreshold is the threshold of config/samples/flights that June violates in Atlanta, and maturity is its
// labels.matureAfter.
const (
	accuracyThreshold = "accuracy"
	maturity          = time.Minute
)

// judgeAnswers hands over what became of the flights, which nobody knew when they were predicted, and has the answers of
// both months measured by it.
func (d *demo) judgeAnswers(ctx context.Context) error {
	for _, month := range []data.Window{data.May, data.June} {
		flights, err := data.Load(month)
		if err != nil {
			return err
		}
		var labels bytes.Buffer
		if err := data.WriteLabels(&labels, data.Spread(flights, replayFlights)); err != nil {
			return err
		}
		key := layout.Inbox("labels") + string(month) + ".csv"
		if err := d.bucket.Put(ctx, key, labels.Bytes()); err != nil {
			return err
		}
		d.sayf("%d flights of %s have landed: %s", replayFlights, month, key)
	}
	if err := d.at(ctx, ceil(d.june.finished).Add(maturity+settled)); err != nil {
		return err
	}
	may, err := d.runPerformance(ctx, "flights-performance-may", d.may)
	if err != nil {
		return err
	}
	if err := wantOutcome(may, v1alpha1.AnalysisOutcomeStable); err != nil {
		return err
	}
	june, err := d.runPerformance(ctx, "flights-performance-june", d.june)
	if err != nil {
		return err
	}
	if err := wantOutcome(june, v1alpha1.AnalysisOutcomeViolated); err != nil {
		return err
	}
	if june.CoveragePercent != "100" {
		return fmt.Errorf("%s %% of June's predictions have a label, want all", june.CoveragePercent)
	}
	return wantThresholds(june, accuracyThreshold, map[v1alpha1.ItemName]v1alpha1.ThresholdOutcome{
		drifted: v1alpha1.ThresholdFail, stable: v1alpha1.ThresholdPass,
	})
}

// runPerformance measures the answers of a month, and prints each segment's figures.
func (d *demo) runPerformance(ctx context.Context, name string, month replay) (*v1alpha1.AnalysisStatus, error) {
	cron := types.NamespacedName{Namespace: flightsNamespace, Name: naming.CronJob(monitorKey.Name, "performance")}
	job, err := d.cluster.JobFrom(ctx, cron, name)
	if err != nil {
		return nil, err
	}
	from, to := month.started.Truncate(grain), ceil(month.finished)
	container := &job.Spec.Template.Spec.Containers[0]
	container.Args = append(container.Args, "--window="+to.Sub(from).String(), "--to="+to.UTC().Format(time.RFC3339))
	d.sayf("$ analyze performance %s %s", container.Args[len(container.Args)-2], container.Args[len(container.Args)-1])
	if _, err := d.cluster.Run(ctx, runTimeout, job); err != nil {
		return nil, err
	}
	run, err := d.verdictOf(ctx, v1alpha1.AnalysisRunPerformance, name)
	if err != nil {
		return nil, err
	}
	d.sayf("%s: %s, %d rows, %s %% of them labelled", run.JobName, run.Outcome, value(run.Rows), run.CoveragePercent)
	for _, m := range run.Performance {
		if m.Metric == v1alpha1.SignalAccuracy || m.Metric == v1alpha1.SignalAUC {
			d.sayf("  %-10s %-10s %s (%s to %s)", m.Segment, m.Metric, m.Value, m.Low, m.High)
		}
	}
	return run, nil
}
