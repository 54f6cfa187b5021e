// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// leave deletes the rollout, which leaves its primary.
func (f *fixture) leave() {
	f.t.Helper()
	if err := f.admin.Delete(f.t.Context(), f.get()); err != nil {
		f.t.Fatal(err)
	}
}

func TestAPrimaryThatWasLeftIsTakenUpAgain(t *testing.T) {
	f := newFixture(t)
	f.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "settings-abc"}, Data: map[string]string{"a": "1"}})
	f.template(settings)
	f.automatic()
	revision := f.settle().Status.PrimaryRevision
	f.leave()

	f.push("model:2") // the template has changed while there was no rollout
	f.automatic()
	r := f.settle()
	if f.serving() != "model:1" || r.Status.PrimaryRevision != revision || r.Status.Candidate.Revision == "" {
		t.Errorf("%q serves as %s, and %s is tried", f.serving(), r.Status.PrimaryRevision, r.Status.Candidate.Revision)
	}
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
}

func TestAPrimaryThatWasLeftIsNotScaledDown(t *testing.T) {
	f := newFixture(t)
	f.template()
	f.automatic(func(s *v1alpha1.ShadowRolloutSpec) { s.Replicas = new(int32(20)) })
	f.settle()
	f.leave()
	f.automatic() // with one pod, as an autoscaler had set the number
	f.settle()
	message := f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWouldScaleDown)
	d := &appsv1.Deployment{}
	if f.read(naming.Primary("fraud"), d); *d.Spec.Replicas != 20 || !strings.Contains(message, "set spec.replicas to 20") {
		t.Fatalf("%d pods: %s", *d.Spec.Replicas, message)
	}
	r := f.get()
	r.Spec.Replicas = new(int32(20))
	if err := f.admin.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
}

func TestTheOwnersOfAPrimaryFollowThePolicy(t *testing.T) {
	f := newFixture(t)
	f.template()
	f.automatic()
	f.settle()
	for _, policy := range []v1alpha1.DeletionPolicy{v1alpha1.DeletionPolicyDelete, v1alpha1.DeletionPolicyRetain} {
		r := f.get()
		r.Spec.DeletionPolicy = policy
		if err := f.admin.Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		f.settle()
		d := &appsv1.Deployment{}
		f.read(naming.Primary("fraud"), d)
		if owned := metav1.IsControlledBy(d, r); owned != (policy == v1alpha1.DeletionPolicyDelete) {
			t.Errorf("%s: the primary's owners are %v", policy, d.OwnerReferences)
		}
	}
}

func TestADeploymentThatWasNeverOursIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	f.create(wrappers.MakeDeployment(f.ns, naming.Primary("fraud"), map[string]string{naming.LabelRollout: "fraud"}))
	f.template()
	f.automatic()
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNameConflict)
	d := &appsv1.Deployment{}
	if f.read(naming.Primary("fraud"), d); len(d.OwnerReferences) > 0 {
		t.Errorf("it belongs to %v", d.OwnerReferences)
	}
}
