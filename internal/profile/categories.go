// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// MaxCategories is how many categories a series counts one by one: those whose hashes are the smallest. A category
// that is among them at the end was so all the time and in every part, so its count is exact, and merging is exact and
// order-free. Changing the number would end that between releases.
const MaxCategories = 1024

// maxCategoryBytes bounds the name of a category.
const maxCategoryBytes = 128

// Categories counts values by name. The zero Categories is empty.
type Categories struct {
	// Other counts the values of the categories that are not counted one by one.
	Other int64

	index   map[string]int32
	entries []category
	// last is the greatest hash that is kept, once there are MaxCategories.
	last uint64
}

type category struct {
	name  string
	count int64
	hash  uint64
}

// categoryBytes is about the memory of a category besides its name: an entry and its place in the index.
const categoryBytes = 32 + 48

// Add counts n more values of a category, and returns by how many bytes it has grown. It keeps no reference to name.
func (c *Categories) Add(name string, n int64) (grown int) {
	name = Category(name)
	if i, ok := c.index[name]; ok {
		c.entries[i].count += n
		return 0
	}
	h := xxhash.Sum64String(name)
	if len(c.entries) == MaxCategories {
		if h >= c.last {
			c.Other += n
			return 0
		}
		return c.replace(category{name: strings.Clone(name), count: n, hash: h})
	}
	if c.index == nil {
		c.index = map[string]int32{}
	}
	e := category{name: strings.Clone(name), count: n, hash: h}
	c.index[e.name] = int32(len(c.entries))
	c.entries = append(c.entries, e)
	c.last = max(c.last, h)
	return categoryBytes + len(name)
}

// replace puts e in the place of the category with the greatest hash.
func (c *Categories) replace(e category) (grown int) {
	i := slices.IndexFunc(c.entries, func(k category) bool { return k.hash == c.last })
	old := c.entries[i]
	c.Other += old.count
	delete(c.index, old.name)
	c.index[e.name] = int32(i)
	c.entries[i] = e
	c.last = 0
	for _, k := range c.entries {
		c.last = max(c.last, k.hash)
	}
	return len(e.name) - len(old.name)
}

// Category is the name under which a value is counted: its own, or for a long one a shorter one, different for
// different values.
func Category(value string) string {
	if len(value) <= maxCategoryBytes {
		return value
	}
	tail := fmt.Sprintf("~%016x", xxhash.Sum64String(value))
	return strings.ToValidUTF8(value[:maxCategoryBytes-len(tail)], "") + tail
}

// Count is the number of values of a category that is counted one by one.
func (c *Categories) Count(name string) int64 {
	if i, ok := c.index[name]; ok {
		return c.entries[i].count
	}
	return 0
}

// Len is the number of categories that are counted one by one.
func (c *Categories) Len() int { return len(c.entries) }

// All yields the categories that are counted one by one, by name, with their counts.
func (c *Categories) All() iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		sorted := slices.SortedFunc(slices.Values(c.entries), func(a, b category) int { return cmp.Compare(a.name, b.name) })
		for _, e := range sorted {
			if !yield(e.name, e.count) {
				return
			}
		}
	}
}

// Distinct estimates the number of different categories: exact up to MaxCategories, and beyond by the k-th smallest
// hash (Bar-Yossef et al. 2002), with a standard error of about 3 %.
func (c *Categories) Distinct() float64 {
	if c.Other == 0 {
		return float64(len(c.entries))
	}
	return float64(len(c.entries)-1) / (float64(c.last) / math.MaxUint64)
}

// Merge adds the counts of other.
func (c *Categories) Merge(other *Categories) {
	for _, e := range other.entries {
		c.Add(e.name, e.count)
	}
	c.Other += other.Other
}
