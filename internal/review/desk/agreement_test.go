// SPDX-License-Identifier: Apache-2.0

package desk

import (
	"math"
	"testing"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
)

func classes(c ...string) []review.Label {
	out := make([]review.Label, len(c))
	for i := range c {
		out[i] = review.Label{Class: c[i], Value: math.NaN()}
	}
	return out
}

func numbers(x ...float64) []review.Label {
	out := make([]review.Label, len(x))
	for i := range x {
		out[i] = review.Label{Value: x[i]}
	}
	return out
}

// TestAlpha checks Krippendorff's own example (2011, four observers, nominal data: 0.743), and what follows from the
// definition.
func TestAlpha(t *testing.T) {
	var example []db.Judged
	for _, unit := range [][]string{
		{"1", "1", "1"}, {"2", "2", "3", "2"}, {"3", "3", "3", "3"}, {"3", "3", "3", "3"}, {"2", "2", "2", "2"}, {"1", "2", "3", "4"},
		{"4", "4", "4", "4"}, {"1", "1", "2", "1"}, {"2", "2", "2", "2"}, {"5", "5", "5"}, {"1", "1"}, {"3"},
	} {
		example = append(example, db.Judged{Labels: classes(unit...)})
	}
	same := []db.Judged{{Labels: classes("a", "a")}, {Labels: classes("b", "b")}}
	never := []db.Judged{{Labels: classes("a", "b")}, {Labels: classes("b", "a")}}
	for name, c := range map[string]struct {
		judged []db.Judged
		want   float64
	}{
		"the published example":           {example, 0.743},
		"all agree":                       {same, 1},
		"nobody ever agrees":              {never, -0.5},
		"all say the same of everything":  {[]db.Judged{{Labels: classes("a", "a")}}, math.NaN()},
		"nothing":                         {nil, math.NaN()},
		"numbers that agree":              {[]db.Judged{{Labels: numbers(1, 1)}, {Labels: numbers(5, 5)}}, 1},
		"who escalates has said nothing":  {append(same, db.Judged{Labels: []review.Label{{Value: math.NaN(), Escalated: true}, {Class: "a", Value: math.NaN()}}}), 1},
		"numbers that differ by a little": {[]db.Judged{{Labels: numbers(1, 2)}, {Labels: numbers(5, 6)}}, 1 - 1/(2.0*(4*66-196)/12)},
	} {
		t.Run(name, func(t *testing.T) {
			got := alpha(c.judged)
			if math.IsNaN(c.want) != math.IsNaN(got) || math.Abs(got-c.want) > 5e-4 {
				t.Errorf("alpha %v, want %v", got, c.want)
			}
		})
	}
}

// TestKappa checks the textbook's table: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no give 0.4.
func TestKappa(t *testing.T) {
	var judged []db.Judged
	for said, n := range map[[2]string]int{{"yes", "yes"}: 20, {"yes", "no"}: 5, {"no", "yes"}: 10, {"no", "no"}: 15} {
		for i := range n {
			j := db.Judged{People: []string{"ann", "bob"}, Labels: classes(said[0], said[1])}
			if i%2 == 0 {
				j = db.Judged{People: []string{"bob", "ann"}, Labels: classes(said[1], said[0])}
			}
			judged = append(judged, j)
		}
	}
	got := agreement(judged, true).Pairs
	if len(got) != 1 || got[0].A != "ann" || got[0].B != "bob" || got[0].Items != 50 || math.Abs(got[0].Kappa-0.4) > 1e-12 {
		t.Errorf("pairs %v, want ann and bob with 0.4 over 50", got)
	}
	if agreement(judged, false).Pairs != nil {
		t.Error("names are told to those who may not see them")
	}
}
