// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

var nan = math.NaN()

func equal(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestWhatCannotBeComputedIsNaN(t *testing.T) {
	cases := map[string]struct{ ref, cur []int64 }{
		"no cells":           {nil, nil},
		"empty reference":    {[]int64{0, 0}, []int64{1, 2}},
		"empty current":      {[]int64{1, 2}, []int64{0, 0}},
		"different cells":    {[]int64{1, 2}, []int64{1, 2, 3}},
		"a count below zero": {[]int64{1, 2}, []int64{5, -1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			psi := PSI(c.ref, c.cur)
			js, jsAdjusted := JensenShannon(c.ref, c.cur)
			chi := ChiSquared(c.ref, c.cur)
			for what, got := range map[string]float64{
				"PSI": psi.PSI, "PSI null": psi.Null, "PSI adjusted": psi.Adjusted, "PSI p": psi.PValue(1),
				"JS": js, "JS adjusted": jsAdjusted, "KS": KSBinned(c.ref, c.cur), "chi2": chi.Statistic, "chi2 p": chi.P,
			} {
				if !math.IsNaN(got) {
					t.Errorf("%s = %v, want NaN", what, got)
				}
			}
		})
	}
}

func TestOneCellCannotDrift(t *testing.T) {
	ref, cur := []int64{100}, []int64{7}
	if d := PSI(ref, cur); d.PSI != 0 || d.Adjusted != 0 || d.PValue(1) != 1 {
		t.Errorf("PSI of one cell = %+v with p %v, want 0 with p 1", d, d.PValue(1))
	}
	if c := ChiSquared(ref, cur); c.P != 1 || c.DF != 0 {
		t.Errorf("chi-squared of one cell = %+v, want p 1 without freedom", c)
	}
	if d := KSBinned(ref, cur); d != 0 {
		t.Errorf("KS of one bin = %v, want 0", d)
	}
}

func TestPSITakesItsBiasOff(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const bins, n, m, rounds = 10, 10_000, 300, 2_000
	var psi, null, rejected float64
	for range rounds {
		d := PSI(uniform(rng, n, bins), uniform(rng, m, bins))
		psi += d.PSI / rounds
		null += d.Null / rounds
		if d.PValue(1) <= 0.05 {
			rejected++
		}
	}
	// The mean of 2,000 windows has a standard error of about 1 % of the null value, the rejected share one of .005.
	if math.Abs(psi/null-1) > 0.05 {
		t.Errorf("mean PSI of equal samples = %v, want the null value %v", psi, null)
	}
	if share := rejected / rounds; share < 0.03 || share > 0.07 {
		t.Errorf("rejected %v of equal samples at 0.05", share)
	}
}

func uniform(rng *rand.Rand, rows, bins int) []int64 {
	counts := make([]int64, bins)
	for range rows {
		counts[rng.IntN(bins)]++
	}
	return counts
}

func TestOverdispersion(t *testing.T) {
	quiet := PSI([]int64{500, 500}, []int64{501, 499})
	loud := PSI([]int64{500, 500}, []int64{600, 400})
	if got := Overdispersion([]Divergence{quiet, quiet}); got != 1 {
		t.Errorf("phi of quiet windows = %v, want 1", got)
	}
	if got, want := Overdispersion([]Divergence{loud}), loud.PSI/loud.Null; math.Abs(got-want) > 1e-12 {
		t.Errorf("phi of one loud pair = %v, want %v", got, want)
	}
	if got := Overdispersion([]Divergence{loud, {PSI: nan, Null: nan}}); math.IsNaN(got) || got <= 1 {
		t.Errorf("phi with a pair that could not be computed = %v", got)
	}
	if got := Overdispersion(nil); got != 1 {
		t.Errorf("phi without pairs = %v, want 1", got)
	}
	if p, calm := loud.PValue(1), loud.PValue(loud.PSI/loud.Null); p >= 0.01 || calm < 0.3 {
		t.Errorf("p = %v, with overdispersion %v: a usual wave must not be evidence", p, calm)
	}
	for _, phi := range []float64{nan, 0, 0.5, -1} {
		if p := loud.PValue(phi); !math.IsNaN(p) {
			t.Errorf("p with phi %v = %v, want NaN", phi, p)
		}
	}
}

func TestPSIKeepsItsPrecisionFarOut(t *testing.T) {
	d := PSI([]int64{1 << 40, 1}, []int64{1, 1 << 40})
	if p := d.PValue(1); p != 0 {
		t.Errorf("p of disjoint samples = %v, want 0", p)
	}
	// By the closed form for nine degrees of freedom.
	if got, want := chi2Survival(100, 9), 1.5735176303753944e-17; math.Abs(got/want-1) > 1e-9 {
		t.Errorf("chi-squared survival in the tail = %v, want %v", got, want)
	}
}

func TestJensenShannonDebiasesHighCardinality(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	raw, adjusted := JensenShannon(uniform(rng, 100_000, 5_000), uniform(rng, 100_000, 5_000))
	if raw < 0.12 || adjusted > 0.04 {
		t.Errorf("JS of equal samples over 5,000 categories = %v, adjusted %v: want the first large, the second small", raw, adjusted)
	}
}

func TestBinnedKSNeverExceedsFinerBins(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		ref, cur := uniform(rng, 500, 64), uniform(rng, 300, 64)
		fine := KSBinned(ref, cur)
		if coarse := KSBinned(halve(ref), halve(cur)); coarse > fine+1e-15 {
			t.Fatalf("coarse bins gave %v, fine ones %v", coarse, fine)
		}
	}
}

func halve(counts []int64) []int64 {
	out := make([]int64, len(counts)/2)
	for i, c := range counts {
		out[i/2] += c
	}
	return out
}

func TestKSPValueRefusesNonsense(t *testing.T) {
	for name, got := range map[string]float64{
		"NaN statistic": KSPValue(nan, 10, 10), "no reference": KSPValue(0.5, 0, 10), "no current": KSPValue(0.5, 10, 0),
	} {
		if !math.IsNaN(got) {
			t.Errorf("%s: p = %v, want NaN", name, got)
		}
	}
	if p := KSPValue(0, 10, 10); p != 1 {
		t.Errorf("p of no difference = %v, want 1", p)
	}
}

func TestKolmogorovSeriesMeet(t *testing.T) {
	below, above := kolmogorovSurvival(math.Nextafter(1, 0)), kolmogorovSurvival(1)
	if math.Abs(below-above) > 1e-12 {
		t.Errorf("the two series differ at 1: %v and %v", below, above)
	}
}

func TestChiSquaredPools(t *testing.T) {
	cases := map[string]struct {
		ref, cur         []int64
		wantRef, wantCur []int64
	}{
		"small cells become one": {
			[]int64{500, 300, 4, 4, 4}, []int64{500, 300, 4, 4, 4}, []int64{500, 300, 12}, []int64{500, 300, 12}},
		"a small pool joins the smallest cell": {
			[]int64{500, 300, 200, 5}, []int64{480, 310, 215, 0}, []int64{500, 300, 205}, []int64{480, 310, 215}},
		"empty cells do not count": {
			[]int64{500, 0, 300}, []int64{480, 0, 310}, []int64{500, 300}, []int64{480, 310}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, want := ChiSquared(c.ref, c.cur), ChiSquared(c.wantRef, c.wantCur); got != want {
				t.Errorf("got %+v, want that of %v and %v: %+v", got, c.wantRef, c.wantCur, want)
			}
		})
	}
	if got := ChiSquared([]int64{1, 1}, []int64{1, 1}); got.P != 1 {
		t.Errorf("a table of small cells only = %+v, want p 1", got)
	}
}

func TestTwoProportionsEdges(t *testing.T) {
	for name, c := range map[string]struct{ x, n, y, m int64 }{
		"no reference rows":   {0, 0, 1, 10},
		"no current rows":     {1, 10, 0, 0},
		"more than there are": {11, 10, 1, 10},
		"below zero":          {-1, 10, 1, 10},
	} {
		t.Run(name, func(t *testing.T) {
			if got := TwoProportions(c.x, c.n, c.y, c.m); !math.IsNaN(got.P) || !math.IsNaN(got.Low) {
				t.Errorf("got %+v, want NaN", got)
			}
		})
	}
	if got := TwoProportions(0, 50, 0, 80); got.P != 1 || got.Low >= 0 || got.High <= 0 {
		t.Errorf("two samples without any = %+v, want p 1 and an interval around 0", got)
	}
	if got := TwoProportions(10, 10, 10, 10); got.P != 1 || got.Z != 0 {
		t.Errorf("two samples with nothing else = %+v, want p 1", got)
	}
}

func TestFisherIsSymmetricAndBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		n, m := 1+rng.Int64N(40), 1+rng.Int64N(40)
		x, y := rng.Int64N(n+1), rng.Int64N(m+1)
		p := fisher(x, n, y, m)
		if p <= 0 || p > 1 {
			t.Fatalf("fisher(%d/%d, %d/%d) = %v", x, n, y, m, p)
		}
		if q := fisher(n-x, n, m-y, m); math.Abs(p-q) > 1e-9 {
			t.Fatalf("fisher of the complement = %v, want %v", q, p)
		}
	}
}

func TestBenjaminiHochbergIgnoresTestsThatWereNotMade(t *testing.T) {
	got := BenjaminiHochberg([]float64{0.01, nan, 0.04, 2, -0.1})
	for i, want := range []float64{0.02, nan, 0.04, nan, nan} {
		if !equal(got[i], want) {
			t.Errorf("adjusted[%d] = %v, want %v", i, got[i], want)
		}
	}
	if got := BenjaminiHochberg(nil); len(got) != 0 {
		t.Errorf("no tests gave %v", got)
	}
}

func TestRuleOfThree(t *testing.T) {
	for n, want := range map[int64]float64{300: 0.01, 2: 1, 0: nan, -5: nan} {
		if got := RuleOfThree(n); !equal(got, want) {
			t.Errorf("RuleOfThree(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestRobustZ(t *testing.T) {
	inf := math.Inf(1)
	cases := map[string]struct{ x, median, mad, want float64 }{
		"the median itself":             {5, 5, 2, 0},
		"one normal deviation":          {5 + madToSigma, 5, 1, 1},
		"below":                         {5 - 2*madToSigma, 5, 1, -2},
		"constant reference, same":      {5, 5, 0, 0},
		"constant reference, above":     {6, 5, 0, inf},
		"constant reference, below":     {4, 5, 0, -inf},
		"value not a number":            {nan, 5, 1, nan},
		"spread not a number":           {6, 5, nan, nan},
		"negative spread":               {6, 5, -1, nan},
		"infinite value":                {inf, 5, 1, inf},
		"reference without any numbers": {6, nan, 1, nan},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := RobustZ(c.x, c.median, c.mad); !equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
