// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Theirs says whether both versions run in workloads of the user's, which a rollout reads and never writes.
func Theirs(r *v1alpha1.ShadowRollout) bool { return r.Spec.Candidate.WorkloadRef.Name != "" }

// Workload is a workload with one version of the model, and how its pods are.
type Workload struct {
	Kind v1alpha1.WorkloadKind
	Name string
	// Since is when it was made.
	Since time.Time
	// Revision is that of the template; empty where it is not known.
	Revision string
	Template corev1.PodTemplateSpec
	Selector *metav1.LabelSelector
	// Replicas is the number of its pods, AvailableReplicas that of those that are available.
	Replicas, AvailableReplicas int32
	// Settled says whether all pods run the template, are available, and are all that there are.
	Settled bool
	// Available says whether there are the pods that are needed to serve.
	Available bool
	// Failed says whether the pods of the template do not come up in their time.
	Failed bool
}

// String is how people are told of it.
func (w *Workload) String() string { return fmt.Sprintf("%s %q", w.Kind, w.Name) }

// OfDeployment is what a Deployment says.
func OfDeployment(d *appsv1.Deployment) *Workload {
	s, n := &d.Status, wanted(d.Spec.Replicas)
	seen := s.ObservedGeneration >= d.Generation
	return &Workload{
		Kind: v1alpha1.WorkloadKindDeployment, Name: d.Name, Since: d.CreationTimestamp.Time, Template: d.Spec.Template, Selector: d.Spec.Selector,
		Replicas: s.Replicas, AvailableReplicas: s.AvailableReplicas,
		Settled:   seen && s.Replicas == n && s.UpdatedReplicas == n && s.AvailableReplicas == n,
		Available: is(d, appsv1.DeploymentAvailable, corev1.ConditionTrue),
		Failed:    seen && is(d, appsv1.DeploymentProgressing, corev1.ConditionFalse),
	}
}

// OfStatefulSet is what a StatefulSet says.
func OfStatefulSet(set *appsv1.StatefulSet) *Workload {
	s, n := &set.Status, wanted(set.Spec.Replicas)
	return &Workload{
		Kind: v1alpha1.WorkloadKindStatefulSet, Name: set.Name, Since: set.CreationTimestamp.Time, Template: set.Spec.Template, Selector: set.Spec.Selector,
		Replicas: s.Replicas, AvailableReplicas: s.AvailableReplicas,
		Settled:   s.ObservedGeneration >= set.Generation && s.Replicas == n && s.UpdatedReplicas == n && s.AvailableReplicas == n,
		Available: s.AvailableReplicas >= n,
	}
}

// wanted is a number of pods, which an API server sets to 1 when it is unset.
func wanted(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}

func is(d *appsv1.Deployment, kind appsv1.DeploymentConditionType, status corev1.ConditionStatus) bool {
	for _, c := range d.Status.Conditions {
		if c.Type == kind {
			return c.Status == status
		}
	}
	return false
}
