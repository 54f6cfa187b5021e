// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestACandidateIsTriedForItsLeastTime(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Analysis.MinDuration = "24h" })
	f.later(10 * time.Hour) // nobody asks anything: that is no time in which it was seen
	f.settle()
	start := f.now.Add(time.Hour)
	f.counted.evidence[candidate] = answers(5000, 0, "")
	for range 2 { // the second time as the clock says that it is due
		f.later(time.Hour)
		f.settle()
		message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonAnalysisRunning)
		if at := start.Add(24 * time.Hour).UTC().Format(time.RFC3339); f.serving() != "model:1" || !strings.Contains(message, at) {
			t.Fatalf("%q serves: %s; want it to name %s", f.serving(), message, at)
		}
	}
	f.later(23 * time.Hour)
	f.settle()
	if f.serving() != "model:2" {
		t.Errorf("after its least time %q serves", f.serving())
	}
}

// latency is a criterion of which no evidence tells in these tests.
var latency = v1alpha1.Criterion{Name: "p90", Signal: v1alpha1.ComparedLatencySeconds, Quantile: "0.9", MaxRatio: "1.5"}

// specify changes the rollout, as a commit does.
func (f *fixture) specify(change func(*v1alpha1.ShadowRolloutSpec)) {
	f.t.Helper()
	r := f.get()
	change(&r.Spec)
	if err := f.admin.Update(f.t.Context(), r); err != nil {
		f.t.Fatal(err)
	}
}

// TestACriterionThatIsAddedAfterAPass must be shown to hold, too, also where the same commit approves the candidate.
func TestACriterionThatIsAddedAfterAPass(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Promotion.Policy = v1alpha1.PromotionManual })
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	first := f.settle().Status
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAwaitingApproval)

	f.later(time.Hour)
	f.specify(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Analysis.Criteria = append(s.Analysis.Criteria, latency)
		s.Promotion.ApprovedRevision = v1alpha1.Revision(candidate)
	})
	r := f.settle()
	if m := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonAnalysisRunning); !strings.Contains(m, "not shown yet: p90") {
		t.Error(m)
	}
	if f.serving() != "model:1" || r.Status.Bake.Revision != "" || r.Status.Candidate.Attempt != first.Candidate.Attempt {
		t.Fatalf("%q serves: %+v", f.serving(), r.Status)
	}

	f.specify(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Analysis.Criteria[len(s.Analysis.Criteria)-1] = v1alpha1.Criterion{Name: "same", Signal: v1alpha1.ComparedDisagreement, MaxDifference: "0.05"}
	})
	f.later(time.Minute)
	r = f.settle()
	if d := r.Status.Decision; f.serving() != "model:2" || d.Analysis == first.Decision.Analysis || !d.Time.Time.Equal(f.now) || !strings.Contains(d.Message, "same") {
		t.Errorf("%q serves, by %+v", f.serving(), d)
	}
}

// TestAThresholdThatIsTightenedAfterAPass must be held by the candidate as it is now: its bound is the monitor's, which the rollout
// only names.
func TestAThresholdThatIsTightenedAfterAPass(t *testing.T) {
	f := newFixture(t)
	allow := func(most v1alpha1.Decimal) {
		m := &v1alpha1.ModelMonitor{}
		f.read("fraud", m)
		m.Spec.Thresholds = []v1alpha1.Threshold{{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: most}}
		if err := f.admin.Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	allow("0.05")
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Promotion.Policy = v1alpha1.PromotionManual
		s.Analysis.Criteria = []v1alpha1.Criterion{{Name: "few", Threshold: "errors"}}
	})
	f.counted.evidence[candidate] = answers(5000, 50, "")
	f.later(time.Minute)
	first := f.settle().Status
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAwaitingApproval)

	allow("0.01") // what it was seen to do: that is neither shown to hold nor not to
	f.specify(func(s *v1alpha1.ShadowRolloutSpec) { s.Promotion.ApprovedRevision = v1alpha1.Revision(candidate) })
	f.later(time.Minute)
	r := f.settle()
	if m := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonAnalysisRunning); !strings.Contains(m, "not shown yet: few") {
		t.Error(m)
	}
	if f.serving() != "model:1" || r.Status.Bake.Revision != "" || r.Status.Candidate.Attempt != first.Candidate.Attempt {
		t.Fatalf("%q serves: %+v", f.serving(), r.Status)
	}

	allow("0.04")
	f.later(time.Minute)
	r = f.settle()
	if d := r.Status.Decision; f.serving() != "model:2" || d.FromMonitor == first.Decision.FromMonitor || d.FromMonitor != r.Status.FromMonitor || d.Analysis != first.Decision.Analysis {
		t.Errorf("%q serves, by %+v", f.serving(), d)
	}
}

// TestAPassOfAnOlderReleaseIsBound to what the monitor says once this one has seen it.
func TestAPassOfAnOlderReleaseIsBound(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Promotion.Policy = v1alpha1.PromotionManual })
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	r := f.settle()
	r.Status.FromMonitor, r.Status.Decision.FromMonitor = "", ""
	if err := f.admin.Status().Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAwaitingApproval)

	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	m.Spec.Segments = append(m.Spec.Segments, v1alpha1.Segment{Name: "new", When: "f.amount < 1.0"})
	if err := f.admin.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	f.specify(func(s *v1alpha1.ShadowRolloutSpec) { s.Promotion.ApprovedRevision = v1alpha1.Revision(candidate) })
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonAnalysisRunning)
	if f.serving() != "model:1" {
		t.Errorf("%q serves, of which nothing is known in the new segment", f.serving())
	}
}

// TestAPromotionThatIsOnRecordGoesOn, whatever is asked of the candidate after it was written down.
func TestAPromotionThatIsOnRecordGoesOn(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying()
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	for range 5 {
		if f.get().Status.Bake.Revision != "" {
			break
		}
		f.reconcile()
	}
	if string(f.get().Status.Bake.Revision) != candidate || f.serving() != "model:1" {
		t.Fatalf("%q serves: %+v", f.serving(), f.get().Status)
	}
	f.specify(func(s *v1alpha1.ShadowRolloutSpec) { s.Analysis.Criteria = append(s.Analysis.Criteria, latency) })
	f.reconcile()
	if f.serving() != "model:2" {
		t.Errorf("%q serves: %+v", f.serving(), f.get().Status)
	}
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonPromoted)
}

func TestACandidateMayFailBeforeItsLeastTime(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Analysis.MinDuration = "24h" })
	f.counted.evidence[candidate] = answers(5000, 400, "")
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed)
}

func TestATrialThatCannotEndIsRefused(t *testing.T) {
	f := newFixture(t)
	f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Analysis.MinDuration, s.Analysis.Deadline = "3d", "72h" })
	message := f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidCriterion)
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonInvalidCriterion)
	if !strings.Contains(message, "analysis.minDuration is 3d") || !strings.Contains(message, "72h (analysis.deadline)") {
		t.Error(message)
	}
}

func TestADeadlineThatTheShadowDoesNotLiveToSeeIsRefused(t *testing.T) {
	f := newFixture(t)
	f.trying(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Shadow.MaxLifetime, s.Shadow.Replicas, s.Analysis.Deadline = "2h", 1, "3h"
	})
	message := f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidCriterion)
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonInvalidCriterion)
	if !strings.Contains(message, "analysis.deadline is 3h") || !strings.Contains(message, "2h at most (shadow.maxLifetime)") || f.serving() != "model:1" {
		t.Errorf("%q serves: %s", f.serving(), message)
	}
}

func TestTheShorterLimitIsNamed(t *testing.T) {
	f := newFixture(t)
	f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Shadow.MaxLifetime, s.Shadow.Replicas = "2h", 1 })
	f.later(2 * time.Hour)
	f.settle()
	message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonDeadlineExceeded)
	if !strings.Contains(message, "within 2h (shadow.maxLifetime)") {
		t.Error(message)
	}
}

func TestAMonitorThatCapturesNothingComparesNothing(t *testing.T) {
	f := newFixture(t)
	f.trying()
	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	m.Spec.Mode = v1alpha1.ModePassThrough
	if err := f.admin.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	f.later(time.Minute)
	f.settle()
	message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonNothingCaptured)
	if !strings.Contains(message, "PassThrough") || f.read(naming.Mirror("fraud"), &corev1.ConfigMap{}) {
		t.Error(message)
	}
}

func TestSidecarsAreToldTheShadowsVersion(t *testing.T) {
	f := newFixture(t)
	f.template(func(p *corev1.PodTemplateSpec) { p.Labels["app.kubernetes.io/version"] = "7" })
	f.create(wrappers.MakeRollout(f.ns, "fraud").Obj())
	f.settle()
	f.push("model:2")
	f.settle()
	document := &corev1.ConfigMap{}
	if !f.read(naming.Mirror("fraud"), document) {
		t.Fatal("there is no document")
	}
	if m, _, err := wire.DecodeMirror([]byte(document.Data[naming.MirrorFile])); err != nil || m.ShadowVersion != "7" {
		t.Errorf("%+v, %v", m, err)
	}
}
