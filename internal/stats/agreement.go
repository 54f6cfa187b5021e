// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"maps"
	"math"
	"slices"
)

// Kappa is the agreement of two people beyond chance.
type Kappa struct {
	// Kappa is 1 when they always agree and 0 when they agree as often as chance has it. It is NaN when there is nothing
	// to compare, or when chance alone makes them agree always (both gave one and the same answer only).
	Kappa float64
	// Agreement is the share of equal answers, Expected the share that chance gives.
	Agreement, Expected float64
	// Low and High bound Kappa with 95 % confidence (the large-sample variance of Fleiss, Cohen and Everitt 1969).
	Low, High float64
	// N is the number of things that both judged.
	N int
}

// CohenKappa compares the answers of two people to the same things (Cohen 1960): a[i] and b[i] belong together. All
// numbers are NaN when the lengths differ or there are none.
func CohenKappa(a, b []string) Kappa {
	nan := math.NaN()
	if len(a) != len(b) || len(a) == 0 {
		return Kappa{Kappa: nan, Agreement: nan, Expected: nan, Low: nan, High: nan}
	}
	n := float64(len(a))
	rows, columns, cells := map[string]float64{}, map[string]float64{}, map[[2]string]float64{}
	for i := range a {
		rows[a[i]] += 1 / n
		columns[b[i]] += 1 / n
		cells[[2]string{a[i], b[i]}] += 1 / n
	}
	k := Kappa{N: len(a), Kappa: nan, Low: nan, High: nan}
	for _, label := range slices.Sorted(maps.Keys(rows)) { // in order, so that sums are the same each time
		k.Agreement += cells[[2]string{label, label}]
		k.Expected += rows[label] * columns[label]
	}
	if k.Expected >= 1-1e-12 {
		return k
	}
	rest := 1 - k.Expected
	k.Kappa = (k.Agreement - k.Expected) / rest

	var variance float64
	for _, x := range slices.Sorted(maps.Keys(rows)) {
		for _, y := range slices.Sorted(maps.Keys(columns)) {
			d := (columns[x] + rows[y]) * (1 - k.Kappa)
			if x == y {
				d = 1 - d
			}
			variance += cells[[2]string{x, y}] * d * d
		}
	}
	d := k.Kappa - k.Expected*(1-k.Kappa)
	half := z95 * math.Sqrt(max(0, variance-d*d)/n) / rest
	k.Low, k.High = max(-1, k.Kappa-half), min(1, k.Kappa+half)
	return k
}

// Difference is how far two answers are apart, from 0. It is symmetric.
type Difference[T comparable] func(a, b T) float64

// Nominal tells equal answers from different ones.
func Nominal[T comparable](a, b T) float64 {
	if a == b {
		return 0
	}
	return 1
}

// Interval is the squared distance of numbers.
func Interval(a, b float64) float64 { return (a - b) * (a - b) }

// KrippendorffAlpha is the agreement of any number of people, each of whom answered to any of the units (Krippendorff
// 2011): 1 when they always agree, 0 when they agree as chance has it. A unit holds the answers to one thing; one that
// got fewer than two counts nothing. It is NaN when nothing can be compared, or all answers are the same.
func KrippendorffAlpha[T comparable](units [][]T, difference Difference[T]) float64 {
	var n, observed float64
	total := map[T]float64{}
	var answers []T // in the order of their appearance, so that sums are the same each time
	for _, unit := range units {
		m := float64(len(unit))
		if m < 2 {
			continue
		}
		n += m
		var within float64
		for i, a := range unit {
			if total[a]++; total[a] <= 1 {
				answers = append(answers, a)
			}
			for _, b := range unit[:i] {
				within += 2 * difference(a, b)
			}
		}
		observed += within / (m - 1)
	}
	if n == 0 {
		return math.NaN()
	}
	var expected float64
	for _, a := range answers {
		for _, b := range answers {
			expected += total[a] * total[b] * difference(a, b)
		}
	}
	if expected /= n - 1; !(expected > 0) {
		return math.NaN()
	}
	return 1 - observed/expected
}
