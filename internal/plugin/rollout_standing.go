// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// standing is what is so of a revision in a rollout.
type standing string

const (
	// standsUnknown: it is not the candidate, does not serve and was not rejected.
	standsUnknown standing = "unknown"
	// standsServing: it serves, and nobody watches it; standsBaking: it is watched; standsLeaving: it is taken back.
	standsServing standing = "serving"
	standsBaking  standing = "baking"
	standsLeaving standing = "leaving"
	// standsRejected: it is on record as not to serve.
	standsRejected standing = "rejected"
	// standsReplaced: it is the candidate on record, and the template has gone back to a revision that was rejected.
	standsReplaced standing = "replaced"
	// standsStopping: a person has asked that it does not serve, and that is not on record yet.
	standsStopping standing = "stopping"
	// standsPaused: a person holds it.
	standsPaused standing = "paused"
	// standsPromoting: it has passed and takes over by itself; standsPassed: it waits for its approval; standsAdvised: nothing follows.
	standsPromoting standing = "promoting"
	standsPassed    standing = "passed"
	standsAdvised   standing = "advised"
	// standsLate: it had no verdict in time.
	standsLate standing = "late"
	// standsTried: evidence is gathered.
	standsTried standing = "tried"
)

// standingOf reads from status where a revision stands. Its cases are in the order of the rules of package rollout, by which the
// operator decides what follows from a step.
func standingOf(r *v1alpha1.ShadowRollout, revision string, now time.Time) standing {
	s := &r.Status
	primary := revision != "" && string(s.PrimaryRevision) == revision
	watched := primary && string(s.Bake.Revision) == revision
	rejected, stopped := rollout.Rejection(&r.Status, v1alpha1.Revision(revision)) != nil, stoppedBy(r, revision) != ""
	switch {
	case watched && (rejected || stopped):
		return standsLeaving
	case watched:
		return standsBaking
	case primary:
		return standsServing
	case rejected:
		return standsRejected
	case revision == "" || string(s.Candidate.Revision) != revision:
		return standsUnknown
	case wanted(r) != revision:
		return standsReplaced
	case stopped:
		return standsStopping
	case r.Annotations[naming.AnnotationPause] == revision:
		return standsPaused
	}
	return verdictOn(r, now)
}

// verdictOn is where a candidate stands that nobody stops or holds.
func verdictOn(r *v1alpha1.ShadowRollout, now time.Time) standing {
	s := &r.Status
	revision := s.Candidate.Revision
	ours, fit := !advises(r), rollout.Passed(r) == revision
	recorded := s.Decision.Revision == revision && s.Decision.Verdict == v1alpha1.VerdictPass && s.Bake.Revision == revision && s.Bake.PreviousRevision == s.PrimaryRevision
	switch {
	case ours && (recorded || fit && (policyOf(r) == v1alpha1.PromotionAutomatic || approvedBy(r, string(revision)) != "")):
		return standsPromoting
	case ours && fit:
		return standsPassed
	case fit:
		return standsAdvised
	case now.Sub(s.Candidate.StartTime.Time) >= rollout.Deadline(r):
		return standsLate
	}
	return standsTried
}

// advises says that nothing is promoted here.
func advises(r *v1alpha1.ShadowRollout) bool { return policyOf(r) == v1alpha1.PromotionAdvise }

// wanted is the revision that the template has, as far as status tells: that of the candidate, or one that was rejected and to which
// the template has gone back; empty where there is nothing to try.
func wanted(r *v1alpha1.ShadowRollout) string {
	if a := rollout.Advise(r, ""); a.Verdict == v1alpha1.VerdictFail && a.Revision != "" {
		return string(a.Revision)
	}
	return string(r.Status.Candidate.Revision)
}

// stoppedBy is the annotation by which a person asks that a revision does not serve; empty where none does.
func stoppedBy(r *v1alpha1.ShadowRollout, revision string) string {
	for _, key := range []string{naming.AnnotationReject, naming.AnnotationAbort} {
		if r.Annotations[key] == revision {
			return key
		}
	}
	return ""
}

// approvedBy is where a person has approved a revision; empty where none has.
func approvedBy(r *v1alpha1.ShadowRollout, revision string) string {
	switch revision {
	case string(r.Spec.Promotion.ApprovedRevision):
		return "spec.promotion.approvedRevision"
	case r.Annotations[naming.AnnotationPromote]:
		return "the annotation " + naming.AnnotationPromote
	}
	return ""
}
