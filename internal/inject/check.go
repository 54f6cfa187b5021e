// SPDX-License-Identifier: Apache-2.0

package inject

import (
	corev1 "k8s.io/api/core/v1"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
)

// Check says which port the sidecar of a pod would take over, or why the pod would carry none, without building anything.
func Check(pod *corev1.Pod, want vedettev1alpha1.Port) (corev1.ContainerPort, Skip) {
	if skip := unfit(pod); skip != "" {
		return corev1.ContainerPort{}, skip
	}
	return servingPort(pod, want)
}

// Serving says at which port the model server of a pod answers, whether or not the pod could carry a sidecar.
func Serving(pod *corev1.Pod, want vedettev1alpha1.Port) (corev1.ContainerPort, Skip) {
	port := modelPort(pod, want)
	if port == nil {
		return corev1.ContainerPort{}, SkipNoSuchPort
	}
	return *port, ""
}
