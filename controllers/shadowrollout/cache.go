// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/internal/naming"
)

// CacheByObject keeps the cache small: of the revisions of workloads, only ours are cached.
func CacheByObject() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&appsv1.ControllerRevision{}: {Label: labels.SelectorFromSet(labels.Set{naming.LabelManagedBy: naming.ManagedBy})},
	}
}
