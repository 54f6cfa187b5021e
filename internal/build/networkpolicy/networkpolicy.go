// SPDX-License-Identifier: Apache-2.0

// Package networkpolicy builds the NetworkPolicy of a monitor's analysis pods. It is pure. It selects pods of ours only:
// a policy that selected a user's pod would change what reaches the model.
package networkpolicy

import (
	v1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1 "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Build builds the NetworkPolicy: nobody connects to an analysis; it connects to the store, wherever that is.
func Build(m *v1alpha1.ModelMonitor) *networkingv1.NetworkPolicyApplyConfiguration {
	return networkingv1.NetworkPolicy(naming.NetworkPolicy(m.Name), m.Namespace).
		WithLabels(owner.Labels(m, naming.RoleAnalysis)).
		WithOwnerReferences(owner.Reference(m)).
		WithSpec(networkingv1.NetworkPolicySpec().
			WithPodSelector(metav1.LabelSelector().WithMatchLabels(map[string]string{
				naming.LabelMonitor: m.Name,
				naming.LabelRole:    naming.RoleAnalysis,
			})).
			WithPolicyTypes(v1.PolicyTypeIngress))
}
