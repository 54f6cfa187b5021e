// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"math"
	"slices"
)

// BenjaminiHochberg adjusts p-values for the number of tests made: rejecting those whose adjusted value is at
// most q keeps the expected share of false discoveries at q (Benjamini and Hochberg 1995). The result has the
// order of the input. A NaN is a test that was not made: it stays NaN and does not count. Values outside [0, 1]
// are NaN too.
func BenjaminiHochberg(p []float64) []float64 {
	adjusted := make([]float64, len(p))
	order := make([]int, 0, len(p))
	for i, v := range p {
		adjusted[i] = math.NaN()
		if v >= 0 && v <= 1 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	tests := float64(len(order))
	lowest := 1.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		lowest = min(lowest, p[i]*tests/float64(rank))
		adjusted[i] = lowest
	}
	return adjusted
}

// EBH is the threshold of the e-BH procedure (Wang and Ramdas 2022) on logarithms of e-values: rejecting those that are at
// least ln(K/(alpha k)), of K tests, for the greatest k for which there are k of them, keeps the expected share of false
// discoveries at alpha, however the tests depend on each other, and whenever one looks. When none is rejected it is the
// threshold of the first. Bounds at this threshold keep the share of wrong ones at alpha too (Xu, Wang and Ramdas 2024).
// A NaN is a test that was made and says nothing.
func EBH(logs []float64, alpha float64) float64 {
	sorted := slices.DeleteFunc(slices.Clone(logs), math.IsNaN)
	slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(b, a) })
	first := math.Log(float64(len(logs)) / alpha)
	for k := len(sorted); k > 0; k-- {
		if threshold := first - math.Log(float64(k)); sorted[k-1] >= threshold {
			return threshold
		}
	}
	return first
}
