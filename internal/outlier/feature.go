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

// featureScorer has all that a feature is measured by, texts of reasons included, so that scoring allocates nothing.
type featureScorer struct {
	typ       wire.FeatureType
	required  bool
	low, high float64
	values    map[string]bool
	number    numberScorer
	length    lengthScorer
	// rarity is the surprise of each known category; unseen that of any other, NaN without a baseline.
	rarity          map[string]float64
	unseen, missing float64

	breaches                                [breachKinds]breach
	reasonUnseen, reasonRare, reasonMissing string
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

func newFeatureScorer(f wire.Feature, sum *FeatureSummary, own bool) featureScorer {
	s := featureScorer{
		typ: f.Type, required: f.Required, low: math.Inf(-1), high: math.Inf(1), unseen: math.NaN(), missing: math.NaN(),
		reasonUnseen: reasonUnseen + ":" + f.Name, reasonRare: reasonRare + ":" + f.Name, reasonMissing: reasonMissing + ":" + f.Name,
	}
	for i, name := range breachNames {
		violation := f.Name + ":" + name
		s.breaches[i] = breach{violation: violation, reason: reasonSchema + ":" + violation}
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
	s.missing = surpriseOf(sum.Missing, sum.Rows+sum.Missing+sum.Invalid)
	switch f.Type {
	case wire.Numeric:
		s.number = newNumberScorer(*sum, reasonZ+":"+f.Name, reasonSigma+":"+f.Name)
	case wire.Text:
		s.length = newLengthScorer(*sum, reasonLength+":"+f.Name)
	default:
		s.rarity, s.unseen = rarities(sum, own)
	}
	return s
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
		return f.number.surprise(v.Num)
	case f.typ == wire.Text:
		return f.length.surprise(float64(utf8.RuneCountInString(v.Str)))
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

// surpriseOf is the surprise of what k of n rows are at least as strange as: of the conformal p-value, which counts the
// row itself.
func surpriseOf(k, n int64) float64 {
	return min(-math.Log10((float64(k)+1)/(float64(n)+1)), maxSurprise)
}

// rarities are the surprises of the categories. A row is as strange as its category is rare among the other rows: one of
// the baseline itself, own, is not counted there, so that a category that occurs once is as surprising in the baseline
// as one that never did is in the traffic. Otherwise unseen categories would be strange beyond all of the baseline, though
// they come as often as those that it has once.
func rarities(sum *FeatureSummary, own bool) (known map[string]float64, unseen float64) {
	type category struct {
		name  string
		count int64
	}
	var all []category
	for name, count := range sum.Categories {
		all = append(all, category{name, count})
	}
	slices.SortFunc(all, func(a, b category) int { return cmp.Compare(a.count, b.count) })
	// upTo is how many rows are of categories with no more than a number of rows, or of those that are not named.
	rows, i := sum.Other, 0
	upTo := func(count int64) int64 {
		for ; i < len(all) && all[i].count <= count; i++ {
			rows += all[i].count
		}
		return rows
	}
	unseen = surpriseOf(upTo(1), sum.Rows)
	known = make(map[string]float64, len(all))
	for _, c := range all {
		others := c.count
		if !own {
			others++ // Those rows of the baseline are as strange whose category has as many rows without them.
		}
		known[c.name] = surpriseOf(upTo(others), sum.Rows)
	}
	return known, unseen
}

// numberScorer measures how far a number is from what is usual, in two ways: from the median in units of the median
// absolute deviation, which extremes do not spoil, and from the mean in units of the standard deviation.
type numberScorer struct{ robust, sigma deviationScorer }

type deviationScorer struct {
	center, scale float64
	tail          Tail
	reason        string
}

func newNumberScorer(sum FeatureSummary, reasonRobust, reasonSigma string) numberScorer {
	s := numberScorer{
		robust: deviationScorer{sum.Median, normalMAD / sum.MAD, sum.Deviations, reasonRobust},
		sigma:  deviationScorer{sum.Mean, 1 / sum.StdDev, sum.Sigmas, reasonSigma},
	}
	if sum.MAD == 0 {
		// All values were equal: any other is as rare as what was never seen.
		s.robust.scale, s.robust.tail = 1, Tail{0}
		for 1/float64(sum.Rows+1) < Rates[len(s.robust.tail)-1] && len(s.robust.tail) < len(Rates) {
			s.robust.tail = append(s.robust.tail, 0)
		}
	}
	return s
}

// surprise is the greater of both, NaN without a baseline. The robust distance is the reason wherever it is one.
func (s *numberScorer) surprise(x float64) (float64, string) {
	robust, sigma := s.robust.surprise(x), s.sigma.surprise(x)
	switch {
	case !(sigma > robust):
		return robust, s.robust.reason
	case robust >= reasonSurprise:
		return sigma, s.robust.reason
	}
	return sigma, s.sigma.reason
}

func (s *deviationScorer) surprise(x float64) float64 {
	return s.tail.Surprise(math.Abs(x-s.center) * s.scale)
}

// lengthScorer measures how unusual a length is, on both sides: lengths are so skewed that none is far below the median.
type lengthScorer struct {
	long, short Tail
	// deviation is what there is in summaries of before.
	deviation deviationScorer
	reason    string
}

func newLengthScorer(sum FeatureSummary, reason string) lengthScorer {
	return lengthScorer{
		long: sum.Long, short: sum.Short, reason: reason, deviation: newNumberScorer(sum, reason, reason).robust,
	}
}

func (s *lengthScorer) surprise(x float64) (float64, string) {
	if len(s.long) == 0 || len(s.short) == 0 {
		return s.deviation.surprise(x), s.reason
	}
	// Twice the smaller of two p-values is one.
	return max(max(s.long.Surprise(x), s.short.Surprise(-x))-math.Log10(2), 0), s.reason
}
