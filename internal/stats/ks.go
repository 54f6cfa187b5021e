// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// KSBinned is the Kolmogorov-Smirnov statistic of two samples that were counted into the same ordered bins: the
// largest difference of the cumulated shares at an edge. It never exceeds the statistic of the samples
// themselves, so a p-value from it is conservative; with 128 bins or more the loss is small.
func KSBinned(ref, cur []int64) float64 {
	n, m, ok := totals(ref, cur)
	if !ok {
		return math.NaN()
	}
	var f, g, d float64
	for i := range ref {
		f += float64(ref[i])
		g += float64(cur[i])
		d = max(d, math.Abs(f/n-g/m))
	}
	return d
}

// KSPValue is the probability of a statistic at least d for samples of n and m rows of one continuous
// distribution, by Kolmogorov's limit at the effective size nm/(n+m).
func KSPValue(d float64, n, m int64) float64 {
	if math.IsNaN(d) || n <= 0 || m <= 0 {
		return math.NaN()
	}
	effective := 1 / (1/float64(n) + 1/float64(m))
	return kolmogorovSurvival(math.Sqrt(effective) * d)
}

// kolmogorovSurvival is the limit law Q(x) = 2 sum (-1)^(k-1) exp(-2k²x²) (Kolmogorov 1933). Below x = 1 its
// Jacobi transform converges faster; four terms of either give full precision there.
func kolmogorovSurvival(x float64) float64 {
	if x <= 0 {
		return 1
	}
	var sum float64
	if x < 1 {
		for k := range 4 {
			odd := float64(2*k + 1)
			sum += math.Exp(-odd * odd * math.Pi * math.Pi / (8 * x * x))
		}
		return min(1, max(0, 1-math.Sqrt(2*math.Pi)/x*sum))
	}
	sign := 1.0
	for k := 1; k <= 4; k++ {
		sum += sign * math.Exp(-2*float64(k*k)*x*x)
		sign = -sign
	}
	return min(1, 2*sum)
}
