// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/internal/naming"
)

// CacheByObject keeps the cache small: of kinds of which we own some, only those are cached, and of pods only what the
// controller reads. NetworkPolicies of others matter: they may keep traffic from the sidecar.
func CacheByObject() map[client.Object]cache.ByObject {
	owned := cache.ByObject{Label: ours()}
	return map[client.Object]cache.ByObject{
		&corev1.ConfigMap{}: owned,
		&batchv1.CronJob{}:  owned,
		&batchv1.Job{}:      owned,
		&corev1.Pod{}:       {Transform: stripPod},
	}
}

func ours() labels.Selector {
	r, err := labels.NewRequirement(naming.LabelMonitor, selection.Exists, nil)
	if err != nil {
		panic(err) // a constant that is no label key
	}
	return labels.NewSelector().Add(*r)
}

// stripPod leaves of a pod what monitor.Pods and verdict read.
func stripPod(obj any) (any, error) {
	p, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	p.ManagedFields = nil
	var sidecar []corev1.Container
	for _, c := range p.Spec.InitContainers {
		if c.Name == naming.SidecarContainer {
			sidecar = append(sidecar, corev1.Container{Name: c.Name, Args: c.Args})
		}
	}
	status := corev1.PodStatus{Phase: p.Status.Phase, InitContainerStatuses: p.Status.InitContainerStatuses}
	if p.Labels[naming.LabelMonitor] != "" {
		status.ContainerStatuses, status.Conditions = p.Status.ContainerStatuses, p.Status.Conditions
	}
	p.Spec, p.Status = corev1.PodSpec{InitContainers: sidecar}, status
	return p, nil
}
