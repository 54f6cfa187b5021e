// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"slices"

	"github.com/vedette-dev/vedette/internal/profile"
)

const (
	// psiBins is the number of quantile bins of PSI: enough to see a shift, few enough to be quiet at 300 rows.
	psiBins = 10
	// ksBins makes the binned KS statistic lose next to nothing.
	ksBins = 256
	// maxCells bounds the categories that PSI tells apart; the rarer ones of the reference share a cell.
	maxCells = 64
)

// cells are the cells over which two series are compared, derived from the reference alone. Beside those of the
// values there is one for missing and one for invalid values and, for categories, one for what the reference never had.
type cells struct {
	cuts  profile.Cuts
	names []string // nil for numeric series
	known map[string]bool
	// overflow means that the reference had more categories than are known.
	overflow bool
}

// cellsOf derives the cells of a comparison of cur with ref. Beyond profile.MaxCategories only those with the smallest
// hashes are counted one by one, in each series its own: a category that only one side counts so is then no cell.
func cellsOf(ref, cur *profile.Series) cells {
	if ref.IsNumeric() {
		return cells{cuts: isolate(ref, ref.Cuts(psiBins))}
	}
	c := cells{known: map[string]bool{}}
	var all []named
	for name, n := range ref.Categories.All() {
		c.known[name] = true
		if cur.Categories.Other == 0 || cur.Categories.Count(name) > 0 {
			all = append(all, named{name, n})
		}
	}
	for _, k := range largest(all, maxCells) {
		c.names = append(c.names, k.name)
	}
	c.overflow = ref.Categories.Other > 0
	return c
}

type named struct {
	name  string
	count int64
}

// largest returns the n largest, the largest first; of equal ones the first by name.
func largest(all []named, n int) []named {
	slices.SortFunc(all, func(a, b named) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	return all[:min(len(all), n)]
}

// isolate gives a bucket that has a bin to itself a bin that holds nothing else: what lies beside a frequent value would
// otherwise look like that value. A constant feature is the case in point. The bins that this adds are empty in the
// reference, and are no cells unless the window has something there.
func isolate(ref *profile.Series, cuts profile.Cuts) profile.Cuts {
	out := slices.Clone(cuts)
	var occupied int
	var last int32
	bin := 0
	end := func() {
		if occupied == 1 {
			out = append(out, last, last+1)
		}
		occupied = 0
	}
	for b := range ref.Buckets.All() {
		for bin < len(cuts) && b >= cuts[bin] {
			end()
			bin++
		}
		occupied++
		last = b
	}
	end()
	slices.Sort(out)
	return slices.Compact(out)
}

// count counts a series into the cells.
func (c cells) count(s *profile.Series) []int64 {
	var counts []int64
	if s.IsNumeric() {
		counts = c.cuts.Count(s)
	} else {
		fresh, _ := c.fresh(s)
		rest := s.Count - fresh
		for _, name := range c.names {
			n := s.Categories.Count(name)
			counts = append(counts, n)
			rest -= n
		}
		counts = append(counts, rest, fresh)
	}
	return append(counts, s.Missing, s.Invalid)
}

// fresh counts the values of categories that the reference never had, and names the most frequent of them. Where the
// reference had more categories than are known, nobody can say: there are none.
func (c cells) fresh(s *profile.Series) (count int64, names []string) {
	if c.overflow {
		return 0, nil
	}
	var all []named
	for name, n := range s.Categories.All() {
		if !c.known[name] {
			all = append(all, named{name, n})
			count += n
		}
	}
	for _, k := range largest(all, maxNewNamed) {
		names = append(names, k.name)
	}
	return count, names
}

// maxNewNamed bounds the new categories that a report names.
const maxNewNamed = 5

// occupied drops the cells that are empty on both sides: they are no degrees of freedom.
func occupied(ref, cur []int64) (r, c []int64) {
	for i := range ref {
		if ref[i]+cur[i] > 0 {
			r, c = append(r, ref[i]), append(c, cur[i])
		}
	}
	return r, c
}
