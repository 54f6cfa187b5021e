// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Owns says whether an object is a rollout's: it controls the object, or nothing does, and the object's labels say that it is of this rollout. What is to
// outlive a rollout belongs to nobody, and so does what an earlier rollout of the name has left: it is taken up as it is.
func Owns(r *v1alpha1.ShadowRollout, obj metav1.Object) bool {
	if ref := metav1.GetControllerOf(obj); ref != nil {
		return ref.UID == r.UID
	}
	l := obj.GetLabels()
	return l[naming.LabelManagedBy] == naming.ManagedBy && l[naming.LabelRollout] == r.Name
}
