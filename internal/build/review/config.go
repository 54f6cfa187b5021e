// SPDX-License-Identifier: Apache-2.0

package review

import (
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Config builds the ConfigMap from an encoded document.
func Config(p Params, document []byte) *corev1.ConfigMapApplyConfiguration {
	return corev1.ConfigMap(p.name(), p.Queue.Namespace).
		WithLabels(p.labels()).
		WithOwnerReferences(owner.QueueReference(p.Queue)).
		WithData(map[string]string{naming.ReviewFile: string(document)})
}
