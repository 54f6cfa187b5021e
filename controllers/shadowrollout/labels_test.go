// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

// performed has the monitor's Performance analysis end, and its verdict on record. Counts are those of all traffic, and of the segment.
func (f *fixture) performed(trial wire.Trial, all, big [4]int64) {
	f.t.Helper()
	text, err := wire.EncodeVerdict(wire.Verdict{
		VerdictHeader: wire.VerdictHeader{Kind: monitor.KindPerformance, Outcome: wire.OutcomeStable, Trial: &trial},
		Pairs:         []wire.LabelledPairs{{Counts: all}, {Segment: "big", Counts: big}},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	monitor.Record(&m.Status, monitor.Run{
		Kind: monitor.KindPerformance, Job: "fraud-performance-" + strconv.FormatInt(f.now.Unix(), 10), Finished: f.now, Message: string(text),
	})
	if err := f.admin.Status().Update(f.t.Context(), m); err != nil {
		f.t.Fatal(err)
	}
}

func TestLabelsDecideWhatAgreementCannot(t *testing.T) {
	for name, c := range map[string]struct {
		big    [4]int64
		serves string
	}{
		"as often right":                {[4]int64{1500, 10, 12, 80}, "model:2"},
		"less often right in a segment": {[4]int64{1200, 300, 12, 80}, "model:1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.trying(func(s *v1alpha1.ShadowRolloutSpec) {
				s.Analysis.Criteria = append(s.Analysis.Criteria, v1alpha1.Criterion{Name: "right", Signal: v1alpha1.ComparedAccuracy, MaxDifference: "0.02"})
			})
			f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidCriterion)
			m := &v1alpha1.ModelMonitor{}
			f.read("fraud", m)
			m.Spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisPerformance}}
			if err := f.admin.Update(t.Context(), m); err != nil {
				t.Fatal(err)
			}

			candidate := f.settle().Status.Candidate
			document := &corev1.ConfigMap{}
			f.read(naming.Mirror("fraud"), document)
			mirror, _, err := wire.DecodeMirror([]byte(document.Data[naming.MirrorFile]))
			if err != nil || !slices.Equal(mirror.LabelSegments, []string{"all", "big"}) {
				t.Fatalf("labels are counted in %q: %v", mirror.LabelSegments, err)
			}
			trial := wire.Trial{Rollout: mirror.Rollout, Candidate: mirror.Candidate, Attempt: mirror.Attempt}
			f.counted.evidence[string(candidate.Revision)] = answers(5000, 0, "")
			f.later(time.Minute)
			f.settle()
			message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonAnalysisRunning)
			if !strings.Contains(message, "labels are missing for right") {
				t.Error(message)
			}

			before := trial
			before.Attempt = strconv.FormatInt(candidate.Attempt-1, 10)
			f.performed(before, [4]int64{9000, 40, 60, 400}, c.big)
			f.later(time.Minute)
			f.settle()
			f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonAnalysisRunning)

			f.performed(trial, [4]int64{9000, 40, 60, 400}, c.big)
			f.later(time.Minute)
			r := f.settle()
			if f.serving() != c.serves {
				t.Errorf("%q serves, want %q: %+v", f.serving(), c.serves, r.Status.Candidate)
			}
			if c.serves == "model:1" {
				message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed)
				if !strings.Contains(message, "right in segment big") {
					t.Error(message)
				}
			}
		})
	}
}
