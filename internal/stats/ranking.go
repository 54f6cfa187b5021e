// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// AUC is the probability that a positive row has a higher score than a negative one, ties counting half. Rows must be in
// ascending order of their scores. It is unknown when one of the classes is empty, and when the order is broken.
//
// Its interval is that of DeLong, DeLong and Clarke-Pearson (1988), with weights, on the scale of the logit, which keeps
// it between 0 and 1 (Pepe 2003, 5.2). Where both classes are parted entirely, which leaves no variance, it is
// Wilson's at the effective size of the smaller class.
func AUC(scores, weights []float64, positive []bool) Estimate {
	if len(scores) != len(weights) || len(scores) != len(positive) {
		return Unknown()
	}
	var pos, neg Weights
	for i := range scores {
		if math.IsNaN(scores[i]) || i > 0 && scores[i] < scores[i-1] {
			return Unknown()
		}
		if positive[i] {
			pos.Add(weights[i])
		} else {
			neg.Add(weights[i])
		}
	}
	if pos.Sum <= 0 || neg.Sum <= 0 {
		return Unknown()
	}
	var area float64
	eachTie(scores, weights, positive, func(_, _ int, below, tied pair) {
		area += tied.ref * (below.cur + tied.cur/2)
	})
	area /= pos.Sum * neg.Sum
	return Estimate{Value: area}.logit(delong(scores, weights, positive, area, pos, neg), min(pos.Effective(), neg.Effective()))
}

// eachTie visits the runs of equal scores, with the weights of the positive (ref) and negative (cur) rows below each and
// in it.
func eachTie(scores, weights []float64, positive []bool, visit func(from, to int, below, tied pair)) {
	var below pair
	for from := 0; from < len(scores); {
		var tied pair
		to := from
		for ; to < len(scores) && scores[to] == scores[from]; to++ {
			if positive[to] {
				tied.ref += weights[to]
			} else {
				tied.cur += weights[to]
			}
		}
		visit(from, to, below, tied)
		below, from = below.plus(tied), to
	}
}

// delong is the variance of the area: that of the placements of the positive rows among the negative ones, and of the
// negative among the positive.
func delong(scores, weights []float64, positive []bool, area float64, pos, neg Weights) float64 {
	var ofPositive, ofNegative float64
	eachTie(scores, weights, positive, func(from, to int, below, tied pair) {
		won := (below.cur + tied.cur/2) / neg.Sum
		lost := 1 - (below.ref+tied.ref/2)/pos.Sum
		for i := from; i < to; i++ {
			if positive[i] {
				ofPositive += square(weights[i] / pos.Sum * (won - area))
			} else {
				ofNegative += square(weights[i] / neg.Sum * (lost - area))
			}
		}
	})
	return ofPositive*sampled(pos.N) + ofNegative*sampled(neg.N)
}

// sampled makes the variance of n rows that of what they are a sample of.
func sampled(n int64) float64 {
	if n < 2 {
		return math.NaN()
	}
	return float64(n) / float64(n-1)
}

// logit bounds a probability with the given variance; n is the size at which Wilson's interval stands in.
func (i Estimate) logit(variance, n float64) Estimate {
	p := i.Value
	switch {
	case math.IsNaN(variance):
		i.Low, i.High = math.NaN(), math.NaN()
	case variance == 0 || p <= 0 || p >= 1:
		i.Low, i.High = wilson(min(1, max(0, p)), n)
	default:
		centre, half := math.Log(p/(1-p)), z95*math.Sqrt(variance)/(p*(1-p))
		expit := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
		i.Low, i.High = expit(centre-half), expit(centre+half)
	}
	return i
}
