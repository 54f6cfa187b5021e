// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// TestTruthThatComesLaterJudgesAnswers replays June's flights from Atlanta and Los Angeles, hands over afterwards which of
// them were late, and finds the accuracy violated where it is.
func TestTruthThatComesLaterJudgesAnswers(t *testing.T) {
	t.Parallel()
	s := newScene(t, "performance")
	s.monitor.Spec.Labels = v1alpha1.Labels{MatureAfter: "1s", PositiveClass: "late"}
	s.monitor.Spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisPerformance, Window: "1h"}}
	s.monitor.Spec.Segments = []v1alpha1.Segment{{Name: "atl", When: "f.origin == 'ATL'"}, {Name: "lax", When: "f.origin == 'LAX'"}}
	s.monitor.Spec.Thresholds = []v1alpha1.Threshold{{
		Name: "accuracy", Signal: v1alpha1.SignalAccuracy, Min: "0.76", Segments: []v1alpha1.ItemName{"atl", "lax"},
	}}
	s.start()
	s.waitCondition(reloadTimeout, v1alpha1.ConditionReady, metav1.ConditionTrue, "Succeeded")

	flights := s.june()
	sent := s.replay(traffic.Config{Flights: flights, Batch: 64})
	s.settled(sent.Instances)

	var labels bytes.Buffer
	if err := data.WriteLabels(&labels, flights); err != nil {
		t.Fatal(err)
	}
	// What is no label is told, and costs nothing else.
	labels.WriteString("no label\n")
	if err := s.bucket().Put(t.Context(), s.layout().Inbox("labels")+"june.csv", labels.Bytes()); err != nil {
		t.Fatal(err)
	}

	first, got := s.performed(sent.Instances)
	if !strings.Contains(first.Message, "1 lines were refused") {
		t.Errorf("the first run says %q, and nothing of the line that is no label", first.Message)
	}
	outcomes := map[v1alpha1.ItemName]v1alpha1.ThresholdOutcome{}
	for _, verdict := range got.Thresholds {
		outcomes[verdict.Segment] = verdict.Outcome
	}
	want := map[v1alpha1.ItemName]v1alpha1.ThresholdOutcome{"atl": v1alpha1.ThresholdFail, "lax": v1alpha1.ThresholdPass}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("verdicts by segment (-want +got):\n%s", diff)
	}
	if got.Outcome != v1alpha1.AnalysisOutcomeViolated || got.CoveragePercent != "100" || len(got.Performance) == 0 {
		t.Errorf("the run is %s, with %s %% labelled and %d metrics", got.Outcome, got.CoveragePercent, len(got.Performance))
	}
	s.waitCondition(reconcileTimeout, v1alpha1.ConditionWithinThresholds, metav1.ConditionFalse, v1alpha1.ReasonViolated, "accuracy (atl)")
}

// performed runs the performance analysis until it covers so many predictions, and returns what the first run and the last found.
func (s *scene) performed(predictions int64) (first, last *v1alpha1.AnalysisStatus) {
	s.Helper()
	run := 0
	s.until(startTimeout, "a performance run over all that was sent", func(ctx context.Context) (bool, string, error) {
		run++
		name := fmt.Sprintf("performance-%d", run)
		job, err := cluster.JobFrom(ctx, types.NamespacedName{Namespace: s.namespace, Name: naming.CronJob(modelName, "performance")}, name)
		if err != nil {
			return false, "", err
		}
		if _, err := cluster.Run(ctx, startTimeout, job); err != nil {
			return false, "", err
		}
		last = s.verdict(v1alpha1.AnalysisRunPerformance, name)
		if first == nil {
			first = last
		}
		return last.Rows != nil && *last.Rows == predictions, fmt.Sprintf("%s: %s %s", name, last.Outcome, last.Message), nil
	})
	return first, last
}
