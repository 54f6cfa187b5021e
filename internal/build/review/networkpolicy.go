// SPDX-License-Identifier: Apache-2.0

package review

import (
	networking "k8s.io/api/networking/v1"
	metav1types "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1 "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// NetworkPolicy builds the NetworkPolicy of the queue's pods, and of no others. The page asks everybody to sign in, so its
// port is open to all; where a proxy vouches for people, to the proxy alone. What the pods connect to, the store, the
// database and the provider of sign-in, has no address that a policy could name for certain.
func NetworkPolicy(p Params) *networkingv1.NetworkPolicyApplyConfiguration {
	page := ingress(naming.ReviewPortName)
	if h := p.Queue.Spec.Access.ProxyHeader; h.User != "" {
		page.WithFrom(peer(h.From))
	}
	return networkingv1.NetworkPolicy(p.name(), p.Queue.Namespace).
		WithLabels(p.labels()).
		WithOwnerReferences(owner.QueueReference(p.Queue)).
		WithSpec(networkingv1.NetworkPolicySpec().
			WithPodSelector(metav1.LabelSelector().WithMatchLabels(selector(p.Queue))).
			WithPolicyTypes(networking.PolicyTypeIngress).
			WithIngress(page, ingress(naming.MetricsPortName)))
}

func ingress(port string) *networkingv1.NetworkPolicyIngressRuleApplyConfiguration {
	return networkingv1.NetworkPolicyIngressRule().WithPorts(networkingv1.NetworkPolicyPort().WithPort(intstr.FromString(port)))
}

func peer(from v1alpha1.PodSource) *networkingv1.NetworkPolicyPeerApplyConfiguration {
	of := networkingv1.NetworkPolicyPeer()
	if from.NamespaceSelector != nil {
		of.WithNamespaceSelector(labelSelector(from.NamespaceSelector))
	}
	if from.PodSelector != nil {
		of.WithPodSelector(labelSelector(from.PodSelector))
	}
	return of
}

func labelSelector(s *metav1types.LabelSelector) *metav1.LabelSelectorApplyConfiguration {
	out := metav1.LabelSelector().WithMatchLabels(s.MatchLabels)
	for _, e := range s.MatchExpressions {
		out.WithMatchExpressions(metav1.LabelSelectorRequirement().WithKey(e.Key).WithOperator(e.Operator).WithValues(e.Values...))
	}
	return out
}
