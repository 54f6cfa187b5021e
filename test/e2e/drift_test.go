// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// TestDriftIsFoundWhereItIs replays June's flights from Atlanta, which regresses, and from Los Angeles, which does not,
// against the baseline of May.
func TestDriftIsFoundWhereItIs(t *testing.T) {
	t.Parallel()
	s := newScene(t, "drift")
	const dataset = "baselines/may.parquet"
	s.monitor.Spec.Baseline.Dataset.URL = dataset
	s.monitor.Spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisDrift, Schedule: "H 3 * * *", Window: "1h"}}
	s.monitor.Spec.Segments = []v1alpha1.Segment{{Name: "atl", When: "f.origin == 'ATL'"}, {Name: "lax", When: "f.origin == 'LAX'"}}
	s.monitor.Spec.Thresholds = []v1alpha1.Threshold{{
		Name: "score", Signal: v1alpha1.SignalPredictionDrift, Max: "0.2", Segments: []v1alpha1.ItemName{"atl", "lax"},
	}}
	var baseline bytes.Buffer
	if _, err := data.WriteBaseline(&baseline); err != nil {
		t.Fatal(err)
	}
	key, err := s.layout().Dataset(dataset)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.bucket().Put(t.Context(), key, baseline.Bytes()); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.waitCondition(reloadTimeout, v1alpha1.ConditionReady, metav1.ConditionTrue, "Succeeded")

	var flights []data.Flight
	for _, f := range s.flights(data.June, 0) {
		if f.Origin == "ATL" || f.Origin == "LAX" {
			flights = append(flights, f)
		}
	}
	sent := s.replay(traffic.Config{Flights: flights, Batch: 64})
	s.settled(sent.Instances)

	// The run looks at traffic up to twice the flush interval ago, so an early one may see a part only: rerun until it
	// has seen all.
	run := 0
	var got *v1alpha1.AnalysisStatus
	s.until(startTimeout, "a drift run over all that was sent", func(ctx context.Context) (bool, string, error) {
		run++
		name := fmt.Sprintf("drift-%d", run)
		job, err := cluster.JobFrom(ctx, types.NamespacedName{Namespace: s.namespace, Name: naming.CronJob(modelName, "drift")}, name)
		if err != nil {
			return false, "", err
		}
		if _, err := cluster.Run(ctx, startTimeout, job); err != nil {
			return false, "", err
		}
		got = s.verdict(v1alpha1.AnalysisRunDrift, name)
		return got.Rows != nil && *got.Rows == sent.Instances, fmt.Sprintf("%s: %s %s", name, got.Outcome, got.Message), nil
	})
	outcomes := map[v1alpha1.ItemName]v1alpha1.ThresholdOutcome{}
	for _, verdict := range got.Thresholds {
		outcomes[verdict.Segment] = verdict.Outcome
	}
	want := map[v1alpha1.ItemName]v1alpha1.ThresholdOutcome{"atl": v1alpha1.ThresholdFail, "lax": v1alpha1.ThresholdPass}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("verdicts by segment (-want +got):\n%s", diff)
	}
	s.waitCondition(reconcileTimeout, v1alpha1.ConditionDriftDetected, metav1.ConditionTrue, v1alpha1.ReasonDrifted, "atl")
}

// verdict waits until a run of a Job is in the monitor's status.
func (s *scene) verdict(kind v1alpha1.AnalysisRunKind, job string) *v1alpha1.AnalysisStatus {
	s.Helper()
	var run *v1alpha1.AnalysisStatus
	s.until(reconcileTimeout, "the verdict of "+job, func(ctx context.Context) (bool, string, error) {
		m, err := s.readMonitor(ctx)
		if err != nil {
			return false, "", err
		}
		for i := range m.Status.Analyses {
			if a := &m.Status.Analyses[i]; a.Kind == kind && string(a.JobName) == job {
				run = a
			}
		}
		return run != nil, "it is not in the status", nil
	})
	return run
}
