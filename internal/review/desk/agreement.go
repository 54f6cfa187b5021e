// SPDX-License-Identifier: Apache-2.0

package desk

import (
	"cmp"
	"math"
	"slices"

	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/stats"
)

// Agreement says how far people agree where several answered the same item.
type Agreement struct {
	// Items is how many items that were, Alpha Krippendorff's alpha over them: 1 is perfect, 0 what chance would give; NaN
	// when there is nothing to tell it by.
	Items int
	Alpha float64
	// Pairs are Cohen's kappa of two people each, those with the most items in common first: for reviewers only.
	Pairs []Pair
}

// Pair is how far two people agree.
type Pair struct {
	A, B  string
	Items int
	Kappa float64
}

// maxPairs bounds the pairs that are told.
const maxPairs = 20

func agreement(judged []db.Judged, named bool) Agreement {
	a := Agreement{Items: len(judged), Alpha: alpha(judged)}
	if named {
		a.Pairs = pairs(judged)
	}
	return a
}

// said is what one person said of an item: a class, or a number.
type said struct {
	class string
	value float64
}

// alpha is Krippendorff's alpha. Numbers disagree by the square of their difference, classes or not at all.
func alpha(judged []db.Judged) float64 {
	units := make([][]said, len(judged))
	for i, j := range judged {
		for _, l := range j.Labels {
			switch {
			case l.Class != "":
				units[i] = append(units[i], said{class: l.Class})
			case !math.IsNaN(l.Value):
				units[i] = append(units[i], said{value: l.Value})
			} // Who only escalated has not answered the question.
		}
	}
	return stats.KrippendorffAlpha(units, func(a, b said) float64 {
		if a.class != "" || b.class != "" {
			return stats.Nominal(a.class, b.class)
		}
		return stats.Interval(a.value, b.value)
	})
}

// pairs are the kappas of all pairs of people with items in common.
func pairs(judged []db.Judged) []Pair {
	type both struct{ a, b string }
	first, second := map[both][]string{}, map[both][]string{}
	for _, j := range judged {
		for i, a := range j.People {
			for k, b := range j.People[:i] {
				x, y := j.Labels[i].Class, j.Labels[k].Class
				if x == "" || y == "" {
					continue
				}
				key := both{a, b}
				if a > b {
					key, x, y = both{b, a}, y, x
				}
				first[key], second[key] = append(first[key], x), append(second[key], y)
			}
		}
	}
	var out []Pair
	for key := range first {
		k := stats.CohenKappa(first[key], second[key])
		out = append(out, Pair{A: key.a, B: key.b, Items: k.N, Kappa: k.Kappa})
	}
	slices.SortFunc(out, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(y.Items, x.Items), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return out[:min(len(out), maxPairs)]
}

// Judge says in a word what a coefficient of agreement means.
func Judge(coefficient float64) string {
	switch {
	case math.IsNaN(coefficient):
		return "too little to tell"
	case coefficient >= 0.8:
		return "reliable"
	case coefficient >= 0.667:
		return "good enough for tentative conclusions"
	case coefficient > 0.2:
		return "weak: the question may be unclear"
	}
	return "hardly better than chance: the question may be unclear"
}
