// SPDX-License-Identifier: Apache-2.0

package desk

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Feature is a value as a person reads it, beside what is usual.
type Feature struct {
	Name string
	// Text is the value in words; Long says that it is a text to be read, and not one word in a table.
	Text string
	Long bool
	// Absent says that there is no value, or none of the declared type.
	Absent bool
	// Unusual says that the value lies outside of what is usual.
	Unusual bool
	// Usual says what is usual; "" where there is no baseline.
	Usual string
	// Range places a number, or the length of a text, beside what is usual; nil where that is not known.
	Range *Range
	// Share is the share of the baseline with this category; NaN for what is no category or has no baseline.
	Share float64
}

// Range is a number beside the span of the baseline in which about 19 of 20 values lie.
type Range struct{ Value, Low, Median, High float64 }

// spans is how many standard deviations to each side of the median are usual. normalMAD makes one of a MAD.
const (
	spans     = 2
	normalMAD = 1.4826
)

// rareShare is the share of the baseline below which a category is unusual.
const rareShare = 0.01

// explain places the value of a feature beside what is usual.
func explain(f review.Feature, declared *wire.Feature, sum *outlier.FeatureSummary) Feature {
	out := Feature{Name: f.Name, Share: math.NaN()}
	text := declared != nil && declared.Type == wire.Text
	switch v := f.Value; v.Kind {
	case feature.Missing:
		out.Text, out.Absent = "missing", true
		if sum != nil {
			share := ratio(sum.Missing, sum.Rows+sum.Missing+sum.Invalid)
			out.Unusual, out.Usual = share < rareShare, fmt.Sprintf("missing in %s of the baseline", Percent(share))
		}
	case feature.Invalid:
		out.Text, out.Absent, out.Unusual = "not of the declared type", true, true
	case feature.Number:
		out.Text = Number(v.Num)
		out.measure(v.Num, sum, "")
	case feature.Bool:
		out.Text = "no"
		if v.Num != 0 {
			out.Text = "yes"
		}
		out.categorize(map[bool]string{false: "false", true: "true"}[v.Num != 0], sum)
	case feature.String:
		out.Text = v.Str
		out.Long = text || utf8.RuneCountInString(v.Str) > 60
		if text {
			out.measure(float64(utf8.RuneCountInString(v.Str)), sum, " characters")
		} else {
			out.categorize(v.Str, sum)
		}
	}
	return out
}

// measure places a number.
func (f *Feature) measure(x float64, sum *outlier.FeatureSummary, unit string) {
	if sum == nil || sum.Rows == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return
	}
	half := spans * normalMAD * sum.MAD
	r := Range{Value: x, Low: max(sum.Median-half, sum.Min), Median: sum.Median, High: min(sum.Median+half, sum.Max)}
	if !(r.Low <= r.Median && r.Median <= r.High) {
		return
	}
	f.Range, f.Unusual = &r, x < r.Low || x > r.High
	f.Usual = fmt.Sprintf("usually %s to %s%s, median %s", rough(r.Low), rough(r.High), unit, rough(r.Median))
	if r.Low == r.High {
		f.Usual = fmt.Sprintf("usually %s%s", rough(r.Median), unit)
	}
}

// categorize places a category.
func (f *Feature) categorize(category string, sum *outlier.FeatureSummary) {
	if sum == nil || sum.Rows == 0 || sum.Categories == nil {
		return
	}
	n, known := sum.Categories[category]
	if f.Share = ratio(n, sum.Rows); known {
		f.Usual = fmt.Sprintf("%s of the baseline", Percent(f.Share))
	} else if f.Usual = "never seen in the baseline"; sum.Other > 0 {
		f.Usual = "not among the frequent values of the baseline"
	}
	f.Unusual = f.Share < rareShare
}

func ratio(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
