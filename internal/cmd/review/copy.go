// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/review/db"
)

// backup writes a copy of a SQLite database, as it is at one moment, while the queue goes on.
func backup(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("review backup", flag.ContinueOnError)
	f.SetOutput(stderr)
	database := f.String("database", "sqlite:"+naming.DataMount+"/"+naming.DatabaseFile, "database to back up: sqlite:FILE")
	to := f.String("to", "", "file to write, which must not exist; standard output when empty")
	if err := parse(f, args); err != nil {
		return err
	}
	from, err := db.Open(ctx, *database, time.Now)
	if err != nil {
		return err
	}
	if *to != "" {
		return errors.Join(from.Backup(ctx, *to), from.Close())
	}
	return errors.Join(stream(ctx, from, stdout), from.Close())
}

// stream writes a backup to w, by way of a file that it removes.
func stream(ctx context.Context, from *db.DB, w io.Writer) error {
	dir, err := os.MkdirTemp("", "review-backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // What is left of a copy in a temporary folder does no harm.
	path := filepath.Join(dir, naming.DatabaseFile)
	if err := from.Backup(ctx, path); err != nil {
		return err
	}
	copied, err := os.Open(path)
	if err != nil {
		return err
	}
	defer copied.Close() //nolint:errcheck // It was only read.
	_, err = io.Copy(w, copied)
	return err
}

// migrate copies everything from one database into another, empty one, and says what arrived.
func migrate(ctx context.Context, args []string, stderr io.Writer) error {
	f := flag.NewFlagSet("review migrate", flag.ContinueOnError)
	f.SetOutput(stderr)
	from := f.String("from", "", "database to copy: sqlite:FILE or postgres://…; a file with its address when it begins with @")
	to := f.String("to", "", "empty database to copy into, in the same form")
	if err := parse(f, args); err != nil {
		return err
	}
	if *from == "" || *to == "" {
		return usageError{errors.New("--from and --to must be given")}
	}
	source, err := open(ctx, *from)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	target, err := open(ctx, *to)
	if err != nil {
		return errors.Join(fmt.Errorf("--to: %w", err), source.Close())
	}
	copied, err := db.Copy(ctx, source, target)
	if err = errors.Join(err, target.Close(), source.Close()); err != nil {
		return err
	}
	for _, c := range copied {
		fmt.Fprintf(stderr, "%-10s %9d rows, digest %.12s\n", c.Table, c.Rows, c.Digest)
	}
	return nil
}

// open opens a database at an address, or at the one in a file.
func open(ctx context.Context, address string) (*db.DB, error) {
	if path, ok := cutFile(address); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		address = string(bytes.TrimSpace(b))
	}
	return db.Open(ctx, address, time.Now)
}

func cutFile(address string) (string, bool) {
	if address != "" && address[0] == '@' {
		return address[1:], true
	}
	return "", false
}
