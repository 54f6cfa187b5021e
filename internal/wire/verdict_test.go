// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVerdictRoundTrip(t *testing.T) {
	want := Verdict{
		VerdictHeader: VerdictHeader{
			Kind: "drift", Run: "r1", Outcome: OutcomeDrift, Rows: 12345, Coverage: 0.98, Config: "abc",
			From: time.Unix(1000, 0).UTC(), To: time.Unix(2000, 0).UTC(), Report: "reports/drift/x/report.json",
			Trial: &Trial{Rollout: "fraud", Candidate: "0123456789", Attempt: "1764230400"},
		},
		Thresholds: []ThresholdVerdict{{Threshold: "score", Segment: "atl", Outcome: OutcomeFail, Value: 0.29}},
		Pairs:      []LabelledPairs{{Counts: [4]int64{900, 12, 30, 58}}, {Segment: "atl", Counts: [4]int64{90, 2, 3, 5}}},
		Findings:   []Finding{{Segment: "atl", Statistic: "psi", Effect: 0.29, P: 1e-9, Drifted: true}},
		Metrics:    []SegmentMetrics{{Segment: "atl", Samples: 700, Metrics: map[Signal][3]float64{SignalRecall: {0.5, 0.4, 0.6}}}},
	}
	b, err := EncodeVerdict(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeVerdict(string(b))
	if err != nil {
		t.Fatal(err)
	}
	want.Estimates, want.Total, want.Digest = 1, 5, got.Digest
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVerdictNeverExceedsItsBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		v := Verdict{VerdictHeader: VerdictHeader{Kind: "drift", Outcome: OutcomeDrift, Message: strings.Repeat("é", rng.IntN(600))}}
		for i := range rng.IntN(64) {
			v.Thresholds = append(v.Thresholds, ThresholdVerdict{
				Threshold: fmt.Sprintf("t%d-%s", i, strings.Repeat("x", rng.IntN(60))), Outcome: OutcomePass, Value: rng.Float64(),
			})
		}
		for range rng.IntN(33) {
			v.Pairs = append(v.Pairs, LabelledPairs{Segment: "s", Counts: [4]int64{rng.Int64N(1e6)}})
		}
		for range rng.IntN(64) {
			v.Findings = append(v.Findings, Finding{Feature: "f", Segment: "s", Statistic: "psi", Effect: rng.Float64()})
		}
		for range rng.IntN(64) {
			v.Metrics = append(v.Metrics, SegmentMetrics{Segment: "s", Samples: 1000, Metrics: map[Signal][3]float64{SignalAUC: {rng.Float64(), 0, 1}}})
		}
		b, err := EncodeVerdict(v)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > MaxVerdictBytes {
			t.Fatalf("a verdict of %d bytes", len(b))
		}
		got, err := DecodeVerdict(string(b))
		if err != nil {
			t.Fatal(err)
		}
		if want := len(v.Thresholds) + len(v.Pairs) + len(v.Findings) + len(v.Metrics); got.Total != want {
			t.Errorf("total %d, want %d", got.Total, want)
		}
		if got.Estimates != len(v.Metrics) {
			t.Errorf("%d estimates in all, want %d, of which %d are left", got.Estimates, len(v.Metrics), len(got.Metrics))
		}
		if n := len(got.Thresholds); n > 0 && cmp.Diff(v.Thresholds[:n], got.Thresholds) != "" {
			t.Error("the lines that were kept are not the first ones")
		}
	}
}

// Of many thresholds that hold, lines are cut before the pairs of a trial are: without these it has no verdict.
func TestPairsOfATrialAreKeptBeforeThresholdsThatHold(t *testing.T) {
	v := Verdict{VerdictHeader: VerdictHeader{Kind: "performance", Outcome: OutcomeViolated, Message: strings.Repeat("m", 400), Trial: &Trial{"fraud", "0123456789", "1764230400"}}}
	v.Thresholds = []ThresholdVerdict{{Threshold: "recall", Outcome: OutcomeFail}}
	for i := range 99 {
		v.Thresholds = append(v.Thresholds, ThresholdVerdict{Threshold: fmt.Sprint("holds-", i), Outcome: OutcomePass, Value: 0.123456})
	}
	for i := range 25 {
		v.Pairs = append(v.Pairs, LabelledPairs{Segment: fmt.Sprint("segment-", i), Counts: [4]int64{91234, 1234, 2345, 567}})
	}
	b, err := EncodeVerdict(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeVerdict(string(b))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Pairs) != len(v.Pairs) || len(got.Thresholds) == 0 || got.Thresholds[0].Outcome != OutcomeFail || len(got.Thresholds) == len(v.Thresholds) {
		t.Errorf("%d pairs and %d thresholds are left", len(got.Pairs), len(got.Thresholds))
	}
}

// However much is violated, the pairs of all traffic are told; those of segments come behind.
func TestPairsOfAllTrafficAreKeptBeforeThresholdsThatAreViolated(t *testing.T) {
	v := Verdict{VerdictHeader: VerdictHeader{Kind: "performance", Outcome: OutcomeViolated, Message: strings.Repeat("m", 400), Trial: &Trial{"fraud", "0123456789", "1764230400"}}}
	for i := range 40 {
		v.Thresholds = append(v.Thresholds, ThresholdVerdict{Threshold: fmt.Sprint("violated-", i), Segment: "segment", Outcome: OutcomeFail, Value: 0.123456})
	}
	v.Pairs = []LabelledPairs{{Counts: [4]int64{91234, 1234, 2345, 567}}, {Segment: "segment", Counts: [4]int64{9123, 123, 234, 56}}}
	b, err := EncodeVerdict(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeVerdict(string(b))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v.Pairs[:1], got.Pairs); diff != "" || len(got.Thresholds) == 0 || len(got.Thresholds) == len(v.Thresholds) {
		t.Errorf("%d thresholds are left, and the pairs\n%s", len(got.Thresholds), diff)
	}
}

func TestDecodeVerdictRefusesWhatIsNoVerdict(t *testing.T) {
	whole, _ := EncodeVerdict(Verdict{
		VerdictHeader: VerdictHeader{Kind: "drift", Outcome: OutcomeStable},
		Findings:      []Finding{{Statistic: "psi"}},
	})
	for name, text := range map[string]string{
		"nothing":           "",
		"a panic":           "panic: runtime error",
		"a cut verdict":     string(whole[:len(whole)-5]),
		"a changed verdict": strings.Replace(string(whole), `"k":"psi"`, `"k":"ks"`, 1),
		"a broken header":   "vedette/1 {",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := DecodeVerdict(text); !errors.Is(err, ErrNoVerdict) {
				t.Errorf("error %v, want ErrNoVerdict", err)
			}
		})
	}
}

func FuzzDecodeVerdict(f *testing.F) {
	whole, _ := EncodeVerdict(Verdict{Findings: []Finding{{Statistic: "psi"}}})
	f.Add(string(whole))
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = DecodeVerdict(text)
	})
}
