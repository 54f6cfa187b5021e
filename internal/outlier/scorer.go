// SPDX-License-Identifier: Apache-2.0

package outlier

import (
	"math"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// schemaSurprise is that of a breach of the schema: more than a baseline of fewer than a million rows can show, because
// it is not rare but wrong.
const schemaSurprise = 6

// reasonSurprise is from where on a surprise is worth a reason: one in a hundred.
const reasonSurprise = 2

// maxReasons bounds the reasons of one prediction.
const maxReasons = 5

// Scorer scores predictions against a baseline. It is safe for concurrent use.
type Scorer struct {
	features []featureScorer
	kind     wire.PredictionKind
	score    numberScorer
	summary  PredictionSummary
	cut      *cut
	// limit is the cut of a summary of before, which has one for all rows.
	limit float64
}

// NewScorer makes a scorer of a schema, a baseline, and the share of what is like the baseline that is to count as
// outliers. Without a baseline (nil), the schema and the uncertainty of the prediction are scored, and nothing is an
// outlier.
func NewScorer(schema wire.Schema, sum *Summary, rate float64) *Scorer {
	s := newScorer(schema, sum, false)
	switch {
	case sum == nil:
	case sum.Cells != nil:
		s.cut = newCut(sum.Cells, rate)
	default:
		s.limit = sum.Cuts.At(rate)
	}
	return s
}

// NewReference makes a scorer of the rows of a baseline itself: each is measured against the others. Nothing is an
// outlier.
func NewReference(schema wire.Schema, sum *Summary) *Scorer { return newScorer(schema, sum, true) }

func newScorer(schema wire.Schema, sum *Summary, own bool) *Scorer {
	s := &Scorer{kind: schema.Prediction.Kind, limit: math.Inf(1)}
	for _, f := range schema.Features {
		fs := sum.feature(f.Name)
		if fs != nil && fs.Type != f.Type {
			fs = nil // The declaration has changed since: the baseline says nothing of it.
		}
		s.features = append(s.features, newFeatureScorer(f, fs, own))
	}
	if sum == nil {
		return s
	}
	s.summary = sum.Prediction
	if sum.Prediction.Score != nil && sum.Prediction.Score.Rows > 0 {
		s.score = newNumberScorer(*sum.Prediction.Score, reasonScore, reasonScore)
	}
	return s
}

// Score sets the row's outlier score, its reasons, worst first, and its violations of the schema, and reports whether
// it is an outlier in its segments. It reads RecordID, Segments, Features, Score, Scores, Confidence, Entropy and Margin.
// The score is NaN when there is nothing to measure.
func (s *Scorer) Score(r *record.Row) bool {
	r.Violations, r.OutlierReasons = r.Violations[:0], r.OutlierReasons[:0]
	top := ranking{score: math.NaN()}
	for i := range s.features {
		v := record.Value{}
		if i < len(r.Features) {
			v = r.Features[i]
		}
		f := &s.features[i]
		if b := f.breach(&v); b != breachNone {
			r.Violations = append(r.Violations, f.breaches[b].violation)
			top.add(schemaSurprise, f.breaches[b].reason)
			continue
		}
		top.add(f.surprise(&v))
	}
	s.prediction(r, &top)
	r.OutlierScore = top.score
	outlier := top.score > s.limit || s.cut.outlier(top.score, r.Segments, r.RecordID)
	for i, reason := range top.reasons[:top.n] {
		if top.surprises[i] >= reasonSurprise || outlier && i == 0 {
			r.OutlierReasons = append(r.OutlierReasons, reason)
		}
	}
	return outlier
}

// prediction scores the prediction itself: how far off the score of a regression is, how uncertain a classification.
func (s *Scorer) prediction(r *record.Row, top *ranking) {
	if s.kind == wire.Regression {
		top.add(s.score.surprise(r.Score))
		return
	}
	confidence, entropy, margin := CertaintyAt(s.kind, r, s.summary.Temperature)
	top.add(uncertain(s.summary.Entropy, entropy), reasonEntropy)
	if s.kind == wire.MulticlassClassification { // of two classes, both say the same as the entropy
		top.add(uncertain(s.summary.Ambiguity, 1-margin), reasonMargin)
	}
	if s.kind == wire.MulticlassClassification || math.IsNaN(entropy) {
		top.add(uncertain(s.summary.Doubt, 1-confidence), reasonConfidence)
	}
}

// uncertain is the surprise of an uncertainty in [0, 1]. Without a baseline it is as if all were equally frequent, and
// never more than one in a thousand.
func uncertain(t Tail, u float64) float64 {
	if len(t) > 0 || math.IsNaN(u) {
		return t.Surprise(u)
	}
	return -math.Log10(min(max(1-u, 1e-3), 1))
}

// ranking keeps the greatest surprises, in order.
type ranking struct {
	score     float64
	surprises [maxReasons]float64
	reasons   [maxReasons]string
	n         int
}

func (t *ranking) add(surprise float64, reason string) {
	if math.IsNaN(surprise) {
		return
	}
	if !(t.score >= surprise) {
		t.score = surprise
	}
	i := t.n
	for i > 0 && t.surprises[i-1] < surprise {
		i--
	}
	if i == maxReasons {
		return
	}
	t.n = min(t.n+1, maxReasons)
	copy(t.surprises[i+1:t.n], t.surprises[i:t.n-1])
	copy(t.reasons[i+1:t.n], t.reasons[i:t.n-1])
	t.surprises[i], t.reasons[i] = surprise, reason
}
