// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// betaTerms bounds the continued fraction. It converges within about the square root of its greater parameter, and
// mostCounted bounds that.
const betaTerms = 100_000

// logBetaAbove is the logarithm of P(X > x) of a Beta(a, b) variable: of the complement of the regularised incomplete beta
// function. It stays finite, and precise, where the function itself underflows.
func logBetaAbove(a, b, x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return math.Inf(-1)
	}
	front := a*math.Log(x) + b*math.Log1p(-x) - lbeta(a, b)
	// The fraction converges fast below the mean; above it, that of the complement does.
	if x < (a+1)/(a+b+2) {
		return logComplement(min(0, front-math.Log(a*betaFraction(a, b, x))))
	}
	return min(0, front-math.Log(b*betaFraction(b, a, 1-x)))
}

// betaFraction is the continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated from the front by
// Lentz's method as modified by Thompson and Barnett (1986).
func betaFraction(a, b, x float64) float64 {
	const tiny, precision = 1e-300, 1e-14
	nonZero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	f, c, d := 1.0, 1.0, 0.0
	for i := 1; i <= betaTerms; i++ {
		m := float64(i / 2)
		var term float64
		if i%2 == 0 {
			term = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		} else {
			term = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 / nonZero(1+term*d)
		c = nonZero(1 + term/c)
		f *= c * d
		if math.Abs(c*d-1) < precision {
			break
		}
	}
	return f
}

// lbeta is the logarithm of the beta function.
func lbeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// logComplement is the logarithm of 1 - exp(l), for l <= 0.
func logComplement(l float64) float64 {
	if l > -math.Ln2 {
		return math.Log(-math.Expm1(l))
	}
	return math.Log1p(-math.Exp(l))
}

// timesLog is k ln p, and 0 for k = 0 whatever p is.
func timesLog(k, p float64) float64 {
	if k == 0 {
		return 0
	}
	return k * math.Log(p)
}
