// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"math"

	"github.com/vedette-dev/vedette/internal/capture/decode"
	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
)

// Judgement is what was found out about an instance beside what its row holds.
type Judgement struct {
	// Segments are the indexes of the segments that the instance is in.
	Segments []int
	// Outlier says that it is one: by its score, or because a rule holds.
	Outlier bool
	// Class is that of the reason why; empty when it is none.
	Class outlier.Class
	// Faults counts the expressions that could not be evaluated; they count as false.
	Faults int
}

// Bodies are the bodies of a call, for the expressions that look at them.
type Bodies struct{ request, response *expr.Body }

// NewBodies wraps those of a call.
func NewBodies(c *decode.Call) Bodies {
	b := Bodies{request: expr.NewBody(c.Request)}
	if c.Response != nil {
		b.response = expr.NewBody(c.Response)
	}
	return b
}

// Judge fills in the rest of a row whose features and prediction are known: its certainty, segments, violations and
// outlier score. Without an answer there is no prediction to be strange, and only segments and violations are found.
func (p *Plan) Judge(row *record.Row, in *decode.Instance, bodies Bodies, answered bool) Judgement {
	var j Judgement
	row.Confidence, row.Entropy, row.Margin = outlier.Certainty(p.Config.Schema.Prediction.Kind, row)
	x := expr.Input{
		Features: row.Features,
		Score:    row.Score, Confidence: row.Confidence, Entropy: row.Entropy, Margin: row.Margin, Label: row.Prediction,
		Request: bodies.request, Response: bodies.response,
		Text: in.Text(),
	}
	for i, s := range p.segments {
		in, err := s.Eval(&x)
		if err != nil {
			j.Faults++
		}
		if in {
			j.Segments = append(j.Segments, i)
			row.Segments = append(row.Segments, p.Config.Segments[i].Name)
		}
	}
	row.OutlierReasons, row.Violations = nil, nil
	j.Outlier = p.scorer.Score(row) // After the segments: whether a score is that of an outlier depends on them.
	if !answered {
		j.Outlier, row.OutlierScore, row.OutlierReasons = false, math.NaN(), nil
		return j
	}
	if j.Outlier {
		j.Class, _ = outlier.ClassOf(row.OutlierReasons[0]) // the worst
	}
	for _, rule := range p.always {
		holds, err := rule.Eval(&x)
		if err != nil {
			j.Faults++
		}
		if holds {
			if !j.Outlier {
				j.Outlier, j.Class = true, outlier.ClassRule
			}
			row.OutlierReasons = append(row.OutlierReasons, rule.reason)
		}
	}
	return j
}
