// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
)

// totalPublished counts the labels in the store.
const totalPublished = "labels/published"

// Batch is a file of labels on its way to the store. Its rows and its name never change.
type Batch struct {
	Name, Monitor string
	Frozen        time.Time
	Rows          []label.Row
}

// Freeze makes batches of the rows that have waited for at least hold, which is the time to take an answer back without a
// trace in the store. A batch has at most limit rows of one monitor. It returns how many rows were frozen.
func (d *DB) Freeze(ctx context.Context, hold time.Duration, limit int) (int64, error) {
	var frozen int64
	err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		frozen = 0
		now := d.now()
		var monitors []string
		if err := each(ctx, tx, `SELECT DISTINCT monitor FROM outbox WHERE batch = '' AND at <= $1 ORDER BY monitor`, []any{micros(now.Add(-hold))},
			func(scan func(...any) error) error {
				var m string
				err := scan(&m)
				monitors = append(monitors, m)
				return err
			}); err != nil {
			return err
		}
		for _, monitor := range monitors {
			n, err := d.freeze(ctx, tx, monitor, now, hold, limit)
			if err != nil {
				return err
			}
			frozen += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("making a batch of labels: %w", err)
	}
	return frozen, nil
}

func (d *DB) freeze(ctx context.Context, tx *sql.Tx, monitor string, now time.Time, hold time.Duration, limit int) (int64, error) {
	name := "review-" + newID(now)
	result, err := tx.ExecContext(ctx, `UPDATE outbox SET batch = $1 WHERE batch = '' AND id IN (
		SELECT id FROM outbox WHERE batch = '' AND monitor = $2 AND at <= $3 ORDER BY at, id LIMIT $4`+d.dialect.lockIfFree+`)`,
		name, monitor, micros(now.Add(-hold)), limit)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO batches (name, monitor, rows, frozen_at) VALUES ($1, $2, $3, $4)`, name, monitor, n, micros(now))
	return n, err
}

// Frozen are batches that are not known to be in the store, the oldest first.
func (d *DB) Frozen(ctx context.Context, limit int) ([]Batch, error) {
	var batches []Batch
	err := each(ctx, d.read, `SELECT name, monitor, frozen_at FROM batches WHERE published = 0 ORDER BY frozen_at, name LIMIT $1`, []any{limit},
		func(scan func(...any) error) error {
			var b Batch
			var at int64
			err := scan(&b.Name, &b.Monitor, &at)
			b.Frozen = instant(at)
			batches = append(batches, b)
			return err
		})
	for i := range batches {
		if err != nil {
			break
		}
		err = each(ctx, d.read, `SELECT doc FROM outbox WHERE batch = $1 ORDER BY at, id`, []any{batches[i].Name}, func(scan func(...any) error) error {
			var doc string
			if err := scan(&doc); err != nil {
				return err
			}
			r, err := decodeRow(doc)
			batches[i].Rows = append(batches[i].Rows, r)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("reading batches of labels: %w", err)
	}
	return batches, nil
}

// Published writes down that a batch is in the store, once or again. It reports false when the batch is none any more, because a
// subject was erased from it: then the file must leave the store.
func (d *DB) Published(ctx context.Context, name string) (bool, error) {
	known := true
	err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var rows int64
		err := tx.QueryRowContext(ctx, `UPDATE batches SET published = 1 WHERE name = $1 AND published = 0 RETURNING rows`, name).Scan(&rows)
		if errors.Is(err, sql.ErrNoRows) {
			return tx.QueryRowContext(ctx, `SELECT count(*) > 0 FROM batches WHERE name = $1`, name).Scan(&known)
		}
		if err != nil {
			return err
		}
		var t tally
		t.add(totalPublished, rows)
		return t.write(ctx, tx)
	})
	if err != nil {
		return false, fmt.Errorf("writing down that labels are in the store: %w", err)
	}
	return known, nil
}
