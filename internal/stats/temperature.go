// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// The temperatures that Temperature looks for. Beyond them a model is not overconfident or timid: its scores say
// nothing of the labels, or all.
const (
	minTemperature = 1.0 / 64
	maxTemperature = 64.0
)

// Temperature is the T with which softmax(logits/T) fits the labels best, by their negative log-likelihood (Guo et al.
// 2017): above 1 for an overconfident model. logits holds one row of classes values for each label, which is the index of
// its class. It is NaN when there are no labels, one of them is no index, a logit is not finite, or no T between 1/64 and
// 64 is best.
func Temperature(logits []float64, classes int, labels []int) float64 {
	if classes < 2 || len(labels) == 0 || len(logits) != classes*len(labels) {
		return math.NaN()
	}
	for _, l := range labels {
		if l < 0 || l >= classes {
			return math.NaN()
		}
	}
	// In 1/T the likelihood is convex: its slope has one zero, which Newton's method finds, and halving where it leaves
	// the interval that holds it.
	lo, hi := 1/maxTemperature, 1/minTemperature
	atLo, _ := slope(logits, classes, labels, lo)
	atHi, _ := slope(logits, classes, labels, hi)
	if !(atLo < 0 && atHi > 0) {
		return math.NaN()
	}
	beta := 1.0
	for range 200 {
		first, second := slope(logits, classes, labels, beta)
		if first < 0 {
			lo = beta
		} else {
			hi = beta
		}
		next := beta - first/second
		if !(next > lo && next < hi) {
			next = (lo + hi) / 2
		}
		if math.Abs(next-beta) <= 1e-14*beta {
			break
		}
		beta = next
	}
	return 1 / beta
}

// slope is the first and second derivative, by beta = 1/T, of the negative log-likelihood.
func slope(logits []float64, classes int, labels []int, beta float64) (first, second float64) {
	for i, label := range labels {
		z := logits[i*classes : (i+1)*classes]
		top := math.Inf(-1)
		for _, v := range z {
			top = max(top, v)
		}
		var sum, mean, square float64
		for _, v := range z {
			d := v - top
			p := math.Exp(beta * d)
			sum += p
			mean += p * d
			square += p * d * d
		}
		mean /= sum
		first += mean - (z[label] - top)
		second += square/sum - mean*mean
	}
	return first, second
}
