// SPDX-License-Identifier: Apache-2.0

package label

import (
	"cmp"
	"slices"
)

// Current collects rows, in any order, and tells which hold.
type Current struct {
	rows map[Subject]Row
	seen map[string]struct{}
	// Repeated counts rows that had been seen, Superseded those that a later one replaces.
	Repeated, Superseded int64
}

// NewCurrent makes an empty collection.
func NewCurrent() *Current { return &Current{rows: map[Subject]Row{}, seen: map[string]struct{}{}} }

// Add adds a row: of those of one subject the one received last holds, by its ID where two were received at once, so that
// the order of files does not matter.
func (c *Current) Add(r Row) {
	if _, ok := c.seen[r.ID]; ok {
		c.Repeated++
		return
	}
	c.seen[r.ID] = struct{}{}
	s := r.Subject()
	if held, ok := c.rows[s]; ok {
		c.Superseded++
		if cmp.Or(held.Received.Compare(r.Received), cmp.Compare(held.ID, r.ID)) > 0 {
			return
		}
	}
	r.Annotators = slices.Clone(r.Annotators)
	c.rows[s] = r
}

// Rows are the rows that hold, without those that retract, in the order of their IDs.
func (c *Current) Rows() []Row {
	rows := make([]Row, 0, len(c.rows))
	for _, r := range c.rows {
		if !r.Retracted {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}
