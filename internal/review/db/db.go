// SPDX-License-Identifier: Apache-2.0

// Package db owns the database of an annotation queue, SQLite or Postgres: who gets which item, what people answered, and
// what is on its way to the store. Each of its methods is one transaction: a process that is killed in the middle did
// nothing, and one that was told of success did it for good.
//
// Both databases take the same statements. What is different, how to connect and how to lock a row, is in dialect.go.
package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vedette-dev/vedette/internal/wire"
)

// DB is an open database. It is safe for concurrent use, also by several programs where it is Postgres.
type DB struct {
	dialect *dialect
	// write and read are one pool for Postgres; SQLite has one writer, and readers that do not wait for it.
	write, read *sql.DB
	// another is the name of a connection beside them, to SQLite only.
	another string
	now     func() time.Time
	review  atomic.Pointer[wire.Review]
	bands   sync.Map // int64 → band: they never change
}

// Open opens the database at url, "sqlite:/var/lib/review/queue.db" or "postgres://…", and brings its schema up to date.
func Open(ctx context.Context, url string, now func() time.Time) (*DB, error) {
	d, err := connect(url)
	if err != nil {
		return nil, err
	}
	d.now = now
	d.review.Store(new(wire.Review))
	if err := d.migrate(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close releases the database.
func (d *DB) Close() error {
	err := d.write.Close()
	if d.read != d.write {
		err = errors.Join(d.read.Close(), err) // The last to close a SQLite database folds its log into it.
	}
	return err
}

// ErrOtherQueue means that the database is that of another queue.
var ErrOtherQueue = errors.New("the database belongs to another queue")

// Configure takes the document of the queue, at the start and whenever it changed. The first queue to do so owns the
// database.
func (d *DB) Configure(ctx context.Context, review wire.Review) error {
	owner := review.Cluster + "/" + review.Namespace + "/" + review.Queue
	err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO facts (name, value) VALUES ('queue', $1) ON CONFLICT DO NOTHING`, owner); err != nil {
			return err
		}
		var found string
		if err := tx.QueryRowContext(ctx, `SELECT value FROM facts WHERE name = 'queue'`).Scan(&found); err != nil {
			return err
		}
		if found != owner {
			return fmt.Errorf("%w: %s; give each queue a database, or in Postgres a schema (search_path), of its own", ErrOtherQueue, found)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("configuring the queue's database: %w", err)
	}
	d.review.Store(&review)
	return nil
}

// Ping asks whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.read.PingContext(ctx) }

// attempts bounds how often a transaction is tried that the database broke off in favour of another.
const attempts = 10

// tx runs a writing transaction, again when the database broke it off in favour of another.
func (d *DB) tx(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	for i := 1; ; i++ {
		err := d.once(ctx, f)
		if err == nil || i == attempts || !(errors.Is(err, errAgain) || d.dialect.brokenOff(err)) {
			return err
		}
	}
}

// errAgain asks for the transaction to be tried again: what it saw has changed.
var errAgain = errors.New("another was faster")

func (d *DB) once(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(ctx, tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) { // The context ended, and the transaction with it.
		return nil
	}
	return err
}

// querier is what a transaction and a pool have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// each calls f for each row of a query.
func each(ctx context.Context, q querier, query string, args []any, f func(scan func(...any) error) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err tells whether all rows came.
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// micros is how the database writes times: microseconds since 1970, and 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// newID makes an id that sorts by time.
func newID(t time.Time) string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // It never fails.
	return fmt.Sprintf("%016x%s", t.UnixMicro(), hex.EncodeToString(b[:]))
}
