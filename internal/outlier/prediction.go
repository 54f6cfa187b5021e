// SPDX-License-Identifier: Apache-2.0

package outlier

import "math"

// sumTolerance is how far class probabilities may be from adding up to 1: servers round.
const sumTolerance = 0.02

// Uncertainty is what class probabilities say of a prediction: the confidence is the greatest of them, the entropy is
// −Σ p·ln p divided by ln K, so that it lies in [0, 1], and the margin is the distance between the two greatest. All
// are NaN unless there are at least two values that are probabilities and add up to 1, within 0.02.
func Uncertainty(p []float64) (confidence, entropy, margin float64) {
	unknown := math.NaN()
	if len(p) < 2 {
		return unknown, unknown, unknown
	}
	var sum, h, first, second float64
	for _, v := range p {
		if !(v >= 0 && v <= 1) {
			return unknown, unknown, unknown
		}
		sum += v
		if v > 0 {
			h -= v * math.Log(v)
		}
		if v > first {
			first, second = v, first
		} else {
			second = max(second, v)
		}
	}
	if math.Abs(sum-1) > sumTolerance {
		return unknown, unknown, unknown
	}
	return first, min(max(h/math.Log(float64(len(p))), 0), 1), first - second
}
