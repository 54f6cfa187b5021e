// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// TestFalseAlarmsAreAsRareAsTheRateAllows runs clean windows against clean references, with any effect large enough to
// matter, so that the evidence alone decides. Benjamini-Hochberg at q then alarms in at most the share q of the runs. The
// bound is that of a binomial whose chance of exceeding it is 1e-4, and the seed is fixed.
func TestFalseAlarmsAreAsRareAsTheRateAllows(t *testing.T) {
	const runs, q = 100, 0.05
	features := testConfig().Schema.Features
	e := &Env{Config: testConfig()}
	l := limits{minRows: 100, effect: 1e-12, q: q, covered: true}
	rng := rand.New(rand.NewPCG(20010601, 1))
	draw := func(int) record.Row { return flight(rng, false) }
	alarms, tests := 0, 0
	for range runs {
		p := newProfiler(features)
		for range 2_500 {
			r := draw(0)
			if err := p.observe(&r); err != nil {
				t.Fatal(err)
			}
		}
		reference, err := p.tally()
		if err != nil {
			t.Fatal(err)
		}
		current := newTally(1)
		for _, s := range traffic(e, lastHour, 1_000, draw) {
			current.add(0, s)
		}
		results := comparisons(reference, current)
		judge(results, l)
		alarm := false
		for _, r := range results {
			alarm = alarm || r.Outcome == wire.OutcomeDrift
			if r.Outcome != wire.OutcomeInsufficient {
				tests++
			}
		}
		if alarm {
			alarms++
		}
	}
	if tests != runs*3*6 {
		t.Fatalf("%d series were judged, want all of %d", tests, runs*3*6)
	}
	bound := 0
	for (distuv.Binomial{N: runs, P: q}).CDF(float64(bound)) < 1-1e-4 {
		bound++
	}
	if alarms > bound {
		t.Errorf("%d of %d clean windows alarmed, at most %d are within the rate", alarms, runs, bound)
	}
	t.Logf("%d of %d clean windows alarmed, at most %d are within the rate", alarms, runs, bound)
}

// result is a Result that drifts, unless it is changed.
func result(change func(*Result)) Result {
	r := Result{
		Feature: "x", RowsReference: 10_000, Rows: 10_000, PSI: 0.5, PSIRaw: 0.5, Phi: 1, P: 1e-9, PAdjusted: nan,
		Missing: noShare, Invalid: noShare, NewCategories: noShare,
	}
	r.Missing.Current, r.Invalid.Current = 0.2, 0
	if change != nil {
		change(&r)
	}
	return r
}

var testLimits = limits{minRows: 300, effect: 0.1, q: 0.05, covered: true}

func TestJudgeNeedsAllPartsOfTheRule(t *testing.T) {
	uncovered := testLimits
	uncovered.covered = false
	cases := map[string]struct {
		result Result
		limits limits
		want   wire.Outcome
		reason string
	}{
		"rows, coverage, effect and evidence": {result(nil), testLimits, wire.OutcomeDrift, ""},
		"an effect that is too small":         {result(func(r *Result) { r.PSI = 0.09 }), testLimits, wire.OutcomeStable, ""},
		"no evidence":                         {result(func(r *Result) { r.P = 0.3 }), testLimits, wire.OutcomeStable, ""},
		"too few rows":                        {result(func(r *Result) { r.Rows = 299 }), testLimits, wire.OutcomeInsufficient, ReasonTooFewRows},
		"too small a reference":               {result(func(r *Result) { r.RowsReference = 299 }), testLimits, wire.OutcomeInsufficient, ReasonTooFewRows},
		"no reference":                        {result(func(r *Result) { r.RowsReference = 0 }), testLimits, wire.OutcomeInsufficient, ReasonBaselineMissing},
		"too little coverage":                 {result(nil), uncovered, wire.OutcomeInsufficient, ReasonCoverageTooLow},
		"an effect that is NaN":               {result(func(r *Result) { r.PSI = nan }), testLimits, wire.OutcomeInsufficient, ReasonError},
		"evidence that is NaN":                {result(func(r *Result) { r.P = nan }), testLimits, wire.OutcomeInsufficient, ReasonError},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			results := []Result{c.result}
			judge(results, c.limits)
			if got := results[0]; got.Outcome != c.want || got.Reason != c.reason {
				t.Errorf("%s %q, want %s %q", got.Outcome, got.Reason, c.want, c.reason)
			}
		})
	}
}

func TestThresholds(t *testing.T) {
	calm := func(r *Result) { r.PSI, r.P = 0.01, 0.9 }
	few := func(r *Result) { r.Rows = 10 }
	named := func(name string, change func(*Result)) Result {
		return result(func(r *Result) {
			if change != nil {
				change(r)
			}
			r.Feature = name
		})
	}
	drift := wire.Threshold{Name: "t", Signal: wire.SignalFeatureDrift, Max: new(0.2)}
	withFeatures := func(names ...string) wire.Threshold { d := drift; d.Features = names; return d }
	cases := map[string]struct {
		threshold wire.Threshold
		results   []Result
		want      wire.Outcome
		feature   string
	}{
		"one feature beyond the bound fails":          {drift, []Result{named("a", calm), named("b", nil)}, wire.OutcomeFail, "b"},
		"beyond the bound without evidence passes":    {drift, []Result{named("a", func(r *Result) { r.P = 0.5 })}, wire.OutcomePass, "a"},
		"all calm passes":                             {drift, []Result{named("a", calm), named("b", calm)}, wire.OutcomePass, "a"},
		"one that cannot be told keeps from passing":  {drift, []Result{named("a", calm), named("b", few)}, wire.OutcomeInconclusive, "b"},
		"a failure outweighs one that cannot be told": {drift, []Result{named("a", few), named("b", nil)}, wire.OutcomeFail, "b"},
		"no data never passes":                        {drift, nil, wire.OutcomeInconclusive, ""},
		"a feature without a baseline is no subject":  {drift, []Result{named("a", calm), named("b", func(r *Result) { r.RowsReference = 0 })}, wire.OutcomePass, "a"},
		"unless the threshold names it":               {withFeatures("a", "b"), []Result{named("a", calm), named("b", func(r *Result) { r.RowsReference, r.PSI = 0, nan })}, wire.OutcomeInconclusive, "a"},
		"a named feature that is nowhere":             {withFeatures("a", "gone"), []Result{named("a", calm)}, wire.OutcomeInconclusive, "a"},
		"features that are not named do not count":    {withFeatures("a"), []Result{named("a", calm), named("b", nil)}, wire.OutcomePass, "a"},
		"the prediction is no feature":                {drift, []Result{named("a", calm), named("_score", nil)}, wire.OutcomePass, "a"},
		"fewer samples than the threshold wants":      {wire.Threshold{Name: "t", Signal: wire.SignalFeatureDrift, Max: new(0.2), MinSamples: 20_000}, []Result{named("a", nil)}, wire.OutcomeInconclusive, "a"},
		"the prediction's threshold sees only it":     {wire.Threshold{Name: "t", Signal: wire.SignalPredictionDrift, Max: new(0.2)}, []Result{named("a", nil), named("_score", calm)}, wire.OutcomePass, ""},
		"missing values need no baseline":             {wire.Threshold{Name: "t", Signal: wire.SignalMissingRatio, Max: new(0.1)}, []Result{named("a", func(r *Result) { r.RowsReference, r.PSI = 0, nan })}, wire.OutcomeFail, "a"},
		"missing values need rows":                    {wire.Threshold{Name: "t", Signal: wire.SignalMissingRatio, Max: new(0.1)}, []Result{named("a", few)}, wire.OutcomeInconclusive, "a"},
		"a share of missing values within the bound":  {wire.Threshold{Name: "t", Signal: wire.SignalMissingRatio, Max: new(0.3)}, []Result{named("a", nil)}, wire.OutcomePass, "a"},
		"invalid values count as missing ones":        {wire.Threshold{Name: "t", Signal: wire.SignalMissingRatio, Max: new(0.3)}, []Result{named("a", func(r *Result) { r.Missing.Current, r.Invalid.Current = 0.2, 0.2 })}, wire.OutcomeFail, "a"},
		"a value below a least one that is wanted":    {wire.Threshold{Name: "t", Signal: wire.SignalMissingRatio, Min: new(0.5)}, []Result{named("a", nil)}, wire.OutcomeFail, "a"},
		"a share of missing values that is not a number": {wire.Threshold{Name: "t", Signal: wire.SignalMissingRatio, Max: new(0.3)},
			[]Result{named("a", func(r *Result) { r.Missing.Current = nan })}, wire.OutcomeInconclusive, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			judge(c.results, testLimits)
			config := wire.Config{Thresholds: []wire.Threshold{c.threshold}}
			got := evaluate(config, c.results, testLimits)
			if len(got) != 1 || got[0].Outcome != c.want || got[0].Feature != c.feature {
				t.Errorf("verdict %+v, want %s of %q", got, c.want, c.feature)
			}
		})
	}
}

func TestVerdictsOfAnySizeFitAndTellViolationsFirst(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 11))
	for range 100 {
		var config wire.Config
		var results []Result
		for i := range rng.IntN(32) {
			segment := fmt.Sprintf("segment-%d-%s", i, strings.Repeat("s", rng.IntN(40)))
			config.Segments = append(config.Segments, wire.Segment{Name: segment})
			for j := range 1 + rng.IntN(30) {
				results = append(results, result(func(r *Result) {
					r.Segment, r.Feature = segment, fmt.Sprintf("feature_%d_%s", j, strings.Repeat("f", rng.IntN(40)))
					r.PSI, r.P = Float(rng.ExpFloat64()), Float(rng.Float64()*rng.Float64()*0.1)
					r.Rows = rng.Int64N(1_000)
				}))
			}
		}
		for i := range 1 + rng.IntN(8) {
			config.Thresholds = append(config.Thresholds, wire.Threshold{Name: fmt.Sprint("t", i), Signal: wire.SignalFeatureDrift, Max: new(rng.Float64())})
		}
		judge(results, testLimits)
		report := &DriftReport{Results: results}
		thresholds := evaluate(config, results, testLimits)
		report.conclude()
		text, err := wire.EncodeVerdict(report.verdict(&Env{Config: config, Run: "run"}, "reports/drift/x", thresholds))
		if err != nil || len(text) > wire.MaxVerdictBytes {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		read, err := wire.DecodeVerdict(string(text))
		if err != nil {
			t.Fatal(err)
		}
		passed := false
		for _, v := range read.Thresholds {
			if v.Outcome == wire.OutcomeFail && passed {
				t.Fatal("a violation comes after what passed")
			}
			passed = passed || v.Outcome == wire.OutcomePass
		}
	}
}
