// SPDX-License-Identifier: Apache-2.0

package outlier

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Cell is a part of a baseline that has a cut of its own: the cells are the leaves of a tree, whose other nodes each
// divide by whether a row is in a segment. Its scores are counted in steps of 1/64; within a step they are tied.
type Cell struct {
	// Segment divides the cell into In and Out; empty for a leaf.
	Segment string `json:"segment,omitempty"`
	In      *Cell  `json:"in,omitempty"`
	Out     *Cell  `json:"out,omitempty"`
	// Steps of the score that occur, ascending, and how many rows are at each; only a leaf has them.
	Steps  []int32 `json:"steps,omitempty"`
	Counts []int64 `json:"counts,omitempty"`
}

const (
	// scoreSteps is the number of steps in one unit of the score. A step is 3.7 % of the rate, so that hardly any outlier
	// owes it to chance.
	scoreSteps = 64
	steps      = maxSurprise*scoreSteps + 1
	// maxCells bounds the leaves of a tree.
	maxCells = 64
	// minTail is how many rows of a cell have to be above its cut. With fewer, the cut would follow single rows.
	minTail = 10
	// maxCellRows keeps sums of counts exact.
	maxCellRows = 1 << 50
)

// step is where a score is counted.
func step(score float64) int32 {
	return int32(min(max(score, 0), maxSurprise) * scoreSteps)
}

// check says what is wrong with a cell that came from outside.
func (c *Cell) check() error {
	leaves := 0
	return c.walk(maxCells, func(leaf *Cell) error {
		if leaves++; leaves > maxCells {
			return fmt.Errorf("it has more than %d cells", maxCells)
		}
		if len(leaf.Steps) == 0 || len(leaf.Steps) != len(leaf.Counts) {
			return errors.New("a cell has no scores, or not as many counts")
		}
		last := int32(-1)
		var rows int64
		for i, s := range leaf.Steps {
			n := leaf.Counts[i]
			if s <= last || s >= steps || n <= 0 || n > maxCellRows {
				return errors.New("the scores of a cell are out of order, or their counts out of range")
			}
			last = s
			if rows += n; rows > maxCellRows {
				return errors.New("a cell has too many rows")
			}
		}
		return nil
	})
}

func (c *Cell) walk(depth int, visit func(leaf *Cell) error) error {
	switch {
	case depth == 0:
		return errors.New("its cells are nested too deep")
	case c.Segment == "":
		return visit(c)
	case c.In == nil || c.Out == nil || len(c.Steps) > 0:
		return errors.New("a cell is divided by a segment and not in two")
	}
	return errors.Join(c.In.walk(depth-1, visit), c.Out.walk(depth-1, visit))
}

// cut decides which scores are outliers at one rate.
//
// It is Mondrian conformal prediction (Vovk, Gammerman and Shafer 2005): the p-value of a row with the score s, in a cell
// with n rows of the baseline, is
//
//	p = (#{scores > s} + U·(#{scores = s} + 1)) / (n + 1)
//
// with U uniform in [0, 1), and it is an outlier if p < rate. If the row is exchangeable with those of its cell, p is
// uniform, whatever the distribution of scores and however many are tied: the rate is kept in every cell, and therefore in
// every segment that consists of cells. U is taken from the record's id, so that judging a row again says the same.
type cut struct {
	segment string
	in, out *cut

	steps []int32
	// atLeast[i] counts rows at steps[i] or above; its last element is 0.
	atLeast []int64
	// allowed is rate·(n+1), at least 1: what is above all of the baseline is an outlier, however few rows that has.
	allowed float64
}

// newCut compiles a tree. Where a part is too small for the rate, the whole is taken.
func newCut(c *Cell, rate float64) *cut {
	if rate <= 0 {
		return nil
	}
	if c.Segment != "" {
		in, out := newCut(c.In, rate), newCut(c.Out, rate)
		if rate*float64(min(in.rows(), out.rows())) >= minTail {
			return &cut{segment: c.Segment, in: in, out: out}
		}
	}
	var counts [steps]int64
	c.addTo(&counts)
	return newLeaf(&counts, rate)
}

func newLeaf(counts *[steps]int64, rate float64) *cut {
	leaf := &cut{}
	for s, n := range counts {
		if n > 0 {
			leaf.steps = append(leaf.steps, int32(s))
		}
	}
	leaf.atLeast = make([]int64, len(leaf.steps)+1)
	for i, s := range slices.Backward(leaf.steps) {
		leaf.atLeast[i] = leaf.atLeast[i+1] + counts[s]
	}
	leaf.allowed = max(rate*float64(leaf.atLeast[0]+1), 1)
	return leaf
}

func (c *Cell) addTo(counts *[steps]int64) {
	if c.Segment != "" {
		c.In.addTo(counts)
		c.Out.addTo(counts)
		return
	}
	for i, s := range c.Steps {
		counts[s] += c.Counts[i]
	}
}

func (c *cut) rows() int64 {
	if c.segment != "" {
		return c.in.rows() + c.out.rows()
	}
	return c.atLeast[0]
}

// outlier says whether the record of that id, in those segments, is an outlier.
func (c *cut) outlier(score float64, segments []string, id string) bool {
	if c == nil || math.IsNaN(score) {
		return false
	}
	for c.segment != "" {
		if slices.Contains(segments, c.segment) {
			c = c.in
		} else {
			c = c.out
		}
	}
	i, tied := slices.BinarySearch(c.steps, step(score))
	above, equal := c.atLeast[i], int64(0)
	if tied {
		above, equal = c.atLeast[i+1], c.atLeast[i]-c.atLeast[i+1]
	}
	switch {
	case float64(above) >= c.allowed:
		return false
	case float64(above+equal+1) <= c.allowed:
		return true
	}
	return float64(above)+fraction(id)*float64(equal+1) < c.allowed
}

// fraction maps a record's id to [0, 1), evenly, and the same in every release. It has nothing to do with the fraction
// that samples are taken by, even if both ids are the same: the finaliser is that of SplitMix64.
func fraction(id string) float64 {
	h := xxhash.Sum64String(id) + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return float64((h^h>>31)>>11) / (1 << 53)
}
