// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"
	"time"
)

// Action is the one thing to do next.
type Action string

// The actions.
const (
	// Bootstrap makes the primary from the template: nothing serves yet.
	Bootstrap Action = "Bootstrap"
	// Wait leaves everything as it is: a watch tells when to go on.
	Wait Action = "Wait"
	// Idle removes the shadow: there is nothing to try.
	Idle Action = "Idle"
	// Shelve removes the shadow of a candidate that is not to be tried any more.
	Shelve Action = "Shelve"
	// StartShadow makes the shadow run the template, with evidence that begins now.
	StartShadow Action = "StartShadow"
	// Evaluate reads the evidence when that is due, and judges it.
	Evaluate Action = "Evaluate"
	// AwaitApproval waits for a person: the candidate has passed.
	AwaitApproval Action = "AwaitApproval"
	// RecordPromotion writes down what is to be promoted, and what serves until then. Nothing else happens in that pass.
	RecordPromotion Action = "RecordPromotion"
	// Promote makes the primary run what is written down.
	Promote Action = "Promote"
	// RecordRejection writes down that a revision is not to serve, and why.
	RecordRejection Action = "RecordRejection"
	// Bake watches the new primary.
	Bake Action = "Bake"
	// RollBack makes the primary run the revision that served before.
	RollBack Action = "RollBack"
	// FinishBake ends the watch: the new primary is the good one.
	FinishBake Action = "FinishBake"
)

// Observed is what is so. Revisions are those that the workloads themselves carry, so that a manager that was killed goes on where
// it stopped.
type Observed struct {
	// Template is the revision that is wanted; empty where it cannot be known, as something that it names is missing.
	Template string
	// Primary and Shadow are the revisions that run; empty where there is no such workload.
	Primary, Shadow string
	// PrimarySettled says that all pods of the primary run its revision and are available; PrimaryFailed that they do not come up.
	PrimarySettled, PrimaryFailed bool
	ShadowAvailable               bool
	Now                           time.Time
	Record
	Asked
}

// Record is what was written down in status.
type Record struct {
	// Candidate is the revision that is tried, since Start.
	Candidate string
	Start     time.Time
	// Passed is the revision that the last decision found fit; empty when it found none. Outdated says that it was found by another
	// analysis than the one that is specified now.
	Passed   string
	Outdated bool
	// Rejected are the revisions that are not to serve.
	Rejected []string
	// Baking is the revision that was promoted, or is about to be; Previous the one that it takes over from. BakeStart is when all of
	// its pods were up.
	Baking, Previous string
	BakeStart        time.Time
}

// Asked is what people ask for, each by naming a revision.
type Asked struct {
	// Approved may serve once it has passed; Reject must not serve; Abort stops what goes on with a revision, as Reject does;
	// Paused is left as it is; Retry is to be tried again, and was not since that was asked for.
	Approved, Reject, Abort, Paused, Retry string
}

// Policy is what the rollout says.
type Policy struct {
	// Automatic promotes without a person; Advise never promotes.
	Automatic, Advise bool
	// Deadline is how long a candidate is tried.
	Deadline time.Duration
	// Bake is how long a new primary is watched. AutomaticRollBack says that what fails in that time is undone.
	Bake              time.Duration
	AutomaticRollBack bool
	// BakeFailed says that a threshold that is watched is violated now.
	BakeFailed bool
	// BakeBlind says that it is not known whether one is.
	BakeBlind bool
}

// rule is one line of the decision: the first whose condition holds decides.
type rule struct {
	because string
	when    func(Observed, Policy) bool
	then    Action
}

// rules are tried in order. Those of the bake come first: what serves is worth more than what is tried.
var rules = []rule{
	{"the template names what does not exist", func(o Observed, _ Policy) bool { return o.Primary == "" && o.Template == "" }, Wait},
	{"nothing serves yet", func(o Observed, _ Policy) bool { return o.Primary == "" }, Bootstrap},

	{"what serves was rejected", func(o Observed, _ Policy) bool { return o.Promoted() && slices.Contains(o.Rejected, o.Primary) }, RollBack},
	{"taken back by a person", func(o Observed, _ Policy) bool { return o.Promoted() && o.named(o.Primary) }, RecordRejection},
	{"it does not hold in service", func(o Observed, p Policy) bool {
		return o.Promoted() && p.AutomaticRollBack && (p.BakeFailed || o.PrimaryFailed)
	}, RecordRejection},
	{"the new primary rolls out", func(o Observed, _ Policy) bool { return o.Promoted() && !o.PrimarySettled }, Wait},
	{"the new primary has served long enough", func(o Observed, p Policy) bool {
		return o.Promoted() && !p.BakeFailed && !p.BakeBlind && !o.BakeStart.IsZero() && o.Now.Sub(o.BakeStart) >= p.Bake
	}, FinishBake},
	{"the new primary is watched", func(o Observed, _ Policy) bool { return o.Promoted() }, Bake},

	{"the template names what does not exist", func(o Observed, _ Policy) bool { return o.Template == "" }, Wait},
	{"the template serves", func(o Observed, _ Policy) bool { return o.Template == o.Primary }, Idle},
	{"a person wants it tried again", func(o Observed, _ Policy) bool { return o.Retry == o.Template }, StartShadow},
	{"the template was rejected", func(o Observed, _ Policy) bool { return slices.Contains(o.Rejected, o.Template) }, Shelve},
	{"a person rejects it", func(o Observed, _ Policy) bool { return o.named(o.Template) }, RecordRejection},
	{"it is paused", func(o Observed, _ Policy) bool { return o.Paused == o.Template }, Wait},
	// It was found fit by what was asked when that was written down, and goes on: half of it may be done.
	{"its promotion is written down", func(o Observed, p Policy) bool {
		return o.passed() && !p.Advise && o.Baking == o.Template && o.Previous == o.Primary
	}, Promote},
	{"it has passed and may serve", func(o Observed, p Policy) bool {
		return o.fit() && !p.Advise && (p.Automatic || o.Approved == o.Template)
	}, RecordPromotion},
	{"it has passed", func(o Observed, _ Policy) bool { return o.fit() }, AwaitApproval},
	{"its time is over", func(o Observed, p Policy) bool { return o.tried() && o.Now.Sub(o.Start) >= p.Deadline }, Shelve},
	{"the primary is not up", func(o Observed, _ Policy) bool { return !o.PrimarySettled }, Wait},
	{"the shadow does not run it yet", func(o Observed, _ Policy) bool { return o.Shadow != o.Template || !o.tried() }, StartShadow},
	{"the shadow is not up", func(o Observed, _ Policy) bool { return !o.ShadowAvailable }, Wait},
}

// Decide returns what to do next, and why.
func Decide(o Observed, p Policy) (Action, string) {
	for _, r := range rules {
		if r.when(o, p) {
			return r.then, r.because
		}
	}
	return Evaluate, "evidence is being gathered"
}

// Promoted says that what serves is what was promoted last, and is still watched.
func (o Observed) Promoted() bool { return o.Baking != "" && o.Baking == o.Primary }

// tried says that the candidate on record is the template.
func (o Observed) tried() bool { return o.Template != "" && o.Candidate == o.Template }

// passed says that a decision on record found the template fit, in the try on record.
func (o Observed) passed() bool { return o.tried() && o.Passed == o.Template }

// fit says that it did so by the analysis that is specified now.
func (o Observed) fit() bool { return o.passed() && !o.Outdated }

// named says that a person stops the revision.
func (o Observed) named(revision string) bool { return o.Reject == revision || o.Abort == revision }
