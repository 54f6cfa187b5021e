// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// before is a revision that was rejected before the candidate was tried.
const before v1alpha1.Revision = "77aa00bb11"

// with changes a rollout.
func with(r *v1alpha1.ShadowRollout, change func(*v1alpha1.ShadowRollout)) *v1alpha1.ShadowRollout {
	change(r)
	return r
}

// annotated has an annotation that names the candidate.
func annotated(r *v1alpha1.ShadowRollout, key string) *v1alpha1.ShadowRollout {
	return with(r, func(r *v1alpha1.ShadowRollout) { r.Annotations = map[string]string{key: string(candidate)} })
}

// advising is one that promotes nothing.
func advising(r *v1alpha1.ShadowRollout) *v1alpha1.ShadowRollout {
	return with(r, func(r *v1alpha1.ShadowRollout) { r.Spec.Promotion.Policy = v1alpha1.PromotionAdvise })
}

// overdue is one whose candidate had no verdict in time.
func overdue() *v1alpha1.ShadowRollout {
	r := judgedFit(trying(), metav1.ConditionUnknown, v1alpha1.ReasonDeadlineExceeded, "late")
	r.Status.Candidate.StartTime = ago(4 * 24 * time.Hour)
	return r
}

// reverted is one that has rejected the candidate, and whose template is what serves.
func reverted() *v1alpha1.ShadowRollout {
	r := judgedFit(refused(), metav1.ConditionUnknown, v1alpha1.ReasonNoCandidate, "the template is what serves")
	r.Status.Candidate = v1alpha1.CandidateStatus{}
	return r
}

// setAgain is one whose template was reverted, and then set again to what was rejected.
func setAgain() *v1alpha1.ShadowRollout {
	r := refused()
	r.Status.Candidate = v1alpha1.CandidateStatus{}
	return r
}

// goneBack is one whose template has gone from the candidate to a revision that was rejected before.
func goneBack() *v1alpha1.ShadowRollout {
	const why = "p99: 1.3 (from 1.2 to 1.5) of 900 requests"
	r := judgedFit(trying(), metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed, "revision 77aa00bb11 is not to serve: "+why)
	r.Status.Rejected = []v1alpha1.RejectedRevision{{Revision: before, Reason: v1alpha1.ReasonAnalysisFailed, Message: why, Time: ago(9 * time.Hour)}}
	return r
}

// served is one whose candidate has served for long.
func served() *v1alpha1.ShadowRollout {
	r := baking()
	r.Status.Bake, r.Status.Candidate = v1alpha1.BakeStatus{}, v1alpha1.CandidateStatus{}
	return judgedFit(r, metav1.ConditionUnknown, v1alpha1.ReasonNoCandidate, "the template is what serves")
}

// takenBack is one whose new primary was rejected a moment ago.
func takenBack() *v1alpha1.ShadowRollout {
	return with(baking(), func(r *v1alpha1.ShadowRollout) {
		r.Status.Rejected = []v1alpha1.RejectedRevision{{Revision: candidate, Reason: v1alpha1.ReasonRejected, Message: "by annotation", Time: ago(time.Second)}}
	})
}

func unwanted() *v1alpha1.ShadowRollout {
	r := judgedFit(trying(), metav1.ConditionUnknown, v1alpha1.ReasonNoCandidate, "the template is what serves")
	r.Status.Candidate = v1alpha1.CandidateStatus{}
	return r
}

// servedUntried is one whose template has pods of its own, of a revision that was not tried.
func servedUntried() *v1alpha1.ShadowRollout {
	return with(trying(), func(r *v1alpha1.ShadowRollout) {
		ready := &r.Status.Conditions[0]
		ready.Status, ready.Reason = metav1.ConditionFalse, "UntriedTemplateServes"
		ready.Message = `the Deployment "flights" has pods of its own, of revision 5f2c91d07e, which has not passed: set its replicas: 0`
	})
}
