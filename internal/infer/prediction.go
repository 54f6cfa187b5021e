// SPDX-License-Identifier: Apache-2.0

package infer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/wire"
)

// What fields of answers are often called.
var (
	scoreNames = []string{"score", "probability", "prob", "proba", "p", "risk"}
	labelNames = []string{"label", "class", "prediction", "predicted", "decision", "category", "team"}
)

// prediction guesses where the answer is; nil when nothing looks like one.
func (t *tree) prediction() *Prediction {
	var scores, score, label, value *leaf
	for _, l := range t.leaves() {
		name := lastName(l.path)
		only := len(t.order) == 1
		switch {
		case l.lists == l.present && l.columns > 1 && l.distributions*10 > l.lists*9:
			scores = better(scores, l)
		case l.lists > 0:
		case l.numbers == l.present && l.min >= 0 && l.max <= 1 && (l.integers < l.numbers) && (only || slices.Contains(scoreNames, name)):
			score = better(score, l)
		case (l.texts == l.present || l.bools == l.present) && (only || slices.Contains(labelNames, name)):
			label = better(label, l)
		case l.numbers == l.present:
			value = better(value, l)
		}
	}
	switch {
	case scores != nil && scores.columns > 2:
		p := &Prediction{Kind: wire.MulticlassClassification, Scores: scores.path, Seen: fmt.Sprintf("%d probabilities", scores.columns)}
		p.named(label)
		return p
	case scores != nil:
		// A BinaryClassification has the probability of its positive class, the second.
		p := &Prediction{Kind: wire.BinaryClassification, Score: scores.path + "[1]", Seen: "two probabilities"}
		p.named(label)
		return p
	case score != nil:
		p := &Prediction{Kind: wire.BinaryClassification, Score: score.path, Seen: fmt.Sprintf("%.3g to %.3g", score.min, score.max)}
		p.named(label)
		return p
	case label != nil:
		p := &Prediction{Kind: wire.MulticlassClassification, Seen: label.seen(wire.Categorical)}
		if len(label.distinct) <= 2 && !label.many {
			p.Kind = wire.BinaryClassification
		}
		p.named(label)
		return p
	case value != nil:
		return &Prediction{Kind: wire.Regression, Score: value.path, Seen: fmt.Sprintf("%.6g to %.6g", value.min, value.max)}
	}
	return nil
}

func better(a, b *leaf) *leaf {
	if a != nil {
		return a
	}
	return b
}

// named adds the label, and the classes as far as they were seen.
func (p *Prediction) named(label *leaf) {
	if label == nil {
		return
	}
	p.Label = label.path
	if label.many || label.bools > 0 || p.Kind == wire.BinaryClassification && len(label.distinct) != 2 || len(label.distinct) < 2 {
		return
	}
	p.Classes = slices.Sorted(maps.Keys(label.distinct))
	p.Seen += "; the order of the classes is a guess: put them in that of the probabilities, the positive one last"
}

// lastName is the last name in a path.
func lastName(path string) string {
	p := strings.TrimPrefix(path, expr.RootResponse)
	if i := strings.LastIndexByte(p, '.'); i >= 0 {
		return strings.ToLower(p[i+1:])
	}
	return ""
}
