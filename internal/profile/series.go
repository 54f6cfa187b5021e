// SPDX-License-Identifier: Apache-2.0

// Package profile owns the counts over all traffic: what one series of values looked like in one minute, how such
// series are merged without error, and how they are stored. It imports no Kubernetes package and reads no clock.
package profile

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/vedette-dev/vedette/internal/wire"
)

// Reserved names of series that are no feature. Names of features begin with a letter.
const (
	// Score is the numeric series of the prediction's score.
	Score = "_score"
	// Class is the categorical series of the predicted class.
	Class = "_class"
	// Coverage counts, in all traffic, the instances seen, those profiled, and those skipped by reason.
	Coverage = "_coverage"
)

// Categories of the Coverage series.
const (
	CoverageInstances = "instances"
	CoverageProfiled  = "profiled"
	// CoverageSkipped is followed by the reason.
	CoverageSkipped = "skipped:"
)

// Window is the length of the windows of series, which begin at whole minutes UTC.
const Window = time.Minute

// Key identifies a series.
type Key struct {
	// Window is the beginning of the minute.
	Window time.Time
	// Version is the model's version.
	Version string
	// Segment is the name of a segment, or "" for all traffic.
	Segment string
	// Feature is a feature of the schema, or one of the reserved names.
	Feature string
}

// Compare orders keys by window, version, segment and feature.
func (k Key) Compare(other Key) int {
	return cmp.Or(
		k.Window.Compare(other.Window),
		cmp.Compare(k.Version, other.Version),
		cmp.Compare(k.Segment, other.Segment),
		cmp.Compare(k.Feature, other.Feature),
	)
}

// Series is what the values of one feature looked like. Numeric series have moments and buckets; categorical and
// Boolean ("true", "false") ones have categories; of texts the length in characters is profiled as a number.
type Series struct {
	Key
	Type wire.FeatureType
	// Origin is subtracted from numbers before anything is counted, for features whose spread is small beside their
	// size. It is part of the series' identity.
	Origin float64

	// Count is the number of values; Missing and Invalid come on top of it.
	Count, Missing, Invalid int64

	// Sum and Squares are the exact sums of the values less Origin, and of their squares, each rounded to a float64.
	Sum, Squares Sum
	// Min and Max bound the values; NaN when there are none.
	Min, Max float64
	// Buckets counts the values less Origin.
	Buckets    Buckets
	Categories Categories
}

// NewSeries is an empty series.
func NewSeries(key Key, typ wire.FeatureType, origin float64) *Series {
	return &Series{Key: key, Type: typ, Origin: origin, Min: math.NaN(), Max: math.NaN()}
}

// IsNumeric says whether the series has moments and buckets rather than categories.
func (s *Series) IsNumeric() bool { return s.Type == wire.Numeric || s.Type == wire.Text }

// number is a value with what all series that count it need to know.
type number struct {
	x, d, square float64
	bucket       int32
}

func numberOf(x, origin float64) number {
	d := x - origin
	return number{x: x, d: d, square: min(d*d, math.MaxFloat64), bucket: BucketOf(d)}
}

// ObserveNumber counts a value of a numeric series. What is not finite is invalid.
func (s *Series) ObserveNumber(x float64) {
	if !finite(x - s.Origin) {
		s.Invalid++
		return
	}
	s.observe(numberOf(x, s.Origin))
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func (s *Series) observe(n number) (grown int) {
	s.Count++
	if s.Count == 1 {
		s.Min, s.Max = n.x, n.x
	}
	s.Min, s.Max = min(s.Min, n.x), max(s.Max, n.x)
	return s.Sum.Add(n.d) + s.Squares.Add(n.square) + s.Buckets.Add(n.bucket, 1)
}

// ObserveText counts a value of a text series.
func (s *Series) ObserveText(text string) { s.ObserveNumber(float64(utf8.RuneCountInString(text))) }

// ObserveCategory counts a value of a categorical series.
func (s *Series) ObserveCategory(name string) (grown int) {
	s.Count++
	return s.Categories.Add(name, 1)
}

// ObserveMissing counts a value that is not there.
func (s *Series) ObserveMissing() { s.Missing++ }

// ObserveInvalid counts a value that is not of the declared type.
func (s *Series) ObserveInvalid() { s.Invalid++ }

// ErrIncompatible means that two series count different things.
var ErrIncompatible = errors.New("the series cannot be merged")

// Merge adds what other has counted, exactly and in any order. Both must be of the same feature, type and origin; s
// keeps its window, version and segment.
func (s *Series) Merge(other *Series) error {
	if s.Feature != other.Feature || s.Type != other.Type || s.Origin != other.Origin {
		return fmt.Errorf("%w: %s (%s, origin %v) and %s (%s, origin %v)",
			ErrIncompatible, s.Feature, s.Type, s.Origin, other.Feature, other.Type, other.Origin)
	}
	switch {
	case other.Count == 0:
	case s.Count == 0:
		s.Min, s.Max = other.Min, other.Max
	default:
		s.Min, s.Max = min(s.Min, other.Min), max(s.Max, other.Max)
	}
	s.Count += other.Count
	s.Missing += other.Missing
	s.Invalid += other.Invalid
	s.Sum.Merge(&other.Sum)
	s.Squares.Merge(&other.Squares)
	for b, n := range other.Buckets.unordered() {
		s.Buckets.Add(b, n)
	}
	s.Categories.Merge(&other.Categories)
	return nil
}

// Mean is the mean of the values; NaN when there are none.
func (s *Series) Mean() float64 {
	if s.Count == 0 {
		return math.NaN()
	}
	return s.Origin + s.Sum.Float64()/float64(s.Count)
}

// StdDev is the standard deviation of the values (with n−1); NaN for fewer than two.
func (s *Series) StdDev() float64 {
	if s.Count < 2 {
		return math.NaN()
	}
	n, sum := float64(s.Count), s.Sum.Float64()
	return math.Sqrt(max(0, (s.Squares.Float64()-sum*sum/n)/(n-1)))
}
