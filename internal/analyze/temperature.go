// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"math"
	"slices"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/stats"
	"github.com/vedette-dev/vedette/internal/wire"
)

const (
	// minTruthRows is how many labelled rows a temperature needs: of fewer, it is off by more than a tenth.
	minTruthRows = 1000
	// maxLogits bounds what is kept of them.
	maxLogits = 1 << 22
	// minProbability stands for a probability of 0, of which there is no logarithm.
	minProbability = 1e-9
)

// thermometer collects the labelled rows of a dataset, or an even part of them where there are many.
type thermometer struct {
	prediction wire.Prediction
	classes    int
	// every one of stride labelled rows is kept.
	seen, stride int64
	logits       []float64
	labels       []int
}

func newThermometer(p wire.Prediction) *thermometer {
	t := &thermometer{prediction: p, stride: 1}
	switch p.Kind {
	case wire.BinaryClassification:
		t.classes = 2
	case wire.MulticlassClassification:
		t.classes = len(p.Classes)
	case wire.Regression:
	}
	return t
}

// observe takes a row, and the class that was right; empty where it is not known. A class that the schema does not
// declare, and a row without probabilities, tell nothing.
func (t *thermometer) observe(r *record.Row, truth string) {
	label := t.index(truth)
	binary := t.prediction.Kind == wire.BinaryClassification
	if label < 0 || math.IsNaN(r.Confidence) || !binary && len(r.Scores) != t.classes {
		return
	}
	if t.seen++; (t.seen-1)%t.stride != 0 {
		return
	}
	if binary {
		t.logits = append(t.logits, logarithm(1-r.Score), logarithm(r.Score))
	} else {
		for _, p := range r.Scores {
			t.logits = append(t.logits, logarithm(p))
		}
	}
	t.labels = append(t.labels, label)
	if len(t.logits)+t.classes > maxLogits {
		t.halve()
	}
}

// halve keeps every other row, and from now on as many fewer.
func (t *thermometer) halve() {
	kept := 0
	for i := 0; i < len(t.labels); i += 2 {
		copy(t.logits[kept*t.classes:(kept+1)*t.classes], t.logits[i*t.classes:])
		t.labels[kept] = t.labels[i]
		kept++
	}
	t.logits, t.labels, t.stride = t.logits[:kept*t.classes], t.labels[:kept], 2*t.stride
}

func logarithm(p float64) float64 { return math.Log(max(p, minProbability)) }

// index is that of a class in the order of its probabilities; -1 for none.
func (t *thermometer) index(truth string) int {
	if truth == "" || t.classes == 0 {
		return -1
	}
	if len(t.prediction.Classes) > 0 {
		return slices.Index(t.prediction.Classes, className(t.prediction, truth))
	}
	return slices.Index([]string{"0", "1", "false", "true"}, truth) % 2
}

// temperature is what the scores need, and what to say of it: 1 and nothing without labels.
func (t *thermometer) temperature() (temperature float64, told string) {
	if t.seen == 0 {
		return 1, ""
	}
	if len(t.labels) < minTruthRows {
		return 1, fmt.Sprintf("%d rows have a truth, which is too few for a temperature: it takes %d", t.seen, minTruthRows)
	}
	fitted := stats.Temperature(t.logits, t.classes, t.labels)
	if math.IsNaN(fitted) {
		return 1, fmt.Sprintf("the truths of %d rows tell no temperature: scores and truths have nothing to do with each other, or all", t.seen)
	}
	// Digits that another order of the same sums would change are not kept.
	fitted = math.Round(fitted*1e6) / 1e6
	return fitted, fmt.Sprintf("temperature %.3g, from %d rows with a truth", fitted, t.seen)
}
