// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/rank"
	"github.com/vedette-dev/vedette/internal/wire"
)

// selector makes candidates of the records of one monitor.
type selector struct {
	queue   string
	monitor string
	sel     wire.ReviewSelect
	redact  map[string]bool
	rules   []rule
	// erased are the subjects that must not come back, from a file that is late.
	erased *erasure.Set
	// schema are the features that rules see, place where each of them is in the file that is being read; −1 when it is not.
	schema []wire.Feature
	place  []int
}

type rule struct {
	name    string
	program *expr.Program
}

// newSelector compiles the rules. One that does not fit the monitor's features never holds there, and is named in unfit.
func newSelector(doc *wire.Review, m *wire.ReviewMonitor) (s *selector, unfit []error, err error) {
	s = &selector{queue: doc.Namespace + "/" + doc.Queue, monitor: m.Name, sel: doc.Select, redact: map[string]bool{}}
	for _, f := range doc.Redact {
		s.redact[f] = true
	}
	visible := m.Schema
	visible.Features = slices.DeleteFunc(slices.Clone(m.Schema.Features), func(f wire.Feature) bool { return s.redact[f.Name] })
	s.schema = visible.Features
	env, err := expr.NewEnv(visible)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range doc.Priority.Rules {
		program, err := env.Compile(r.When)
		if err != nil {
			unfit = append(unfit, fmt.Errorf("rule %q of monitor %q: %w", r.Name, m.Name, err))
			continue
		}
		s.rules = append(s.rules, rule{r.Name, program})
	}
	return s, unfit, nil
}

// open prepares for a file whose rows have these features.
func (s *selector) open(features []string) {
	s.place = s.place[:0]
	for _, f := range s.schema {
		s.place = append(s.place, slices.Index(features, f.Name))
	}
}

// pick makes a candidate of a row, unless it is not of the selection.
func (s *selector) pick(r *record.Row, features []string, share func(string) float64) (db.Candidate, bool) {
	it := review.Item{ID: plain(r.RecordID), Monitor: s.monitor, InclusionProbability: probability(r.KeepProbability)}
	switch {
	case it.ID == "" || r.Prediction == "" && math.IsNaN(r.Score): // There is nothing to ask about.
		return db.Candidate{}, false
	case s.erased.Match(r.RecordID, r.LabelKey, r.RequestID) != "":
		return db.Candidate{}, false
	case r.KeepReason == record.KeepOutlier && s.sel.Outliers:
		it.Origin = review.Outlier
	case r.KeepReason == record.KeepSampled && rank.InSlice(s.queue, r.RecordID, s.sel.RandomShare):
		it.Origin = review.Random
		it.InclusionProbability *= s.sel.RandomShare
	default:
		return db.Candidate{}, false
	}
	it.Reasons, it.Rules = texts(r.OutlierReasons), s.holding(r)
	it.Prediction = s.shown(r, features)
	return db.Candidate{
		Item:        it,
		Factors:     rank.Factors{Uncertainty: rank.Uncertainty(r), Strangeness: rank.Strangeness(r), Rarity: rank.Rarity(r.Segments, share)},
		Fingerprint: rank.Fingerprint(s.monitor, &it.Prediction),
	}, true
}

// holding are the rules that hold for a row. They see no more of it than people do, who get to see their names.
func (s *selector) holding(r *record.Row) []string {
	if len(s.rules) == 0 {
		return nil
	}
	in := expr.Input{Score: r.Score, Confidence: r.Confidence, Entropy: r.Entropy, Margin: r.Margin, Label: r.Prediction}
	for _, at := range s.place {
		v := feature.Value{}
		if at >= 0 {
			v = r.Features[at]
		}
		in.Features = append(in.Features, v)
	}
	var names []string
	for _, rule := range s.rules {
		if holds, err := rule.program.Eval(&in); err == nil && holds { // A missing value means that it does not hold.
			names = append(names, rule.name)
		}
	}
	return names
}

// maxText bounds what is shown of one feature.
const maxText = 16 << 10

// shown is what people see of a row. What is redacted is not in it, and so never in the database.
func (s *selector) shown(r *record.Row, features []string) review.Prediction {
	p := review.Prediction{
		Time: r.Time, RequestID: plain(r.RequestID), TraceID: plain(r.TraceID), LabelKey: keyed(r.LabelKey), ModelVersion: plain(r.ModelVersion),
		Segments: texts(r.Segments), Class: plain(r.Prediction), Score: r.Score, Scores: slices.Clone(r.Scores), Confidence: r.Confidence,
		Entropy: r.Entropy, Margin: r.Margin, OutlierScore: r.OutlierScore, Violations: texts(r.Violations),
	}
	for i, name := range features {
		if s.redact[name] {
			continue
		}
		v := r.Features[i]
		v.Str = review.Cut(plain(v.Str), maxText)
		p.Features = append(p.Features, review.Feature{Name: name, Value: v})
	}
	return p
}

// keyed is a label key that a database can index; what is longer than any label's is none.
func keyed(s string) string {
	if len(s) > label.MaxKey {
		return ""
	}
	return plain(s)
}

// plain makes text that every database takes, and that outlives the row.
func plain(s string) string {
	return strings.Clone(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD"))
}

func texts(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, plain(s))
	}
	return out
}

// probability is 1 where a row does not say how probable it was.
func probability(p float64) float64 {
	if p > 0 && p <= 1 {
		return p
	}
	return 1
}
