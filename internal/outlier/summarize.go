// SPDX-License-Identifier: Apache-2.0

package outlier

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/wire"
)

// normalMAD is the median absolute deviation of a normal distribution of standard deviation 1, meanToMAD its quotient by
// the mean absolute deviation.
const (
	normalMAD = 0.6744897501960817
	meanToMAD = normalMAD * 1.2533141373155003
)

// Summarize is the summary of a feature from its series over the whole baseline.
func Summarize(s *profile.Series) FeatureSummary {
	f := FeatureSummary{
		Name: s.Feature, Type: s.Type, Origin: s.Origin, Rows: s.Count, Missing: s.Missing, Invalid: s.Invalid,
	}
	if s.Count == 0 {
		return f
	}
	if !s.IsNumeric() {
		f.Categories, f.Other = Count(s), s.Categories.Other
		return f
	}
	f.Median, f.Mean, f.Min, f.Max = s.Quantile(0.5), s.Mean(), s.Min, s.Max
	if s.Count > 1 {
		f.StdDev = s.StdDev()
	}
	d := deviations(s, f.Median)
	f.MAD = d.quantile(0.5)
	if f.MAD == 0 {
		f.MAD = meanToMAD * d.mean()
	}
	if f.MAD > 0 {
		f.Deviations = newTail(s.Count, func(p float64) float64 { return normalMAD * d.quantile(p) / f.MAD })
	}
	if f.StdDev > 0 && s.Type == wire.Numeric {
		d := deviations(s, f.Mean)
		f.Sigmas = newTail(s.Count, func(p float64) float64 { return d.quantile(p) / f.StdDev })
	}
	if s.Type == wire.Text {
		f.Long = NewTail(s)
		f.Short = newTail(s.Count, func(p float64) float64 { return -quantileBelow(s, 1-p) })
	}
	return f
}

// quantileBelow is the greatest beginning of a bucket that no more than the share p of the values is below, but no less
// than the least value.
func quantileBelow(s *profile.Series, p float64) float64 {
	below := int64(p * float64(s.Count))
	for b, n := range s.Buckets.All() {
		if below -= n; below < 0 {
			lo, _ := profile.Bounds(b)
			return max(s.Origin+lo, s.Min)
		}
	}
	return s.Max
}

// Count is the categories of a series that are counted one by one.
func Count(s *profile.Series) map[string]int64 {
	counts := make(map[string]int64, s.Categories.Len())
	maps.Insert(counts, s.Categories.All())
	return counts
}

// spread is a distribution of absolute deviations, ascending.
type spread []deviation

type deviation struct {
	distance float64
	count    int64
}

// deviations are the distances from a center of the farther ends of the buckets, so that what is derived from them
// never makes a value more surprising than it is.
func deviations(s *profile.Series, center float64) spread {
	d := make(spread, 0, s.Buckets.Len())
	for b, n := range s.Buckets.All() {
		lo, hi := profile.Bounds(b)
		lo, hi = max(s.Origin+lo, s.Min), min(s.Origin+hi, s.Max)
		d = append(d, deviation{max(math.Abs(lo-center), math.Abs(hi-center)), n})
	}
	slices.SortFunc(d, func(a, b deviation) int { return cmp.Compare(a.distance, b.distance) })
	return d
}

func (d spread) total() (n int64) {
	for _, v := range d {
		n += v.count
	}
	return n
}

// quantile is the least distance that the share p does not exceed.
func (d spread) quantile(p float64) float64 {
	rank := int64(math.Ceil(p * float64(d.total())))
	for _, v := range d {
		if rank -= v.count; rank <= 0 {
			return v.distance
		}
	}
	return d[len(d)-1].distance
}

func (d spread) mean() float64 {
	var sum float64
	for _, v := range d {
		sum += v.distance * float64(v.count)
	}
	return sum / float64(d.total())
}

// Origin is what profiles of a feature should subtract: 0, unless the middle half of the values is within so few buckets
// that they could not tell them apart. It is a round number, so that two baselines of the same feature tend to agree.
func Origin(s *profile.Series) float64 {
	if s.Count == 0 || !s.IsNumeric() || s.Origin != 0 {
		return s.Origin
	}
	median, spread := s.Quantile(0.5), s.Quantile(0.95)-s.Quantile(0.05)
	if math.Abs(median) < 4*spread || median == 0 || s.Min == s.Max {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(max(spread, math.Abs(median)/128))))
	return math.Round(median/unit) * unit
}
