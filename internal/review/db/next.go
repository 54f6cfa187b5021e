// SPDX-License-Identifier: Apache-2.0

package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
)

// Claim is an item that a person holds.
type Claim struct {
	Item    review.Item
	Expires time.Time
}

// Next gives a person the item to answer now: the one that they hold already, or else the best that waits, that they are
// not through with, and that nobody else holds (or not too many, where an item wants several answers). It fails with
// ErrEmpty when there is none, and with ErrBudget when there are, but none may be begun today.
func (d *DB) Next(ctx context.Context, person string) (Claim, error) {
	var claim Claim
	err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		held, err := d.held(ctx, tx, person)
		if err != nil || held != nil {
			if held != nil {
				claim = *held
			}
			return err
		}
		found, err := d.claimBest(ctx, tx, person)
		if err != nil {
			return err
		}
		claim = *found
		return nil
	})
	if err != nil {
		return Claim{}, fmt.Errorf("finding the next item: %w", err)
	}
	return claim, nil
}

// held is the item that the person holds, for another lease's time; nil when there is none, or others took it over. Whoever
// locks a lease has locked its item before, so that no two wait for each other.
func (d *DB) held(ctx context.Context, tx *sql.Tx, person string) (*Claim, error) {
	var id string
	err := tx.QueryRowContext(ctx, `SELECT item FROM leases WHERE person = $1`, person).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // the comment says what it means
	}
	if err != nil {
		return nil, err
	}
	it, err := findItem(ctx, tx, id, d.dialect.lock)
	switch {
	case errors.Is(err, review.ErrNotFound):
	case err != nil:
		return nil, err
	case it.State == review.Pending && d.monitors()[it.Monitor]:
		b, err := d.band(ctx, tx, it.band)
		if err != nil {
			return nil, err
		}
		free, err := d.free(ctx, tx, it, person)
		if err != nil {
			return nil, err
		}
		if free && !slices.Contains(b.members, person) {
			return d.lease(ctx, tx, it, person)
		}
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM leases WHERE person = $1 AND item = $2`, person, id)
	return nil, err
}

// free says whether an item, whose row is locked, has room for one more person beside those who answered or hold it.
func (d *DB) free(ctx context.Context, tx *sql.Tx, it *item, person string) (bool, error) {
	var others int64
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM leases WHERE item = $1 AND person <> $2 AND expires > $3`,
		it.ID, person, micros(d.now())).Scan(&others)
	return it.answers+others < d.overlap(), err
}

func (d *DB) overlap() int64 { return max(1, int64(d.review.Load().Overlap)) }

// lease gives an item, whose row is locked, to a person. Where another request of the same person was faster, it starts
// over, and finds what that one leased.
func (d *DB) lease(ctx context.Context, tx *sql.Tx, it *item, person string) (*Claim, error) {
	expires := d.now().Add(d.review.Load().Lease()).Truncate(time.Microsecond)
	result, err := tx.ExecContext(ctx, `INSERT INTO leases (person, item, expires) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET expires = excluded.expires WHERE leases.item = excluded.item`, person, it.ID, micros(expires))
	if err != nil {
		return nil, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return nil, cmp.Or(err, errAgain)
	}
	return &Claim{Item: it.Item, Expires: expires.UTC()}, nil
}

// candidate is the best free item of a band.
type candidate struct {
	id       string
	priority float64
	band     band
}

// claimBest leases the best candidate that is still there.
func (d *DB) claimBest(ctx context.Context, tx *sql.Tx, person string) (*Claim, error) {
	candidates, err := d.candidates(ctx, tx, person)
	if err != nil {
		return nil, err
	}
	today, err := d.today(ctx, tx)
	if err != nil {
		return nil, err
	}
	allowed := slices.DeleteFunc(slices.Clone(candidates), func(c candidate) bool { return !today.allows(c.band) })
	if len(allowed) == 0 {
		if len(candidates) > 0 {
			return nil, review.ErrBudget
		}
		return nil, review.ErrEmpty
	}
	today.sort(allowed)
	// What others are about to take is passed over first. Where there is nothing else, it is waited for: they may leave it.
	for _, lock := range []string{d.dialect.lockIfFree, d.dialect.lock} {
		for _, c := range allowed {
			claim, err := d.claim(ctx, tx, c, person, lock)
			if err != nil || claim != nil {
				return claim, err
			}
		}
	}
	return nil, errAgain // Others took them all: there may be more behind them.
}

// bestOfEachBand walks from band to band along the index, and in each to the best free item; what it skips on the way is only
// what others hold now. A priority is looked up item by item: for a join, a planner may read all items.
const bestOfEachBand = `
	WITH RECURSIVE walk (band) AS (
		SELECT min(band) FROM items WHERE state = 'pending'
		UNION ALL
		SELECT (SELECT min(i.band) FROM items i WHERE i.state = 'pending' AND i.band > walk.band) FROM walk WHERE walk.band IS NOT NULL
	), best (id, band) AS MATERIALIZED (
		SELECT (
			SELECT b.id FROM items b WHERE b.state = 'pending' AND b.band = walk.band
				AND b.answers + (SELECT count(*) FROM leases l WHERE l.item = b.id AND l.expires > $1) < $2
			ORDER BY b.priority DESC, b.id LIMIT 1
		), band FROM walk WHERE band IS NOT NULL
	)
	SELECT id, (SELECT i.priority FROM items i WHERE i.id = best.id), band FROM best WHERE id IS NOT NULL`

// candidates are the best free items of the bands that are open to a person.
func (d *DB) candidates(ctx context.Context, tx *sql.Tx, person string) ([]candidate, error) {
	var all, mine []candidate
	err := each(ctx, tx, bestOfEachBand, []any{micros(d.now()), d.overlap()}, func(scan func(...any) error) error {
		var c candidate
		if err := scan(&c.id, &c.priority, &c.band.id); err != nil {
			return err
		}
		all = append(all, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	monitors := d.monitors()
	for _, c := range all {
		if c.band, err = d.band(ctx, tx, c.band.id); err != nil {
			return nil, err
		}
		if !monitors[c.band.monitor] || c.band.offered && slices.Contains(c.band.members, person) {
			continue
		}
		mine = append(mine, c)
	}
	return mine, nil
}

// monitors are those that feed the queue: the items of others wait until they do so again.
func (d *DB) monitors() map[string]bool {
	names := map[string]bool{}
	for _, m := range d.review.Load().Monitors {
		names[m.Name] = true
	}
	return names
}

// rounds bounds how often the best of a band is tried, when others take it at the same time.
const rounds = 20

// bestOfBand is the best free item of a band.
const bestOfBand = `SELECT ` + itemColumns + ` FROM items WHERE state = 'pending' AND band = $1
	AND answers + (SELECT count(*) FROM leases l WHERE l.item = items.id AND l.expires > $2) < $3
	ORDER BY priority DESC, id LIMIT 1`

// claim leases the best free item of a candidate's band; lock says what to do about those that another transaction is about to
// take. It returns nil when there is none any more.
func (d *DB) claim(ctx context.Context, tx *sql.Tx, c candidate, person, lock string) (*Claim, error) {
	for range rounds {
		it, err := scanItem(tx.QueryRowContext(ctx, bestOfBand+lock, c.band.id, micros(d.now()), d.overlap()).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil //nolint:nilnil // the comment says what it means
		}
		if err != nil {
			return nil, err
		}
		// The row is locked, but leases that were written between the statement's start and the lock were not seen.
		free, err := d.free(ctx, tx, it, person)
		if err != nil {
			return nil, err
		}
		if !free {
			continue
		}
		if !c.band.offered {
			if err := d.offer(ctx, tx, it, c.band); err != nil {
				return nil, err
			}
		}
		return d.lease(ctx, tx, it, person)
	}
	return nil, errAgain
}

// offer puts an item before people for the first time: it counts against the budget, and moves to the band of offered ones.
func (d *DB) offer(ctx context.Context, tx *sql.Tx, it *item, from band) error {
	if err := d.spend(ctx, tx, it, from); err != nil {
		return err
	}
	next, err := newBand(it.Monitor, it.Origin, true, nil)
	if err != nil {
		return err
	}
	if err := d.keepBand(ctx, tx, next); err != nil {
		return err
	}
	now := micros(d.now())
	if _, err := tx.ExecContext(ctx, `UPDATE items SET band = $1, offered_at = $2 WHERE id = $3`, next.id, now, it.ID); err != nil {
		return err
	}
	var t tally
	before := it.stage()
	it.band, it.offered = next.id, now
	t.move(it, before, it.stage())
	return t.write(ctx, tx)
}
