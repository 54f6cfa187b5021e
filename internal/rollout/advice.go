// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// ReasonOtherRevision is the reason of advice about a revision that is neither tried nor decided on.
const ReasonOtherRevision = "OtherRevision"

// Advice is the verdict on a candidate, for somebody else who promotes it, or does not.
type Advice struct {
	// Revision is what the verdict is about; while there is none, what was tried last. It is empty where nothing was.
	Revision v1alpha1.Revision
	Verdict  v1alpha1.Verdict
	// Reason and Message say why, as the condition CandidateFit does.
	Reason, Message string
	// Time is when it was found; zero where there is none yet.
	Time time.Time
}

// Advise returns the verdict on the candidate, or on the revision that is asked about, where that is not empty. It is Pass only
// for a revision that was vetted by the analysis that is specified, and only once the rollout was looked at as it is specified. What
// has changed beside it, such as the template, shows once the manager that leads has looked at it.
func Advise(r *v1alpha1.ShadowRollout, asked v1alpha1.Revision) Advice {
	a := advise(r)
	if asked == "" || asked == a.Revision {
		return a
	}
	if x := Rejection(&r.Status, asked); x != nil {
		return refused(*x)
	}
	about := "none is tried"
	if a.Revision != "" {
		about = fmt.Sprintf("revision %s is the candidate", a.Revision)
	}
	return Advice{
		Revision: asked, Verdict: v1alpha1.VerdictInconclusive, Reason: ReasonOtherRevision,
		Message: fmt.Sprintf("nothing is known of revision %s: %s", asked, about),
	}
}

// advise reads the verdict where people read it, from the condition CandidateFit, and what it is about from what is on record.
func advise(r *v1alpha1.ShadowRollout) Advice {
	s := &r.Status
	fit := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionCandidateFit)
	if fit == nil || fit.ObservedGeneration != r.Generation {
		return Advice{Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonProgressing, Message: "the rollout is new or was changed, and was not looked at since"}
	}
	a := Advice{Verdict: v1alpha1.VerdictInconclusive, Reason: fit.Reason, Message: fit.Message}
	switch {
	case fit.Status == metav1.ConditionTrue && fit.Reason == v1alpha1.ReasonPromoted:
		a.Verdict, a.Revision, a.Time = v1alpha1.VerdictPass, s.Bake.Revision, s.Bake.PromotionTime.Time
	case fit.Status == metav1.ConditionTrue && Passed(r) != "":
		a.Verdict, a.Revision, a.Time = v1alpha1.VerdictPass, s.Decision.Revision, s.Decision.Time.Time
	case fit.Status == metav1.ConditionFalse:
		a.Verdict = v1alpha1.VerdictFail
		// The template may have gone back to a revision that was rejected before the last candidate.
		if i := slices.IndexFunc(s.Rejected, func(x v1alpha1.RejectedRevision) bool {
			return refusal(x).reason == fit.Reason && refusal(x).message == fit.Message
		}); i >= 0 {
			a = refused(s.Rejected[i])
		}
	default:
		a.Revision, a.Time = s.Candidate.Revision, s.Candidate.LastEvaluationTime.Time
		if s.Candidate.Verdict == v1alpha1.VerdictError {
			a.Verdict = v1alpha1.VerdictError
		}
	}
	return a
}

// refused is the advice about a revision that was rejected.
func refused(x v1alpha1.RejectedRevision) Advice {
	c := refusal(x)
	return Advice{Revision: x.Revision, Verdict: v1alpha1.VerdictFail, Reason: c.reason, Message: c.message, Time: x.Time.Time}
}
