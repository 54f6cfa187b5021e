// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
)

// defaultResources hold without a class, or where it does not say. There is no CPU limit: throttling the sidecar would
// delay the model's answers.
func defaultResources() corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("10m"),
			corev1.ResourceMemory: resource.MustParse("48Mi"),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
	}
}

func resourcesOf(class *vedettev1alpha1.MonitorClassSpec, guaranteed bool) corev1.ResourceRequirements {
	r := defaultResources()
	if class != nil && class.Sidecar.Resources != nil {
		r = *class.Sidecar.Resources.DeepCopy()
	}
	if !guaranteed {
		return r
	}
	// The greater of request and limit: a limit lowered to the request could kill the sidecar, and with it the traffic.
	cpu := greatest(resource.MustParse("100m"), r.Requests[corev1.ResourceCPU], r.Limits[corev1.ResourceCPU])
	memory := greatest(r.Requests[corev1.ResourceMemory], r.Limits[corev1.ResourceMemory])
	if memory.IsZero() {
		memory = defaultResources().Limits[corev1.ResourceMemory]
	}
	both := corev1.ResourceList{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory}
	return corev1.ResourceRequirements{Requests: both, Limits: both.DeepCopy()}
}

func greatest(first resource.Quantity, others ...resource.Quantity) resource.Quantity {
	for _, q := range others {
		if q.Cmp(first) > 0 {
			first = q
		}
	}
	return first
}

// env tells the Go runtime what the container has: without it, it would size itself by the node.
func env(r corev1.ResourceRequirements) []corev1.EnvVar {
	e := []corev1.EnvVar{
		fieldEnv("POD_NAME", "metadata.name"),
		fieldEnv("POD_NAMESPACE", "metadata.namespace"),
		fieldEnv("POD_UID", "metadata.uid"),
		{Name: "GOMAXPROCS", Value: "2"},
	}
	if limit, ok := r.Limits[corev1.ResourceMemory]; ok {
		e = append(e, corev1.EnvVar{Name: "GOMEMLIMIT", Value: strconv.FormatInt(limit.Value()/10*9, 10)})
	}
	return e
}

func fieldEnv(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}
