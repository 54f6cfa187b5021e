// SPDX-License-Identifier: Apache-2.0

package db

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/wire"
)

// randomEvery is how often an item of the random slice is begun, while there are any: each so manieth first offer of a day.
// By priority alone it would never come, and nothing could be estimated.
const randomEvery = 5

// day is what was first offered on a UTC day so far.
type day struct {
	number int64
	budget wire.ReviewBudget
	total  int64
	random int64
	// segments counts by monitor and segment.
	segments map[[2]string]int64
}

func dayNumber(t time.Time) int64 { return t.UTC().Unix() / (24 * 60 * 60) }

func (d *DB) today(ctx context.Context, q querier) (*day, error) {
	today := &day{number: dayNumber(d.now()), budget: d.review.Load().Budget, segments: map[[2]string]int64{}}
	err := each(ctx, q, `SELECT monitor, segment, origin, offered FROM days WHERE day = $1`, []any{today.number}, func(scan func(...any) error) error {
		var monitor, segment string
		var origin review.Origin
		var n int64
		if err := scan(&monitor, &segment, &origin, &n); err != nil {
			return err
		}
		switch {
		case segment != "":
			today.segments[[2]string{monitor, segment}] += n
		case origin == review.Random:
			today.random += n
			today.total += n
		default:
			today.total += n
		}
		return nil
	})
	return today, err
}

// allows says whether an item of the band may be put before people today.
func (t *day) allows(b band) bool {
	if b.offered {
		return true
	}
	if limit := t.budget.ItemsPerDay; limit > 0 && t.total >= int64(limit) {
		return false
	}
	limit := t.budget.ItemsPerSegmentDay
	return limit <= 0 || !slices.ContainsFunc(b.members, func(s string) bool { return t.segments[[2]string{b.monitor, s}] >= int64(limit) })
}

// sort puts the candidate to take first: one that was begun, since half of the answers to an item are of no use yet, then the
// random slice when it is its turn, else last, and by priority among equals.
func (t *day) sort(candidates []candidate) {
	turn := (t.random+1)*randomEvery <= t.total+1
	place := func(c candidate) int {
		switch {
		case c.band.offered:
			return 0
		case (c.band.origin == review.Random) == turn:
			return 1
		default:
			return 2
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(b.priority, a.priority), cmp.Compare(a.id, b.id))
	})
}

// spend counts an item against the budget. Where other transactions used that up meanwhile, it starts over.
func (d *DB) spend(ctx context.Context, tx *sql.Tx, it *item, b band) error {
	if d.review.Load().Budget != (wire.ReviewBudget{}) {
		// One spends at a time, so that what it sees is what there is.
		var queue string
		if err := tx.QueryRowContext(ctx, `SELECT value FROM facts WHERE name = 'queue'`+d.dialect.lock).Scan(&queue); err != nil {
			return err
		}
		if today, err := d.today(ctx, tx); err != nil || !today.allows(b) {
			return cmp.Or(err, errAgain)
		}
	}
	segments := append([]string{""}, it.Prediction.Segments...)
	slices.Sort(segments) // Transactions take rows in one order, so that no two wait for each other.
	for _, segment := range slices.Compact(segments) {
		if _, err := tx.ExecContext(ctx, `INSERT INTO days (day, monitor, segment, origin, offered) VALUES ($1, $2, $3, $4, 1)
			ON CONFLICT (day, monitor, segment, origin) DO UPDATE SET offered = days.offered + 1`,
			dayNumber(d.now()), it.Monitor, segment, string(it.Origin)); err != nil {
			return err
		}
	}
	return nil
}
