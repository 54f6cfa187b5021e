// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// integral is that of f over (low, high), by the midpoint rule.
func integral(low, high float64, f func(float64) float64) (sum float64) {
	const steps = 50_000
	width := (high - low) / steps
	for i := range steps {
		sum += f(low+(float64(i)+0.5)*width) * width
	}
	return sum
}

func TestDiscordantEvidenceIsTheMeanOverDirections(t *testing.T) {
	cases := map[string]struct{ b, c int64 }{
		"nothing yet":             {0, 0},
		"one of a kind":           {1, 0},
		"all of the other kind":   {0, 12},
		"as many of each":         {20, 20},
		"more, by little":         {60, 40},
		"more, by much":           {300, 100},
		"fewer, in large numbers": {900, 1100},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			want := integral(0.5, 1, func(θ float64) float64 {
				return 2 * math.Exp(timesLog(float64(c.b), 2*θ)+timesLog(float64(c.c), 2*(1-θ)))
			})
			near(t, "e", math.Exp(DiscordantAbove(c.b, c.c)), want, 1e-6)
			if got := PairedAbove(c.b, c.c, c.b+c.c+1000, 0); got != DiscordantAbove(c.b, c.c) {
				t.Errorf("among pairs, with no margin: %v", got)
			}
			if c.b < c.c {
				return
			}
			// Betting on the mean is the same thing, but for the weights of the stakes.
			near(t, "near no margin", PairedAbove(c.b, c.c, c.b+c.c, 1e-12)+10, math.Log(integral(0, 1, func(λ float64) float64 {
				return math.Exp(timesLog(float64(c.b), 1+λ)+timesLog(float64(c.c), 1-λ)) / (2 * math.Sqrt(λ))
			}))+10, 0.02)
		})
	}
}

func TestEvidenceStaysFinite(t *testing.T) {
	for what, got := range map[string]float64{
		"a share far above":        ShareAbove(90_000_000, 100_000_000, 0.1),
		"a share far below":        ShareAbove(10_000_000, 100_000_000, 0.9),
		"more than can be counted": ShareAbove(1<<49+1<<30, 1<<50, 0.5),
		"a million pairs":          PairedAbove(500_000, 1000, 1_000_000, 0.01),
		"a million against it":     PairedAbove(1000, 500_000, 1_000_000, 0.01),
		"a mean far off":           MeanAbove(Sums{1e9, 1e9, 1e9}, 0),
		"a mean far on the wrong":  MeanAbove(Sums{1e9, -1e9, 1e9}, 0),
		"bounded, far off":         BoundedBelow(Sums{1e9, -1e9, 1e9}, 0.5, 1),
	} {
		if math.IsNaN(got) || math.IsInf(got, 0) {
			t.Errorf("%s: the logarithm of the evidence is %v", what, got)
		}
	}
}

func TestEvidenceOfWhatCannotBe(t *testing.T) {
	for what, got := range map[string]float64{
		"more than all":        ShareAbove(3, 2, 0.5),
		"fewer than none":      ShareAbove(-1, 2, 0.5),
		"discordant below 0":   DiscordantAbove(-1, 3),
		"more than the pairs":  PairedAbove(3, 3, 5, 0.1),
		"a margin of NaN":      PairedAbove(1, 1, 5, nan),
		"a mean of nothing":    MeanAbove(Sums{}, 0.1),
		"a bound of nothing":   BoundedBelow(Sums{}, 0.1, 1),
		"a bound below":        BoundedBelow(Sums{1, 1, 1}, 2, 1),
		"a ratio of no values": NewQuantileRatio(nil, nil, 16, 0.5, 0.01).Estimate(),
	} {
		if !math.IsNaN(got) {
			t.Errorf("%s: %v, want NaN", what, got)
		}
	}
	for what, got := range map[string]float64{
		"a share above all":     ShareAbove(5, 5, 1),
		"a difference above 1":  PairedAbove(5, 0, 5, 1),
		"a ratio of no values":  NewQuantileRatio(nil, nil, 16, 0.5, 0.01).AtLeast(1),
		"no values, no mixture": DiscordantAbove(0, 0),
	} {
		if math.Abs(got) > 1e-12 {
			t.Errorf("%s: %v, want none", what, got)
		}
	}
	if got := NewQuantileRatio(nil, nil, 16, 0.5, 0.01).AtMost(0.1); !math.IsInf(got, 1) {
		t.Errorf("a ratio of no values is at most %v", got)
	}
}

// At the bound the expectation of the evidence is 1, and within it less: summed over all outcomes, not sampled.
func TestEvidenceIsOneOnAverage(t *testing.T) {
	const n = 40
	binomial := func(p float64, f func(k int64) float64) (sum float64) {
		for k := range int64(n + 1) {
			sum += math.Exp(logChoose(n, k)+timesLog(float64(k), p)+timesLog(float64(n-k), 1-p)) * math.Exp(f(k))
		}
		return sum
	}
	for _, p0 := range []float64{0.01, 0.3, 0.9} {
		near(t, "a share at the bound", binomial(p0, func(k int64) float64 { return ShareAbove(k, n, p0) }), 1, 1e-9)
		if got := binomial(p0/2, func(k int64) float64 { return ShareAbove(k, n, p0) }); got > 1 {
			t.Errorf("a share of half of %v: %v", p0, got)
		}
		near(t, "a share at the bound, from above", binomial(p0, func(k int64) float64 { return ShareBelow(k, n, p0) }), 1, 1e-9)
	}
	for _, m := range []float64{-0.7, -0.1, 0, 0.01, 0.3} {
		p, q := 0.05+max(0, m), 0.05+max(0, -m)
		var sum float64
		for b := range int64(n + 1) {
			for c := range n + 1 - b {
				log := logChoose(n, b) + logChoose(n-b, c) + timesLog(float64(b), p) + timesLog(float64(c), q) + timesLog(float64(n-b-c), 1-p-q)
				sum += math.Exp(log + PairedAbove(b, c, n, m))
			}
		}
		near(t, "pairs at the margin", sum, 1, 1e-9)
	}
	var sum float64
	for b := range int64(n + 1) {
		sum += math.Exp(logChoose(n, b)-n*math.Ln2) * math.Exp(DiscordantAbove(b, n-b))
	}
	near(t, "discordant pairs", sum, 1, 1e-9)
}

// Evidence that nobody has still counts in the mean: as nothing.
func TestTheMeanOfEvidenceIsOverAllThatThereMightBe(t *testing.T) {
	log := math.Log
	for name, c := range map[string]struct {
		logs []float64
		n    int
		want float64
	}{
		"nothing":                   {nil, 26, math.Inf(-1)},
		"one of one":                {[]float64{log(20)}, 1, log(20)},
		"one of many":               {[]float64{log(26)}, 26, 0},
		"alike":                     {[]float64{log(3), log(3), log(3)}, 3, log(3)},
		"some of many":              {[]float64{log(1), log(2), log(7)}, 20, log(0.5)},
		"one that is none":          {[]float64{math.Inf(-1), log(4)}, 2, log(2)},
		"none of them is any":       {[]float64{math.Inf(-1), math.Inf(-1)}, 2, math.Inf(-1)},
		"one that dwarfs the other": {[]float64{1000, -1000}, 2, 1000 - log(2)},
	} {
		if got := Mean(c.logs, c.n); got != c.want && !(math.Abs(got-c.want) <= 1e-12*max(1, math.Abs(c.want))) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestShareAtMostCoversForAllTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const rounds, trials, p, alpha = 400, 2000, 0.03, 0.05
	var missed int
	for range rounds {
		var k int64
		for n := range int64(trials) {
			if rng.Float64() < p {
				k++
			}
			if n%20 == 0 && ShareBelow(k, n+1, p) >= -math.Log(alpha) {
				missed++
				break
			}
		}
	}
	// 20 are the mean of the worst that is allowed; 37 are exceeded once in ten thousand.
	if missed > 37 {
		t.Errorf("%d of %d bounds fell below the share at some time", missed, rounds)
	}
	if got := ShareAtMost(0, 300, 0.05); got < 3.0/300 || got > 8.0/300 {
		t.Errorf("none of 300 bounds the share at %v", got)
	}
	if low, high := 1-ShareAtMost(950, 1000, 0.05), ShareAtMost(50, 1000, 0.05); low >= 0.05 || high <= 0.05 || high-low > 0.06 {
		t.Errorf("50 of 1000: %v to %v", low, high)
	}
	if got := ShareAtMost(0, 0, 0.05); got != 1 {
		t.Errorf("nothing bounds the share at %v", got)
	}
}

func TestPairsThatNeverDifferTakeFiveOverTheMargin(t *testing.T) {
	for _, m := range []float64{0.001, 0.01, 0.05} {
		if early, late := PairedBelow(0, 0, int64(4.8/m), m), PairedBelow(0, 0, int64(5.2/m), m); early >= math.Log(20) || late < math.Log(20) {
			t.Errorf("margin %v: e = %v after 4.8/m pairs, %v after 5.2/m", m, math.Exp(early), math.Exp(late))
		}
	}
}

func TestMeansProveNothingEarly(t *testing.T) {
	enough := -math.Log(0.05)
	for name, c := range map[string]struct {
		s    Sums
		m    float64
		want bool
	}{
		"one large value":                         {Sums{1, 1000, 1e6}, 0, false},
		"five equal values":                       {Sums{5, 5, 5}, 0, false},
		"fifty equal values":                      {Sums{50, 50, 50}, 0, true},
		"fifty values of ten margins":             {Sums{50, 50, 50}, 0.1, false},
		"five hundred values of ten margins":      {Sums{500, 500, 500}, 0.1, true},
		"a thousand values that are seldom equal": {Sums{1000, 40, 1000}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := MeanAbove(c.s, c.m) >= enough; got != c.want {
				t.Errorf("e = %v", math.Exp(MeanAbove(c.s, c.m)))
			}
		})
	}
	if MeanBelow(Sums{200, 0, 0}, 0.01) >= enough {
		t.Error("two hundred times no difference prove that none is rare and large")
	}
	if MeanBelow(Sums{1000, 0, 0}, 0.01) < enough {
		t.Error("a thousand times no difference prove nothing")
	}
}

func TestQuantileRatio(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	const pairs = 40_000
	enough := -math.Log(0.045)
	for name, c := range map[string]struct {
		slower, q        float64
		passes, fails    bool
		atLeast, atMost  float64
		margin, estimate float64
	}{
		"as fast passes":           {slower: 1, q: 0.99, margin: 1.15, passes: true, atLeast: 0.85, atMost: 1.15, estimate: 1},
		"twice as slow fails":      {slower: 2, q: 0.99, margin: 1.15, fails: true, atLeast: 1.7, atMost: 2.3, estimate: 2},
		"at the margin is neither": {slower: 1.15, q: 0.99, margin: 1.15, atLeast: 1, atMost: 1.35, estimate: 1.15},
		"the median is known well": {slower: 1, q: 0.5, margin: 1.1, passes: true, atLeast: 0.9, atMost: 1.1, estimate: 1},
	} {
		t.Run(name, func(t *testing.T) {
			counts := [2][]int64{make([]int64, 400), make([]int64, 400)}
			for range pairs {
				counts[0][int(16*(12+0.7*rng.NormFloat64()))]++
				counts[1][int(16*(12+0.7*rng.NormFloat64()+math.Log2(c.slower)))]++
			}
			r := NewQuantileRatio(counts[0], counts[1], 16, c.q, 0.005)
			if passes, fails := r.Below(c.margin) >= enough, r.Above(c.margin) >= enough; passes != c.passes || fails != c.fails {
				t.Errorf("passes %t, fails %t", passes, fails)
			}
			low, high := r.AtLeast(enough), r.AtMost(enough)
			if low < c.atLeast || high > c.atMost || low > c.slower || high < c.slower {
				t.Errorf("%v to %v, want within %v to %v", low, high, c.atLeast, c.atMost)
			}
			if passes, fails := high <= c.margin, low >= c.margin; passes != c.passes || fails != c.fails {
				t.Errorf("by its bounds it passes %t, fails %t", passes, fails)
			}
			if got := r.Estimate(); math.Abs(got/c.estimate-1) > 0.06 {
				t.Errorf("estimate %v, want %v", got, c.estimate)
			}
		})
	}
}

func TestEBH(t *testing.T) {
	cases := map[string]struct {
		e        []float64
		rejected int
	}{
		"none is great enough":                    {[]float64{5, 59, 1}, 0},
		"one that outweighs all tests":            {[]float64{60.1, 1, 1}, 1},
		"two that are weaker, together":           {[]float64{31, 30.5, 1}, 2},
		"a great one does not carry a weak one":   {[]float64{1e9, 29, 1}, 1},
		"what could not be computed counts in K":  {[]float64{39, nan}, 0},
		"two of two at the level of a single one": {[]float64{20.5, 20.5}, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var logs []float64
			for _, e := range c.e {
				logs = append(logs, math.Log(e))
			}
			threshold := EBH(logs, 0.05)
			var rejected int
			for _, l := range logs {
				if l >= threshold {
					rejected++
				}
			}
			if rejected != c.rejected {
				t.Errorf("rejected %d, want %d", rejected, c.rejected)
			}
		})
	}
}
