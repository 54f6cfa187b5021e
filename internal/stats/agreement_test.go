// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// table spells a two-by-two table out as answers.
func table(yesYes, yesNo, noYes, noNo int) (a, b []string) {
	for _, c := range []struct {
		a, b string
		n    int
	}{{"yes", "yes", yesYes}, {"yes", "no", yesNo}, {"no", "yes", noYes}, {"no", "no", noNo}} {
		a = append(a, slices.Repeat([]string{c.a}, c.n)...)
		b = append(b, slices.Repeat([]string{c.b}, c.n)...)
	}
	return a, b
}

func TestCohenKappa(t *testing.T) {
	t.Parallel()
	one := func(a, b []string) [2][]string { return [2][]string{a, b} }
	for name, tc := range map[string]struct {
		answers                    [2][]string
		kappa, agreement, expected float64
	}{
		// The two examples by which the dependence on the margins is shown: the same agreement, another kappa.
		"grant proposals":               {one(table(20, 5, 10, 15)), 0.4, 0.7, 0.5},
		"skewed alike":                  {one(table(45, 15, 25, 15)), 0.1304347826, 0.6, 0.54},
		"skewed apart":                  {one(table(25, 35, 5, 35)), 0.2592592593, 0.6, 0.46},
		"always the same":               {one(table(5, 0, 0, 7)), 1, 1, 0.5138888889},
		"never the same":                {one(table(0, 5, 5, 0)), -1, 0, 0.5},
		"one answer only says nothing":  {one(table(9, 0, 0, 0)), nan, 1, 1},
		"nothing judged":                {one(nil, nil), nan, nan, nan},
		"answers that are not of pairs": {one([]string{"a"}, []string{"a", "b"}), nan, nan, nan},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := CohenKappa(tc.answers[0], tc.answers[1])
			for what, v := range map[string][2]float64{
				"kappa": {got.Kappa, tc.kappa}, "agreement": {got.Agreement, tc.agreement}, "expected": {got.Expected, tc.expected},
			} {
				if !equal(v[0], v[1]) && !(math.Abs(v[0]-v[1]) < 1e-9) {
					t.Errorf("%s = %v, want %v", what, v[0], v[1])
				}
			}
			if !math.IsNaN(got.Kappa) && !(got.Low <= got.Kappa && got.Kappa <= got.High) {
				t.Errorf("%v is not in its interval [%v, %v]", got.Kappa, got.Low, got.High)
			}
		})
	}
}

// The interval holds the true value as often as it says: a person repeats another's answer with probability 0.6 and
// throws a coin otherwise, so that kappa is 0.6.
func TestTheIntervalOfKappa(t *testing.T) {
	t.Parallel()
	const rounds, things, truth = 2000, 200, 0.6
	rng := rand.New(rand.NewPCG(6, 6))
	coin := func() string { return []string{"yes", "no"}[rng.IntN(2)] }
	var held float64
	for range rounds {
		a, b := make([]string, things), make([]string, things)
		for i := range a {
			if a[i], b[i] = coin(), coin(); rng.Float64() < truth {
				b[i] = a[i]
			}
		}
		if k := CohenKappa(a, b); k.Low <= truth && truth <= k.High {
			held++
		}
	}
	if share := held / rounds; share < 0.92 || share > 0.98 {
		t.Errorf("the interval holds the truth in %.3f of the rounds, want 0.95", share)
	}
}

// krippendorff is the example of Krippendorff's "Computing Krippendorff's Alpha-Reliability": four people, twelve
// units, some of them not judged by all.
func krippendorff() [][]float64 {
	people := []string{
		"1 2 3 3 2 1 4 1 2 . . .",
		"1 2 3 3 2 2 4 1 2 5 . 3",
		". 3 3 3 2 3 4 2 2 5 1 .",
		"1 2 3 3 2 4 4 1 2 5 1 .",
	}
	units := make([][]float64, 12)
	for _, p := range people {
		for i, answer := range strings.Fields(p) {
			if answer != "." {
				units[i] = append(units[i], float64(answer[0]-'0'))
			}
		}
	}
	return units
}

func TestKrippendorffAlpha(t *testing.T) {
	t.Parallel()
	units := krippendorff()
	for name, tc := range map[string]struct{ got, want float64 }{
		"nominal, as published":         {KrippendorffAlpha(units, Nominal), 0.743},
		"interval, as published":        {KrippendorffAlpha(units, Interval), 0.849},
		"always the same":               {KrippendorffAlpha([][]string{{"a", "a"}, {"b", "b", "b"}}, Nominal), 1},
		"worse than chance":             {KrippendorffAlpha([][]string{{"a", "b"}, {"b", "a"}}, Nominal), -0.5},
		"one answer only says nothing":  {KrippendorffAlpha([][]string{{"a", "a"}, {"a", "a"}}, Nominal), nan},
		"nobody judged the same":        {KrippendorffAlpha([][]string{{"a"}, {"b"}, nil}, Nominal), nan},
		"a number that is not a number": {KrippendorffAlpha([][]float64{{1, nan}, {1, 2}}, Interval), nan},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !equal(tc.got, tc.want) && !(math.Abs(tc.got-tc.want) < 5e-4) {
				t.Errorf("alpha = %v, want %v", tc.got, tc.want)
			}
		})
	}
}
