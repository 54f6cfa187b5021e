// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// servingPort finds the container port whose traffic the sidecar takes over, by its name.
func servingPort(pod *corev1.Pod, want vedettev1alpha1.Port) (corev1.ContainerPort, Skip) {
	port, skip := Serving(pod, want)
	if skip == "" && port.Name == "" {
		return corev1.ContainerPort{}, SkipPortUnnamed
	}
	return port, skip
}

// modelPort finds the container port of the model server: the monitor's, else the one of the pod's annotation, else the only TCP
// port of the first container.
func modelPort(pod *corev1.Pod, want vedettev1alpha1.Port) *corev1.ContainerPort {
	annotation := pod.Annotations[naming.AnnotationPort]
	switch {
	case want.Name != "":
		return findPort(pod, byName(want.Name))
	case want.Number != 0:
		return findPort(pod, byNumber(want.Number))
	case annotation != "":
		return findPort(pod, byAnnotation(annotation))
	}
	return onlyPort(pod)
}

func byName(name string) func(corev1.ContainerPort) bool {
	return func(p corev1.ContainerPort) bool { return p.Name == name }
}

func byNumber(number int32) func(corev1.ContainerPort) bool {
	return func(p corev1.ContainerPort) bool { return p.ContainerPort == number }
}

func byAnnotation(value string) func(corev1.ContainerPort) bool {
	if number, err := strconv.ParseInt(value, 10, 32); err == nil {
		return byNumber(int32(number))
	}
	return byName(value)
}

// findPort finds the first matching TCP port in the order in which Services look for a named port.
func findPort(pod *corev1.Pod, is func(corev1.ContainerPort) bool) *corev1.ContainerPort {
	for i := range pod.Spec.Containers {
		ports := pod.Spec.Containers[i].Ports
		for j := range ports {
			if tcp(ports[j]) && is(ports[j]) {
				return &ports[j]
			}
		}
	}
	return nil
}

// onlyPort is the only TCP port of the first container; nil when it has none or several.
func onlyPort(pod *corev1.Pod) *corev1.ContainerPort {
	if len(pod.Spec.Containers) == 0 {
		return nil
	}
	var only *corev1.ContainerPort
	ports := pod.Spec.Containers[0].Ports
	for j := range ports {
		if !tcp(ports[j]) {
			continue
		}
		if only != nil {
			return nil
		}
		only = &ports[j]
	}
	return only
}

// tcp says whether a port is one of TCP, which is also the default.
func tcp(p corev1.ContainerPort) bool { return p.Protocol == corev1.ProtocolTCP || p.Protocol == "" }
