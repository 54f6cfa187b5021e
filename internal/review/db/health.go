// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
)

// Health is how the queue is doing. It is read from counts that are kept, and costs the same however long the queue is.
type Health struct {
	// Items counts items by monitor, origin and state, of all segments together; Segments those of each segment.
	Items    []Count
	Segments []Count
	// OldestPending is when the oldest item came that still waits; zero when none does. Near-duplicates are put off by design, and
	// items of monitors that feed the queue no more are offered to nobody: they do not count.
	OldestPending time.Time
	// Answers counts answers by kind (answer, skip, settle, undo, and, among them, critical, escalated and short) since the
	// queue began.
	Answers map[string]int64
	// Offered is how many items were first put before people today; BudgetLeft is how many more may be, −1 without a budget.
	Offered, BudgetLeft int64
	// Read counts the records looked at, Duplicates the items that are near-duplicates, Published the labels in the store,
	// all since the queue began; Unpublished are the labels on their way there.
	Read, Duplicates, Published, Unpublished int64
	// LastRead is when a file was last read; zero before the first.
	LastRead time.Time
}

// Count is a number of items. Unread ones are Pending ones that nobody has seen yet; they count apart. Near-duplicates, and items of
// monitors that feed the queue no more, are never Unread: nobody is to look at them.
type Count struct {
	Monitor, Segment string
	Origin           review.Origin
	State            review.State
	Unread           bool
	Items            int64
}

// Health says how the queue is doing.
func (d *DB) Health(ctx context.Context) (Health, error) {
	h := Health{Answers: map[string]int64{}, BudgetLeft: -1}
	monitors := d.monitors()
	err := each(ctx, d.read, `SELECT monitor, segment, origin, state, items FROM counts WHERE items <> 0 ORDER BY monitor, segment, origin, state`, nil,
		func(scan func(...any) error) error {
			var c Count
			if err := scan(&c.Monitor, &c.Segment, &c.Origin, &c.State, &c.Items); err != nil {
				return err
			}
			if c.State == unread {
				c.State, c.Unread = review.Pending, monitors[c.Monitor]
			}
			if c.Segment == "" {
				h.Items = append(h.Items, c)
			} else {
				h.Segments = append(h.Segments, c)
			}
			return nil
		})
	if err != nil {
		return Health{}, fmt.Errorf("reading the health of the queue: %w", err)
	}
	totals := map[string]int64{}
	if err := each(ctx, d.read, `SELECT name, total FROM totals`, nil, func(scan func(...any) error) error {
		var name string
		var n int64
		err := scan(&name, &n)
		totals[name] = n
		return err
	}); err != nil {
		return Health{}, fmt.Errorf("reading the health of the queue: %w", err)
	}
	for name, n := range totals {
		if kind, ok := strings.CutPrefix(name, totalAnswers); ok {
			h.Answers[kind] = n
		}
	}
	h.Read, h.Duplicates, h.Published = totals[totalRead], totals[totalDuplicates], totals[totalPublished]
	today, err := d.today(ctx, d.read)
	if err != nil {
		return Health{}, fmt.Errorf("reading the health of the queue: %w", err)
	}
	if h.Offered = today.total; today.budget.ItemsPerDay > 0 {
		h.BudgetLeft = max(0, int64(today.budget.ItemsPerDay)-today.total)
	}
	for _, q := range []struct {
		query string
		to    func(int64)
	}{
		{`SELECT max(at) FROM files`, func(n int64) { h.LastRead = instant(n) }},
		{`SELECT sum(rows) FROM batches WHERE published = 0`, func(n int64) { h.Unpublished += n }},
		{`SELECT count(*) FROM outbox WHERE batch = ''`, func(n int64) { h.Unpublished += n }},
	} {
		var n sql.NullInt64
		if err := d.read.QueryRowContext(ctx, q.query).Scan(&n); err != nil {
			return Health{}, fmt.Errorf("reading the health of the queue: %w", err)
		}
		q.to(n.Int64)
	}
	for name := range monitors {
		var n sql.NullInt64
		if err := d.read.QueryRowContext(ctx, `SELECT min(added_at) FROM items WHERE state = 'pending' AND duplicate_of = '' AND monitor = $1`, name).Scan(&n); err != nil {
			return Health{}, fmt.Errorf("reading the health of the queue: %w", err)
		}
		if at := instant(n.Int64); n.Valid && (h.OldestPending.IsZero() || at.Before(h.OldestPending)) {
			h.OldestPending = at
		}
	}
	return h, nil
}
