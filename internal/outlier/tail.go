// SPDX-License-Identifier: Apache-2.0

package outlier

import (
	"math"
	"slices"

	"github.com/vedette-dev/vedette/internal/profile"
)

// Rates are the shares of a baseline above the values of a Tail. They are part of the summary's format.
var Rates = [...]float64{0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5}

// Tail holds the quantiles of a baseline at 1−Rates[i], ascending. It ends where the baseline has too few values for
// the next rate. The empty Tail knows nothing.
type Tail []float64

// NewTail is the tail of a series. Its values are ends of buckets, so that of many equal values of the baseline none is
// above the quantile that they are at.
func NewTail(s *profile.Series) Tail { return newTail(s.Count, s.QuantileAbove) }

func newTail(n int64, quantile func(p float64) float64) Tail {
	var t Tail
	for _, rate := range Rates {
		if rate*float64(n) < 1 {
			break
		}
		q := quantile(1 - rate)
		if len(t) > 0 {
			q = max(q, t[len(t)-1])
		}
		if math.IsNaN(q) || math.IsInf(q, 0) {
			break
		}
		t = append(t, q)
	}
	return t
}

// Surprise is −log10 of about the share of the baseline that is at or above x: 0 for what half of it reaches, 3 for
// one in a thousand. Between two quantiles it is interpolated; above the last one the share is taken to fall with the
// square of x, as in a tail whose variance is barely finite, so that it never claims more than the data can carry. It is
// NaN when t or x is unknown.
func (t Tail) Surprise(x float64) float64 {
	if len(t) == 0 || math.IsNaN(x) {
		return math.NaN()
	}
	x = min(max(x, -math.MaxFloat64), math.MaxFloat64)
	// A value that is equal to a quantile but for the rounding is not above it.
	if x -= 1e-9 * math.Abs(x); x <= t[0] {
		return 0
	}
	i, _ := slices.BinarySearch(t, x)
	if i == len(t) {
		last := surprises[i-1]
		if t[i-1] <= 0 {
			return last + math.Log10(2)
		}
		return min(last+2*math.Log10(x/t[i-1]), maxSurprise)
	}
	part := (x - t[i-1]) / (t[i] - t[i-1])
	return surprises[i-1] + part*(surprises[i]-surprises[i-1])
}

// At is the value that the share rate of the baseline exceeds, +Inf when that is not known. Rates between those of the
// grid are interpolated by their logarithm; below the last one it is the last value.
func (t Tail) At(rate float64) float64 {
	if len(t) == 0 || !(rate > 0) {
		return math.Inf(1)
	}
	s := -math.Log10(rate)
	i, _ := slices.BinarySearch(surprises[:len(t)], s)
	if i == len(t) {
		return t[i-1]
	}
	if i == 0 {
		return t[0]
	}
	part := (s - surprises[i-1]) / (surprises[i] - surprises[i-1])
	return t[i-1] + part*(t[i]-t[i-1])
}

// maxSurprise bounds a surprise: nothing is known of rarer things.
const maxSurprise = 12

// surprises are −log10 of Rates.
var surprises = func() (s [len(Rates)]float64) {
	for i, rate := range Rates {
		s[i] = -math.Log10(rate)
	}
	return s
}()
