// SPDX-License-Identifier: Apache-2.0

// Package owner builds what all children of a ModelMonitor have in common: their labels and their owner reference. It is
// pure.
package owner

import (
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Kind is the kind of the owners.
const Kind = "ModelMonitor"

// Labels are the labels of a child of the role.
func Labels(m *v1alpha1.ModelMonitor, role string) map[string]string {
	return map[string]string{
		naming.LabelManagedBy: naming.ManagedBy,
		naming.LabelMonitor:   m.Name,
		naming.LabelRole:      role,
	}
}

// Reference makes the monitor the controller of a child, so that the child goes with it.
func Reference(m *v1alpha1.ModelMonitor) *metav1.OwnerReferenceApplyConfiguration {
	return metav1.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind(Kind).
		WithName(m.Name).
		WithUID(m.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}

// Metadata is the metadata of a child whose API has no apply configurations.
func Metadata(m *v1alpha1.ModelMonitor, name string, labels map[string]string) map[string]any {
	all := map[string]any{}
	for k, v := range labels {
		all[k] = v
	}
	return map[string]any{
		"name":      name,
		"namespace": m.Namespace,
		"labels":    all,
		"ownerReferences": []any{map[string]any{
			"apiVersion":         v1alpha1.GroupVersion.String(),
			"kind":               Kind,
			"name":               m.Name,
			"uid":                string(m.UID),
			"controller":         true,
			"blockOwnerDeletion": true,
		}},
	}
}
