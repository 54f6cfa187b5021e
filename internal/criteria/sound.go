// SPDX-License-Identifier: Apache-2.0

package criteria

import "math"

const (
	// mostPairs is more than can be; sums of as many do not overflow.
	mostPairs = 1 << 50
	// mostBucket is of latencies of some years.
	mostBucket = 64 * BucketsPerOctave
	// mostMargin is so far off that its square can still be reckoned with.
	mostMargin = 1e100
	// rounding is what the sums of floats may be off by.
	rounding = 1e-6
)

// sound tells whether the criterion asks something that can be answered.
func (c Criterion) sound(p Policy) bool {
	if c.MinSamples < 0 {
		return false
	}
	// Written so that a NaN is unsound.
	switch m := c.MaxDifference; c.Signal {
	case LatencySeconds:
		return c.Quantile > 0 && c.Quantile < 1 && c.MaxRatio > 0 && c.MaxRatio < mostMargin
	case ShadowLatencySeconds:
		return c.Quantile > 0 && c.Quantile < 1 && m > 0 && m < mostMargin
	case ErrorRatio, InvalidInputRatio, Disagreement, Accuracy, ShadowErrorRatio:
		return m >= 0 && m < 1
	case ScoreDistribution:
		return m >= 0 && m < 1 && p.Probability // the cuts are those of probabilities
	case ScoreDifference, ScoreShift, MeanConfidence, MeanEntropy:
		return m >= 0 && (m < 1 || !p.Probability && m < mostMargin)
	}
	return false
}

// sound tells whether the counts can be.
func (c Counts) sound() bool {
	ok := count(c.Same) && count(c.Other) && count(c.Scored) && len(c.Crossings) <= Cuts
	for _, n := range c.Outcomes {
		ok = ok && count(n)
	}
	for _, row := range c.Status {
		for _, n := range row {
			ok = ok && count(n)
		}
	}
	for _, table := range [][2][2]int64{c.Triples, c.Labelled} {
		for _, row := range table {
			for _, n := range row {
				ok = ok && count(n)
			}
		}
	}
	for _, m := range c.Differences {
		ok = ok && m.sound()
	}
	for _, k := range c.Crossings {
		ok = ok && count(k.Up) && count(k.Down)
	}
	for _, side := range c.Latency {
		for bucket, n := range side {
			ok = ok && bucket >= 0 && bucket <= mostBucket && count(n)
		}
	}
	return ok
}

func count(n int64) bool { return n >= 0 && n <= mostPairs }

// sound tells whether the sums can be those of N numbers. Written so that a NaN is unsound.
func (m Moments) sound() bool {
	most := math.MaxFloat64 / (4 * mostPairs)
	if !count(m.N) || !(m.Up >= 0 && m.Up < math.Sqrt(most)) || !(m.Down >= 0 && m.Down < math.Sqrt(most)) || !(m.Squares >= 0 && m.Squares < most) {
		return false
	}
	if m.N == 0 {
		return m.Up == 0 && m.Down == 0 && m.Squares == 0
	}
	// Those above zero and those below are N together at most (Cauchy and Schwarz).
	return (m.Up*m.Up+m.Down*m.Down)*(1-rounding) <= float64(m.N)*m.Squares
}

// within tells whether the sums can be those of numbers of at most 1, and when bounded of at least -1.
func (m Moments) within(bounded bool) bool {
	most := float64(m.N) * (1 + rounding)
	return m.Up <= most && (!bounded || m.Up+m.Down <= most && m.Squares <= (m.Up+m.Down)*(1+rounding))
}
