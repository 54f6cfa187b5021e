// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// automatic is a rollout that promotes by itself.
func (f *fixture) automatic(change ...func(*v1alpha1.ShadowRolloutSpec)) {
	f.t.Helper()
	r := wrappers.MakeRollout(f.ns, "fraud").With(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Promotion.Policy = v1alpha1.PromotionAutomatic
		s.Bake.Duration = "1h"
	})
	for _, c := range change {
		r.With(c)
	}
	f.create(r.Obj())
}

// trying has such a rollout try a second version, and says which revision that is.
func (f *fixture) trying(change ...func(*v1alpha1.ShadowRolloutSpec)) (candidate string) {
	f.t.Helper()
	f.template()
	f.automatic(change...)
	f.settle()
	f.push("model:2")
	return string(f.settle().Status.Candidate.Revision)
}

func TestFromATemplateToANewPrimary(t *testing.T) {
	f := newFixture(t)
	f.template()
	f.automatic()
	r := f.settle()
	if f.serving() != "model:1" {
		t.Fatalf("%q serves", f.serving())
	}
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	f.condition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPrimaryAvailable)
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonNoCandidate)
	old := r.Status.PrimaryRevision

	f.push("model:2")
	r = f.settle()
	candidate := r.Status.Candidate.Revision
	if candidate == "" || candidate == old {
		t.Fatalf("the candidate is %q beside %q", candidate, old)
	}
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded) // or a GitOps sync would wait for days
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonInsufficientTraffic)
	shadow := &appsv1.Deployment{}
	if !f.read(naming.Shadow("fraud"), shadow) || shadow.Spec.Template.Spec.Containers[0].Image != "model:2" {
		t.Fatalf("the shadow runs %+v", shadow.Spec.Template.Spec.Containers)
	}
	for key := range shadow.Spec.Template.Labels {
		if !strings.HasPrefix(key, "vedette.dev/") {
			t.Errorf("pods of the shadow have the label %s: a Service may select them", key)
		}
	}
	if !f.read(naming.Mirror("fraud"), &corev1.ConfigMap{}) {
		t.Error("nobody tells the sidecars of the shadow")
	}

	f.counted.evidence[string(candidate)] = answers(5000, 0, "")
	f.later(time.Minute)
	r = f.settle()
	if f.serving() != "model:2" || r.Status.PrimaryRevision != candidate || r.Status.Decision.Verdict != v1alpha1.VerdictPass {
		t.Fatalf("%q serves after a pass: %+v", f.serving(), r.Status)
	}
	f.condition(v1alpha1.ConditionBaking, metav1.ConditionTrue, v1alpha1.ReasonBakeRunning)
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonPromoted)
	for _, o := range []client.Object{&appsv1.Deployment{}, &corev1.Service{}} {
		if f.read(naming.Shadow("fraud"), o) {
			t.Errorf("the shadow's %T is still there", o)
		}
	}
	if f.read(naming.Mirror("fraud"), &corev1.ConfigMap{}) {
		t.Error("the sidecars are still told of the shadow")
	}

	f.later(time.Hour)
	r = f.settle()
	f.condition(v1alpha1.ConditionBaking, metav1.ConditionFalse, v1alpha1.ReasonSucceeded)
	if r.Status.Bake.Revision != "" || r.Status.Candidate.Revision != "" {
		t.Errorf("after the bake: %+v", r.Status)
	}
	f.untouched()
}

// untouched fails if anybody but the test has written the user's Deployment.
func (f *fixture) untouched() {
	f.t.Helper()
	d := &appsv1.Deployment{}
	f.read("fraud", d)
	for _, m := range d.ManagedFields {
		if m.Manager == naming.ManagedBy {
			f.t.Error("the user's Deployment was written")
		}
	}
}

func TestARegressionInOneSegmentIsRejectedByItsName(t *testing.T) {
	f := newFixture(t)
	f.template()
	f.automatic()
	f.settle()
	f.push("model:2")
	r := f.settle()
	candidate := string(r.Status.Candidate.Revision)
	f.counted.evidence[candidate] = answers(5000, 400, "big")
	f.later(time.Minute)
	r = f.settle()
	message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed)
	if !strings.Contains(message, "errors in segment big") || f.serving() != "model:1" {
		t.Errorf("%q serves; %s", f.serving(), message)
	}
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	if len(r.Status.Rejected) != 1 || string(r.Status.Rejected[0].Revision) != candidate || f.read(naming.Shadow("fraud"), &appsv1.Deployment{}) {
		t.Errorf("rejected: %+v", r.Status.Rejected)
	}
	f.later(24 * time.Hour)
	f.settle()
	if f.read(naming.Shadow("fraud"), &appsv1.Deployment{}) {
		t.Error("a rejected revision is tried again")
	}

	// A person may ask for it, once for each value.
	f.counted.evidence[candidate] = answers(10, 0, "")
	f.annotate(naming.AnnotationRetry, candidate)
	r = f.settle()
	if len(r.Status.Rejected) != 0 || !f.read(naming.Shadow("fraud"), &appsv1.Deployment{}) || f.counted.asked[len(f.counted.asked)-1].Attempt == f.counted.asked[0].Attempt {
		t.Errorf("a retry was asked for: %+v", r.Status)
	}
	f.annotate(naming.AnnotationReject, candidate)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonRejected)
	f.settle()
}

func (f *fixture) annotate(key, value string) {
	f.t.Helper()
	r := f.get()
	metav1.SetMetaDataAnnotation(&r.ObjectMeta, key, value)
	if err := f.admin.Update(f.t.Context(), r); err != nil {
		f.t.Fatal(err)
	}
}

func TestPrometheusDownNeverRejectsAndNeverPromotes(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying()
	f.counted.err = errors.New("connection refused")
	for range 30 {
		f.later(time.Minute)
		f.settle()
	}
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonMetricsUnavailable)
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	if f.serving() != "model:1" {
		t.Fatalf("%q serves", f.serving())
	}
	f.counted.err = nil
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	if f.serving() != "model:2" {
		t.Errorf("once metrics are back, %q serves", f.serving())
	}
}

func TestLostCountsAreNoEvidence(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying()
	f.counted.evidence[candidate] = answers(120, 1, "")
	f.later(time.Minute)
	f.settle()
	f.counted.evidence[candidate] = answers(60, 0, "")
	f.later(time.Minute)
	if r := f.settle(); r.Status.Candidate.Verdict != v1alpha1.VerdictError {
		t.Errorf("with half of the counts gone the verdict is %s", r.Status.Candidate.Verdict)
	}
}

func TestTheDeadlineStalls(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying()
	f.later(73 * time.Hour)
	f.settle()
	message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonDeadlineExceeded)
	if !strings.Contains(message, "no request was compared") || f.serving() != "model:1" || f.read(naming.Shadow("fraud"), &appsv1.Deployment{}) {
		t.Errorf("%q serves: %s", f.serving(), message)
	}
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.annotate(naming.AnnotationRetry, candidate)
	f.later(time.Minute)
	f.settle()
	f.later(time.Minute)
	f.settle()
	if f.serving() != "model:2" {
		t.Errorf("after a retry %q serves", f.serving())
	}
}

func TestAPersonPromotes(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Promotion.Policy = v1alpha1.PromotionManual })
	f.annotate(naming.AnnotationPromote, candidate)
	f.settle()
	if f.serving() != "model:1" {
		t.Fatal("approval without a verdict promotes")
	}
	f.annotate(naming.AnnotationPromote, "")
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAwaitingApproval)
	if f.serving() != "model:1" {
		t.Fatal("nobody has approved")
	}
	r := f.get()
	r.Spec.Promotion.ApprovedRevision = v1alpha1.Revision(candidate)
	if err := f.admin.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	f.settle()
	if f.serving() != "model:2" {
		t.Errorf("%q serves after the approval", f.serving())
	}
}

func TestAdvicePromotesNothing(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Promotion.Policy = v1alpha1.PromotionAdvise })
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAdvised)
	if f.serving() != "model:1" {
		t.Errorf("%q serves", f.serving())
	}
}

func TestWhatFailsInServiceGoesBack(t *testing.T) {
	f := newFixture(t)
	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	m.Spec.Thresholds = []v1alpha1.Threshold{{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.01"}}
	if err := f.admin.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	within := func(violations ...v1alpha1.Violation) {
		t.Helper()
		f.read("fraud", m)
		m.Status.Violations = violations
		meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionWithinThresholds, Status: metav1.ConditionTrue, Reason: "Asked"})
		if err := f.admin.Status().Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	f.template()
	f.automatic()
	f.settle()
	// What is violated before the promotion is not the new version's doing.
	earlier := v1alpha1.Violation{ThresholdName: "errors", Segment: "all", StartTime: metav1.NewTime(f.now)}
	within(earlier)
	f.push("model:2")
	candidate := string(f.settle().Status.Candidate.Revision)
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionBaking, metav1.ConditionTrue, v1alpha1.ReasonBakeRunning)

	f.later(time.Minute)
	within(earlier, v1alpha1.Violation{ThresholdName: "errors", Segment: "big", StartTime: metav1.NewTime(f.now)})
	r := f.settle()
	message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonBakeFailed)
	if f.serving() != "model:1" || !strings.Contains(message, "errors in segment big") {
		t.Errorf("%q serves: %s", f.serving(), message)
	}
	f.condition(v1alpha1.ConditionBaking, metav1.ConditionFalse, v1alpha1.ReasonRolledBack)
	if len(r.Status.Rejected) != 1 || string(r.Status.Rejected[0].Revision) != candidate {
		t.Errorf("rejected: %+v", r.Status.Rejected)
	}
}
