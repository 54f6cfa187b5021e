// SPDX-License-Identifier: Apache-2.0

// Package owner builds what all children of a ModelMonitor, of an AnnotationQueue or of a ShadowRollout have in common: their
// labels and their owner reference. It is pure.
package owner

import (
	"k8s.io/apimachinery/pkg/types"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// The kinds of owners.
const (
	kindMonitor = "ModelMonitor"
	kindQueue   = "AnnotationQueue"
	kindRollout = "ShadowRollout"
)

// Labels are the labels of a monitor's child of the role.
func Labels(m *v1alpha1.ModelMonitor, role string) map[string]string {
	return map[string]string{
		naming.LabelManagedBy: naming.ManagedBy,
		naming.LabelMonitor:   m.Name,
		naming.LabelRole:      role,
	}
}

// QueueLabels are the labels of a queue's child.
func QueueLabels(q *v1alpha1.AnnotationQueue) map[string]string {
	return map[string]string{
		naming.LabelManagedBy: naming.ManagedBy,
		naming.LabelQueue:     q.Name,
		naming.LabelRole:      naming.RoleReview,
	}
}

// RolloutLabels are the labels of a rollout's child.
func RolloutLabels(r *v1alpha1.ShadowRollout) map[string]string {
	return map[string]string{
		naming.LabelManagedBy: naming.ManagedBy,
		naming.LabelRollout:   r.Name,
	}
}

// Reference makes the monitor the controller of a child, so that the child goes with it.
func Reference(m *v1alpha1.ModelMonitor) *metav1.OwnerReferenceApplyConfiguration {
	return reference(kindMonitor, m.Name, m.UID)
}

// QueueReference makes the queue the controller of a child, so that the child goes with it.
func QueueReference(q *v1alpha1.AnnotationQueue) *metav1.OwnerReferenceApplyConfiguration {
	return reference(kindQueue, q.Name, q.UID)
}

// RolloutReference makes the rollout the controller of a child, so that the child goes with it.
func RolloutReference(r *v1alpha1.ShadowRollout) *metav1.OwnerReferenceApplyConfiguration {
	return reference(kindRollout, r.Name, r.UID)
}

// RetainedReferences are those of a child that is to outlive its rollout under deletionPolicy Retain: then it belongs to nobody, and only its
// labels tell whose it is. Garbage collection takes everything else, at once where the rollout is deleted in the foreground.
func RetainedReferences(r *v1alpha1.ShadowRollout) []*metav1.OwnerReferenceApplyConfiguration {
	if r.Spec.DeletionPolicy == v1alpha1.DeletionPolicyDelete {
		return []*metav1.OwnerReferenceApplyConfiguration{RolloutReference(r)}
	}
	return nil
}

func reference(kind, name string, uid types.UID) *metav1.OwnerReferenceApplyConfiguration {
	return metav1.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind(kind).
		WithName(name).
		WithUID(uid).
		WithController(true).
		WithBlockOwnerDeletion(true)
}

// Metadata is the metadata of a monitor's child whose API has no apply configurations.
func Metadata(m *v1alpha1.ModelMonitor, name string, labels map[string]string) map[string]any {
	return metadata(kindMonitor, m.Namespace, m.Name, m.UID, name, labels)
}

// QueueMetadata is the metadata of a queue's child whose API has no apply configurations.
func QueueMetadata(q *v1alpha1.AnnotationQueue, name string, labels map[string]string) map[string]any {
	return metadata(kindQueue, q.Namespace, q.Name, q.UID, name, labels)
}

func metadata(kind, namespace, owner string, uid types.UID, name string, labels map[string]string) map[string]any {
	all := map[string]any{}
	for k, v := range labels {
		all[k] = v
	}
	return map[string]any{
		"name":      name,
		"namespace": namespace,
		"labels":    all,
		"ownerReferences": []any{map[string]any{
			"apiVersion":         v1alpha1.GroupVersion.String(),
			"kind":               kind,
			"name":               owner,
			"uid":                string(uid),
			"controller":         true,
			"blockOwnerDeletion": true,
		}},
	}
}
