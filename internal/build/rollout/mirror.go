// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Mirror builds the ConfigMap with the encoded mirror document, which the sidecars of the monitor read. Without it nothing is
// copied.
func Mirror(r *v1alpha1.ShadowRollout, document []byte) *corev1.ConfigMapApplyConfiguration {
	monitor := string(r.Spec.MonitorRef.Name)
	l := owner.RolloutLabels(r)
	l[naming.LabelMonitor] = monitor
	return corev1.ConfigMap(naming.Mirror(monitor), r.Namespace).
		WithLabels(l).
		WithOwnerReferences(owner.RolloutReference(r)).
		WithData(map[string]string{naming.MirrorFile: string(document)})
}
