// SPDX-License-Identifier: Apache-2.0

package criteria

import (
	"math"

	"github.com/vedette-dev/vedette/internal/stats"
)

// Crossings are the pairs whose scores lie on different sides of a cut: Up those whose candidate lies above it, Down those whose
// candidate lies below.
type Crossings struct{ Up, Down int64 }

// Cuts is at how many the score is counted. Those that no pair has crossed are no evidence of a failure.
const Cuts = 13

// distributionClaim is about the distance of the two distributions of the score (Kolmogorov 1933), at the cuts: the greatest
// difference, over them, of the shares of scores above. At each cut a pair is two outcomes of 0 or 1. To pass, the
// difference must be shown to lie within the margin at each, in both directions, at the full level, as a distance beyond the margin is so at one of
// them; to fail, the evidence is the mean over all cuts and directions.
func distributionClaim(c Criterion, counts Counts) claim {
	n := counts.Scored
	if n == 0 {
		return claim{}
	}
	all := []Crossings{{}} // a cut that nothing crosses
	apart := int64(0)
	for _, k := range counts.Crossings {
		all = append(all, k)
		apart = max(apart, k.Up-k.Down, k.Down-k.Up)
		n = max(n, k.Up+k.Down) // a scrape may have come between the two counters
	}
	return line{
		above: func(m float64) float64 {
			var logs []float64
			for _, k := range all[1:] {
				logs = append(logs, stats.PairedAbove(k.Up, k.Down, n, m), stats.PairedAbove(k.Down, k.Up, n, m))
			}
			return stats.Mean(logs, 2*Cuts)
		},
		below: func(m float64) float64 {
			least := math.Inf(1)
			for _, k := range all {
				least = min(least, stats.PairedBelow(k.Up, k.Down, n, m), stats.PairedBelow(k.Down, k.Up, n, m))
			}
			return least
		},
		lowest: 0, highest: 1,
	}.claim(n, float64(apart)/float64(n), c.MaxDifference)
}
