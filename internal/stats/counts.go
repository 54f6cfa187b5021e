// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// total sums counts. It reports false when there is nothing to count or a count is negative.
func total(counts []int64) (float64, bool) {
	var sum float64
	for _, c := range counts {
		if c < 0 {
			return 0, false
		}
		sum += float64(c)
	}
	return sum, sum > 0
}

// totals checks that two count vectors describe the same cells and returns both sums.
func totals(ref, cur []int64) (n, m float64, ok bool) {
	if len(ref) != len(cur) || len(ref) == 0 {
		return 0, 0, false
	}
	n, okRef := total(ref)
	m, okCur := total(cur)
	return n, m, okRef && okCur
}

// chi2Survival is P(X >= x) for a chi-squared variable with df degrees of freedom. A table with one cell has no
// freedom to differ: its p is 1.
func chi2Survival(x float64, df int) float64 {
	switch {
	case math.IsNaN(x):
		return math.NaN()
	case df < 1 || x <= 0:
		return 1
	case math.IsInf(x, 1):
		return 0
	}
	return distuv.ChiSquared{K: float64(df)}.Survival(x)
}

// normalTwoSided is P(|Z| >= |z|) for a standard normal variable.
func normalTwoSided(z float64) float64 {
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}
