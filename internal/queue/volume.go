// SPDX-License-Identifier: Apache-2.0

package queue

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// Volume is the volume of a queue on SQLite.
type Volume struct {
	Size resource.Quantity
	// Class is its StorageClass; "" for the cluster's default.
	Class string
}

// VolumeOf decides on the volume of a queue, given the claim that it has, nil when it has none. A volume keeps its class and
// never shrinks: a queue that comes back to SQLite finds what it left.
func VolumeOf(q *v1alpha1.AnnotationQueue, live *corev1.PersistentVolumeClaim) (Volume, error) {
	sqlite := q.Spec.Storage.SQLite
	v := Volume{Size: resource.MustParse("5Gi"), Class: string(sqlite.StorageClassName)}
	if sqlite.Size != nil {
		v.Size = *sqlite.Size
	}
	if live == nil {
		return v, nil
	}
	if has := live.Spec.Resources.Requests[corev1.ResourceStorage]; has.Cmp(v.Size) > 0 {
		v.Size = has
	}
	if class := live.Spec.StorageClassName; v.Class != "" && class != nil && *class != v.Class {
		return v, reconcileerr.NewStalled(v1alpha1.ReasonVolumeMismatch,
			"the PersistentVolumeClaim %s has the StorageClass %q, and keeps it: set spec.storage.sqlite.storageClassName to it, or move the data to another queue",
			live.Name, *class)
	}
	return v, nil
}
