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
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestTheDeletedRolloutLeavesItsPrimary(t *testing.T) {
	for name, policy := range map[string]v1alpha1.DeletionPolicy{"Retain": v1alpha1.DeletionPolicyRetain, "Delete": v1alpha1.DeletionPolicyDelete} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "settings-abc"}, Data: map[string]string{"a": "1"}})
			f.template(settings)
			f.automatic(func(s *v1alpha1.ShadowRolloutSpec) { s.DeletionPolicy = policy })
			f.settle()
			if err := f.admin.Delete(t.Context(), f.get()); err != nil {
				t.Fatal(err)
			}
			if f.read("fraud", &v1alpha1.ShadowRollout{}) {
				t.Fatal("the rollout is still there")
			}
			d := &appsv1.Deployment{}
			f.read(naming.Primary("fraud"), d)
			var copies corev1.ConfigMapList
			if err := f.admin.List(t.Context(), &copies, client.InNamespace(f.ns), client.MatchingLabels{naming.LabelRollout: "fraud"}); err != nil {
				t.Fatal(err)
			}
			owned := len(d.OwnerReferences) > 0
			for _, c := range copies.Items {
				owned = owned || len(c.OwnerReferences) > 0
			}
			if want := policy == v1alpha1.DeletionPolicyDelete; owned != want || len(copies.Items) != 1 {
				t.Errorf("the primary goes with its rollout: %t, want %t; %d copies", owned, want, len(copies.Items))
			}
		})
	}
}

// settings mounts a ConfigMap of a name that a generator has hashed.
func settings(t *corev1.PodTemplateSpec) {
	t.Spec.Volumes = []corev1.Volume{{Name: "settings", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings-abc"}},
	}}}
}

func TestWhatServesKeepsItsConfiguration(t *testing.T) {
	f := newFixture(t)
	original := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "settings-abc"}, Data: map[string]string{"a": "1"}}
	f.create(original)
	f.template(settings)
	f.automatic()
	f.settle()
	// Pruning: the generator's next name is there, and the one before is gone.
	f.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "settings-def"}, Data: map[string]string{"a": "2"}})
	d := &appsv1.Deployment{}
	f.read("fraud", d)
	d.Spec.Template.Spec.Volumes[0].ConfigMap.Name = "settings-def"
	if err := f.admin.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := f.admin.Delete(t.Context(), original); err != nil {
		t.Fatal(err)
	}
	f.settle()
	for name, want := range map[string]string{naming.Primary("fraud"): "1", naming.Shadow("fraud"): "2"} {
		f.read(name, d)
		m := &corev1.ConfigMap{}
		if !f.read(d.Spec.Template.Spec.Volumes[0].ConfigMap.Name, m) || m.Data["a"] != want {
			t.Errorf("%s has the settings %v, want %s", name, m.Data, want)
		}
	}
	missing := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "settings-def"}}
	if err := f.admin.Delete(t.Context(), missing); err != nil {
		t.Fatal(err)
	}
	f.reconcile()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonReferenceMissing)
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonReferenceMissing)
	if f.serving() != "model:1" {
		t.Errorf("%q serves", f.serving())
	}
}

func TestCriteriaThatDoNotFitKeepNothingFromServing(t *testing.T) {
	f := newFixture(t)
	f.template()
	f.automatic(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Analysis.Criteria = []v1alpha1.Criterion{{Name: "fast", Threshold: "nothing"}}
	})
	f.settle()
	if f.serving() != "model:1" {
		t.Errorf("%q serves", f.serving())
	}
	f.push("model:2")
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidCriterion)
	if f.read(naming.Shadow("fraud"), &appsv1.Deployment{}) {
		t.Error("something is tried by criteria that do not fit")
	}
}

func TestADeletedPrimaryComesBackAsItWas(t *testing.T) {
	f := newFixture(t)
	f.template()
	f.automatic()
	f.settle()
	f.push("model:2")
	f.settle()
	d := &appsv1.Deployment{}
	f.read(naming.Primary("fraud"), d)
	if err := f.admin.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	f.settle()
	if f.serving() != "model:1" {
		t.Errorf("%q serves, which nobody has vetted", f.serving())
	}
}

// TestAPrimaryThatIsDeletedWhileApprovalIsAwaited comes back as well, and nothing is copied until it has.
func TestAPrimaryThatIsDeletedWhileApprovalIsAwaited(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Promotion.Policy = v1alpha1.PromotionManual })
	f.counted.evidence[candidate] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAwaitingApproval)
	d := &appsv1.Deployment{}
	f.read(naming.Primary("fraud"), d)
	if err := f.admin.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	f.settle()
	if f.serving() != "model:1" || f.mirrors() == nil {
		t.Errorf("%q serves; the sidecars are told %+v", f.serving(), f.mirrors())
	}
}

func TestWhatServesScalesWhateverElseIsMissing(t *testing.T) {
	f := newFixture(t)
	f.template()
	f.automatic()
	f.settle()
	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	if err := f.admin.Delete(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	r := f.get()
	r.Spec.Replicas = new(int32(5))
	if err := f.admin.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMonitorNotFound)
	f.condition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPrimaryAvailable)
	d := &appsv1.Deployment{}
	if f.read(naming.Primary("fraud"), d); *d.Spec.Replicas != 5 {
		t.Errorf("the primary has %d pods, want 5", *d.Spec.Replicas)
	}
}

func TestATemplateWithPodsIsSaid(t *testing.T) {
	f := newFixture(t)
	f.template()
	d := &appsv1.Deployment{}
	f.read("fraud", d)
	d.Spec.Replicas = new(int32(2))
	if err := f.admin.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	f.automatic()
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonTemplateServes)
}

func TestAShadowThatWouldServeIsRefused(t *testing.T) {
	f := newFixture(t)
	f.create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "greedy"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{naming.LabelRollout: "fraud"}, Ports: []corev1.ServicePort{{Port: 80}},
	}})
	f.template()
	f.automatic()
	f.settle()
	f.push("model:2")
	f.settle()
	if m := f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonShadowWouldServe); !strings.Contains(m, "greedy") {
		t.Errorf("which Service it is, is not said: %s", m)
	}
	if f.read(naming.Shadow("fraud"), &appsv1.Deployment{}) {
		t.Error("the shadow runs")
	}
}

func TestTwoRolloutsOfOneMonitor(t *testing.T) {
	f := newFixture(t)
	f.template()
	f.automatic()
	f.settle()
	second := wrappers.MakeRollout(f.ns, "zweite").With(func(s *v1alpha1.ShadowRolloutSpec) {
		s.MonitorRef.Name, s.Candidate.TemplateRef.Name = "fraud", "fraud"
	}).Obj()
	f.create(second)
	if _, err := f.Reconcile(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	c := meta.FindStatusCondition(second.Status.Conditions, v1alpha1.ConditionStalled)
	if c == nil || c.Reason != v1alpha1.ReasonMonitorTaken {
		t.Errorf("the second has %+v", second.Status.Conditions)
	}
}
