// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// Sums are the sums of N values from which the evidence about their mean follows.
type Sums struct {
	N            int64
	Sum, Squares float64
}

// Negated are the sums of the values with their signs turned.
func (s Sums) Negated() Sums { return Sums{s.N, -s.Sum, s.Squares} }

// Mean is NaN for no values.
func (s Sums) Mean() float64 { return s.Sum / float64(s.N) }

// around is the sum of the squared distances from m. Rounding cannot bring it below what the sum alone demands.
func (s Sums) around(m float64) float64 {
	n := float64(s.N)
	return max(s.Squares-2*m*s.Sum+n*m*m, square(s.Sum-n*m)/n)
}

// BoundedBelow is the evidence against H0: the mean is at least m, of values that never exceed most, which lies above m. It is
// the logarithm of
//
//	e = ∫ exp(λ Σy - (-ln(1-λ) - λ) Σy²) dF(λ),   y = (m-x)/(most-m) >= -1,   0 <= λ < 1,
//
// with the bound of Fan, Grama and Liu (2015) on ln(1+λy), as Howard et al. (2021) use it for empirical Bernstein
// confidence sequences. It is exact with any number of values, knows no variance, and needs no bound below. It is NaN
// for no values.
func BoundedBelow(s Sums, m, most float64) float64 {
	scale := most - m
	if s.N <= 0 || !(scale > 0) {
		return math.NaN()
	}
	gain := (float64(s.N)*m - s.Sum) / scale
	spread := s.around(m) / (scale * scale)
	return mixBets(func(b bet) float64 { return b.stake*gain + b.short*spread })
}

const (
	// meanTuned is the number of values for which the evidence about a mean is sharpest, at a level of meanLevel: in
	// between the hundreds that tell of a large difference and the ten thousands that a small one takes.
	meanTuned, meanLevel = 2000, 0.05
	// meanGuard is the distance of the pseudo-observation, in margins.
	meanGuard = 100
)

// meanMixture is ρ², by Waudby-Smith et al. (2024): (-2 ln a + ln(-2 ln a + 1)) / t.
var meanMixture = func() float64 {
	l := -2 * math.Log(meanLevel)
	return (l + math.Log(l+1)) / meanTuned
}()

// MeanAbove is the evidence against H0: the mean is at most m, of values of unknown bounds: the logarithm of
//
//	e = 2 Φ(ρS/√(nρ²+1)) exp(ρ²S²/(2(nρ²+1))) / √(nρ²+1),   S = Σ(x-m)/σ,   σ² = (Σ(x-m)² + (100 m)²)/n,
//
// the one-sided normal mixture of Robbins (1970), which Waudby-Smith et al. (Annals of Statistics 2024) show to give
// asymptotic confidence sequences for any values with a variance: those m for which it stays below 1/a. Two things keep it
// honest early, while the variance is still unknown. The spread is taken around m, not around the mean: the sum then never
// exceeds its own size (for symmetric values this is exact: de la Peña 1999), so a single value, or equal ones, prove
// nothing. And one pseudo-observation lies a hundred margins off: as long as no difference was seen, there may be some
// that are rare and large, and the evidence must wait for about 3.5 times as many values as it takes for those to show.
//
// It is NaN for no values.
func MeanAbove(s Sums, m float64) float64 {
	if s.N <= 0 {
		return math.NaN()
	}
	n := float64(s.N)
	excess := s.Sum - n*m
	sigma := math.Sqrt((s.around(m) + square(meanGuard*m)) / n)
	if sigma == 0 {
		return normalAbove(0, n, meanMixture) // All values are m.
	}
	return normalAbove(excess/sigma, n, meanMixture)
}

// MeanBelow is the evidence against H0: the mean is at least m.
func MeanBelow(s Sums, m float64) float64 { return MeanAbove(s.Negated(), -m) }

// normalAbove is the mixture cut to the alternative.
func normalAbove(sum, n, rho2 float64) float64 {
	z := sum * math.Sqrt(rho2/(n*rho2+1))
	if z < -25 {
		// Mills's ratio, where the tail underflows.
		return -math.Log(-z*math.Sqrt(math.Pi/2)) - math.Log(n*rho2+1)/2
	}
	return normalMixture(sum, n, rho2) + math.Log(math.Erfc(-z/math.Sqrt2))
}

// normalMixture is the logarithm of the whole mixture, against H0: the mean is 0, of n values of variance 1.
func normalMixture(sum, n, rho2 float64) float64 {
	return sum*sum*rho2/(2*(n*rho2+1)) - math.Log(n*rho2+1)/2
}
