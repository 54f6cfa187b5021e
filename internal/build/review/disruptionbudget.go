// SPDX-License-Identifier: Apache-2.0

package review

import (
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1 "k8s.io/client-go/applyconfigurations/policy/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/queue"
)

// HasDisruptionBudget says whether a queue has one: a budget for a single pod would only keep nodes from being drained.
func HasDisruptionBudget(q *v1alpha1.AnnotationQueue) bool { return queue.Replicas(q) > 1 }

// DisruptionBudget builds the PodDisruptionBudget of a queue of several pods.
func DisruptionBudget(p Params) *policyv1.PodDisruptionBudgetApplyConfiguration {
	return policyv1.PodDisruptionBudget(p.name(), p.Queue.Namespace).
		WithLabels(p.labels()).
		WithOwnerReferences(owner.QueueReference(p.Queue)).
		WithSpec(policyv1.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithSelector(metav1.LabelSelector().WithMatchLabels(selector(p.Queue))))
}
