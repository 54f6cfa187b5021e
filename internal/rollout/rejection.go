// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Rejection is what is on record against a revision; nil where nothing is.
func Rejection(s *v1alpha1.ShadowRolloutStatus, revision v1alpha1.Revision) *v1alpha1.RejectedRevision {
	i := slices.IndexFunc(s.Rejected, func(x v1alpha1.RejectedRevision) bool { return x.Revision == revision })
	if i < 0 {
		return nil
	}
	return &s.Rejected[i]
}
