// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// retries says what another try begins with. What would throw away what was found is done only by the flag --restart.
func retries(s subject) (string, error) {
	switch s.standing {
	case standsUnknown:
		if len(s.r.Status.Rejected) > 0 {
			return "", usage("%s is neither the candidate of %s nor a revision that it has rejected: %s names both", s.revision, s.r.Name, s.command("status"))
		}
		return "", s.unknown()
	case standsServing, standsBaking:
		return "", fmt.Errorf("revision %s serves already: there is nothing to try", s.revision)
	case standsLeaving:
		return "", fmt.Errorf("revision %s is being taken back: try it again once %s serves", s.revision, s.r.Status.Bake.PreviousRevision)
	case standsReplaced:
		return "", s.nothing()
	case standsRejected:
		return s.again(), nil
	case standsLate:
		return "it is tried again, with evidence from now on: " + s.found() + " does not count", nil
	}
	if !s.restart {
		return "", s.wouldDrop()
	}
	dropped := s.found() + " is dropped"
	if s.hasPassed() {
		dropped += ", and with it that it has passed"
	}
	return "its trial begins anew: " + dropped, nil
}

// found is what there is of a candidate.
func (s subject) found() string {
	switch n := s.pairs(); n {
	case 0:
		return "the time since its trial began, in which no request was compared,"
	case 1:
		return "what was found on 1 request"
	default:
		return fmt.Sprintf("what was found on %d requests", n)
	}
}

// again says when a rejected revision is tried again.
func (s subject) again() string {
	status := &s.r.Status
	when := ""
	if b := status.Bake.Revision; b != "" && b == status.PrimaryRevision {
		when = fmt.Sprintf("once the watch over revision %s has ended", b)
	}
	if wanted(s.r) != s.revision {
		if when != "" {
			when += ", and "
		}
		when += fmt.Sprintf("as soon as %s is of that revision", s.source())
	}
	if when == "" {
		when = "with evidence from now on"
	}
	if x := s.asked(); x != "" {
		when += fmt.Sprintf("; revision %s, of which another try was asked for and has not begun, is not any more", x)
	}
	return "it is tried again, " + when
}

// asked is another revision that was rejected, and of which a person has asked for a try that has not begun; empty where there is none.
func (s subject) asked() string {
	value := s.r.Annotations[naming.AnnotationRetry]
	revision, _, _ := strings.Cut(value, "/")
	if x := rollout.Rejection(&s.r.Status, v1alpha1.Revision(revision)); x == nil || revision == s.revision || x.Retry == value {
		return ""
	}
	return revision
}

// wouldDrop says what a retry would throw away.
func (s subject) wouldDrop() error {
	text := fmt.Sprintf("revision %s is being tried: %s", s.revision, s.loss())
	switch s.standing {
	case standsPaused:
		text = fmt.Sprintf("revision %s is paused: %s, and it would end the pause. %s lets it go on", s.revision, s.loss(), s.command("resume"))
	case standsPassed:
		text = fmt.Sprintf("revision %s has passed: %s. %s lets it take over", s.revision, s.loss(), s.command("promote"))
	case standsPromoting:
		text = fmt.Sprintf("revision %s has passed, and takes over, %s: %s", s.revision, s.byWhom(), s.loss())
	case standsAdvised:
		text = fmt.Sprintf("revision %s has passed, and others are told so: %s", s.revision, s.loss())
	case standsStopping:
		text = fmt.Sprintf("revision %s is to be rejected, by %s: %s. Once it is on record as rejected, a retry needs no flag", s.revision, stoppedBy(s.r, s.revision), s.loss())
	}
	return errors.New(text + "; --restart does it")
}

// loss is what was found of a candidate so far.
func (s subject) loss() string {
	switch n := s.pairs(); n {
	case 0:
		return "no request is compared yet, and a retry would only begin its time anew"
	case 1:
		return "1 request is compared, which a retry would throw away"
	default:
		return fmt.Sprintf("%d requests are compared, which a retry would throw away", n)
	}
}

// hasPassed says that the verdict on record is that it may serve.
func (s subject) hasPassed() bool {
	d := s.r.Status.Decision
	return string(d.Revision) == s.revision && d.Verdict == v1alpha1.VerdictPass
}

// pairs is on how many requests what was found of the candidate rests.
func (s subject) pairs() int64 {
	if p := s.r.Status.Candidate.Pairs; p != nil {
		return *p
	}
	return 0
}

// another is a value of the annotation that asks for a try of a revision and was not used for one.
func another(r *v1alpha1.ShadowRollout, revision string) string {
	used := []string{r.Annotations[naming.AnnotationRetry], r.Status.Candidate.Retry}
	for _, x := range r.Status.Rejected {
		used = append(used, x.Retry)
	}
	value := revision
	for n := 2; slices.Contains(used, value); n++ {
		value = fmt.Sprintf("%s/%d", revision, n)
	}
	return value
}
