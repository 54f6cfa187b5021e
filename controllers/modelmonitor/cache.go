// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
)

// CacheByObject keeps the cache small: of kinds of which we own some, only those are cached, and of pods only what the
// controller reads. NetworkPolicies of others matter: they may keep traffic from the sidecar.
func CacheByObject() map[client.Object]cache.ByObject {
	owned := cache.ByObject{Label: ours()}
	return map[client.Object]cache.ByObject{
		&corev1.ConfigMap{}: {Label: labels.SelectorFromSet(labels.Set{naming.LabelManagedBy: naming.ManagedBy})}, // of other kinds of owners, too
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

func stripPod(obj any) (any, error) {
	if p, ok := obj.(*corev1.Pod); ok {
		monitor.StripPod(p)
	}
	return obj, nil
}
