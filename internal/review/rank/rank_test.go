// SPDX-License-Identifier: Apache-2.0

package rank_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/rank"
	"github.com/vedette-dev/vedette/internal/wire"
)

var (
	nan  = math.NaN()
	noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
)

const wait = 30 * 24 * time.Hour

// The stored priority orders items as their worth plus their age would, at any time.
func TestTheOrderIsThatOfWorthAndAge(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	p := wire.ReviewPriority{Uncertainty: 1, OutlierScore: 0.5, Rarity: 0.3, Age: 0.7, Rules: []wire.ReviewRule{{Name: "vip", Weight: 2}}}
	type it struct {
		f     rank.Factors
		rules []string
		added time.Time
	}
	random := func() it {
		i := it{rank.Factors{Uncertainty: r.Float64(), Strangeness: r.Float64(), Rarity: r.Float64()}, nil, noon.Add(-time.Duration(r.Int64N(int64(wait))))}
		if r.IntN(4) == 0 {
			i.rules = []string{"vip", "of before"}
		}
		return i
	}
	live := func(i it, now time.Time) float64 {
		v := i.f.Uncertainty + 0.5*i.f.Strangeness + 0.3*i.f.Rarity + 0.7*float64(now.Sub(i.added))/float64(wait)
		if i.rules != nil {
			v += 2
		}
		return v
	}
	stored := func(i it) float64 { return rank.Priority(&p, 1, i.f, i.rules, i.added, wait) }
	for range 2000 {
		a, b := random(), random()
		for _, now := range []time.Time{noon, noon.Add(wait)} {
			if d := live(a, now) - live(b, now); math.Abs(d) > 1e-6 && (d > 0) != (stored(a) > stored(b)) {
				t.Fatalf("%+v and %+v are %v apart, but stored as %v and %v", a, b, d, stored(a), stored(b))
			}
		}
	}
}

func TestPriorityIsFinite(t *testing.T) {
	t.Parallel()
	huge := wire.ReviewPriority{Uncertainty: math.MaxFloat64, OutlierScore: -math.MaxFloat64, Age: math.MaxFloat64}
	for _, f := range []rank.Factors{{}, {Uncertainty: 1}, {Uncertainty: 1, Strangeness: 1}} {
		if p := rank.Priority(&huge, math.MaxFloat64, f, nil, noon, time.Second); math.IsNaN(p) || math.IsInf(p, 0) {
			t.Errorf("Priority of %+v = %v", f, p)
		}
	}
	if rank.Priority(&wire.ReviewPriority{Age: 1}, 1, rank.Factors{}, nil, noon, 0) != 0 {
		t.Error("without a limit to the wait, age has no measure")
	}
}

func TestFactors(t *testing.T) {
	t.Parallel()
	row := func(entropy, margin, confidence, score float64) *record.Row {
		return &record.Row{Entropy: entropy, Margin: margin, Confidence: confidence, OutlierScore: score}
	}
	share := func(s string) float64 { return map[string]float64{"all": 1, "tenth": 0.1, "rare": 1e-9}[s] }
	for name, tc := range map[string]struct{ got, want float64 }{
		"entropy":                   {rank.Uncertainty(row(0.9, 0, 0, nan)), 0.9},
		"margin":                    {rank.Uncertainty(row(nan, 0.25, 0, nan)), 0.75},
		"confidence":                {rank.Uncertainty(row(nan, nan, 0.6, nan)), 0.4},
		"nothing known":             {rank.Uncertainty(row(nan, nan, nan, nan)), 0},
		"one in a thousand":         {rank.Strangeness(row(nan, nan, nan, 3)), 0.5},
		"stranger than that":        {rank.Strangeness(row(nan, nan, nan, 12)), 1},
		"no score":                  {rank.Strangeness(row(nan, nan, nan, nan)), 0},
		"a segment of all":          {rank.Rarity([]string{"all"}, share), 0},
		"a segment of a tenth":      {rank.Rarity([]string{"all", "tenth"}, share), 1. / 3},
		"a segment of next to none": {rank.Rarity([]string{"rare", "tenth"}, share), 1},
		"a segment nobody knows":    {rank.Rarity([]string{"new"}, share), 0},
	} {
		if math.Abs(tc.got-tc.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
}

// One joint test: of 100,000 ids, the counts in 20 cells are as even as chance has it, once in ten thousand times.
func TestTheSliceIsUniform(t *testing.T) {
	t.Parallel()
	const n, cells = 100_000, 20
	counts := make([]float64, cells)
	in := 0
	for i := range n {
		id := fmt.Sprintf("pod-1-%d", i)
		counts[int(rank.Uniform("a", id)*cells)]++
		if rank.InSlice("ns/desk", id, 0.03) {
			in++
		}
	}
	var chi float64
	for _, c := range counts {
		chi += (c - n/cells) * (c - n/cells) / (n / cells)
	}
	if chi > 51 { // the 0.9999 quantile with 19 degrees of freedom is 50.8
		t.Errorf("chi squared of the cells is %v: %v", chi, counts)
	}
	if in < 2780 || in > 3220 { // four standard errors
		t.Errorf("%d of %d are in a slice of 3 percent", in, n)
	}
	if rank.Uniform("a", "x") == rank.Uniform("b", "x") {
		t.Error("two purposes share their numbers")
	}
}

func prediction(amount float64, note string, class string, segments ...string) *review.Prediction {
	return &review.Prediction{
		Class: class, Score: nan, Segments: segments,
		Features: []review.Feature{
			{Name: "amount", Value: feature.Value{Kind: feature.Number, Num: amount}},
			{Name: "note", Value: feature.Value{Kind: feature.String, Str: note}},
			{Name: "flag", Value: feature.Value{}},
		},
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	base := rank.Fingerprint("m", prediction(1234, "Order 17, please!", "a", "x", "y"))
	for name, tc := range map[string]struct {
		p    *review.Prediction
		same bool
	}{
		"two digits agree":        {prediction(1210, "Order 17, please!", "a", "x", "y"), true},
		"letters agree":           {prediction(1234, "order  9999: PLEASE", "a", "x", "y"), true},
		"segments in other order": {prediction(1234, "Order 17, please!", "a", "y", "x"), true},
		"another amount":          {prediction(1300, "Order 17, please!", "a", "x", "y"), false},
		"another word":            {prediction(1234, "Order 17, thanks!", "a", "x", "y"), false},
		"another prediction":      {prediction(1234, "Order 17, please!", "b", "x", "y"), false},
		"another segment":         {prediction(1234, "Order 17, please!", "a", "x"), false},
	} {
		if got := rank.Fingerprint("m", tc.p) == base; got != tc.same {
			t.Errorf("%s: the same is %v, want %v", name, got, tc.same)
		}
	}
	if rank.Fingerprint("n", prediction(1234, "Order 17, please!", "a", "x", "y")) == base {
		t.Error("two monitors share a fingerprint")
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	a, b, c := prediction(0, "x", "a"), prediction(5, "x", "a"), prediction(10, "y", "b")
	ranges := rank.Ranges([]*review.Prediction{a, b, c})
	for name, tc := range map[string]struct{ got, want float64 }{
		"the same":          {rank.Distance(a, a, ranges), 0},
		"half the range":    {rank.Distance(a, b, ranges), 0.5 / 3},
		"all is different":  {rank.Distance(a, c, ranges), 1},
		"no range is known": {rank.Distance(a, b, nil), 1. / 3},
		"nothing in common": {rank.Distance(&review.Prediction{}, b, ranges), 1},
	} {
		if math.Abs(tc.got-tc.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add(1.5, "text 12", "a")
	f.Fuzz(func(t *testing.T, x float64, s, class string) {
		p := prediction(x, s, class)
		again := *p
		if rank.Fingerprint("m", p) != rank.Fingerprint("m", &again) {
			t.Error("a fingerprint is not repeatable")
		}
		if d := rank.Distance(p, p, rank.Ranges([]*review.Prediction{p})); d != 0 && !math.IsNaN(x) {
			t.Errorf("the distance of a record to itself is %v", d)
		}
	})
}
