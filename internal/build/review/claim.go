// SPDX-License-Identifier: Apache-2.0

package review

import (
	core "k8s.io/api/core/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/queue"
)

// Claim builds the PersistentVolumeClaim of a queue on SQLite.
func Claim(p Params, v queue.Volume) *corev1.PersistentVolumeClaimApplyConfiguration {
	spec := corev1.PersistentVolumeClaimSpec().
		WithAccessModes(core.ReadWriteOnce).
		WithResources(corev1.VolumeResourceRequirements().WithRequests(core.ResourceList{core.ResourceStorage: v.Size}))
	if v.Class != "" {
		spec.WithStorageClassName(v.Class)
	}
	return corev1.PersistentVolumeClaim(p.name(), p.Queue.Namespace).
		WithLabels(p.labels()).
		WithOwnerReferences(owner.QueueReference(p.Queue)).
		WithSpec(spec)
}
