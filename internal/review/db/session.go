// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// PutSession keeps a session under the digest of its secret, and forgets those that are over.
func (d *DB) PutSession(ctx context.Context, digest string, value []byte, expires time.Time) error {
	err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires <= $1`, micros(d.now())); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (digest, value, expires) VALUES ($1, $2, $3)`, digest, string(value), micros(expires))
		return err
	})
	if err != nil {
		return fmt.Errorf("keeping a session: %w", err)
	}
	return nil
}

// GetSession finds a session that holds at the time; nil when there is none.
func (d *DB) GetSession(ctx context.Context, digest string, now time.Time) ([]byte, error) {
	var value string
	err := d.read.QueryRowContext(ctx, `SELECT value FROM sessions WHERE digest = $1 AND expires > $2`, digest, micros(now)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("finding a session: %w", err)
	}
	return []byte(value), nil
}

// EndSession forgets a session.
func (d *DB) EndSession(ctx context.Context, digest string) error {
	if _, err := d.write.ExecContext(ctx, `DELETE FROM sessions WHERE digest = $1`, digest); err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

// Held is until when a person holds an item; zero when they do not.
func (d *DB) Held(ctx context.Context, person, id string) (time.Time, error) {
	var expires int64
	err := d.read.QueryRowContext(ctx, `SELECT expires FROM leases WHERE person = $1 AND item = $2 AND expires > $3`,
		person, id, micros(d.now())).Scan(&expires)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("finding who holds an item: %w", err)
	}
	return instant(expires), nil
}
