// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// tables are those that are copied, with their columns, in the order of the migrations: all but sessions, since a copy should
// sign nobody in.
var tables = []struct {
	name    string
	columns []string
}{
	{"facts", []string{"name", "value"}},
	{"bands", []string{"id", "monitor", "origin", "offered", "members"}},
	{"items", []string{
		"id", "monitor", "origin", "state", "band", "priority", "answers", "skips", "settlements", "fingerprint", "duplicate_of", "duplicates",
		"label_key", "predicted_at", "added_at", "offered_at", "settled_at", "inclusion", "uncertainty", "strangeness", "rarity", "rules",
		"weighed", "label", "doc",
	}},
	{"leases", []string{"person", "item", "expires"}},
	{"answers", []string{"id", "item", "person", "key", "kind", "label", "at", "undone_at"}},
	{"requests", []string{"person", "key", "digest", "item", "at"}},
	{"files", []string{"name", "monitor", "rows", "finished", "at"}},
	{"shares", []string{"monitor", "segment", "records"}},
	{"days", []string{"day", "monitor", "segment", "origin", "offered"}},
	{"counts", []string{"monitor", "segment", "origin", "state", "items"}},
	{"totals", []string{"name", "total"}},
	{"outbox", []string{"id", "monitor", "item", "batch", "at", "doc"}},
	{"batches", []string{"name", "monitor", "rows", "frozen_at", "published"}},
	{"gone", []string{"id", "at"}},
	{"doomed", []string{"name", "monitor", "frozen_at", "at"}},
}

// Content is what a table holds, whatever the database and the order of its rows.
type Content struct {
	Table  string
	Rows   int64
	Digest string
}

// ErrNotEmpty means that a database is to be copied into one that holds something already.
var ErrNotEmpty = errors.New("the database to copy into is not empty")

// Copy copies everything into an empty database, and reads back what arrived. No answer is taken at the source meanwhile. It is
// one transaction: when it fails, the target is as empty as before.
func Copy(ctx context.Context, from, to *DB) ([]Content, error) {
	var copied []Content
	err := from.once(ctx, func(ctx context.Context, source *sql.Tx) error {
		if err := from.standStill(ctx, source); err != nil {
			return err
		}
		return to.once(ctx, func(ctx context.Context, target *sql.Tx) error {
			copied = nil
			for _, t := range tables {
				c, err := copyTable(ctx, source, target, t.name, t.columns)
				if err != nil {
					return fmt.Errorf("table %s: %w", t.name, err)
				}
				copied = append(copied, c)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("copying a queue's database: %w", err)
	}
	return copied, nil
}

// standStill keeps others from writing until the transaction ends. A writing transaction of SQLite does that by itself.
func (d *DB) standStill(ctx context.Context, tx *sql.Tx) error {
	if d.dialect != postgresDialect {
		return nil
	}
	var names []string
	for _, t := range tables {
		names = append(names, t.name)
	}
	_, err := tx.ExecContext(ctx, `LOCK TABLE `+strings.Join(names, ", ")+` IN SHARE MODE`)
	return err
}

// copyRows bounds one statement: SQLite finds a parameter by going through those before it, so that many rows cost more than as
// many statements.
const copyRows = 20

func copyTable(ctx context.Context, source, target *sql.Tx, name string, columns []string) (Content, error) {
	var rows int64
	if err := target.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM `+name+` LIMIT 1) AS first`).Scan(&rows); err != nil {
		return Content{}, err
	}
	if rows > 0 {
		return Content{}, ErrNotEmpty
	}
	list := strings.Join(columns, ", ")
	var pending []any
	flush := func() error {
		if len(pending) == 0 {
			return nil
		}
		_, err := target.ExecContext(ctx, `INSERT INTO `+name+` (`+list+`) VALUES `+values(len(pending)/len(columns), len(columns)), pending...)
		pending = pending[:0]
		return err
	}
	sent, err := digest(ctx, source, name, columns, func(row []any) error {
		if pending = append(pending, row...); len(pending) >= copyRows*len(columns) {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return Content{}, err
	}
	arrived, err := digest(ctx, target, name, columns, func([]any) error { return nil })
	if err == nil && arrived != sent {
		err = fmt.Errorf("%d rows with digest %s were sent, and %d with %s arrived", sent.Rows, sent.Digest, arrived.Rows, arrived.Digest)
	}
	return arrived, err
}

// digest reads a table. The digest is the sum of those of its rows, so that their order does not matter.
func digest(ctx context.Context, q querier, name string, columns []string, row func([]any) error) (Content, error) {
	c := Content{Table: name}
	var sum [4]uint64
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	var buffer []byte
	err := each(ctx, q, `SELECT `+strings.Join(columns, ", ")+` FROM `+name, nil, func(scan func(...any) error) error {
		if err := scan(targets...); err != nil {
			return err
		}
		buffer = buffer[:0]
		for _, v := range values {
			var err error
			if buffer, err = appendValue(buffer, v); err != nil {
				return err
			}
		}
		h := sha256.Sum256(buffer)
		var carry uint64
		for i := range sum {
			sum[i], carry = bits.Add64(sum[i], binary.LittleEndian.Uint64(h[8*i:]), carry)
		}
		c.Rows++
		return row(values)
	})
	var b [32]byte
	for i, v := range sum {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
	c.Digest = hex.EncodeToString(b[:])
	return c, err
}

// appendValue writes a value in a form that is the same for both databases.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case int64:
		b = append(b, 'i')
		return binary.LittleEndian.AppendUint64(b, uint64(v)), nil //nolint:gosec // the bits are what counts
	case float64:
		b = append(b, 'f')
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)), nil
	case string:
		b = append(b, 's')
		b = binary.LittleEndian.AppendUint64(b, uint64(len(v)))
		return append(b, v...), nil
	case []byte:
		return appendValue(b, string(v))
	default:
		return nil, fmt.Errorf("a value of type %T", v)
	}
}

// Contents are what the tables hold.
func (d *DB) Contents(ctx context.Context) ([]Content, error) {
	var all []Content
	for _, t := range tables {
		c, err := digest(ctx, d.read, t.name, t.columns, func([]any) error { return nil })
		if err != nil {
			return nil, fmt.Errorf("reading table %s: %w", t.name, err)
		}
		all = append(all, c)
	}
	return all, nil
}
