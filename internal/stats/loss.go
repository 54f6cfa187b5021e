// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// leastProbability keeps the logarithm of a probability finite; it is scikit-learn's for 64-bit numbers.
const leastProbability = 2.220446049250313e-16

// LogLoss is what a row adds to the mean log loss: the negative logarithm of the probability that was given to what was
// right.
func LogLoss(probability float64) float64 {
	if math.IsNaN(probability) {
		return probability
	}
	return -math.Log(min(1, max(leastProbability, probability)))
}

// Brier is what a row adds to the mean Brier score of a binary classifier: the squared distance of the probability of the
// positive class from what was right.
func Brier(probability float64, positive bool) float64 {
	if positive {
		return square(1 - probability)
	}
	return square(probability)
}
