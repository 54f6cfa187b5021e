// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
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
)

// events are those that were told since they were asked for last, with the reason.
func (f *fixture) events(reason string) (told []string) {
	f.t.Helper()
	for len(f.recorder.Events) > 0 {
		if e := <-f.recorder.Events; strings.Contains(e, " "+reason+" ") {
			told = append(told, e)
		}
	}
	return told
}

// scale gives the user's Deployment pods of its own.
func (f *fixture) scale(n int32) {
	f.t.Helper()
	d := &appsv1.Deployment{}
	f.read("fraud", d)
	d.Spec.Replicas = &n
	if err := f.admin.Update(f.t.Context(), d); err != nil {
		f.t.Fatal(err)
	}
}

// TestAnUntriedTemplateThatServesIsSaid: nothing else waits for it, and it ends with the pods, or with a promotion.
func TestAnUntriedTemplateThatServesIsSaid(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying()
	primary := string(f.get().Status.PrimaryRevision)
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	f.events("")

	f.scale(2)
	f.settle() // reconciled until nothing is sent any more
	message := f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonUntriedTemplateServes)
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonUntriedTemplateServes)
	for _, want := range []string{candidate, primary, "replicas: 0"} {
		if !strings.Contains(message, want) {
			t.Errorf("%q is not said: %s", want, message)
		}
	}
	if told := f.events(v1alpha1.ReasonUntriedTemplateServes); len(told) != 1 || !strings.HasPrefix(told[0], corev1.EventTypeWarning) {
		t.Errorf("told: %q", told)
	}
	if f.mirrors() == nil || !f.read(naming.Shadow("fraud"), &appsv1.Deployment{}) {
		t.Error("the trial does not go on")
	}

	f.scale(0)
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)

	f.scale(2)
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	if f.settle(); f.serving() != "model:2" {
		t.Fatalf("%q serves: the promotion waits for the template", f.serving())
	}
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonTemplateServes)
}

// TestAnAnnotationThatNamesNoRevisionIsSaid, each value once, and Ready stays as it is.
func TestAnAnnotationThatNamesNoRevisionIsSaid(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying()
	f.events("")
	for _, tt := range []struct {
		value string
		told  int
	}{{"true", 1}, {"True", 1}, {candidate, 0}, {"deadbeef01", 0}} {
		f.annotate(naming.AnnotationPause, tt.value)
		f.settle()
		told := f.events(v1alpha1.ReasonNotARevision)
		if len(told) != tt.told {
			t.Errorf("%s: told %q", tt.value, told)
		}
		c := meta.FindStatusCondition(f.get().Status.Conditions, v1alpha1.ConditionAnnotationIgnored)
		if (c != nil) != (tt.told > 0) {
			t.Errorf("%s: the condition is %+v", tt.value, c)
		}
		if c != nil && (!strings.HasPrefix(told[0], corev1.EventTypeWarning) || !strings.Contains(c.Message, `"`+tt.value+`"`) || !strings.Contains(c.Message, candidate)) {
			t.Errorf("%s: told %q, and %s", tt.value, told, c.Message)
		}
		f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	}
}

// TestWhatWasKeptFollowsThePolicy: all of it goes with the rollout under Delete, and stays under Retain, whenever it was made.
func TestWhatWasKeptFollowsThePolicy(t *testing.T) {
	f := newFixture(t)
	f.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "settings-abc"}, Data: map[string]string{"a": "1"}})
	f.template(settings)
	f.automatic()
	f.settle()
	for _, image := range []string{"model:2", "model:3"} { // the second is kept, and is of no use any more
		f.push(image)
		f.settle()
	}
	for _, policy := range []v1alpha1.DeletionPolicy{v1alpha1.DeletionPolicyDelete, v1alpha1.DeletionPolicyRetain} {
		f.specify(func(s *v1alpha1.ShadowRolloutSpec) { s.DeletionPolicy = policy })
		r := f.settle()
		var kept appsv1.ControllerRevisionList
		var copies corev1.ConfigMapList
		var workloads appsv1.DeploymentList
		ours := []client.ListOption{client.InNamespace(f.ns), client.MatchingLabels{naming.LabelRollout: "fraud"}}
		for _, list := range []client.ObjectList{&kept, &copies, &workloads} {
			if err := f.admin.List(t.Context(), list, ours...); err != nil {
				t.Fatal(err)
			}
		}
		if len(kept.Items) != 3 || len(copies.Items) != 4 { // with the mirror document
			t.Fatalf("%d revisions and %d ConfigMaps are kept", len(kept.Items), len(copies.Items))
		}
		for i := range kept.Items {
			f.belongs(r, &kept.Items[i], policy == v1alpha1.DeletionPolicyDelete)
		}
		for i := range copies.Items {
			if c := &copies.Items[i]; c.Name != naming.Mirror("fraud") {
				f.belongs(r, c, policy == v1alpha1.DeletionPolicyDelete)
			}
		}
		primary := &appsv1.Deployment{}
		f.read(naming.Primary("fraud"), primary)
		f.belongs(r, primary, policy == v1alpha1.DeletionPolicyDelete)
		f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	}
}

// TestThePolicyHoldsWhateverIsMissing: what serves is not taken away under Retain because of something else that a person must mend.
func TestThePolicyHoldsWhateverIsMissing(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.DeletionPolicy = v1alpha1.DeletionPolicyDelete })
	before := string(f.get().Status.PrimaryRevision)
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	kept := &appsv1.ControllerRevision{}
	if !f.read(naming.Revision("fraud", before), kept) {
		t.Fatal("nothing is kept of what served before")
	}
	if err := f.admin.Delete(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	f.annotate(naming.AnnotationReject, candidate)
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRevisionMissing)
	f.specify(func(s *v1alpha1.ShadowRolloutSpec) {
		s.DeletionPolicy, s.Replicas = v1alpha1.DeletionPolicyRetain, new(int32(3))
	})
	r := f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRevisionMissing)
	primary := &appsv1.Deployment{}
	f.read(naming.Primary("fraud"), primary)
	f.belongs(r, primary, false)
	if r.Status.ObservedGeneration != r.Generation || f.serving() != "model:2" || *primary.Spec.Replicas != 3 {
		t.Errorf("%q serves with %d pods: %+v", f.serving(), *primary.Spec.Replicas, r.Status)
	}
}

func (f *fixture) belongs(r *v1alpha1.ShadowRollout, obj client.Object, want bool) {
	f.t.Helper()
	if got := metav1.IsControlledBy(obj, r); got != want || len(obj.GetOwnerReferences()) > 0 != want {
		f.t.Errorf("%T %s belongs to %v, want to the rollout: %t", obj, obj.GetName(), obj.GetOwnerReferences(), want)
	}
}

// TestARollbackIsOverOnceTheTemplateServesAgain, and so is what is on record of it.
func TestARollbackIsOverOnceTheTemplateServesAgain(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying()
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	f.annotate(naming.AnnotationReject, candidate)
	f.settle()
	f.condition(v1alpha1.ConditionBaking, metav1.ConditionFalse, v1alpha1.ReasonRolledBack)
	if m := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonRejected); !strings.Contains(m, "taken back by a person") {
		t.Error(m)
	}
	f.push("model:1")
	r := f.settle()
	if c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionBaking); c != nil || r.Status.Bake.Revision != "" {
		t.Errorf("Baking is %+v, on record is %+v", c, r.Status.Bake)
	}
}

// TestABootstrapIsNoWarning: nothing is amiss while the first primary comes up.
func TestABootstrapIsNoWarning(t *testing.T) {
	f := newFixture(t)
	f.template()
	f.automatic()
	f.settle()
	if len(f.recorder.Events) == 0 {
		t.Error("nothing is told")
	}
	for len(f.recorder.Events) > 0 {
		if e := <-f.recorder.Events; !strings.HasPrefix(e, corev1.EventTypeNormal) {
			t.Error(e)
		}
	}
}
