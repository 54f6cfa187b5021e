// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/wire"
)

// retainRows bounds the items of one transaction, so that nobody waits long for it.
const retainRows = 500

// remembered is how long a key keeps a repeated request from doing something again, and how long a file, and a record that was
// an item, are remembered. It is longer than files come late: a spool holds them for 48 hours.
const remembered = 14 * 24 * time.Hour

// Retain lets go of what was kept long enough: items that waited too long expire, or come to what was said of them so far, and
// old ones are removed with their answers once their labels are in the store. It does some at a time, and says whether there
// may be more.
func (d *DB) Retain(ctx context.Context) (bool, error) {
	more := false
	for _, step := range []func(context.Context, *sql.Tx) (int, error){d.complete, d.expire, d.purge, d.forget} {
		err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			n, err := step(ctx, tx)
			more = more || n >= retainRows
			return err
		})
		if err != nil {
			return false, fmt.Errorf("letting go of old items: %w", err)
		}
	}
	return more, nil
}

// old finds items of a state that came before a time, and locks them.
func (d *DB) old(ctx context.Context, tx *sql.Tx, condition string, args ...any) ([]*item, error) {
	var items []*item
	err := each(ctx, tx, `SELECT `+itemColumns+` FROM items WHERE `+condition+fmt.Sprintf(` LIMIT %d`, retainRows)+d.dialect.lockIfFree, args,
		func(scan func(...any) error) error {
			it, err := scanItem(scan)
			items = append(items, it)
			return err
		})
	return items, err
}

// complete moves on items that have all the answers that are wanted since fewer are: they are offered to nobody any more.
func (d *DB) complete(ctx context.Context, tx *sql.Tx) (int, error) {
	items, err := d.old(ctx, tx, `state = 'pending' AND answers >= $1 AND band IN (SELECT id FROM bands WHERE offered = 1)`, d.overlap())
	if err != nil {
		return 0, err
	}
	var t tally
	for _, it := range items {
		if err := d.advance(ctx, tx, it, &t, d.overlap(), stay); err != nil {
			return 0, err
		}
	}
	return len(items), t.write(ctx, tx)
}

// stay leaves an item in its band: the people who are through with it are the same.
func stay(b band) (band, error) { return b, nil }

// totalShort counts, among the answers, those that items came to in the end with fewer of them than were wanted.
const totalShort = totalAnswers + "short"

// expire ends the wait of items that waited for too long, also of those that somebody holds. What was said of an item by then
// is what it comes to, with as many people as there were.
func (d *DB) expire(ctx context.Context, tx *sql.Tx) (int, error) {
	wait := wire.Seconds(d.review.Load().PendingSeconds)
	if wait <= 0 {
		return 0, nil
	}
	items, err := d.old(ctx, tx, `state = 'pending' AND added_at < $1 ORDER BY added_at, id`, micros(d.now().Add(-wait)))
	if err != nil {
		return 0, err
	}
	var t tally
	expired := int64(0)
	for _, it := range items {
		if it.answers > 0 {
			if err := d.advance(ctx, tx, it, &t, it.answers, stay); err != nil {
				return 0, err
			}
			t.add(totalShort, it.answers)
			continue
		}
		expired++
		before := it.stage()
		it.State = review.Expired
		t.move(it, before, it.stage())
		if _, err := tx.ExecContext(ctx, `UPDATE items SET state = $1 WHERE id = $2`, string(review.Expired), it.ID); err != nil {
			return 0, err
		}
	}
	t.add("items/expired", expired)
	return len(items), t.write(ctx, tx)
}

// published ends a condition: the item has no labels, or retractions, that are still on their way to the store.
const published = ` AND NOT EXISTS (
	SELECT 1 FROM outbox o LEFT JOIN batches b ON b.name = o.batch WHERE o.item = items.id AND (o.batch = '' OR b.published = 0))`

// purge removes what was settled, or expired, long enough ago. A conflict that no reviewer settled goes when it would if it had
// expired: else what people disagree about would be kept for ever.
func (d *DB) purge(ctx context.Context, tx *sql.Tx) (int, error) {
	doc := d.review.Load()
	keep := wire.Seconds(doc.DoneSeconds)
	if keep <= 0 {
		return 0, nil
	}
	before := micros(d.now().Add(-keep))
	settled, err := d.old(ctx, tx, `state = 'done' AND added_at < $1 AND settled_at < $1`+published, before)
	if err != nil {
		return 0, err
	}
	before -= wire.Seconds(doc.PendingSeconds).Microseconds()
	expired, err := d.old(ctx, tx, `state = 'expired' AND added_at < $1`+published, before)
	if err != nil {
		return 0, err
	}
	unsettled, err := d.old(ctx, tx, `state = 'conflict' AND added_at < $1`+published, before)
	if err != nil {
		return 0, err
	}
	var t tally
	for _, it := range slices.Concat(settled, expired, unsettled) {
		if _, err := d.remove(ctx, tx, it, &t); err != nil {
			return 0, err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE item = $1`, it.ID); err != nil {
			return 0, err
		}
	}
	return max(len(settled), len(expired), len(unsettled)), t.write(ctx, tx)
}

// remove deletes a locked item with its answers, remembers that it was there, and says how many answers there were.
func (d *DB) remove(ctx context.Context, tx *sql.Tx, it *item, t *tally) (int64, error) {
	t.move(it, it.stage(), "")
	if err := bury(ctx, tx, it.ID, micros(d.now())); err != nil {
		return 0, err
	}
	for _, statement := range []string{`DELETE FROM items WHERE id = $1`, `DELETE FROM leases WHERE item = $1`} {
		if _, err := tx.ExecContext(ctx, statement, it.ID); err != nil {
			return 0, err
		}
	}
	result, err := tx.ExecContext(ctx, `DELETE FROM answers WHERE item = $1`, it.ID)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// bury remembers a record that must not become an item again.
func bury(ctx context.Context, tx *sql.Tx, id string, at int64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO gone (id, at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET at = excluded.at`, id, at)
	return err
}

// forget drops what is remembered only against repetition, and labels from elsewhere once they are in the store.
func (d *DB) forget(ctx context.Context, tx *sql.Tx) (int, error) {
	before := d.now().Add(-remembered)
	for _, s := range []struct {
		statement string
		arg       int64
	}{
		{`DELETE FROM requests WHERE at < $1`, micros(before)},
		{`DELETE FROM files WHERE at < $1`, micros(before)},
		{`DELETE FROM gone WHERE at < $1`, micros(before)},
		{`DELETE FROM days WHERE day < $1`, dayNumber(before)},
		{`DELETE FROM outbox WHERE item = '' AND at < $1 AND batch IN (SELECT name FROM batches WHERE published = 1)`, micros(before)},
		{`DELETE FROM batches WHERE published = 1 AND frozen_at < $1 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.batch = batches.name)`, micros(before)},
	} {
		if _, err := tx.ExecContext(ctx, s.statement, s.arg); err != nil {
			return 0, err
		}
	}
	return 0, nil
}
