// SPDX-License-Identifier: Apache-2.0

package rollout

import "github.com/vedette-dev/vedette/api/v1alpha1"

// AnalysisHash is the hash of what a candidate must be shown to hold.
func AnalysisHash(a v1alpha1.RolloutAnalysis) v1alpha1.AnalysisHash {
	return v1alpha1.AnalysisHash(hash(a))
}

// Outdated says whether the decision on record was made by another analysis than the one that is specified now.
func Outdated(r *v1alpha1.ShadowRollout) bool {
	by := r.Status.Decision.Analysis
	return by != "" && by != AnalysisHash(r.Spec.Analysis)
}

// Passed is the revision that the decision on record found fit by the analysis that is specified now; empty where there is none.
func Passed(r *v1alpha1.ShadowRollout) v1alpha1.Revision {
	if d := r.Status.Decision; d.Verdict == v1alpha1.VerdictPass && !Outdated(r) {
		return d.Revision
	}
	return ""
}
