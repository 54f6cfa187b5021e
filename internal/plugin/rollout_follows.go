// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// promotes says what follows from a promotion, or why nothing does and how it could.
func promotes(s subject) (string, error) {
	if advises(s.r) && s.standing != standsUnknown {
		return "", s.onlyAdvises()
	}
	switch s.standing {
	case standsPassed:
		return "it takes over from what serves, and is then watched", nil
	case standsPromoting:
		return "", fmt.Errorf("revision %s takes over already, %s: %s says how far that is", s.revision, s.byWhom(), s.command("status"))
	case standsServing, standsBaking:
		return "", fmt.Errorf("revision %s serves already", s.revision)
	case standsPaused:
		return "", fmt.Errorf("revision %s is paused, and is not promoted while it is: %s, and promote it once it has passed", s.revision, s.command("resume"))
	case standsLate:
		return "", fmt.Errorf("revision %s had no verdict in its time, and only what has passed is promoted: %s tries it again; "+
			"spec.mirror.percent and spec.analysis.deadline give it more requests", s.revision, s.command("retry"))
	case standsTried:
		if d := s.r.Status.Decision; string(d.Revision) == s.revision && d.Verdict == v1alpha1.VerdictPass {
			return "", fmt.Errorf("spec.analysis, or what it takes from the ModelMonitor, was changed since revision %s has passed, which is judged anew: %s says how far that is", s.revision, s.command("status"))
		}
		return "", fmt.Errorf("revision %s has not passed yet, and only what has is promoted: %s", s.revision, s.wanting())
	}
	return "", s.nothing()
}

// onlyAdvises says who promotes where the rollout does not.
func (s subject) onlyAdvises() error {
	if !rollout.Theirs(s.r) {
		return fmt.Errorf("nothing is promoted by the policy Advise: set spec.promotion.policy of %s to Manual or Automatic, or promote it where you do", s.r.Name)
	}
	ref := s.r.Spec.Candidate.WorkloadRef
	return fmt.Errorf("%s only advises, as what serves is not its own: give what serves the version of the %s %q where you roll it out", s.r.Name, ref.Kind, ref.Name)
}

// byWhom says why a candidate takes over.
func (s subject) byWhom() string {
	if by := approvedBy(s.r, s.revision); by != "" {
		return "as " + by + " names it"
	}
	if policyOf(s.r) == v1alpha1.PromotionAutomatic {
		return "by the policy Automatic"
	}
	return "as its promotion is on record"
}

// wanting says what a candidate still needs to pass.
func (s subject) wanting() string {
	c := &s.r.Status.Candidate
	if c.Pairs == nil || *c.Pairs == 0 {
		return "no request has been compared yet. " + s.command("status") + " says why"
	}
	var open []string
	var need int64
	about := "about"
	for _, f := range c.Findings {
		if f.Verdict != v1alpha1.VerdictPass {
			open = append(open, string(f.Criterion)+" in "+string(f.Segment))
			need = max(need, f.Need)
			if f.Need == 0 {
				about = "at least about" // of that nothing is known
			}
		}
	}
	if len(open) == 0 {
		return fmt.Sprintf("every criterion holds on %d requests, and the verdict comes with a later evaluation. %s says when", *c.Pairs, s.command("status"))
	}
	text := fmt.Sprintf("of %d requests it is not shown that it holds %s", *c.Pairs, strings.Join(open[:min(len(open), 4)], ", "))
	if n := len(open) - 4; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if need > 0 {
		text += fmt.Sprintf("; %s %d more must be compared", about, need)
	}
	return text + ". Wait, mirror more (spec.mirror.percent), or ask for less (spec.analysis)"
}

// stops says what follows from a rejection, and from the end of a trial: the two differ in the reason that is on record.
func stops(s subject) (string, error) {
	var follows string
	switch s.standing {
	case standsBaking:
		return fmt.Sprintf("it is taken back, and %s serves again", s.r.Status.Bake.PreviousRevision), nil
	case standsPromoting:
		follows = "it is on record as not to serve, and taken back if it has taken over by then"
	case standsLate:
		follows = "its trial was over already, and it is on record as not to serve"
	case standsTried, standsPaused, standsPassed, standsAdvised:
		follows = "its trial ends, and it is on record as not to serve"
	default:
		return "", s.nothing()
	}
	if advises(s.r) {
		follows += ". By the policy Advise nothing is taken back here: others are told that it has failed"
	}
	return follows, nil
}

// pauses says what a pause holds.
func pauses(s subject) (string, error) {
	const runsOn = "; its deadline runs on"
	switch s.standing {
	case standsTried:
		if advises(s.r) {
			return "nothing is decided, and others are told of no verdict, until it is resumed" + runsOn, nil
		}
		return "nothing is decided until it is resumed" + runsOn, nil
	case standsPassed:
		return "it has passed, and is not promoted until it is resumed", nil
	case standsPromoting:
		return "it has passed, and is not promoted until it is resumed, unless that has begun by then", nil
	case standsAdvised:
		return "it has passed, and others are told of no verdict until it is resumed", nil
	case standsPaused:
		return "", fmt.Errorf("revision %s is paused already: %s lets it go on", s.revision, s.command("resume"))
	case standsLate:
		return "", fmt.Errorf("revision %s had no verdict in its time, and nothing goes on that could be held: %s tries it again", s.revision, s.command("retry"))
	case standsBaking:
		return "", fmt.Errorf("revision %s serves already, and no pause holds the watch over it: %s takes it back while it is watched", s.revision, s.command("reject"))
	case standsServing:
		return "", fmt.Errorf("revision %s serves already: there is nothing to hold", s.revision)
	}
	return "", s.nothing()
}

// resumes says what goes on once a pause is over.
func resumes(s subject) (string, error) {
	if s.r.Annotations[naming.AnnotationPause] != s.revision {
		return "", s.notPaused()
	}
	free := s.r.DeepCopy()
	delete(free.Annotations, naming.AnnotationPause)
	switch standingOf(free, s.revision, s.now) {
	case standsTried:
		return "it goes on", nil
	case standsPassed:
		return "it has passed, and waits for its approval", nil
	case standsPromoting:
		return "it has passed, and takes over from what serves, " + s.byWhom(), nil
	case standsAdvised:
		return "it has passed, and others are told so", nil
	case standsLate:
		return "its time is over, so that it is not tried any more: " + s.command("retry") + " tries it again", nil
	}
	return "the annotation is taken away, and nothing goes on by that: " + s.nothing().Error(), nil
}

func (s subject) notPaused() error {
	if s.standing == standsUnknown {
		return s.unknown()
	}
	return fmt.Errorf("revision %s is not paused: %s says where it stands", s.revision, s.command("status"))
}

// nothing says why nothing follows from a step, and what could be done instead.
func (s subject) nothing() error {
	switch s.standing {
	case standsRejected:
		x := rollout.Rejection(&s.r.Status, v1alpha1.Revision(s.revision))
		return fmt.Errorf("revision %s was rejected (%s): %s. %s tries it again", s.revision, x.Reason, x.Message, s.command("retry"))
	case standsLeaving:
		return fmt.Errorf("revision %s is being taken back, so that %s serves again: %s says how far that is", s.revision, s.r.Status.Bake.PreviousRevision, s.command("status"))
	case standsStopping:
		return fmt.Errorf("a person has asked by %s that revision %s does not serve, which is not on record yet: %s says what that waits for; %s --restart tries it all the same",
			stoppedBy(s.r, s.revision), s.revision, s.command("status"), s.command("retry"))
	case standsReplaced:
		return fmt.Errorf("%s is of revision %s now, which was rejected, and not of revision %s: bring that back to it first", s.source(), wanted(s.r), s.revision)
	case standsBaking:
		return fmt.Errorf("revision %s serves, and is watched: %s takes it back", s.revision, s.command("reject"))
	case standsServing:
		return s.serves()
	}
	return s.unknown()
}

// serves says how to get rid of what serves, and is not watched any more.
func (s subject) serves() error {
	next := "set " + s.source() + " back to an earlier version, which is then tried like any other"
	if rollout.Theirs(s.r) {
		next = "what serves is not the rollout's own: roll it back where you roll it out"
	}
	text := fmt.Sprintf("revision %s serves, and is not watched after a promotion: %s", s.revision, next)
	if c := s.r.Status.Candidate.Revision; c != "" && string(c) != s.revision {
		return usage("%s. It is not the candidate of %s: that is %s", text, s.r.Name, c)
	}
	return errors.New(text)
}

// unknown says which revision could be meant.
func (s subject) unknown() error {
	status, w := &s.r.Status, wanted(s.r)
	switch {
	case status.Candidate.Revision != "":
		return usage("%s is not the candidate of %s: that is %s. Look at it with %s, and name it", s.revision, s.r.Name, status.Candidate.Revision, s.command("status"))
	case w != "":
		return usage("%s is not what %s wants, nor is there a candidate: %s is of revision %s, which was rejected. Look at it with %s, and name it",
			s.revision, s.r.Name, s.source(), w, s.command("status"))
	case status.PrimaryRevision == "":
		return fmt.Errorf("%s has no candidate, and nothing serves yet: %s says what it waits for", s.r.Name, s.command("status"))
	}
	return fmt.Errorf("%s has no candidate: what serves is %s, and nothing else is wanted. A change of %s makes one", s.r.Name, status.PrimaryRevision, s.source())
}
