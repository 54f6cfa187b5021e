// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// z95 is the 0.975 quantile of the normal distribution.
const z95 = 1.959963984540054

// Proportions compares the shares of two samples: how many of n reference rows and of m current rows have a
// property.
type Proportions struct {
	// Ref and Cur are the two shares.
	Ref, Cur float64
	// Z is the pooled two-proportion statistic, positive when the share grew; 0 when both samples agree entirely.
	Z float64
	// P is two-sided: Fisher's exact test when an expected count is below five, else normal.
	P float64
	// Low and High bound Cur-Ref with 95 % confidence (Newcombe 1998, method 10).
	Low, High float64
}

// TwoProportions compares x of n reference rows with y of m current rows. All fields are NaN when a side is empty
// or its count lies outside it.
func TwoProportions(x, n, y, m int64) Proportions {
	if n <= 0 || m <= 0 || x < 0 || y < 0 || x > n || y > m {
		nan := math.NaN()
		return Proportions{Ref: nan, Cur: nan, Z: nan, P: nan, Low: nan, High: nan}
	}
	fn, fm := float64(n), float64(m)
	p, q := float64(x)/fn, float64(y)/fm
	pooled := float64(x+y) / (fn + fm)

	out := Proportions{Ref: p, Cur: q, P: 1}
	if variance := pooled * (1 - pooled) * (1/fn + 1/fm); variance > 0 {
		out.Z = (q - p) / math.Sqrt(variance)
		if min(fn, fm)*min(pooled, 1-pooled) < minExpected {
			out.P = fisher(x, n, y, m)
		} else {
			out.P = normalTwoSided(out.Z)
		}
	}
	lowRef, highRef := wilson(p, fn)
	lowCur, highCur := wilson(q, fm)
	out.Low = q - p - math.Hypot(q-lowCur, highRef-p)
	out.High = q - p + math.Hypot(highCur-q, p-lowRef)
	return out
}

// wilson is the score interval of a share p of n rows (Wilson 1927), at 95 %.
func wilson(p, n float64) (low, high float64) {
	const z2 = z95 * z95
	centre := (p + z2/(2*n)) / (1 + z2/n)
	half := z95 / (1 + z2/n) * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	return max(0, centre-half), min(1, centre+half)
}

// fisher is the two-sided p of Fisher's exact test: the probability, given the margins, of all tables that are no
// more probable than the observed one.
func fisher(x, n, y, m int64) float64 {
	k := x + y
	logProbability := func(i int64) float64 { return logChoose(n, i) + logChoose(m, k-i) - logChoose(n+m, k) }
	// The tolerance keeps tables that are equally probable from being told apart by rounding.
	limit := logProbability(x) + 1e-7
	var p float64
	for i := max(0, k-m); i <= min(n, k); i++ {
		if l := logProbability(i); l <= limit {
			p += math.Exp(l)
		}
	}
	return min(1, p)
}

func logChoose(n, k int64) float64 {
	return lgamma(n+1) - lgamma(k+1) - lgamma(n-k+1)
}

func lgamma(x int64) float64 {
	v, _ := math.Lgamma(float64(x))
	return v
}

// RuleOfThree is the upper 95 % bound on the share of something that none of n rows showed: 3/n, at most 1
// (Hanley and Lippman-Hand 1983). It is NaN for n <= 0.
func RuleOfThree(n int64) float64 {
	if n <= 0 {
		return math.NaN()
	}
	return min(1, 3/float64(n))
}
