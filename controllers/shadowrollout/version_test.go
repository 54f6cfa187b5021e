// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// TestAnotherVersionByItsLabel is another candidate: the monitor tells versions by it. What no label of that kind says is none.
func TestAnotherVersionByItsLabel(t *testing.T) {
	const version = "app.kubernetes.io/version"
	label := func(key, value string) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) { d.Spec.Template.Labels[key] = value }
	}
	f := newFixture(t)
	f.beside(label(version, "2"))
	first := f.settle().Status.Candidate
	f.counted.evidence[string(first.Revision)] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAdvised)
	f.change(next, label("team", "risk"))
	if r := f.settle(); r.Status.Candidate.Revision != first.Revision {
		t.Errorf("by a label that means nothing: %+v", r.Status)
	}
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAdvised)
	f.change(next, label(version, "3"))
	if r := f.settle(); r.Status.Candidate.Revision == first.Revision || r.Status.Decision.Revision != "" {
		t.Errorf("by another version: %+v", r.Status)
	}
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonInsufficientTraffic)
	if m := f.mirrors(); m == nil || m.ShadowVersion != "3" {
		t.Errorf("the sidecars are told %+v", m)
	}
}

// TestConfigMapsOfTheUsersWorkloadsAreNotRead: pods run what one held when they started, which nothing tells.
func TestConfigMapsOfTheUsersWorkloadsAreNotRead(t *testing.T) {
	f := newFixture(t)
	f.beside(func(d *appsv1.Deployment) { settings(&d.Spec.Template) })
	before := f.settle().Status.Candidate.Revision
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	f.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "settings-abc"}, Data: map[string]string{"a": "1"}})
	if r := f.settle(); before == "" || r.Status.Candidate.Revision != before {
		t.Errorf("%+v, and before %s", r.Status, before)
	}
}
