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
