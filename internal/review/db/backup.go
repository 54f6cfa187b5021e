// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Backup writes a copy of a SQLite database, as it is at one moment, into a new file, and checks that it is sound. The queue goes
// on meanwhile. Postgres has tools of its own: pg_dump, or whatever backs the cluster up.
func (d *DB) Backup(ctx context.Context, path string) (err error) {
	if d.dialect != sqliteDialect {
		return errors.New("backing up: this is a Postgres database: use pg_dump, or whatever backs it up already")
	}
	// The readers must not write, not even into another file, and the writer is needed for answers.
	source, err := sql.Open("sqlite", d.another)
	if err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if _, err := source.ExecContext(ctx, `VACUUM INTO $1`, path); err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	return sound(ctx, path)
}

func sound(ctx context.Context, path string) error {
	b, err := connectSQLite(path)
	if err != nil {
		return err
	}
	var verdict string
	err = b.read.QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&verdict)
	if err = errors.Join(err, b.Close()); err != nil {
		return fmt.Errorf("checking the backup: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("checking the backup: %s", verdict)
	}
	return nil
}
