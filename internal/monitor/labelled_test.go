// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestLabelledPairsOfATrialAreRecorded(t *testing.T) {
	trial := &wire.Trial{Rollout: "fraud", Candidate: "abcdef0123", Attempt: "1764230400"}
	run := func(job string, finished int64, outcome wire.Outcome, trial *wire.Trial, pairs ...wire.LabelledPairs) Run {
		return Run{Kind: KindPerformance, Job: job, Finished: at(finished), Message: encode(t, wire.Verdict{
			VerdictHeader: wire.VerdictHeader{Kind: KindPerformance, Outcome: outcome, Trial: trial}, Pairs: pairs,
		})}
	}
	count := func(segment v1alpha1.ItemName, both, primary, shadow, neither int64) v1alpha1.SegmentPairs {
		return v1alpha1.SegmentPairs{Segment: segment, BothCorrect: &both, OnlyPrimaryCorrect: &primary, OnlyShadowCorrect: &shadow, NeitherCorrect: &neither}
	}
	var s v1alpha1.ModelMonitorStatus
	recorded := func(want v1alpha1.LabelledPairs) {
		t.Helper()
		if diff := cmp.Diff(want, LastRun(s.Analyses, v1alpha1.AnalysisRunPerformance).LabelledPairs); diff != "" {
			t.Error(diff)
		}
	}
	// That the window of the run has too few labels says nothing about the trial, which has a time of its own.
	Record(&s, run("a", 1, wire.OutcomeInsufficient, trial,
		wire.LabelledPairs{Counts: [4]int64{90, 1, 2, 7}}, wire.LabelledPairs{Segment: "atl", Counts: [4]int64{9, 0, 0, 1}}))
	want := v1alpha1.LabelledPairs{
		RolloutName: "fraud", Revision: "abcdef0123", Attempt: 1764230400,
		Segments: []v1alpha1.SegmentPairs{count("all", 90, 1, 2, 7), count("atl", 9, 0, 0, 1)},
	}
	recorded(want)
	Record(&s, Run{Kind: KindPerformance, Job: "lost", Finished: at(2)})
	recorded(want)
	Record(&s, run("failed", 3, wire.OutcomeFailed, nil))
	recorded(want)
	Record(&s, run("after", 4, wire.OutcomeStable, nil))
	recorded(want)
	Record(&s, run("next", 5, wire.OutcomeStable, &wire.Trial{Rollout: "fraud", Candidate: "abcdef0123", Attempt: "1764233333"}))
	recorded(v1alpha1.LabelledPairs{RolloutName: "fraud", Revision: "abcdef0123", Attempt: 1764233333})
}

func TestOfLabelledPairsWhatTheAPIWouldRefuseIsLeftOut(t *testing.T) {
	good := wire.Trial{Rollout: "fraud", Candidate: "abcdef0123", Attempt: "1764230400"}
	for name, change := range map[string]func(*wire.Trial){
		"a rollout that is no name":     func(t *wire.Trial) { t.Rollout = "No Name" },
		"a candidate that is no hash":   func(t *wire.Trial) { t.Candidate = "v2" },
		"an attempt that is no number":  func(t *wire.Trial) { t.Attempt = "soon" },
		"an attempt that never started": func(t *wire.Trial) { t.Attempt = "0" },
	} {
		trial := good
		change(&trial)
		if got := labelledPairs(wire.Verdict{VerdictHeader: wire.VerdictHeader{Trial: &trial}}); got.Attempt != 0 || got.RolloutName != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	pairs := []wire.LabelledPairs{{}, {}, {Segment: "all"}, {Segment: "No Name"}, {Segment: "bad", Counts: [4]int64{0, -1}}}
	for i := range 50 {
		pairs = append(pairs, wire.LabelledPairs{Segment: fmt.Sprint("s", i)})
	}
	got := labelledPairs(wire.Verdict{VerdictHeader: wire.VerdictHeader{Trial: &good}, Pairs: pairs})
	if len(got.Segments) != 33 || got.Segments[0].Segment != "all" || got.Segments[1].Segment != "s0" {
		t.Errorf("%d segments: %+v", len(got.Segments), got.Segments)
	}
}
