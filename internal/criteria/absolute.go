// SPDX-License-Identifier: Apache-2.0

package criteria

import (
	"math"

	"github.com/vedette-dev/vedette/internal/stats"
)

// The signals of the candidate alone, whatever the model does: MaxDifference is then the most that they may be.
const (
	ShadowErrorRatio     Signal = "ShadowErrorRatio"
	ShadowLatencySeconds Signal = "ShadowLatencySeconds"
)

// shadowErrorClaim is about the share of the candidate's answers that failed.
func shadowErrorClaim(c Criterion, counts Counts) claim {
	var failed, n int64
	for _, row := range counts.Status {
		failed += row[Failed]
		n += row[OK] + row[Invalid] + row[Failed]
	}
	if n == 0 {
		return claim{}
	}
	return line{
		above:  func(m float64) float64 { return stats.ShareAbove(failed, n, m) },
		below:  func(m float64) float64 { return stats.ShareBelow(failed, n, m) },
		lowest: 0, highest: 1,
	}.claim(n, float64(failed)/float64(n), c.MaxDifference)
}

// shadowLatencyClaim is about a quantile of the candidate's latencies: it is at most a limit where a share of at most
// 1 - quantile lies above. A bucket that the limit lies in counts as above it for a pass, and as below for a failure.
func shadowLatencyClaim(c Criterion, counts Counts) claim {
	least := sumsFrom(vector(counts.Latency[1]))
	n := least[0]
	if n == 0 {
		return claim{}
	}
	beyond := 1 - c.Quantile
	above := func(bucket int) float64 { return stats.ShareAbove(counted(least, bucket), n, beyond) }
	below := func(bucket int) float64 { return stats.ShareBelow(counted(least, bucket), n, beyond) }
	limit := BucketsPerOctave * math.Log2(c.MaxDifference*1e6)
	return claim{
		n: n, estimate: edge(quantileBucket(least, c.Quantile) + 1), passes: below(int(math.Floor(limit))), fails: above(int(math.Ceil(limit))),
		bounds: func(t thresholds) (low, high float64) {
			high = math.Inf(1)
			for b := range least {
				if above(b) >= t.fail {
					low = edge(b)
				}
				if below(b) >= t.pass {
					high = edge(b)
					break
				}
			}
			return low, high
		},
	}
}

// sumsFrom sums up, for each bucket, what lies in it or above; the last is 0.
func sumsFrom(buckets []int64) []int64 {
	least := make([]int64, len(buckets)+1)
	for i := len(buckets) - 1; i >= 0; i-- {
		least[i] = least[i+1] + buckets[i]
	}
	return least
}

func counted(least []int64, bucket int) int64 { return least[max(0, min(bucket, len(least)-1))] }

func quantileBucket(least []int64, q float64) int {
	for b := range least {
		if float64(least[0]-counted(least, b+1)) >= q*float64(least[0]) {
			return b
		}
	}
	return len(least) - 1
}

// edge is the lower edge of a bucket, in seconds.
func edge(bucket int) float64 { return math.Exp2(float64(bucket)/BucketsPerOctave) / 1e6 }
