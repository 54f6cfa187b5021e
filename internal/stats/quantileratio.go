// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"sort"
)

// QuantileRatio compares a quantile of two sides, the reference and the current one, whose values were counted in buckets
// of a logarithmic scale: bucket i holds those of [2^(i/octave), 2^((i+1)/octave)). The two values of a pair may depend
// on each other in any way.
//
// Were the reference's quantile x known, the current one's would be at least r times as great only if its values exceed rx
// no more seldom than those of the reference exceed x. That is a statement on the difference of two outcomes of a pair,
// and DiscordantAbove tells of it; how often both exceeded together was not counted, and the evidence is least if they
// never did. As x is not known, the evidence is the least over all buckets that may hold it, by a confidence sequence of
// the quantile (Howard and Ramdas 2022) that takes a part of the level. Within a bucket, each statement takes the edge
// that is worse for it: a ratio can be told from another only when they lie two buckets apart, however much is counted.
type QuantileRatio struct {
	// least[side][i] is how many values lie in bucket i or above; it ends with a 0.
	least [2][]int64
	// n is the number of pairs; lost those of them of which a side was not counted, which might lie anywhere.
	n    int64
	lost [2]int64
	// first to last are the buckets that may hold the reference's quantile.
	first, last int
	octave      float64
	q           float64
}

// NewQuantileRatio compares the quantile q, in (0, 1), of two vectors of counts, which are not negative. The buckets that
// may hold the reference's are told with a probability of error of at most alpha, for all times together.
func NewQuantileRatio(reference, current []int64, octave int, q, alpha float64) QuantileRatio {
	r := QuantileRatio{octave: float64(octave), q: q}
	buckets := max(len(reference), len(current))
	for side, counts := range [][]int64{reference, current} {
		r.least[side] = make([]int64, buckets+1)
		for i := len(counts) - 1; i >= 0; i-- {
			r.least[side][i] = r.least[side][i+1] + counts[i]
		}
	}
	r.n = max(r.least[0][0], r.least[1][0])
	r.lost = [2]int64{r.n - r.least[0][0], r.n - r.least[1][0]}
	threshold := math.Log(2 / alpha)
	r.first = max(0, sort.Search(buckets+1, func(b int) bool {
		return !(ShareBelow(r.n-r.atLeast(0, b), r.n, q) >= threshold)
	})-1)
	r.last = sort.Search(buckets, func(b int) bool {
		return ShareAbove(r.n-r.atLeast(0, b+1)-r.lost[0], r.n, q) >= threshold
	})
	return r
}

// N is the number of pairs.
func (r QuantileRatio) N() int64 { return r.n }

// Estimate is the ratio of the two quantiles, interpolated within their buckets. It is NaN when there is nothing to
// compare.
func (r QuantileRatio) Estimate() float64 {
	return math.Exp2((r.position(1) - r.position(0)) / r.octave)
}

// Above is the evidence against H0: the ratio is at most the given one.
func (r QuantileRatio) Above(ratio float64) float64 {
	return r.above(int(math.Ceil(r.octave * math.Log2(ratio))))
}

// Below is the evidence against H0: the ratio is at least the given one.
func (r QuantileRatio) Below(ratio float64) float64 {
	return r.below(int(math.Floor(r.octave * math.Log2(ratio))))
}

// AtLeast is the greatest ratio, of whole buckets, for which Above reaches a threshold; 0 when it reaches it for none.
func (r QuantileRatio) AtLeast(threshold float64) float64 {
	buckets := len(r.least[0])
	i := sort.Search(2*buckets+1, func(i int) bool { return !(r.above(i-buckets) >= threshold) })
	if i == 0 {
		return 0
	}
	return math.Exp2(float64(i-1-buckets) / r.octave)
}

// AtMost is the least ratio, of whole buckets, for which Below reaches a threshold; infinite when it reaches it for
// none.
func (r QuantileRatio) AtMost(threshold float64) float64 {
	buckets := len(r.least[0])
	i := sort.Search(2*buckets+1, func(i int) bool { return r.below(i-buckets) >= threshold })
	if i > 2*buckets {
		return math.Inf(1)
	}
	return math.Exp2(float64(i-buckets) / r.octave)
}

func (r QuantileRatio) above(apart int) float64 {
	least := math.Inf(1)
	for b := r.first; b <= r.last; b++ {
		least = min(least, DiscordantAbove(r.atLeast(1, b+1+apart), r.atLeast(0, b)+r.lost[0]))
	}
	return least
}

func (r QuantileRatio) below(apart int) float64 {
	least := math.Inf(1)
	for b := r.first; b <= r.last; b++ {
		least = min(least, DiscordantAbove(r.atLeast(0, b+1), r.atLeast(1, b+apart)+r.lost[1]))
	}
	return least
}

// atLeast is how many values of a side lie in bucket i or above, for any i.
func (r QuantileRatio) atLeast(side, i int) int64 {
	return r.least[side][min(max(i, 0), len(r.least[side])-1)]
}

// position is where the quantile lies on the scale of buckets.
func (r QuantileRatio) position(side int) float64 {
	counted := float64(r.least[side][0])
	if counted == 0 {
		return math.NaN()
	}
	above := (1 - r.q) * counted
	// The last bucket above whose lower edge there are more than that.
	b := sort.Search(len(r.least[side]), func(i int) bool { return float64(r.least[side][i]) <= above }) - 1
	here := float64(r.least[side][b] - r.least[side][b+1])
	return float64(b) + (float64(r.least[side][b])-above)/here
}
