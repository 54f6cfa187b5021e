// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"math"

	"github.com/vedette-dev/vedette/internal/capture/decode"
	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Judgement is what was found out about an instance beside what its row holds.
type Judgement struct {
	// Segments are the indexes of the segments that the instance is in.
	Segments []int
	// Outlier says that its score is above the cut, or a rule that always holds.
	Outlier bool
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
	p.certainty(row)
	row.OutlierReasons, row.Violations = nil, nil
	j.Outlier = p.scorer.Score(row)
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
	if !answered {
		j.Outlier, row.OutlierScore, row.OutlierReasons = false, math.NaN(), nil
		return j
	}
	for i, rule := range p.always {
		holds, err := rule.Eval(&x)
		if err != nil {
			j.Faults++
		}
		if holds {
			j.Outlier = true
			row.OutlierReasons = append(row.OutlierReasons, fmt.Sprintf("always[%d]", i))
		}
	}
	return j
}

// certainty derives confidence, entropy and margin from the class probabilities.
func (p *Plan) certainty(row *record.Row) {
	scores := row.Scores
	if len(scores) == 0 && p.Config.Schema.Prediction.Kind == wire.BinaryClassification {
		scores = []float64{1 - row.Score, row.Score}
	}
	row.Confidence, row.Entropy, row.Margin = outlier.Uncertainty(scores)
}
