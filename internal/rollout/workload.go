// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Settled says whether all pods of a Deployment run its template, are available, and are all that there are.
func Settled(d *appsv1.Deployment) bool {
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	s := d.Status
	return s.ObservedGeneration >= d.Generation && s.Replicas == want && s.UpdatedReplicas == want && s.AvailableReplicas == want
}

// Available says whether a Deployment has the pods that it needs to serve.
func Available(d *appsv1.Deployment) bool {
	return is(d, appsv1.DeploymentAvailable, corev1.ConditionTrue)
}

// Failed says whether the pods of a Deployment's template do not come up in its time.
func Failed(d *appsv1.Deployment) bool {
	return d.Status.ObservedGeneration >= d.Generation && is(d, appsv1.DeploymentProgressing, corev1.ConditionFalse)
}

func is(d *appsv1.Deployment, kind appsv1.DeploymentConditionType, status corev1.ConditionStatus) bool {
	for _, c := range d.Status.Conditions {
		if c.Type == kind {
			return c.Status == status
		}
	}
	return false
}
