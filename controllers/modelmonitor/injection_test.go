// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

func TestANetworkPolicyThatBlocksTheSidecarIsReported(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj(), &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "only-the-number"},
		Spec: networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{
			Ports: []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromInt32(8080))}},
		}}},
	})
	f.settle()
	f.condition(v1alpha1.ConditionCaptureInjected, metav1.ConditionFalse, v1alpha1.ReasonPortBlocked)
}

func TestPodsThatCannotCarryTheSidecarNeedAPerson(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	d := &appsv1.Deployment{}
	if err := f.admin.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: "fraud"}, d); err != nil {
		t.Fatal(err)
	}
	d.Spec.Template.Spec.HostNetwork = true
	if err := f.admin.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonPortBypassed)
}

func TestAHashWithoutAKeyNeedsAPerson(t *testing.T) {
	f := newFixture(t)
	m := f.fraud()
	m.Spec.Schema.LabelKey = v1alpha1.LabelKey{Path: "request.id", Store: v1alpha1.LabelKeyKeyedHash}
	f.create(m.Obj())
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonHashKeyMissing)
	f.changeClass(func(c *v1alpha1.MonitorClassSpec) { c.HashKey.SecretName = "hash" })
	f.settle()
	f.noCondition(v1alpha1.ConditionStalled)
}
