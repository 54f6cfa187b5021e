// SPDX-License-Identifier: Apache-2.0

package criteria

import (
	"math"

	"github.com/vedette-dev/vedette/internal/stats"
)

// claim is what the counts of a scope say about a criterion. Evidence is the logarithm of an e-value.
type claim struct {
	broken   bool
	n        int64
	estimate float64
	// unknown is what Low is while nothing is known.
	unknown float64
	// passes speaks against a difference of at least the margin, fails against one of at most the margin.
	passes, fails float64
	bounds        func(thresholds) (low, high float64)
}

// claimOf asks the counts. A criterion that makes no sense, and counts that cannot be, give a broken claim.
func claimOf(c Criterion, counts Counts, p Policy, l levels) claim {
	if !c.sound(p) || !counts.sound() {
		return claim{broken: true}
	}
	switch c.Signal {
	case ErrorRatio:
		return ratioClaim(c, counts, Failed)
	case InvalidInputRatio:
		return ratioClaim(c, counts, Invalid)
	case Disagreement:
		return disagreementClaim(c, counts, l)
	case LatencySeconds:
		return latencyClaim(c, counts, l)
	case ScoreDifference:
		return meanClaim(c, counts.Differences[Excess], p.Probability, false)
	case ScoreShift:
		return shiftClaim(c, counts.Differences[Score], p.Probability)
	case ScoreDistribution:
		return distributionClaim(c, counts)
	case MeanConfidence:
		return shiftClaim(c, counts.Differences[Confidence], p.Probability)
	case MeanEntropy:
		return shiftClaim(c, counts.Differences[Entropy], p.Probability)
	case Accuracy:
		return accuracyClaim(c, counts)
	case ShadowErrorRatio:
		return shadowErrorClaim(c, counts)
	case ShadowLatencySeconds:
		return shadowLatencyClaim(c, counts)
	}
	return claim{broken: true}
}

// line is evidence about a number between two limits, as functions of what it is compared with.
type line struct {
	// above speaks against "at most m", below against "at least m".
	above, below    func(m float64) float64
	lowest, highest float64
	// endless says that the limits are those of the search alone.
	endless bool
}

// high is the least m that evidence below reaches the threshold for: at most the given one exactly if it does there.
func (l line) high(m, threshold float64) float64 {
	good, bad := l.highest, m
	if l.below(m) >= threshold {
		good, bad = m, l.lowest
	}
	// Evidence grows with the square of the distance: of its root, a line through both ends is a good guess (Illinois's
	// method keeps either end from staying).
	root := func(m float64) float64 { return math.Sqrt(max(0, l.below(m)+rootBase)) - math.Sqrt(threshold+rootBase) }
	atGood, atBad := root(good), root(bad)
	if !(atGood >= 0) && l.endless {
		return math.Inf(1)
	}
	for range 40 {
		next := good - atGood*(good-bad)/(atGood-atBad)
		if !(min(good, bad) < next && next < max(good, bad)) {
			next = (good + bad) / 2
		}
		if v := root(next); v >= 0 {
			good, atGood, atBad = next, v, atBad/2
		} else {
			bad, atBad, atGood = next, v, atGood/2
		}
		if math.Abs(good-bad) <= 1e-4*math.Abs(good) || math.Abs(good-bad) < 1e-7 {
			break
		}
	}
	return good
}

// rootBase keeps the root of what evidence is while it is still against the claim.
const rootBase = 10

// low is the greatest m that evidence above reaches the threshold for.
func (l line) low(m, threshold float64) float64 {
	mirrored := line{below: func(x float64) float64 { return l.above(-x) }, lowest: -l.highest, highest: -l.lowest, endless: l.endless}
	return -mirrored.high(-m, threshold)
}

// claim compares with a margin.
func (l line) claim(n int64, estimate, margin float64) claim {
	return claim{
		n: n, estimate: estimate, unknown: math.Inf(-1), passes: l.below(margin), fails: l.above(margin),
		bounds: func(t thresholds) (float64, float64) { return l.low(margin, t.fail), l.high(margin, t.pass) },
	}
}

func ratioClaim(c Criterion, counts Counts, status Status) claim {
	var n, primary, shadow int64
	for i, row := range counts.Status {
		for j, k := range row {
			n += k
			if Status(i) == status {
				primary += k
			}
			if Status(j) == status {
				shadow += k
			}
		}
	}
	both := counts.Status[status][status]
	return pairedClaim(shadow-both, primary-both, n, c.MaxDifference)
}

// accuracyClaim is about by how much the candidate's accuracy is lower: a wrong answer is to it what a failure is to an error ratio.
func accuracyClaim(c Criterion, counts Counts) claim {
	l := counts.Labelled
	return pairedClaim(l[1][0], l[0][1], l[0][0]+l[0][1]+l[1][0]+l[1][1], c.MaxDifference)
}

// pairedClaim is about n pairs in which something bad befell the candidate alone, or the model alone.
func pairedClaim(candidate, model, n int64, margin float64) claim {
	if n == 0 {
		return claim{unknown: math.Inf(-1)}
	}
	return line{
		above:  func(m float64) float64 { return stats.PairedAbove(candidate, model, n, m) },
		below:  func(m float64) float64 { return stats.PairedBelow(candidate, model, n, m) },
		lowest: -1, highest: 1,
	}.claim(n, float64(candidate-model)/float64(n), margin)
}

// sharp is the weight that the evidence from all disagreement has, beside that from triples.
const sharp = 0.25

func disagreementClaim(c Criterion, counts Counts, l levels) claim {
	n, triples := counts.Compared(), counts.triples()
	if n == 0 {
		return claim{unknown: math.Inf(-1)}
	}
	alone, noiseAlone := counts.Triples[1][0], counts.Triples[0][1]
	noisy := counts.Triples[0][1] + counts.Triples[1][1]
	differ := counts.Other + counts.Triples[1][0] + counts.Triples[1][1]
	estimate := float64(differ) / float64(n)
	noise := 1.0
	if triples > 0 {
		estimate -= float64(noisy) / float64(triples)
		noise = stats.ShareAtMost(noisy, triples, l.nuisance().fail)
	}
	return line{
		above: func(m float64) float64 {
			return stats.Mix(stats.PairedAbove(differ, 0, n, m+noise), stats.PairedAbove(alone, noiseAlone, triples, m), sharp)
		},
		below: func(m float64) float64 {
			return stats.Mix(stats.PairedBelow(differ-counts.Triples[1][1], noiseAlone, n, m), stats.PairedBelow(alone, noiseAlone, triples, m), 0.5)
		},
		lowest: -1, highest: 1,
	}.claim(n, estimate, c.MaxDifference)
}

func latencyClaim(c Criterion, counts Counts, l levels) claim {
	vectors := [2][]int64{vector(counts.Latency[0]), vector(counts.Latency[1])}
	of := func(alpha float64) stats.QuantileRatio {
		return stats.NewQuantileRatio(vectors[0], vectors[1], BucketsPerOctave, c.Quantile, alpha)
	}
	pass, fail := of(l.nuisance().pass), of(l.nuisance().fail)
	estimate := pass.Estimate()
	if math.IsNaN(estimate) {
		return claim{} // A side without latencies.
	}
	return claim{
		n: pass.N(), estimate: estimate, passes: pass.Below(c.MaxRatio), fails: fail.Above(c.MaxRatio),
		bounds: func(t thresholds) (float64, float64) { return fail.AtLeast(t.fail), pass.AtMost(t.pass) },
	}
}

func vector(buckets map[int]int64) []int64 {
	var v []int64
	for b, n := range buckets {
		if b >= len(v) {
			v = append(v, make([]int64, b+1-len(v))...)
		}
		v[b] = n
	}
	return v
}

// meanLine is the evidence about a mean. The values lie in [-1, 1] when bounded says so, and never above 1 when capped does.
func meanLine(s stats.Sums, m float64, capped, bounded bool) line {
	// Sixty-four standard errors are more than any threshold asks for, and few enough for the halvings.
	n := float64(s.N)
	reach := math.Abs(s.Mean()-m) + 64*math.Sqrt(s.Squares/n/n) + 64*math.Abs(m)/math.Sqrt(n)
	l := line{
		above:  func(m float64) float64 { return stats.MeanAbove(s, m) },
		below:  func(m float64) float64 { return stats.MeanBelow(s, m) },
		lowest: m - reach, highest: m + reach, endless: true,
	}
	if capped {
		l.below = func(m float64) float64 { return stats.BoundedBelow(s, m, 1) }
		l.highest = 1
	}
	if bounded {
		l.above = func(m float64) float64 { return stats.BoundedBelow(s.Negated(), -m, 1) }
		l.lowest = -1
	}
	return l
}

func meanClaim(c Criterion, of Moments, capped, bounded bool) claim {
	if of.N == 0 {
		return claim{unknown: math.Inf(-1)}
	}
	s := of.sums()
	if capped && !of.within(bounded) {
		return claim{broken: true} // They are no differences of probabilities.
	}
	return meanLine(s, c.MaxDifference, capped, bounded).claim(s.N, s.Mean(), c.MaxDifference)
}

// shiftClaim is about the size of a signed mean.
func shiftClaim(c Criterion, of Moments, bounded bool) claim {
	up := meanClaim(c, of, bounded, bounded)
	if up.broken || up.n == 0 {
		return up
	}
	margin := c.MaxDifference
	s := of.sums()
	high, low := meanLine(s, margin, bounded, bounded), meanLine(s, -margin, bounded, bounded)
	up.passes = min(high.below(margin), low.above(-margin))
	up.fails = stats.Mix(high.above(margin), low.below(-margin), 0.5)
	up.bounds = func(t thresholds) (float64, float64) { return low.low(-margin, t.pass), high.high(margin, t.pass) }
	return up
}

func (m Moments) sums() stats.Sums { return stats.Sums{N: m.N, Sum: m.Up - m.Down, Squares: m.Squares} }
