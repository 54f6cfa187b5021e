// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Report is what the conditions of a rollout are made of.
type Report struct {
	Rollout  *v1alpha1.ShadowRollout
	Observed Observed
	Action   Action
	// Primary is nil where there is none.
	Primary *Workload
	// ShadowPods are those of the shadow, in the order of their names. MirroredSince is since when the sidecars can read of the trial; zero
	// where they cannot, or only just.
	ShadowPods    []corev1.Pod
	MirroredSince time.Time
	// Missing says why it is not known what is wanted, and MissingReason in a word; empty where it is.
	Missing, MissingReason string
	// Misfit says why nothing is tried by the criteria; empty where they fit.
	Misfit string
	// Watched is what is known of the new primary.
	Watched Watched
	// Mode is that of the ModelMonitor in force; empty where it is not known.
	Mode v1alpha1.Mode
}

// Conditions sets all conditions of a rollout but Ready and what goes with it.
func (r Report) Conditions(set conditions.Writer) {
	for _, c := range []struct {
		kind string
		of   func() condition
	}{
		{v1alpha1.ConditionAvailable, r.available},
		{v1alpha1.ConditionCandidateFit, r.fit},
		{v1alpha1.ConditionProgressing, r.progressing},
	} {
		is := c.of()
		set.Set(c.kind, is.status, is.reason, is.message)
	}
	r.baking(set)
	if ignored := Ignored(r.Rollout.Annotations); len(ignored) > 0 {
		set.True(v1alpha1.ConditionAnnotationIgnored, v1alpha1.ReasonNotARevision, ignoredMessage(ignored, r.Rollout.Status.Candidate.Revision))
	} else {
		set.Remove(v1alpha1.ConditionAnnotationIgnored)
	}
}

type condition struct {
	status          metav1.ConditionStatus
	reason, message string
}

func yes(reason, format string, args ...any) condition {
	return condition{metav1.ConditionTrue, reason, fmt.Sprintf(format, args...)}
}

func no(reason, format string, args ...any) condition {
	return condition{metav1.ConditionFalse, reason, fmt.Sprintf(format, args...)}
}

func unknown(reason, format string, args ...any) condition {
	return condition{metav1.ConditionUnknown, reason, fmt.Sprintf(format, args...)}
}

func (r Report) available() condition {
	switch {
	case r.Primary == nil:
		return no(v1alpha1.ReasonPrimaryNotAvailable, "there is no primary yet")
	case r.Primary.Available:
		return yes(v1alpha1.ReasonPrimaryAvailable, "the %s serves revision %s", r.Primary, cmp.Or(r.Observed.Primary, "unknown"))
	}
	if r.Primary.Failed {
		return no(v1alpha1.ReasonPrimaryFailed, "the pods of the %s do not come up in their time: see its events, and those of its pods", r.Primary)
	}
	return no(v1alpha1.ReasonPrimaryNotAvailable, "the %s has too few ready pods: see its events, and those of its pods", r.Primary)
}

// fit is the verdict on the candidate.
func (r Report) fit() condition {
	o, t := r.Observed, r.Observed.Template
	switch {
	case o.Promoted():
		return yes(v1alpha1.ReasonPromoted, "revision %s was promoted", o.Baking)
	case t == "":
		return unknown(cmp.Or(r.MissingReason, v1alpha1.ReasonProgressingWithRetry), "%s", cmp.Or(r.Missing, "the template could not be read"))
	case r.Action == Idle, r.Action == Bootstrap:
		return unknown(v1alpha1.ReasonNoCandidate, "the template%s is what serves", r.ofWorkload())
	case r.Action == Shelve:
		return r.shelved()
	case r.Action == StartShadow:
		return unknown(v1alpha1.ReasonAnalysisRunning, "the trial of revision %s begins", t)
	case o.Paused == t:
		return unknown(v1alpha1.ReasonPaused, "revision %s is paused by annotation", t)
	case r.Action == AwaitApproval && r.Rollout.Spec.Promotion.Policy == v1alpha1.PromotionAdvise:
		return yes(v1alpha1.ReasonAdvised, "revision %s has passed: %s", t, r.Rollout.Status.Decision.Message)
	case r.Action == AwaitApproval:
		return yes(v1alpha1.ReasonAwaitingApproval, "revision %s has passed: put it into spec.promotion.approvedRevision. %s", t, r.Rollout.Status.Decision.Message)
	case o.fit(), o.passed() && r.Action == Promote:
		return yes(v1alpha1.ReasonAnalysisPassed, "revision %s has passed: %s", t, r.Rollout.Status.Decision.Message)
	case r.Action == Wait && r.Misfit != "":
		return unknown(v1alpha1.ReasonInvalidCriterion, "%s", r.Misfit)
	case r.Action == Wait && !o.PrimarySettled:
		return unknown(v1alpha1.ReasonPrimaryNotAvailable, "revision %s is tried once all pods of the primary are of its revision and available", t)
	case r.Action == Wait:
		return r.shadowNotUp()
	}
	return r.running()
}

// shelved is why a candidate is not tried any more.
func (r Report) shelved() condition {
	if x := Rejection(&r.Rollout.Status, v1alpha1.Revision(r.Observed.Template)); x != nil {
		return refusal(*x)
	}
	return unknown(v1alpha1.ReasonDeadlineExceeded, "revision %s had no verdict within %s: %s. Annotate %s=%s to try it again",
		r.Observed.Template, deadline(r.Rollout), r.open(), naming.AnnotationRetry, r.Observed.Template)
}

// ofWorkload names the workload of the user's that runs the candidate, where one does.
func (r Report) ofWorkload() string {
	if !Theirs(r.Rollout) {
		return ""
	}
	ref := r.Rollout.Spec.Candidate.WorkloadRef
	return fmt.Sprintf(" of the %s %q", ref.Kind, ref.Name)
}

// refusal is the verdict on a revision that was rejected.
func refusal(x v1alpha1.RejectedRevision) condition {
	return no(x.Reason, "revision %s is not to serve: %s", x.Revision, x.Message)
}

// holding says why a candidate has not passed yet though every criterion was seen to hold.
func (r Report) holding() condition {
	at := MayPass(r.Rollout)
	switch {
	case Passed(r.Rollout) == r.Rollout.Status.Candidate.Revision:
		return unknown(v1alpha1.ReasonAnalysisRunning, "every criterion was shown to hold")
	case r.Observed.Now.Before(at):
		return unknown(v1alpha1.ReasonAnalysisRunning, "every criterion holds so far; by analysis.minDuration the verdict comes at %s", at.UTC().Format(time.RFC3339))
	}
	return unknown(v1alpha1.ReasonAnalysisRunning, "every criterion of the last evaluation holds: the next one decides, by the analysis as it is now")
}

// maxOpen is how many open criteria are named.
const maxOpen = 8

// open names what has no verdict yet.
func (r Report) open() string {
	if c := r.Rollout.Status.Candidate; c.Pairs == nil || *c.Pairs == 0 {
		return "no request was compared"
	}
	var open []string
	for _, f := range r.Rollout.Status.Candidate.Findings {
		if f.Verdict != v1alpha1.VerdictPass {
			open = append(open, at(f))
		}
	}
	slices.Sort(open)
	more := ""
	if n := len(open) - maxOpen; n > 0 {
		open, more = open[:maxOpen], fmt.Sprintf(" and %d more", n)
	}
	return "not shown yet: " + strings.Join(open, ", ") + more + r.unlabelled()
}

func at(f v1alpha1.RolloutFinding) string {
	if f.Segment == criteria.Everything {
		return string(f.Criterion)
	}
	return fmt.Sprintf("%s in segment %s", f.Criterion, f.Segment)
}

func (r Report) progressing() condition {
	o := r.Observed
	switch {
	case o.Promoted() && !o.PrimarySettled, r.Action == Promote, r.Action == RecordPromotion, r.Action == RollBack:
		return yes(v1alpha1.ReasonRollingOut, "the primary changes its revision")
	case o.Promoted():
		return yes(v1alpha1.ReasonBakeRunning, "revision %s is watched in service", o.Baking)
	case r.Action == AwaitApproval:
		return yes(v1alpha1.ReasonAwaitingApproval, "revision %s has passed", o.Template)
	case r.Action == Evaluate, r.Action == StartShadow, r.Action == Wait && o.Template != "" && o.Template != o.Primary:
		return yes(v1alpha1.ReasonAnalysisRunning, "revision %s is tried", o.Template)
	}
	return no(v1alpha1.ReasonNoCandidate, "nothing is tried")
}

// baking is present once a candidate was promoted.
func (r Report) baking(set conditions.Writer) {
	o := r.Observed
	switch {
	case o.Promoted() && len(r.Watched.Violated) > 0:
		set.True(v1alpha1.ConditionBaking, v1alpha1.ReasonBakeFailed, "the new primary violates "+strings.Join(r.Watched.Violated, ", "))
	case o.Promoted() && o.PrimaryFailed:
		set.True(v1alpha1.ConditionBaking, v1alpha1.ReasonBakeFailed, "the pods of the new primary do not come up")
	case o.Promoted() && r.Watched.Blind:
		set.Unknown(v1alpha1.ConditionBaking, v1alpha1.ReasonMetricsUnavailable, "it is not known whether the new primary violates a threshold: the watch goes on until it is")
	case o.Promoted() && r.Action != FinishBake:
		set.True(v1alpha1.ConditionBaking, v1alpha1.ReasonBakeRunning, fmt.Sprintf("revision %s is watched in service for %s", o.Baking, r.Rollout.Spec.Bake.Duration))
	case r.Action == FinishBake:
		set.False(v1alpha1.ConditionBaking, v1alpha1.ReasonSucceeded, fmt.Sprintf("revision %s has held in service", o.Primary))
	case r.rolledBack(set.Get(v1alpha1.ConditionBaking) != nil):
		set.False(v1alpha1.ConditionBaking, v1alpha1.ReasonRolledBack, fmt.Sprintf("revision %s serves again", o.Primary))
	default:
		if c := set.Get(v1alpha1.ConditionBaking); c != nil && c.Reason != v1alpha1.ReasonSucceeded {
			set.Remove(v1alpha1.ConditionBaking)
		}
	}
}

// rolledBack says whether it is still news that a revision was taken back: until another is wanted, and what serves again is up. Once it
// was no news any more, it does not become some again because pods come and go.
func (r Report) rolledBack(told bool) bool {
	o := r.Observed
	if o.Baking == "" || !slices.Contains(o.Rejected, o.Baking) || r.Action == StartShadow {
		return false
	}
	return o.Template == o.Baking || told && (o.Template == "" || !o.PrimarySettled)
}
