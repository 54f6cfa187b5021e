// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"iter"
	"math"
	"slices"
)

// mantissaBits gives 128 buckets to each octave: a bucket is at most 1/128 as wide as its values are large.
const mantissaBits = 7

// shift leaves of the bits of a float64 its exponent and the first mantissaBits of its mantissa.
const shift = 52 - mantissaBits

// BucketOf is the number of the universal bucket of a finite x: 0 for zero, positive for positive values, negative for
// negative ones, and ascending with x. The numbers are fixed for ever: they are what makes profiles of all pods, days
// and releases mergeable.
func BucketOf(x float64) int32 {
	switch {
	case x > 0:
		return int32(math.Float64bits(x)>>shift) + 1
	case x < 0:
		return -int32(math.Float64bits(-x)>>shift) - 1
	default:
		return 0
	}
}

// Bounds are the least and the greatest value of bucket b, but for the one farther from zero, which is the first value
// of the next bucket. Those of the bucket 0 are both 0.
func Bounds(b int32) (lo, hi float64) {
	switch {
	case b > 0:
		return math.Float64frombits(uint64(b-1) << shift), math.Float64frombits(uint64(b) << shift)
	case b < 0:
		lo, hi = Bounds(-b)
		return -hi, -lo
	default:
		return 0, 0
	}
}

// maxBucket is the bucket of the largest finite value.
var maxBucket = BucketOf(math.MaxFloat64)

// Buckets counts values per bucket, sparsely. The zero Buckets is empty.
type Buckets struct {
	// Open addressing: a slot is free where its count is 0. It takes half the memory and time of a map.
	keys   []int32
	counts []int64
	used   int
}

// bucketBytes is the memory of one slot.
const bucketBytes = 4 + 8

// Add counts n > 0 more values in bucket b, and returns by how many bytes it has grown.
func (t *Buckets) Add(b int32, n int64) (grown int) {
	if 4*(t.used+1) > 3*len(t.keys) {
		grown = t.grow()
	}
	i := t.slot(b)
	if t.counts[i] == 0 {
		t.keys[i] = b
		t.used++
	}
	t.counts[i] += n
	return grown
}

func (t *Buckets) slot(b int32) int {
	mask := len(t.keys) - 1
	i := int(uint32(b)*0x9E3779B1>>8) & mask // Fibonacci hashing: neighbours spread.
	for t.counts[i] != 0 && t.keys[i] != b {
		i = (i + 1) & mask
	}
	return i
}

func (t *Buckets) grow() int {
	old := *t
	size := max(8, 2*len(old.keys))
	*t = Buckets{keys: make([]int32, size), counts: make([]int64, size)}
	for i, n := range old.counts {
		if n != 0 {
			j := t.slot(old.keys[i])
			t.keys[j], t.counts[j] = old.keys[i], n
			t.used++
		}
	}
	return (size - len(old.keys)) * bucketBytes
}

// Count is the number of values in bucket b.
func (t *Buckets) Count(b int32) int64 {
	if len(t.keys) == 0 {
		return 0
	}
	return t.counts[t.slot(b)]
}

// Len is the number of buckets that are not empty.
func (t *Buckets) Len() int { return t.used }

// All yields the buckets that are not empty, ascending, with their counts.
func (t *Buckets) All() iter.Seq2[int32, int64] {
	return func(yield func(int32, int64) bool) {
		keys := make([]int32, 0, t.used)
		for b := range t.unordered() {
			keys = append(keys, b)
		}
		slices.Sort(keys)
		for _, b := range keys {
			if !yield(b, t.Count(b)) {
				return
			}
		}
	}
}

func (t *Buckets) unordered() iter.Seq2[int32, int64] {
	return func(yield func(int32, int64) bool) {
		for i, n := range t.counts {
			if n != 0 && !yield(t.keys[i], n) {
				return
			}
		}
	}
}
