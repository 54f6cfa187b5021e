// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	if _, err := f.Reconcile(f.t.Context(), f.get()); err != nil {
		f.t.Fatal(err)
	}
	if f.read("fraud", &v1alpha1.ShadowRollout{}) {
		f.t.Fatal("the rollout is still there")
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
	for _, list := range []client.ObjectList{&appsv1.DeploymentList{}, &corev1.ConfigMapList{}, &appsv1.ControllerRevisionList{}} {
		if err := f.admin.List(t.Context(), list, client.InNamespace(f.ns), client.MatchingLabels{naming.LabelRollout: "fraud"}); err != nil {
			t.Fatal(err)
		}
		for _, o := range items(list) {
			if !metav1.IsControlledBy(o, r) {
				t.Errorf("%T %s is not the rollout's: %v", o, o.GetName(), o.GetOwnerReferences())
			}
		}
	}
}

func items(list client.ObjectList) (all []client.Object) {
	switch l := list.(type) {
	case *appsv1.DeploymentList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *corev1.ConfigMapList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *appsv1.ControllerRevisionList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	}
	return all
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
