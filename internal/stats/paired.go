// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// PairedAbove is the evidence of n pairs of outcomes that are 0 or 1 against H0: θ <= m, where θ is the probability of
// the first outcome less that of the second, b pairs had the first alone and c the second alone. It is the logarithm of
//
//	e = ∫ (1+λ(1-m))^b (1-λ(1+m))^c (1-λm)^(n-b-c) dF(λ),   0 <= λ <= 1/(1+m),
//
// the wealth of one who bets on the mean of bounded differences (Waudby-Smith and Ramdas 2024), mixed over the stakes
// (Orabona and Jun 2024): with differences of -1, 0 and 1 it depends on the counts alone. Each factor has an expectation of at
// most 1 as long as that of the difference, given the past, is at most m; nothing else is assumed, neither of how many
// pairs are discordant nor that they stay so.
//
// With m = 0 the stakes are uniform, and the evidence is DiscordantAbove. It is NaN for counts that do not fit.
func PairedAbove(b, c, n int64, m float64) float64 {
	switch {
	case b < 0 || c < 0 || b > n || c > n-b || math.IsNaN(m):
		return math.NaN()
	case m >= 1:
		return 0 // θ is never greater.
	case m <= -1:
		return math.Inf(1)
	case m == 0:
		return DiscordantAbove(b, c)
	}
	fb, fc, same := float64(b), float64(c), float64(n-b-c)
	// The greatest stake loses everything on a pair of the kind c; for m < -1/2 not even that, but it is great enough.
	most := 1 / (1 + max(m, -0.5))
	return mixBets(func(b bet) float64 {
		l := b.stake * most
		return timesLog(fb, 1+l*(1-m)) + timesLog(fc, 1-l*(1+m)) + timesLog(same, 1-l*m)
	})
}

// PairedBelow is the evidence against H0: θ >= m.
func PairedBelow(b, c, n int64, m float64) float64 { return PairedAbove(c, b, n, -m) }
