// SPDX-License-Identifier: Apache-2.0

package db

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// cell is one row of counts.
type cell struct{ monitor, segment, origin, state string }

// tally collects how counts and totals change in a transaction. They are written last and in order, so that transactions
// hold what all of them want for a moment only, and never wait for each other in a circle.
type tally struct {
	cells  map[cell]int64
	totals map[string]int64
}

// move counts an item out of one stage and into another; "" is no stage.
func (t *tally) move(it *item, from, to string) {
	if from == to {
		return
	}
	if t.cells == nil {
		t.cells = map[cell]int64{}
	}
	for _, segment := range append([]string{""}, it.Prediction.Segments...) {
		if from != "" {
			t.cells[cell{it.Monitor, segment, string(it.Origin), from}]--
		}
		if to != "" {
			t.cells[cell{it.Monitor, segment, string(it.Origin), to}]++
		}
	}
}

// add counts what only grows.
func (t *tally) add(name string, n int64) {
	if t.totals == nil {
		t.totals = map[string]int64{}
	}
	t.totals[name] += n
}

func (t *tally) write(ctx context.Context, tx *sql.Tx) error {
	maps.DeleteFunc(t.cells, func(_ cell, n int64) bool { return n == 0 })
	cells := slices.SortedFunc(maps.Keys(t.cells), func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.monitor, b.monitor), cmp.Compare(a.segment, b.segment), cmp.Compare(a.origin, b.origin), cmp.Compare(a.state, b.state))
	})
	for part := range slices.Chunk(cells, 100) {
		var args []any
		for _, c := range part {
			args = append(args, c.monitor, c.segment, c.origin, c.state, t.cells[c])
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO counts (monitor, segment, origin, state, items) VALUES `+values(len(part), 5)+
			` ON CONFLICT (monitor, segment, origin, state) DO UPDATE SET items = counts.items + excluded.items`, args...); err != nil {
			return fmt.Errorf("counting: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.totals)) {
		if _, err := tx.ExecContext(ctx, `INSERT INTO totals (name, total) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET total = totals.total + excluded.total`, name, t.totals[name]); err != nil {
			return fmt.Errorf("counting: %w", err)
		}
	}
	return nil
}

// values are the placeholders of rows: ($1,$2),($3,$4).
func values(rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteByte('(')
		case i%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	b.WriteByte(')')
	return b.String()
}
