// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// SkippedMemory is the reason for which a full Set skips instances.
const SkippedMemory = "memory"

// Set accumulates the series of all versions and segments, in bounded memory. It is not safe for concurrent use.
type Set struct {
	features []wire.Feature
	limit    int
	bytes    int
	cells    []*cell
}

// cell holds what one version has in one window.
type cell struct {
	window   time.Time
	version  string
	coverage *Series
	segments map[string]*group
}

// group holds the series of one segment, those of the features in the order of the schema.
type group struct {
	features     []Series
	score, class Series
}

// seriesBytes is about the memory of an empty series.
const seriesBytes = 320

// NewSet makes a set for the features of a schema that takes at most about limit bytes. Origins of features come with
// them.
func NewSet(features []wire.Feature, limit int) *Set {
	return &Set{features: slices.Clone(features), limit: limit}
}

// Bytes is about the memory that the set takes.
func (s *Set) Bytes() int { return s.bytes }

// Observe counts an instance in all traffic and in its segments, and reports whether it did: a full set skips the
// instance, and counts that. It reads Time, ModelVersion, Features, Segments, Score and Prediction, and keeps nothing.
func (s *Set) Observe(r *record.Row) bool {
	c := s.cell(r.Time, r.ModelVersion)
	if s.bytes >= s.limit {
		s.skip(c, SkippedMemory, 1)
		return false
	}
	s.bytes += c.coverage.Categories.Add(CoverageInstances, 1) + c.coverage.Categories.Add(CoverageProfiled, 1)
	c.coverage.Count += 2
	s.observe(s.group(c, ""), r)
	for _, segment := range r.Segments {
		s.observe(s.group(c, segment), r)
	}
	return true
}

// Skip counts n instances that were not profiled, by reason.
func (s *Set) Skip(at time.Time, version, reason string, n int64) {
	s.skip(s.cell(at, version), reason, n)
}

func (s *Set) skip(c *cell, reason string, n int64) {
	s.bytes += c.coverage.Categories.Add(CoverageInstances, n) + c.coverage.Categories.Add(CoverageSkipped+reason, n)
	c.coverage.Count += 2 * n
}

func (s *Set) cell(at time.Time, version string) *cell {
	window := at.UTC().Truncate(Window)
	for _, c := range slices.Backward(s.cells) {
		if c.version == version && c.window.Equal(window) {
			return c
		}
	}
	c := &cell{window: window, version: version, segments: map[string]*group{}}
	c.coverage = NewSeries(Key{Window: window, Version: version, Feature: Coverage}, wire.Categorical, 0)
	s.cells = append(s.cells, c)
	s.bytes += seriesBytes
	return c
}

func (s *Set) group(c *cell, segment string) *group {
	if g, ok := c.segments[segment]; ok {
		return g
	}
	key := func(feature string) Key {
		return Key{Window: c.window, Version: c.version, Segment: segment, Feature: feature}
	}
	g := &group{features: make([]Series, len(s.features))}
	for i, f := range s.features {
		g.features[i] = *NewSeries(key(f.Name), f.Type, f.Origin)
	}
	g.score, g.class = *NewSeries(key(Score), wire.Numeric, 0), *NewSeries(key(Class), wire.Categorical, 0)
	c.segments[segment] = g
	s.bytes += (len(s.features) + 2) * seriesBytes
	return g
}

func (s *Set) observe(g *group, r *record.Row) {
	for i := range g.features {
		f := &g.features[i]
		if i >= len(r.Features) {
			f.Missing++
			continue
		}
		s.bytes += f.observeValue(&r.Features[i])
	}
	if finite(r.Score) {
		s.bytes += g.score.observe(numberOf(r.Score, 0))
	} else {
		g.score.Missing++
	}
	if r.Prediction != "" {
		s.bytes += g.class.ObserveCategory(r.Prediction)
	} else {
		g.class.Missing++
	}
}

// Observe counts a value of a feature. One of another kind than the series' type asks for is invalid.
func (s *Series) Observe(v record.Value) { s.observeValue(&v) }

func (s *Series) observeValue(v *record.Value) (grown int) {
	switch {
	case v.Kind == record.Missing:
		s.Missing++
		return 0
	case s.Type == wire.Numeric && v.Kind == record.Number && finite(v.Num-s.Origin):
		return s.observe(numberOf(v.Num, s.Origin))
	case s.Type == wire.Text && v.Kind == record.String:
		return s.observe(numberOf(float64(utf8.RuneCountInString(v.Str)), s.Origin))
	case s.Type == wire.Categorical && v.Kind == record.String:
		return s.ObserveCategory(v.Str)
	case s.Type == wire.Boolean && v.Kind == record.Bool:
		return s.ObserveCategory(strconv.FormatBool(v.Num != 0))
	default:
		s.Invalid++
		return 0
	}
}

// Take removes and returns the series of the windows that ended at or before the given time, in the order of their
// keys. What arrives later for a window that was taken makes series of the same key anew, to be merged.
func (s *Set) Take(before time.Time) []*Series {
	var taken []*Series
	s.cells = slices.DeleteFunc(s.cells, func(c *cell) bool {
		if c.window.Add(Window).After(before) {
			return false
		}
		taken = append(taken, c.coverage)
		for _, g := range c.segments {
			for i := range g.features {
				taken = append(taken, &g.features[i])
			}
			taken = append(taken, &g.score, &g.class)
		}
		return true
	})
	slices.SortFunc(taken, func(a, b *Series) int { return a.Key.Compare(b.Key) })
	for _, series := range taken {
		s.bytes -= series.bytes()
	}
	if len(s.cells) == 0 {
		s.bytes = 0 // It is an estimate: no error in it outlives the windows.
	}
	return taken
}

// bytes is what the series has added to the set's count.
func (s *Series) bytes() int {
	n := seriesBytes + len(s.Buckets.keys)*bucketBytes + 8*(len(s.Sum.digits)+len(s.Squares.digits))
	for _, e := range s.Categories.entries {
		n += categoryBytes + len(e.name)
	}
	return n
}
