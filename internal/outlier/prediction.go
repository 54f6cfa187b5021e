// SPDX-License-Identifier: Apache-2.0

package outlier

import (
	"math"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// sumTolerance is how far class probabilities may be from adding up to 1: servers round.
const sumTolerance = 0.02

// Uncertainty is what class probabilities say of a prediction: the confidence is the greatest of them, the entropy is
// −Σ p·ln p divided by ln K, so that it lies in [0, 1], and the margin is the distance between the two greatest. All
// are NaN unless there are at least two values that are probabilities and add up to 1, within 0.02.
func Uncertainty(p []float64) (confidence, entropy, margin float64) {
	if !probabilities(p) {
		return math.NaN(), math.NaN(), math.NaN()
	}
	var h, first, second float64
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log(v)
		}
		first, second = greatest(v, first, second)
	}
	return first, normalised(h, len(p)), first - second
}

// Tempered is the Uncertainty of the probabilities that p becomes at a temperature T: softmax(ln p / T), which for two
// classes is the logistic function of logit(p) / T.
func Tempered(p []float64, temperature float64) (confidence, entropy, margin float64) {
	if !probabilities(p) {
		return math.NaN(), math.NaN(), math.NaN()
	}
	var top float64
	for _, v := range p {
		top = max(top, v)
	}
	logTop := math.Log(top)
	var z, slope, first, second float64
	for _, v := range p {
		if v == 0 {
			continue
		}
		d := (math.Log(v) - logTop) / temperature
		q := math.Exp(d)
		z += q
		slope += q * d
		first, second = greatest(q, first, second)
	}
	return first / z, normalised(math.Log(z)-slope/z, len(p)), (first - second) / z
}

func probabilities(p []float64) bool {
	var sum float64
	for _, v := range p {
		if !(v >= 0 && v <= 1) {
			return false
		}
		sum += v
	}
	return len(p) >= 2 && math.Abs(sum-1) <= sumTolerance
}

func greatest(v, first, second float64) (float64, float64) {
	if v > first {
		return v, first
	}
	return first, max(second, v)
}

func normalised(h float64, classes int) float64 {
	return min(max(h/math.Log(float64(classes)), 0), 1)
}

// Certainty is the certainty of a row's prediction as its model states it, from its class probabilities.
func Certainty(kind wire.PredictionKind, r *record.Row) (confidence, entropy, margin float64) {
	if len(r.Scores) == 0 && kind == wire.BinaryClassification {
		return Uncertainty([]float64{1 - r.Score, r.Score})
	}
	return Uncertainty(r.Scores)
}

// CertaintyAt is that of a row after temperature scaling. At a temperature of 1, or where none is known (0), it is what
// the row says, which a dataset may know without the probabilities that it comes from.
func CertaintyAt(kind wire.PredictionKind, r *record.Row, temperature float64) (confidence, entropy, margin float64) {
	switch {
	case temperature == 0, temperature == 1:
		return r.Confidence, r.Entropy, r.Margin
	case len(r.Scores) == 0 && kind == wire.BinaryClassification:
		return Tempered([]float64{1 - r.Score, r.Score}, temperature)
	}
	return Tempered(r.Scores, temperature)
}
