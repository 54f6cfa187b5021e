// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestTemperatureFindsWhatScoresWereDividedBy: labels drawn from softmax(logits/T) lead back to T.
func TestTemperatureFindsWhatScoresWereDividedBy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, want := range []float64{0.5, 1, 3} {
		const rows = 20_000
		logits, labels := make([]float64, 0, 2*rows), make([]int, rows)
		for i := range labels {
			z := 3 * rng.NormFloat64()
			logits = append(logits, 0, z)
			if rng.Float64() < 1/(1+math.Exp(-z/want)) {
				labels[i] = 1
			}
		}
		if got := Temperature(logits, 2, labels); math.Abs(got-want) > 0.1*want {
			t.Errorf("T = %v, want about %v", got, want)
		}
	}
}

func TestTemperatureThatCannotBeTold(t *testing.T) {
	for name, c := range map[string]struct {
		logits  []float64
		classes int
		labels  []int
	}{
		"no labels":                {nil, 2, nil},
		"one class":                {[]float64{1, 2}, 1, []int{0, 0}},
		"a row too few":            {[]float64{1, 2}, 2, []int{0, 1}},
		"a label that is no row's": {[]float64{1, 2}, 2, []int{2}},
		"a negative label":         {[]float64{1, 2}, 2, []int{-1}},
		"no number":                {[]float64{math.NaN(), 2, 1, 2}, 2, []int{0, 1}},
		"an infinite logit":        {[]float64{math.Inf(1), 2, 1, 2}, 2, []int{0, 1}},
		"labels that always fit":   {[]float64{0, 5, 5, 0}, 2, []int{1, 0}},
		"labels that never fit":    {[]float64{0, 5, 5, 0}, 2, []int{0, 1}},
		"logits that say nothing":  {[]float64{1, 1, 1, 1}, 2, []int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Temperature(c.logits, c.classes, c.labels); !math.IsNaN(got) {
				t.Errorf("T = %v, want NaN", got)
			}
		})
	}
}
