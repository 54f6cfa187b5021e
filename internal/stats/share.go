// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// mostCounted is how many trials the incomplete beta function is asked about. More are scaled down to as many: the
// bounds then narrow no further, which errs to the safe side.
const mostCounted = 1e8

// ShareAbove is the evidence of k of n trials against H0: the share is at most p. It is the logarithm of
//
//	e = ∫ (θ/p)^k ((1-θ)/(1-p))^(n-k) dF(θ),   F = Beta(1/2, 1/2) cut to θ in (p, 1],
//
// the beta-binomial mixture of Robbins (1970), cut to the alternative. For each θ above p the likelihood ratio is a
// supermartingale under every share of at most p, and so is their mixture: e may be looked at whenever one likes, and
// exceeds 1/a with a probability of at most a (Ville 1939). It is NaN when k does not lie in [0, n].
func ShareAbove(k, n int64, p float64) float64 { return shareAbove(k, n, p, 0.5) }

// ShareBelow is the evidence of k of n trials against H0: the share is at least p.
func ShareBelow(k, n int64, p float64) float64 { return shareAbove(n-k, n, 1-p, 0.5) }

// ShareAtMost is the upper bound of the share that k of n trials show, at each time with a probability of at least
// 1-alpha for all times together: the least p that ShareBelow contradicts. The lower bound is 1 less
// ShareAtMost(n-k, n, alpha).
func ShareAtMost(k, n int64, alpha float64) float64 {
	low, high := 0.0, 1.0
	if n > 0 {
		low = float64(k) / float64(n)
	}
	for range 25 { // to 3e-8, and never below the bound
		mid := (low + high) / 2
		if ShareBelow(k, n, mid) >= -math.Log(alpha) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// DiscordantAbove is the evidence of b trials of one kind and c of the other against H0: the first is no more probable
// than the second. It is the logarithm of the mean over θ in (1/2, 1] of (2θ)^b (2(1-θ))^c: the anytime-valid
// counterpart of McNemar's test.
func DiscordantAbove(b, c int64) float64 { return shareAbove(b, b+c, 0.5, 1) }

// shareAbove mixes with Beta(prior, prior), cut to (p, 1].
func shareAbove(k, n int64, p, prior float64) float64 {
	switch {
	case k < 0 || k > n || math.IsNaN(p):
		return math.NaN()
	case p >= 1:
		return 0 // No share is greater: there can be no evidence.
	case p < 0 || p == 0 && k > 0:
		return math.Inf(1)
	}
	fk, fn := float64(k), float64(n)
	if fn > mostCounted {
		fk, fn = fk*mostCounted/fn, mostCounted
	}
	_, before := logBetaTails(prior, prior, p)
	_, after := logBetaTails(prior+fk, prior+fn-fk, p)
	return shareMixture(fk, fn, p, prior) + after - before
}

// shareMixture is the logarithm of the whole mixture, against H0: the share is p.
func shareMixture(k, n, p, prior float64) float64 {
	return lbeta(prior+k, prior+n-k) - lbeta(prior, prior) - timesLog(k, p) - timesLog(n-k, 1-p)
}
