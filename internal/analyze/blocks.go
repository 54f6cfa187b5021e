// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"math"
	"time"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// firstBlockRows is the length of the blocks at first. Twice referenceBlocks of them are joined in pairs, and the next
// are twice as long, so that a long dataset, whatever its length, ends with referenceBlocks to twice as many.
const firstBlockRows = 256

// profiler profiles the rows of a dataset, in their order, block by block.
type profiler struct {
	set    *profile.Set
	blocks []map[seriesID]*profile.Series
	// rows is the number of rows of the open block, length that of a full one.
	rows, length int
}

func newProfiler(features []wire.Feature) *profiler {
	return &profiler{set: profile.NewSet(features, math.MaxInt), length: firstBlockRows}
}

func (p *profiler) observe(r *record.Row) error {
	r.Time = blockWindow(0)
	p.set.Observe(r)
	if p.rows++; p.rows < p.length {
		return nil
	}
	return p.closeBlock()
}

func (p *profiler) closeBlock() error {
	p.rows = 0
	block := map[seriesID]*profile.Series{}
	for _, s := range p.set.Take(time.Unix(1<<40, 0)) {
		if s.Feature != profile.Coverage {
			block[seriesID{s.Segment, s.Feature}] = s
		}
	}
	p.blocks = append(p.blocks, block)
	if len(p.blocks) < 2*referenceBlocks {
		return nil
	}
	for i := range referenceBlocks {
		into := p.blocks[2*i]
		for id, s := range p.blocks[2*i+1] {
			if into[id] == nil {
				into[id] = s
			} else if err := into[id].Merge(s); err != nil {
				return fmt.Errorf("joining blocks: %w", err)
			}
		}
		p.blocks[i] = into
	}
	clear(p.blocks[referenceBlocks:])
	p.blocks, p.length = p.blocks[:referenceBlocks], 2*p.length
	return nil
}

// tally ends the profile. The open block, which is shorter, is joined to the one before it.
func (p *profiler) tally() (*tally, error) {
	if p.rows > 0 {
		if err := p.closeBlock(); err != nil {
			return nil, err
		}
	}
	t := newTally(max(1, len(p.blocks)))
	for i, block := range p.blocks {
		for _, s := range block {
			t.add(i, s)
		}
	}
	return t, nil
}
