// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// trying is a candidate "b" that is tried beside a primary "a"; each test changes what it is about.
func trying(change ...func(*Observed)) Observed {
	o := Observed{
		Template: "b", Primary: "a", Shadow: "b", PrimarySettled: true, ShadowAvailable: true, Now: start.Add(time.Hour),
		Record: Record{Candidate: "b", Start: start},
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// baked is the same after the promotion.
func baked(change ...func(*Observed)) Observed {
	return trying(append([]func(*Observed){func(o *Observed) {
		o.Primary, o.Passed, o.Baking, o.Previous, o.BakeStart = "b", "b", "b", "a", start.Add(30*time.Minute)
	}}, change...)...)
}

func TestDecide(t *testing.T) {
	manual := Policy{Deadline: 3 * time.Hour, Bake: time.Hour, AutomaticRollBack: true}
	automatic, advise := manual, manual
	automatic.Automatic, advise.Advise = true, true
	failing := automatic
	failing.BakeFailed = true
	byHand, blind := failing, automatic
	blind.BakeBlind = true
	byHand.AutomaticRollBack = false
	passed := func(o *Observed) { o.Passed = "b" }
	outdated := func(o *Observed) { o.Outdated = true }
	recorded := func(o *Observed) { o.Passed, o.Baking, o.Previous = "b", "b", "a" }

	for name, tt := range map[string]struct {
		o    Observed
		p    Policy
		want Action
	}{
		"nothing serves yet":                             {Observed{Template: "a"}, manual, Bootstrap},
		"nothing serves yet, and a ConfigMap is missing": {Observed{}, manual, Wait},
		"the template serves":                            {trying(func(o *Observed) { o.Template = "a" }), manual, Idle},
		"a ConfigMap went missing":                       {trying(func(o *Observed) { o.Template = "" }), automatic, Wait},

		"the shadow is missing":                                  {trying(func(o *Observed) { o.Shadow = "" }), manual, StartShadow},
		"the shadow runs the candidate before":                   {trying(func(o *Observed) { o.Shadow = "x"; o.Candidate = "x" }), manual, StartShadow},
		"the manager died before it wrote the candidate down":    {trying(func(o *Observed) { o.Candidate = "" }), manual, StartShadow},
		"a candidate waits until the primary is up":              {trying(func(o *Observed) { o.Shadow, o.PrimarySettled = "", false }), manual, Wait},
		"a shadow that cannot be scheduled is waited for":        {trying(func(o *Observed) { o.ShadowAvailable = false }), manual, Wait},
		"evidence is gathered":                                   {trying(), automatic, Evaluate},
		"the deadline comes without a verdict":                   {trying(func(o *Observed) { o.Now = start.Add(3 * time.Hour) }), automatic, Shelve},
		"the deadline comes for a shadow that never came up":     {trying(func(o *Observed) { o.Now = start.Add(3 * time.Hour); o.ShadowAvailable = false }), automatic, Shelve},
		"the deadline does not matter to one that has passed":    {trying(passed, func(o *Observed) { o.Now = start.Add(9 * time.Hour) }), manual, AwaitApproval},
		"one that has passed waits for a person":                 {trying(passed), manual, AwaitApproval},
		"one that has passed, with advice only":                  {trying(passed, func(o *Observed) { o.Approved = "b" }), advise, AwaitApproval},
		"approval of another revision is none":                   {trying(passed, func(o *Observed) { o.Approved = "a" }), manual, AwaitApproval},
		"approval":                                               {trying(passed, func(o *Observed) { o.Approved = "b" }), manual, RecordPromotion},
		"approval without a verdict does nothing":                {trying(func(o *Observed) { o.Approved = "b" }), manual, Evaluate},
		"a pass of another revision is none":                     {trying(func(o *Observed) { o.Passed = "x" }), automatic, Evaluate},
		"automatic":                                              {trying(passed), automatic, RecordPromotion},
		"what is written down is done":                           {trying(recorded), automatic, Promote},
		"what was written down for another primary is not":       {trying(recorded, func(o *Observed) { o.Previous = "x" }), automatic, RecordPromotion},
		"the shadow may be gone by then":                         {trying(recorded, func(o *Observed) { o.Shadow = "" }), automatic, Promote},
		"approval that was taken back after it was written down": {trying(recorded), manual, Promote},
		"a pause holds a promotion up":                           {trying(recorded, func(o *Observed) { o.Paused = "b" }), automatic, Wait},
		"a pause of another revision does not":                   {trying(recorded, func(o *Observed) { o.Paused = "a" }), automatic, Promote},
		"its analysis was changed since it has passed":           {trying(passed, outdated), automatic, Evaluate},
		"and it was approved with that":                          {trying(passed, outdated, func(o *Observed) { o.Approved = "b" }), manual, Evaluate},
		"and nobody promotes it here":                            {trying(passed, outdated), advise, Evaluate},
		"and its time is over":                                   {trying(passed, outdated, func(o *Observed) { o.Now = start.Add(3 * time.Hour) }), automatic, Shelve},
		"and its promotion was written down before that":         {trying(recorded, outdated), manual, Promote},
		"and its shadow is gone":                                 {trying(passed, outdated, func(o *Observed) { o.Shadow = "" }), automatic, StartShadow},
		"a person rejects":                                       {trying(passed, func(o *Observed) { o.Reject = "b" }), automatic, RecordRejection},
		"a person aborts":                                        {trying(func(o *Observed) { o.Abort = "b" }), automatic, RecordRejection},
		"a person rejects another revision":                      {trying(func(o *Observed) { o.Reject = "a" }), automatic, Evaluate},
		"a person wants a rejected one tried again":              {trying(passed, func(o *Observed) { o.Rejected, o.Retry = []string{"b"}, "b" }), automatic, StartShadow},
		"what serves is not tried again":                         {trying(func(o *Observed) { o.Template, o.Retry = "a", "a" }), automatic, Idle},
		"the template was rejected":                              {trying(passed, func(o *Observed) { o.Rejected = []string{"b"} }), automatic, Shelve},

		"the new primary rolls out":                       {baked(func(o *Observed) { o.PrimarySettled = false }), automatic, Wait},
		"the new primary is watched":                      {baked(), automatic, Bake},
		"its analysis is changed while it is watched":     {baked(outdated), automatic, Bake},
		"the watch begins when all pods are up":           {baked(func(o *Observed) { o.BakeStart = time.Time{} }), automatic, Bake},
		"it has served long enough":                       {baked(func(o *Observed) { o.Now = start.Add(90 * time.Minute) }), automatic, FinishBake},
		"nobody knows whether it holds":                   {baked(func(o *Observed) { o.Now = start.Add(9 * time.Hour) }), blind, Bake},
		"it fails in service":                             {baked(), failing, RecordRejection},
		"it fails in service, and people roll back":       {baked(), byHand, Bake},
		"one that fails never becomes the good one":       {baked(func(o *Observed) { o.Now = start.Add(9 * time.Hour) }), byHand, Bake},
		"its pods do not come up":                         {baked(func(o *Observed) { o.PrimarySettled, o.PrimaryFailed = false, true }), automatic, RecordRejection},
		"what was rejected in service goes back":          {baked(func(o *Observed) { o.Rejected = []string{"b"} }), automatic, RollBack},
		"a person wants the old one back":                 {baked(func(o *Observed) { o.Abort = "b" }), byHand, RecordRejection},
		"after the way back, the rejected one is shelved": {baked(func(o *Observed) { o.Primary, o.Rejected = "a", []string{"b"} }), automatic, Shelve},
		"a new template waits for the end of the watch":   {baked(func(o *Observed) { o.Template = "c" }), automatic, Bake},
	} {
		t.Run(name, func(t *testing.T) {
			if got, because := Decide(tt.o, tt.p); got != tt.want {
				t.Errorf("%s because %s, want %s", got, because, tt.want)
			}
		})
	}
}

// No sequence of observations promotes a revision that has no recorded pass of its own, or one that was rejected.
func TestOnlyWhatWasVettedIsPromoted(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	revisions := []string{"", "a", "b", "c"}
	any := func() string { return revisions[r.IntN(len(revisions))] }
	acted := map[Action]int{}
	for range 500_000 {
		o := Observed{
			Template: any(), Primary: any(), Shadow: any(),
			PrimarySettled: r.IntN(2) == 0, PrimaryFailed: r.IntN(4) == 0, ShadowAvailable: r.IntN(2) == 0,
			Now: start.Add(time.Duration(r.IntN(10)) * time.Hour),
			Record: Record{
				Candidate: any(), Start: start, Passed: any(), Outdated: r.IntN(2) == 0, Rejected: []string{any(), any()}[:r.IntN(3)],
				Baking: any(), Previous: any(), BakeStart: start.Add(time.Duration(r.IntN(3)) * time.Hour),
			},
			Asked: Asked{Approved: any(), Reject: any(), Abort: any(), Paused: any(), Retry: any()},
		}
		p := Policy{
			Automatic: r.IntN(2) == 0, Advise: r.IntN(3) == 0, Deadline: 3 * time.Hour, Bake: time.Hour,
			AutomaticRollBack: r.IntN(2) == 0, BakeFailed: r.IntN(4) == 0,
		}
		action, because := Decide(o, p)
		acted[action]++
		switch action {
		case RecordPromotion, Promote:
			if o.Template == "" || o.Passed != o.Template || o.Candidate != o.Template || slices.Contains(o.Rejected, o.Template) || p.Advise {
				t.Fatalf("%s of %q because %s: %+v under %+v", action, o.Template, because, o, p)
			}
			if action == Promote && (o.Baking != o.Template || o.Previous != o.Primary) {
				t.Fatalf("a promotion that is not written down: %+v", o)
			}
			if action == RecordPromotion && o.Outdated {
				t.Fatalf("a promotion by another analysis: %+v", o)
			}
		case RollBack:
			if o.Baking != o.Primary || !slices.Contains(o.Rejected, o.Primary) {
				t.Fatalf("a way back that is not written down: %+v", o)
			}
		case Bootstrap:
			if o.Primary != "" || o.Template == "" {
				t.Fatalf("a primary is overwritten: %+v", o)
			}
		}
	}
	for _, a := range []Action{Bootstrap, Wait, Idle, Shelve, StartShadow, Evaluate, AwaitApproval, RecordPromotion, Promote, RecordRejection, Bake, RollBack, FinishBake} {
		if acted[a] == 0 {
			t.Errorf("%s never came up: this test shows little", a)
		}
	}
}
