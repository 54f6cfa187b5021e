// SPDX-License-Identifier: Apache-2.0

package criteria

import (
	"math"
	"strconv"
	"testing"
)

var (
	policy = Policy{MaxWrongPromotion: 0.05, MaxWrongRejection: 0.01, Probability: true}
	errors = Criterion{Name: "errors", Signal: ErrorRatio, MaxDifference: 0.01}
	same   = Criterion{Name: "same", Signal: Disagreement, MaxDifference: 0.01}
	p99    = Criterion{Name: "p99", Signal: LatencySeconds, Quantile: 0.99, MaxRatio: 1.2}
	score  = Criterion{Name: "score", Signal: ScoreDifference, MaxDifference: 0.01}
	shift  = Criterion{Name: "shift", Signal: ScoreShift, MaxDifference: 0.01}
	spot   = Criterion{Name: "distribution", Signal: ScoreDistribution, MaxDifference: 0.01}
	unsure = Criterion{Name: "confidence", Signal: MeanConfidence, MaxDifference: 0.01}
	spread = Criterion{Name: "entropy", Signal: MeanEntropy, MaxDifference: 0.01}
	inputs = Criterion{Name: "inputs", Signal: InvalidInputRatio, MaxDifference: 0.01}
	right  = Criterion{Name: "right", Signal: Accuracy, MaxDifference: 0.01}
)

// alike are n pairs of which nothing differs.
func alike(n int64) Counts {
	none := Moments{N: n}
	c := Counts{
		Outcomes:    map[string]int64{"compared": n},
		Same:        n - n/4,
		Scored:      n,
		Differences: map[Quantity]Moments{Score: none, Confidence: none, Entropy: none, Excess: none},
		Latency:     [2]map[int]int64{latencies(n, 0), latencies(n, 0)},
	}
	c.Status[OK][OK] = n
	c.Triples[0][0] = n / 4
	c.Labelled[1][1] = n
	return c
}

// latencies are n, of which a sixth lies in the first bucket, a sixth of the others in the next, and so on.
func latencies(n int64, from int) map[int]int64 {
	counts := map[int]int64{}
	for b := from + 200; n > 0; b++ {
		here := (n + 5) / 6
		counts[b] += here
		n -= here
	}
	return counts
}

// but changes counts.
func (c Counts) but(change func(*Counts)) Counts {
	change(&c)
	return c
}

func TestJudge(t *testing.T) {
	all := []Criterion{errors, inputs, same, p99, score, shift, spot, unsure, spread, right}
	regressed := func(c *Counts) { c.Status[OK][OK], c.Status[OK][Failed] = 4500, 500 }
	cases := map[string]struct {
		criteria []Criterion
		segments []string
		evidence Evidence
		policy   Policy
		want     Verdict
		// failed names the segment of the finding that failed, if any did.
		failed string
	}{
		"a candidate that never differs passes":     {criteria: all, evidence: Evidence{"all": alike(20_000)}, want: Pass},
		"no data never passes":                      {criteria: all, want: Inconclusive},
		"a scope with nothing but zeros is no data": {criteria: all, evidence: Evidence{"all": alike(0)}, want: Inconclusive},
		"a few pairs are not enough":                {criteria: all, evidence: Evidence{"all": alike(40)}, want: Inconclusive},
		"a segment without pairs keeps it open":     {criteria: all, segments: []string{"gold"}, evidence: Evidence{"all": alike(20_000)}, want: Inconclusive},
		"no criteria are no reason to promote":      {evidence: Evidence{"all": alike(20_000)}, want: Error},
		"errors of the candidate alone fail it":     {criteria: all, evidence: Evidence{"all": alike(5000).but(regressed)}, want: Fail, failed: "all"},
		"errors of both sides are no difference": {criteria: []Criterion{errors}, evidence: Evidence{"all": alike(5000).but(func(c *Counts) {
			c.Status[OK][OK], c.Status[Failed][Failed] = 4500, 500
		})}, want: Pass},
		"one bad segment fails the candidate and is named": {
			criteria: all, segments: []string{"gold", "new"},
			evidence: Evidence{"all": alike(60_000), "gold": alike(20_000), "new": alike(5000).but(regressed)}, want: Fail, failed: "new",
		},
		"a criterion may look at one segment alone": {
			criteria: []Criterion{{Name: "errors", Signal: ErrorRatio, MaxDifference: 0.01, Segments: []string{"gold"}}}, segments: []string{"gold", "new"},
			evidence: Evidence{"all": alike(60_000), "gold": alike(20_000), "new": alike(5000).but(regressed)}, want: Pass,
		},
		"an error count that is negative is Error": {criteria: all, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) { c.Status[OK][Failed] = -1 })}, want: Error},
		"labels that nobody has told keep it open": {criteria: all, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) { c.Labelled = [2][2]int64{} })}, want: Inconclusive},
		"a candidate that is wrong more often fails, though it seldom differs": {criteria: []Criterion{right}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Labelled = [2][2]int64{{300, 20}, {120, 3560}}
		})}, want: Fail, failed: "all"},
		"a candidate that differs often passes where it is as often right": {criteria: []Criterion{right}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Other, c.Same, c.Labelled = 4000, 11_000, [2][2]int64{{1000, 600}, {300, 2100}}
		})}, want: Pass},
		"a count of labels that is negative is Error": {criteria: []Criterion{right}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) { c.Labelled[0][1] = -1 })}, want: Error},
		"a sum that is NaN is Error": {criteria: all, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Differences = map[Quantity]Moments{Score: {N: 10, Up: math.NaN(), Squares: 1}}
		})}, want: Error},
		"sums that no numbers have are Error": {criteria: []Criterion{shift}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Differences = map[Quantity]Moments{Score: {N: 10, Up: 5, Squares: 0.1}}
		})}, want: Error},
		"probabilities that differ by two are Error": {criteria: []Criterion{shift}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Differences = map[Quantity]Moments{Score: {N: 10, Up: 20, Squares: 40}}
		})}, want: Error},
		"a latency of negative length is Error": {criteria: []Criterion{p99}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Latency[0] = map[int]int64{-1: 5}
		})}, want: Error},
		"a failure outweighs an error elsewhere": {
			criteria: all, segments: []string{"new", "odd"},
			evidence: Evidence{"all": alike(60_000), "new": alike(5000).but(regressed), "odd": {Same: -1}}, want: Fail, failed: "new",
		},
		"a margin that is no number is Error":    {criteria: []Criterion{{Signal: ErrorRatio, MaxDifference: math.NaN()}}, evidence: Evidence{"all": alike(20_000)}, want: Error},
		"a signal that nobody knows is Error":    {criteria: []Criterion{{Signal: "Vibes", MaxDifference: 0.1}}, evidence: Evidence{"all": alike(20_000)}, want: Error},
		"a policy that allows anything is Error": {criteria: all, policy: Policy{MaxWrongPromotion: 1, MaxWrongRejection: 0.01}, evidence: Evidence{"all": alike(20_000)}, want: Error},
		"below its samples a criterion waits, though it would pass": {
			criteria: []Criterion{{Signal: ErrorRatio, MaxDifference: 0.01, MinSamples: 20_001}}, evidence: Evidence{"all": alike(20_000)}, want: Inconclusive,
		},
		"below its samples a criterion waits, though it would fail": {
			criteria: []Criterion{{Signal: ErrorRatio, MaxDifference: 0.01, MinSamples: 5001}}, evidence: Evidence{"all": alike(5000).but(regressed)}, want: Inconclusive,
		},
		"a noisy model's disagreement is no failure": {criteria: []Criterion{same}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Same, c.Other, c.Triples = 14_250, 750, [2][2]int64{{4512, 238}, {238, 12}}
		})}, want: Inconclusive},
		"a noisy model's candidate passes a wide margin": {criteria: []Criterion{{Signal: Disagreement, MaxDifference: 0.02}}, evidence: Evidence{"all": alike(60_000).but(func(c *Counts) {
			c.Same, c.Other, c.Triples = 42_750, 2250, [2][2]int64{{13_536, 714}, {714, 36}}
		})}, want: Pass},
		"disagreement without noise fails": {criteria: []Criterion{same}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Same, c.Other, c.Triples = 14_250, 750, [2][2]int64{{4750, 0}, {250, 0}}
		})}, want: Fail, failed: "all"},
		"disagreement whose noise nobody measured cannot fail": {criteria: []Criterion{same}, evidence: Evidence{"all": {Same: 15_000, Other: 5000}}, want: Inconclusive},
		"agreement passes, though nobody measured the noise":   {criteria: []Criterion{same}, evidence: Evidence{"all": {Same: 2000}}, want: Pass},
		"few triples and many pairs tell of a model that never differs from itself": {criteria: []Criterion{same}, evidence: Evidence{"all": {
			Same: 48_000, Other: 2000, Triples: [2][2]int64{{790, 0}, {33, 0}},
		}}, want: Fail, failed: "all"},
		"a candidate of twice the latency fails": {criteria: []Criterion{p99}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Latency[1] = latencies(20_000, 16)
		})}, want: Fail, failed: "all"},
		"latencies of one side alone are no data": {criteria: []Criterion{p99}, evidence: Evidence{"all": {Latency: [2]map[int]int64{{200: 5000}, nil}}}, want: Inconclusive},
		"a score that moves down fails too": {criteria: []Criterion{shift}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Differences = map[Quantity]Moments{Score: {N: 20_000, Down: 1000, Squares: 100}}
		})}, want: Fail, failed: "all"},
		"a score that moves within the margin passes": {criteria: []Criterion{shift, unsure, spread, score}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			m := Moments{N: 20_000, Up: 200, Down: 250, Squares: 100}
			c.Differences = map[Quantity]Moments{Score: m, Confidence: m, Entropy: m, Excess: m}
		})}, want: Pass},
		"a distribution that moves down at one cut fails": {criteria: []Criterion{spot}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Crossings = map[string]Crossings{"0.5": {100, 1100}, "0.9": {50, 50}}
		})}, want: Fail, failed: "all"},
		"as many scores that cross up as down are no shift of the distribution": {criteria: []Criterion{spot}, evidence: Evidence{"all": alike(60_000).but(func(c *Counts) {
			c.Crossings = map[string]Crossings{"0.5": {600, 610}, "0.9": {300, 290}}
		})}, want: Pass},
		"crossings that nobody counts keep it open": {criteria: []Criterion{spot}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) { c.Scored = 0 })}, want: Inconclusive},
		"few that are counted are not enough":       {criteria: []Criterion{spot}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) { c.Scored = 200 })}, want: Inconclusive},
		"a distribution of no probabilities is Error": {
			criteria: []Criterion{spot}, policy: Policy{MaxWrongPromotion: 0.05, MaxWrongRejection: 0.01}, evidence: Evidence{"all": alike(20_000)}, want: Error,
		},
		"crossings of a negative number are Error": {criteria: []Criterion{spot}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Crossings = map[string]Crossings{"0.5": {-1, 0}}
		})}, want: Error},
		"crossings of more cuts than there are": {criteria: []Criterion{spot}, evidence: Evidence{"all": alike(20_000).but(func(c *Counts) {
			c.Crossings = map[string]Crossings{}
			for i := range Cuts + 1 {
				c.Crossings[strconv.Itoa(i)] = Crossings{Up: 1}
			}
		})}, want: Error},
		"scores that are no probabilities are judged by their own spread": {
			criteria: []Criterion{{Signal: ScoreDifference, MaxDifference: 50}}, policy: Policy{MaxWrongPromotion: 0.05, MaxWrongRejection: 0.01},
			evidence: Evidence{"all": {Differences: map[Quantity]Moments{Excess: {N: 5000, Up: 60_000, Down: 20_000, Squares: 5_000_000}}}}, want: Pass,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := policy
			if c.policy != (Policy{}) {
				p = c.policy
			}
			got, findings := Judge(c.criteria, c.segments, c.evidence, p)
			if got != c.want {
				t.Errorf("%s, want %s: %+v", got, c.want, findings)
			}
			for _, f := range findings {
				if f.Verdict == Fail && f.Segment != c.failed {
					t.Errorf("%s failed in %s, want %q", f.Criterion, f.Segment, c.failed)
				}
				checkFinding(t, f)
			}
		})
	}
}

// checkFinding holds what is true of every finding.
func checkFinding(t *testing.T, f Finding) {
	t.Helper()
	for what, v := range map[string]float64{"estimate": f.Estimate, "low": f.Low, "high": f.High} {
		if math.IsNaN(v) {
			t.Errorf("%s is NaN: %+v", what, f)
		}
	}
	if f.Low > f.High && f.Verdict != Error {
		t.Errorf("the bounds cross: %+v", f)
	}
	if f.N == 0 && (f.Verdict == Pass || f.Verdict == Fail) {
		t.Errorf("a verdict without data: %+v", f)
	}
	if f.Need < 0 || f.N == 0 && f.Need != 0 {
		t.Errorf("of %d, it needs %d more", f.N, f.Need)
	}
}

// The bounds are those that the verdict follows from.
func TestVerdictsFollowFromTheBounds(t *testing.T) {
	for _, c := range []Criterion{errors, inputs, same, p99, score, shift, spot, unsure, spread, right} {
		for _, n := range []int64{100, 300, 500, 1000, 3000, 10_000} {
			for _, bad := range []int64{0, 1, 5, 20, 50} {
				counts := alike(n).but(func(k *Counts) {
					b := n * bad / 1000
					k.Status = [3][3]int64{{n - 2*b, b, b}}
					k.Other, k.Same = b, k.Same-b
					k.Labelled = [2][2]int64{{b, b}, {2 * b, n - 4*b}}
					m := Moments{N: n, Up: float64(b), Squares: float64(b)}
					k.Crossings = map[string]Crossings{"0.5": {Up: b}, "0.9": {Up: b / 2, Down: b / 4}}
					k.Differences = map[Quantity]Moments{Score: m, Confidence: m, Entropy: m, Excess: m}
					k.Latency[1] = latencies(n, int(bad))
					k.Triples[1][0] = n / 4 * bad / 1000
					k.Triples[0][0] -= k.Triples[1][0]
				})
				_, findings := Judge([]Criterion{c}, nil, Evidence{"all": counts}, policy)
				f, margin := findings[0], c.MaxDifference+c.MaxRatio
				signed := c.Signal == ScoreShift || c.Signal == MeanConfidence || c.Signal == MeanEntropy
				if pass := f.High <= margin && (!signed || f.Low >= -margin); pass != (f.Verdict == Pass) {
					t.Errorf("%s with %d of %d: %+v", c.Name, bad, n, f)
				}
				if fail := f.Low > margin; fail != (f.Verdict == Fail) && !signed {
					t.Errorf("%s with %d of %d: %+v", c.Name, bad, n, f)
				}
				checkFinding(t, f)
			}
		}
	}
}

// What it still needs is about what it then takes: within a factor of two.
func TestNeedIsAboutRight(t *testing.T) {
	for name, counts := range map[string]func(n int64) Counts{
		"some fail on either side": func(n int64) Counts {
			return Counts{Status: [3][3]int64{{n - 4*(n/200), n / 200, n / 200}, {n / 200}, {n / 200}}}
		},
		"nothing fails":            func(n int64) Counts { return Counts{Status: [3][3]int64{{n}}} },
		"the candidate fails more": func(n int64) Counts { return Counts{Status: [3][3]int64{{n - n/20, n / 20}}} },
	} {
		at := func(n int64) Finding {
			_, f := Judge([]Criterion{errors}, nil, Evidence{"all": counts(n)}, policy)
			return f[0]
		}
		for n := int64(200); ; n *= 2 { // of 200 one fails on a side
			f := at(n)
			if f.Verdict != Inconclusive {
				break
			}
			total := f.N + f.Need
			if f.Need == 0 || at(total/2).Verdict != Inconclusive || at(total*2).Verdict == Inconclusive {
				t.Errorf("%s: after %d pairs it needs %d more; %+v, then %+v", name, f.N, f.Need, at(total/2), at(total*2))
			}
		}
	}
}

// crowded are eight criteria in 33 scopes.
func crowded() ([]Criterion, []string, Evidence) {
	e := Evidence{}
	var segments []string
	for i := range 33 {
		name := Everything
		if i > 0 {
			name = string(rune('A' + i))
			segments = append(segments, name)
		}
		e[name] = alike(20_000).but(func(c *Counts) {
			c.Other, c.Status[OK][Failed] = 30, 20
			c.Crossings = map[string]Crossings{"0.1": {40, 50}, "0.5": {60, 50}, "0.9": {10, 20}}
			for q := range c.Differences {
				c.Differences[q] = Moments{N: 20_000, Up: 100, Down: 90, Squares: 60}
			}
			for b := range 200 {
				c.Latency[0][b+100], c.Latency[1][b+100] = 100, 100
			}
		})
	}
	return []Criterion{errors, inputs, same, p99, score, shift, spot, unsure, spread}, segments, e
}

func BenchmarkJudge(b *testing.B) {
	cs, segments, e := crowded()
	for b.Loop() {
		Judge(cs, segments, e, policy)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(int64(5000), int64(10), int64(10), int64(3), int64(400), 12.5, 3.0, 4.0, 16, 0.01, 0.05, true)
	f.Add(int64(0), int64(0), int64(0), int64(0), int64(0), 0.0, 0.0, 0.0, 0, 0.0, 0.01, false)
	f.Add(int64(-1), int64(1<<62), int64(1<<50), int64(7), int64(-3), math.NaN(), math.Inf(1), -1.0, -40, 1.0, 0.5, true)
	f.Add(int64(1), int64(0), int64(0), int64(1), int64(1), 1e-200, 0.0, 0.0, 1000, 0.0, 1e-12, false)
	f.Fuzz(func(t *testing.T, ok, bad, other, noisy, n int64, up, down, squares float64, bucket int, margin, alpha float64, probability bool) {
		c := Counts{Outcomes: map[string]int64{"compared": n}, Same: ok, Other: other}
		c.Status = [3][3]int64{{ok, bad, other}, {noisy, n, bad}, {bad, other, ok}}
		c.Triples = [2][2]int64{{ok, noisy}, {bad, noisy}}
		c.Labelled = [2][2]int64{{noisy, other}, {bad, ok}}
		m := Moments{n, up, down, squares}
		c.Differences = map[Quantity]Moments{Score: m, Confidence: m, Entropy: m, Excess: m}
		c.Scored, c.Crossings = n, map[string]Crossings{"0.1": {ok, bad}, "0.5": {noisy, other}}
		c.Latency = [2]map[int]int64{{bucket: ok, 100: n}, {bucket + 7: ok, 100: bad}}
		var cs []Criterion
		for _, s := range []Signal{ErrorRatio, InvalidInputRatio, Disagreement, LatencySeconds, ScoreDifference, ScoreShift, ScoreDistribution, MeanConfidence, MeanEntropy, Accuracy} {
			cs = append(cs, Criterion{Name: string(s), Signal: s, Quantile: margin, MaxRatio: 1 + margin, MaxDifference: margin})
		}
		p := Policy{MaxWrongPromotion: alpha, MaxWrongRejection: alpha, Probability: probability}
		verdict, findings := Judge(cs, []string{"empty"}, Evidence{Everything: c}, p)
		if verdict == Pass {
			t.Error("passed, though a segment has no data")
		}
		for _, f := range findings {
			checkFinding(t, f)
		}
	})
}
