// SPDX-License-Identifier: Apache-2.0

package annotationqueue

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/internal/naming"
)

// CacheByObject keeps the cache small: of kinds of which we own some, only those are cached.
func CacheByObject() map[client.Object]cache.ByObject {
	owned := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{naming.LabelManagedBy: naming.ManagedBy})}
	return map[client.Object]cache.ByObject{
		&corev1.ConfigMap{}:             owned,
		&corev1.PersistentVolumeClaim{}: owned,
		&networkingv1.Ingress{}:         owned,
		&policyv1.PodDisruptionBudget{}: owned,
	}
}
