// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"math"
	"strconv"

	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/wire"
)

// maxScores bounds the classes of a prediction.
const maxScores = 1000

type prediction struct {
	wire.Prediction
	score, label, scores *expr.Path
}

// read finds the prediction in the text of an instance's answer. first is the name of the first tensor of a v2 answer.
func (p *prediction) read(raw []byte, first string) Prediction {
	out := Prediction{Score: math.NaN()}
	if p.score == nil && p.label == nil && p.scores == nil {
		p.guess(&out, raw, first)
	} else {
		p.take(&out, at(p.score, raw), at(p.label, raw), at(p.scores, raw))
	}
	p.complete(&out)
	return out
}

// take reads what was found, each nil if it was not, and says whether there was anything.
func (p *prediction) take(out *Prediction, score, label, scores []byte) bool {
	if score != nil {
		out.Score, _ = number(single(score))
	}
	if label != nil {
		out.Label = p.class(single(label))
	}
	if scores != nil {
		out.Scores = numbers(scores)
	}
	return score != nil || label != nil || scores != nil
}

// guess reads the prediction by the protocol's defaults, see the package's documentation.
func (p *prediction) guess(out *Prediction, raw []byte, first string) {
	raw = trim(raw)
	if kind(raw) == '{' {
		score, _ := member(raw, "score")
		label, _ := member(raw, "label")
		scores, _ := member(raw, "scores")
		if p.take(out, score, label, scores) || first == "" {
			return
		}
		raw, _ = member(raw, first)
	}
	raw = single(raw)
	switch kind(raw) {
	case '0':
		if p.Kind == wire.MulticlassClassification {
			out.Label = p.class(raw)
			return
		}
		out.Score, _ = number(raw)
	case '"', 't', 'f':
		out.Label = p.class(raw)
	case '[':
		list := numbers(raw)
		if p.Kind == wire.Regression && len(list) > 0 {
			out.Score = list[0]
			return
		}
		out.Scores = list
	}
}

// complete derives what follows from what was found: the score of the positive class, and the class itself.
func (p *prediction) complete(out *Prediction) {
	if p.Kind == wire.Regression {
		out.Label, out.Scores = "", nil
		return
	}
	if p.Kind != wire.MulticlassClassification && math.IsNaN(out.Score) && len(out.Scores) == 2 {
		out.Score = out.Scores[1]
	}
	if out.Label != "" {
		return
	}
	switch {
	case p.Kind == wire.BinaryClassification && !math.IsNaN(out.Score):
		index := 0
		if out.Score >= 0.5 {
			index = 1
		}
		out.Label = p.className(index)
	case p.Kind == wire.MulticlassClassification && len(out.Scores) > 0:
		best := 0
		for i, v := range out.Scores {
			if v > out.Scores[best] {
				best = i
			}
		}
		out.Label = p.className(best)
	}
}

// class is a label as it was sent; a number or a boolean is the index of a declared class.
func (p *prediction) class(raw []byte) string {
	index := -1
	switch kind(raw) {
	case '0':
		if n, ok := integer(raw); ok && n >= 0 && n < int64(len(p.Classes)) {
			index = int(n)
		}
	case 'f':
		index = 0
	case 't':
		index = 1
	}
	if index >= 0 && index < len(p.Classes) {
		return p.Classes[index]
	}
	s, _ := category(raw)
	return s
}

func (p *prediction) className(index int) string {
	if index < len(p.Classes) {
		return p.Classes[index]
	}
	return strconv.Itoa(index)
}

// at is what a path leads to; nil without a path.
func at(path *expr.Path, raw []byte) []byte {
	if path == nil {
		return nil
	}
	found, _ := path.FindJSON(raw)
	return found
}

// single is the element of an array that has one, at any depth of nesting up to 4.
func single(raw []byte) []byte {
	for range 4 {
		raw = trim(raw)
		if kind(raw) != '[' {
			return raw
		}
		var only []byte
		n := 0
		for e := range elements(raw) {
			only = e
			if n++; n > 1 {
				return raw
			}
		}
		if n == 0 {
			return raw
		}
		raw = only
	}
	return raw
}

// numbers reads a list of numbers; nil if any element is none.
func numbers(raw []byte) []float64 {
	var list []float64
	for e := range elements(raw) {
		v, ok := number(e)
		if !ok || len(list) == maxScores {
			return nil
		}
		list = append(list, v)
	}
	return list
}
