// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// Copy builds the copy of a ConfigMap that a revision names. Nobody can change it, and whoever deletes the original does not
// take it from pods that start later.
func Copy(r *v1alpha1.ShadowRollout, revision, original string, contents rollout.ConfigMapContents) *corev1.ConfigMapApplyConfiguration {
	return corev1.ConfigMap(naming.Copy(r.Name, revision, original), r.Namespace).
		WithLabels(labels(r, "", revision)).
		WithAnnotations(map[string]string{naming.AnnotationCopyOf: original}).
		WithOwnerReferences(owner.RetainedReferences(r)...).
		WithImmutable(true).
		WithData(contents.Data).
		WithBinaryData(contents.BinaryData)
}

// Copies maps the names of ConfigMaps to those of the copies of a revision, as Pin takes them.
func Copies(r *v1alpha1.ShadowRollout, revision string, configMaps map[string]rollout.ConfigMapContents) map[string]string {
	names := map[string]string{}
	for original := range configMaps {
		names[original] = naming.Copy(r.Name, revision, original)
	}
	return names
}
