// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/vedette-dev/vedette/internal/review"
)

// band is what the eligibility of items depends on, apart from leases. It is a value: its id follows from the rest.
type band struct {
	id      int64
	monitor string
	origin  review.Origin
	offered bool
	// members are the segments of an item that was never offered, or the people who are through with one that was.
	members []string
}

func newBand(monitor string, origin review.Origin, offered bool, members []string) (band, error) {
	members = slices.Clone(members)
	slices.Sort(members)
	b := band{monitor: monitor, origin: origin, offered: offered, members: slices.Compact(members)}
	doc, err := json.Marshal([]any{b.monitor, b.origin, b.offered, b.members})
	if err != nil {
		return band{}, fmt.Errorf("naming a band: %w", err)
	}
	sum := sha256.Sum256(doc)
	b.id = int64(binary.BigEndian.Uint64(sum[:8]) >> 1) //nolint:gosec // it fits: the highest bit is gone
	return b, nil
}

// with is the band of items that person is through with, too.
func (b band) with(person string) (band, error) {
	return newBand(b.monitor, b.origin, true, append(slices.Clip(b.people()), person))
}

// without is the band of items that person is not through with any more.
func (b band) without(person string) (band, error) {
	return newBand(b.monitor, b.origin, true, slices.DeleteFunc(b.people(), func(p string) bool { return p == person }))
}

func (b band) people() []string {
	if !b.offered {
		return nil
	}
	return slices.Clone(b.members)
}

// keep writes the band unless it is there. Readers find a band in the cache only once its transaction is over: until then
// it may come to nothing, which does no harm, since a band is a value.
func (d *DB) keepBand(ctx context.Context, tx *sql.Tx, b band) error {
	if _, ok := d.bands.Load(b.id); ok {
		return nil
	}
	members, err := json.Marshal(b.members)
	if err != nil {
		return err
	}
	var offered int64
	if b.offered {
		offered = 1
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO bands (id, monitor, origin, offered, members) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		b.id, b.monitor, string(b.origin), offered, string(members))
	return err
}

// band finds a band by its id.
func (d *DB) band(ctx context.Context, q querier, id int64) (band, error) {
	if b, ok := d.bands.Load(id); ok {
		return b.(band), nil
	}
	b := band{id: id}
	var offered int64
	var members string
	err := q.QueryRowContext(ctx, `SELECT monitor, origin, offered, members FROM bands WHERE id = $1`, id).Scan(&b.monitor, &b.origin, &offered, &members)
	if err == nil {
		err = json.Unmarshal([]byte(members), &b.members)
	}
	if err != nil {
		return band{}, fmt.Errorf("reading a band: %w", err)
	}
	b.offered = offered != 0
	d.bands.Store(id, b)
	return b, nil
}
