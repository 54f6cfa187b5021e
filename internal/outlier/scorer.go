// SPDX-License-Identifier: Apache-2.0

package outlier

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/vedette-dev/vedette/internal/profile"
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
	cut      float64
}

// featureScorer has all that a feature is measured by, texts of reasons included, so that scoring allocates nothing.
type featureScorer struct {
	typ       wire.FeatureType
	required  bool
	low, high float64
	values    map[string]bool
	number    numberScorer
	// rarity is the surprise of each known category; unseen that of any other, NaN without a baseline.
	rarity          map[string]float64
	unseen, missing float64

	breaches                                [breachKinds]breach
	reasonUnseen, reasonRare, reasonMissing string
}

// numberScorer measures how far a number is from the median.
type numberScorer struct {
	median, scale float64
	tail          Tail
	reason        string
}

// breach is a breach of the schema, as it stands in the violations and in the reasons.
type breach struct{ violation, reason string }

type breachKind int

const (
	breachNone breachKind = iota - 1
	breachMissing
	breachType
	breachRange
	breachValues
	breachKinds
)

var breachNames = [breachKinds]string{"missing", "type", "range", "values"}

// NewScorer makes a scorer of a schema, a baseline, and the share of the baseline that is to count as outliers. Without
// a baseline (nil), the schema and the uncertainty of the prediction are scored, and nothing is an outlier.
func NewScorer(schema wire.Schema, sum *Summary, rate float64) *Scorer {
	s := &Scorer{kind: schema.Prediction.Kind, cut: math.Inf(1), score: numberScorer{median: math.NaN()}}
	for _, f := range schema.Features {
		fs := sum.feature(f.Name)
		if fs != nil && fs.Type != f.Type {
			fs = nil // The declaration has changed since: the baseline says nothing of it.
		}
		s.features = append(s.features, newFeatureScorer(f, fs))
	}
	if sum == nil {
		return s
	}
	s.summary = sum.Prediction
	s.cut = sum.Cuts.At(rate)
	if sum.Prediction.Score != nil && sum.Prediction.Score.Rows > 0 {
		s.score = newNumberScorer(*sum.Prediction.Score, "score")
	}
	return s
}

func newFeatureScorer(f wire.Feature, sum *FeatureSummary) featureScorer {
	s := featureScorer{
		typ: f.Type, required: f.Required, low: math.Inf(-1), high: math.Inf(1),
		number: numberScorer{median: math.NaN()}, unseen: math.NaN(), missing: math.NaN(),
		reasonUnseen: "unseen:" + f.Name, reasonRare: "rare:" + f.Name, reasonMissing: "missing:" + f.Name,
	}
	for i, name := range breachNames {
		violation := f.Name + ":" + name
		s.breaches[i] = breach{violation: violation, reason: "schema:" + violation}
	}
	if f.Min != nil {
		s.low = *f.Min
	}
	if f.Max != nil {
		s.high = *f.Max
	}
	for _, v := range f.Values {
		if s.values == nil {
			s.values = map[string]bool{}
		}
		s.values[v] = true
	}
	if sum == nil || sum.Rows == 0 {
		return s
	}
	all := float64(sum.Rows + sum.Missing + sum.Invalid)
	s.missing = surpriseOf(float64(sum.Missing)/all, all)
	if f.Type == wire.Numeric || f.Type == wire.Text {
		s.number = newNumberScorer(*sum, "z:"+f.Name)
	} else {
		s.rarity, s.unseen = rarities(sum)
	}
	return s
}

// surpriseOf is the surprise of a share of n values; one that never occurred might occur next.
func surpriseOf(share, n float64) float64 { return -math.Log10(max(share, 1/(n+1))) }

// rarities are the surprises of the categories: that of one is the share of all that are as rare.
func rarities(sum *FeatureSummary) (known map[string]float64, unseen float64) {
	type category struct {
		name  string
		count int64
	}
	var all []category
	for name, count := range sum.Categories {
		all = append(all, category{name, count})
	}
	slices.SortFunc(all, func(a, b category) int { return cmp.Compare(a.count, b.count) })
	n := float64(sum.Rows)
	known = make(map[string]float64, len(all))
	for i, rarer := 0, sum.Other; i < len(all); {
		same := i
		for same < len(all) && all[same].count == all[i].count {
			rarer += all[same].count
			same++
		}
		for ; i < same; i++ {
			known[all[i].name] = surpriseOf(float64(rarer)/n, n)
		}
	}
	return known, surpriseOf(float64(sum.Other)/n, n)
}

func newNumberScorer(sum FeatureSummary, reason string) numberScorer {
	s := numberScorer{median: sum.Median, scale: normalMAD / sum.MAD, tail: sum.Deviations, reason: reason}
	if sum.MAD == 0 {
		// All values were equal: any other is as rare as what was never seen.
		s.scale, s.tail = 1, Tail{0}
		for 1/float64(sum.Rows+1) < Rates[len(s.tail)-1] && len(s.tail) < len(Rates) {
			s.tail = append(s.tail, 0)
		}
	}
	return s
}

// surprise is NaN without a baseline.
func (s *numberScorer) surprise(x float64) float64 {
	return s.tail.Surprise(math.Abs(x-s.median) * s.scale)
}

// Score sets the row's outlier score, its reasons, worst first, and its violations of the schema, and reports whether
// the score is above the cut. It reads Features, Score, Confidence, Entropy and Margin. The score is NaN when there is
// nothing to measure.
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
	outlier := top.score > s.cut
	for i, reason := range top.reasons[:top.n] {
		if top.surprises[i] >= reasonSurprise || outlier && i == 0 {
			r.OutlierReasons = append(r.OutlierReasons, reason)
		}
	}
	return outlier
}

// breach is how a value breaks its declaration.
func (f *featureScorer) breach(v *record.Value) breachKind {
	switch {
	case v.Kind == record.Missing:
		if f.required {
			return breachMissing
		}
	case v.Kind != kindOf(f.typ):
		return breachType
	case v.Kind == record.Number && !(v.Num >= f.low && v.Num <= f.high):
		return breachRange
	case v.Kind == record.String && f.values != nil && !f.values[v.Str]:
		return breachValues
	}
	return breachNone
}

func kindOf(typ wire.FeatureType) record.Kind {
	switch typ {
	case wire.Numeric:
		return record.Number
	case wire.Boolean:
		return record.Bool
	default:
		return record.String
	}
}

func (f *featureScorer) surprise(v *record.Value) (float64, string) {
	switch {
	case v.Kind == record.Missing:
		return f.missing, f.reasonMissing
	case f.typ == wire.Numeric:
		return f.number.surprise(v.Num), f.number.reason
	case f.typ == wire.Text:
		return f.number.surprise(float64(utf8.RuneCountInString(v.Str))), f.number.reason
	}
	name := v.Str
	if v.Kind == record.Bool {
		name = strconv.FormatBool(v.Num != 0)
	}
	if known, ok := f.rarity[profile.Category(name)]; ok {
		return known, f.reasonRare
	}
	return f.unseen, f.reasonUnseen
}

// prediction scores the prediction itself: how far off the score of a regression is, how uncertain a classification.
func (s *Scorer) prediction(r *record.Row, top *ranking) {
	if s.kind == wire.Regression {
		top.add(s.score.surprise(r.Score), s.score.reason)
		return
	}
	top.add(uncertain(s.summary.Entropy, r.Entropy), "entropy")
	if s.kind == wire.MulticlassClassification { // of two classes, it says the same as the entropy
		top.add(uncertain(s.summary.Ambiguity, 1-r.Margin), "margin")
	}
	if math.IsNaN(r.Entropy) {
		top.add(uncertain(s.summary.Doubt, 1-r.Confidence), "confidence")
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
