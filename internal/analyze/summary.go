// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"slices"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// origins are the features with the origins that they need, and whether any of them changed.
func origins(features []wire.Feature, t *tally) (needed []wire.Feature, changed bool) {
	needed = slices.Clone(features)
	for i := range needed {
		s := t.total(seriesID{feature: needed[i].Name})
		if s == nil || needed[i].Origin != 0 {
			continue
		}
		needed[i].Origin = outlier.Origin(s)
		changed = changed || needed[i].Origin != 0
	}
	return needed, changed
}

// summarize is the summary of a reference, but for the cuts.
func summarize(t *tally, features []wire.Feature, schema wire.Schema, tails *certainties) outlier.Summary {
	var s outlier.Summary
	for _, f := range features {
		whole := t.total(seriesID{feature: f.Name})
		if whole == nil {
			continue
		}
		s.Rows = max(s.Rows, rows(whole))
		s.Features = append(s.Features, outlier.Summarize(whole))
	}
	s.Prediction = tails.summary()
	if class := t.total(seriesID{feature: profile.Class}); class != nil && class.Count > 0 {
		s.Prediction.Classes = outlier.Count(class)
	}
	if score := t.total(seriesID{feature: profile.Score}); score != nil {
		s.Rows = max(s.Rows, rows(score))
		if schema.Prediction.Kind == wire.Regression && score.Count > 0 {
			s.Prediction.Score = new(outlier.Summarize(score))
		}
	}
	return s
}

// certainties counts how uncertain the predictions of a baseline are, at a temperature.
type certainties struct {
	kind                      wire.PredictionKind
	temperature               float64
	entropy, ambiguity, doubt *profile.Series
}

func newCertainties(kind wire.PredictionKind, temperature float64) *certainties {
	return &certainties{kind: kind, temperature: temperature, entropy: numbers(), ambiguity: numbers(), doubt: numbers()}
}

func numbers() *profile.Series { return profile.NewSeries(profile.Key{}, wire.Numeric, 0) }

// observe counts a row that stands for weight rows. What is unknown is NaN, which a series counts apart.
func (c *certainties) observe(r *record.Row, weight int64) {
	confidence, entropy, margin := outlier.CertaintyAt(c.kind, r, c.temperature)
	for range weight {
		c.entropy.ObserveNumber(entropy)
		c.ambiguity.ObserveNumber(1 - margin)
		c.doubt.ObserveNumber(1 - confidence)
	}
}

func (c *certainties) summary() outlier.PredictionSummary {
	s := outlier.PredictionSummary{Entropy: outlier.NewTail(c.entropy), Ambiguity: outlier.NewTail(c.ambiguity), Doubt: outlier.NewTail(c.doubt)}
	if c.temperature != 1 {
		s.Temperature = c.temperature
	}
	return s
}

// scores counts the outlier scores of a baseline's own rows, by the segments that they are in.
type scores struct {
	scorer     *outlier.Scorer
	series     *profile.Series
	calibrator *outlier.Calibrator
}

func newScores(c wire.Config, s outlier.Summary) *scores {
	var segments []string
	for _, segment := range c.Segments {
		segments = append(segments, segment.Name)
	}
	return &scores{outlier.NewReference(c.Schema, &s), numbers(), outlier.NewCalibrator(segments)}
}

func (s *scores) observe(r *record.Row, weight int64) {
	s.scorer.Score(r)
	s.calibrator.Observe(r, weight)
	for range weight {
		s.series.ObserveNumber(r.OutlierScore)
	}
}

// addTo adds the cuts to a summary.
func (s *scores) addTo(summary *outlier.Summary, rate float64) {
	summary.Cuts, summary.Cells = outlier.NewTail(s.series), s.calibrator.Cells(rate)
}
