// SPDX-License-Identifier: Apache-2.0

package outlier

import (
	"cmp"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/vedette-dev/vedette/internal/record"
)

// maxPatterns bounds the combinations of segments that a Calibrator tells apart.
const maxPatterns = 4096

// Calibrator finds the cells of a baseline from the scores of its own rows. The same rows, in any order, give the same
// cells, unless they are in more than 4,096 combinations of segments: rows of further combinations are left out.
type Calibrator struct {
	bits     map[string]int
	names    []string
	patterns map[uint64]*[steps]int64
	// weight is the greatest of a row: as many rows stand and fall together.
	weight int64
}

// NewCalibrator makes one for the named segments; no more than 64 of them are used.
func NewCalibrator(segments []string) *Calibrator {
	c := &Calibrator{bits: map[string]int{}, patterns: map[uint64]*[steps]int64{}, weight: 1}
	c.names = segments[:min(len(segments), 64)]
	for i, name := range c.names {
		c.bits[name] = i
	}
	return c
}

// Observe counts a scored row that stands for weight rows. A row without a score is not counted.
func (c *Calibrator) Observe(r *record.Row, weight int64) {
	if math.IsNaN(r.OutlierScore) {
		return
	}
	var pattern uint64
	for _, s := range r.Segments {
		if i, ok := c.bits[s]; ok {
			pattern |= 1 << i
		}
	}
	counts, ok := c.patterns[pattern]
	if !ok {
		if len(c.patterns) == maxPatterns {
			return
		}
		counts = &[steps]int64{}
		c.patterns[pattern] = counts
	}
	counts[step(r.OutlierScore)] += weight
	c.weight = max(c.weight, weight)
}

// Cells divides the baseline for a rate: always next where the shares of outliers differ most, compared with what chance
// would do, until a part would have fewer than ten rows above its cut or there are 64. It is nil without rows.
func (c *Calibrator) Cells(rate float64) *Cell {
	if len(c.patterns) == 0 {
		return nil
	}
	need := math.Inf(1)
	if rate > 0 {
		need = minTail * float64(c.weight) / rate
	}
	root := &part{cell: &Cell{}, patterns: slices.Sorted(maps.Keys(c.patterns))}
	leaves := []*part{root}
	c.plan(root, rate, need)
	for len(leaves) < maxCells {
		i := slices.IndexFunc(leaves, func(p *part) bool { return p.difference > 0 })
		if i < 0 {
			break
		}
		for j := range leaves {
			if leaves[j].difference > leaves[i].difference {
				i = j
			}
		}
		in, out := leaves[i].divide(c.names)
		c.plan(in, rate, need)
		c.plan(out, rate, need)
		leaves[i] = in
		leaves = append(leaves, out)
	}
	for _, p := range leaves {
		p.cell.fill(c.counts(p.patterns))
	}
	return root.cell
}

// part is a leaf of a tree that grows.
type part struct {
	cell     *Cell
	patterns []uint64
	// difference tells by how much the shares of outliers differ on the two sides of the best segment; 0 when the part
	// cannot be divided.
	difference float64
	segment    int
}

// plan finds the segment by which a part is best divided.
func (c *Calibrator) plan(p *part, rate, need float64) {
	counts := c.counts(p.patterns)
	var rows int64
	for _, n := range counts {
		rows += n
	}
	all := float64(rows)
	if all < 2*need {
		return
	}
	tail := newTailShare(counts, rate*all)
	var in, above [64]float64
	for _, pattern := range p.patterns {
		n, x := tail.of(c.patterns[pattern])
		for rest := pattern; rest != 0; rest &= rest - 1 {
			i := bits.TrailingZeros64(rest)
			in[i] += n
			above[i] += x
		}
	}
	for i := range c.names {
		out := all - in[i]
		if in[i] < need || out < need {
			continue
		}
		// The square of the distance from what is expected, by its variance, up to a factor that all segments share.
		d := above[i] - rate*in[i]
		if difference := d * d * all / (in[i] * out); difference > p.difference {
			p.difference, p.segment = difference, i
		}
	}
}

func (p *part) divide(names []string) (in, out *part) {
	in, out = &part{cell: &Cell{}}, &part{cell: &Cell{}}
	for _, pattern := range p.patterns {
		side := out
		if pattern>>p.segment&1 == 1 {
			side = in
		}
		side.patterns = append(side.patterns, pattern)
	}
	p.cell.Segment, p.cell.In, p.cell.Out = names[p.segment], in.cell, out.cell
	return in, out
}

func (c *Calibrator) counts(patterns []uint64) *[steps]int64 {
	var sum [steps]int64
	for _, p := range patterns {
		for s, n := range c.patterns[p] {
			sum[s] += n
		}
	}
	return &sum
}

func (c *Cell) fill(counts *[steps]int64) {
	for s, n := range counts {
		if n > 0 {
			c.Steps, c.Counts = append(c.Steps, int32(s)), append(c.Counts, n)
		}
	}
}

// tailShare is the step at which a tail begins, and the share of that step that belongs to it.
type tailShare struct {
	first int
	share float64
}

// newTailShare is the tail that holds about the given number of rows.
func newTailShare(counts *[steps]int64, rows float64) tailShare {
	var above float64
	for s, count := range slices.Backward(counts[:]) {
		n := float64(count)
		if above+n >= rows && n > 0 {
			return tailShare{s, (rows - above) / n}
		}
		above += n
	}
	return tailShare{0, 1}
}

// of counts the rows, and those in the tail.
func (t tailShare) of(counts *[steps]int64) (rows, above float64) {
	for s, n := range counts {
		rows += float64(n)
		switch cmp.Compare(s, t.first) {
		case 0:
			above += t.share * float64(n)
		case 1:
			above += float64(n)
		}
	}
	return rows, above
}
