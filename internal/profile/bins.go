// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"math"
	"slices"
	"sort"
)

// Cuts divide the buckets into len(Cuts)+1 bins: bin i holds the buckets b with Cuts[i−1] <= b < Cuts[i]. They are
// derived from one series, the reference, and count any other exactly, because no bucket is divided.
type Cuts []int32

// Cuts are those that divide the values of s into at most n bins of about equal counts. A bucket that holds more than
// its share has a bin of its own. There are none when all values are in one bucket.
func (s *Series) Cuts(n int) Cuts {
	var cuts Cuts
	var seen, taken int64
	for b, count := range s.Buckets.All() {
		// The bin that is open ends before b when b would overfill it by more than it lacks without b.
		share := float64(s.Count-taken) / float64(max(1, n-len(cuts)))
		without, with := float64(seen-taken), float64(seen+count-taken)
		if len(cuts) < n-1 && without > 0 && with-share > share-without {
			cuts = append(cuts, b)
			taken = seen
		}
		seen += count
	}
	return cuts
}

// Count is the number of values of s in each bin.
func (c Cuts) Count(s *Series) []int64 {
	counts := make([]int64, len(c)+1)
	for b, n := range s.Buckets.unordered() {
		counts[sort.Search(len(c), func(i int) bool { return c[i] > b })] += n
	}
	return counts
}

// Edges are the values at which the bins of c meet, for a reader.
func (c Cuts) Edges(origin float64) []float64 {
	edges := make([]float64, len(c))
	for i, b := range c {
		lo, _ := Bounds(b)
		edges[i] = origin + lo
	}
	return edges
}

// Quantile is a value that the share p of the values does not exceed, to within the width of a bucket, between Min and
// Max. It is NaN when there are no values.
func (s *Series) Quantile(p float64) float64 {
	if s.Count == 0 || math.IsNaN(p) {
		return math.NaN()
	}
	rank := min(max(p, 0), 1) * float64(s.Count)
	var seen float64
	for b, n := range s.Buckets.All() {
		if seen+float64(n) >= rank {
			lo, hi := Bounds(b)
			x := s.Origin + lo + (hi-lo)*(rank-seen)/float64(n)
			return min(max(x, s.Min), s.Max)
		}
		seen += float64(n)
	}
	return s.Max
}

// QuantileAbove is the least end of a bucket that the share p of the values does not exceed, but no more than Max: no
// value of the bucket that holds the quantile is above it. It is NaN when there are no values.
func (s *Series) QuantileAbove(p float64) float64 {
	rank := int64(math.Ceil(min(max(p, 0), 1) * float64(s.Count)))
	for b, n := range s.Buckets.All() {
		if rank -= n; rank <= 0 {
			_, hi := Bounds(b)
			return min(s.Origin+hi, s.Max)
		}
	}
	return s.Max
}

// Merge merges the series that differ only in window and version, and returns one for each segment and feature, in
// the order of their keys. Those of the first of each keep its window and version. Series that cannot be merged, of
// another origin or type than the first, are returned apart.
func Merge(all []*Series) (merged, incompatible []*Series) {
	type id struct{ segment, feature string }
	byID := map[id]*Series{}
	for _, s := range all {
		k := id{s.Segment, s.Feature}
		into, ok := byID[k]
		if !ok {
			into = NewSeries(s.Key, s.Type, s.Origin)
			byID[k] = into
			merged = append(merged, into)
		}
		if err := into.Merge(s); err != nil {
			incompatible = append(incompatible, s)
		}
	}
	slices.SortFunc(merged, func(a, b *Series) int { return a.Key.Compare(b.Key) })
	return merged, incompatible
}
