// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect is what is different between the databases.
type dialect struct {
	goose goose.Dialect
	// lock and lockIfFree end a SELECT that is to hold its rows until the transaction ends. SQLite has one writer at a
	// time: there is nobody to hold them against.
	lock, lockIfFree string
	// scrub is run after an erasure, so that what was erased is not in a log either; "" where that is not for a client to do.
	scrub string
	// among ends a condition: a value is one of those in a parameter, by its number, that list makes of a slice.
	among func(parameter int) string
	list  func(slice any) (any, error)
	// insert adds rows to a table, but for those whose key, the first column, is there already. It says which keys are new.
	insert func(ctx context.Context, tx *sql.Tx, table string, columns []column, rows [][]any) (map[string]bool, error)
	// brokenOff says that the transaction failed only because of another, and may be tried again.
	brokenOff func(error) bool
}

var (
	sqliteDialect = &dialect{
		goose: goose.DialectSQLite3, scrub: `PRAGMA wal_checkpoint(TRUNCATE)`, among: sqliteAmong, list: sqliteList, insert: sqliteInsert, brokenOff: sqliteBusy,
	}
	postgresDialect = &dialect{
		goose: goose.DialectPostgres, lock: " FOR UPDATE", lockIfFree: " FOR UPDATE SKIP LOCKED",
		among: postgresAmong, list: postgresList, insert: postgresInsert, brokenOff: postgresBrokenOff,
	}
)

// Schemes of databases.
const (
	schemeSQLite   = "sqlite:"
	schemePostgres = "postgres://"
)

func connect(rawURL string) (*DB, error) {
	switch {
	case strings.HasPrefix(rawURL, schemeSQLite):
		return connectSQLite(strings.TrimPrefix(rawURL, schemeSQLite))
	case strings.HasPrefix(rawURL, schemePostgres), strings.HasPrefix(rawURL, "postgresql://"):
		return connectPostgres(rawURL)
	default: // It may hold a password: it is not repeated.
		return nil, errors.New(`opening the queue's database: its URL must start with "sqlite:" (a file follows) or "postgres://"`)
	}
}

// sqlitePragmas make an acknowledged answer survive a power cut (synchronous FULL), let readers read while one writes
// (WAL), let other processes finish first (busy_timeout), leave nothing of what was deleted in the file (secure_delete), and
// need no folder for temporary files. Its log is folded into the file each 16 MiB: pages that many transactions change are then
// written there once.
var sqlitePragmas = []string{
	"busy_timeout(15000)", "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)", "temp_store(MEMORY)",
	"journal_size_limit(67108864)", "wal_autocheckpoint(4096)",
}

// sqliteReaders is how many connections read.
const sqliteReaders = 4

// caches are the sizes, in KiB, of the page caches of the connection that writes, and of each that reads, for a program whose Go may
// take so many bytes. Each connection has a cache of its own, outside of what that bounds: in the pod, Go has six tenths of the
// memory, and the caches get three. The writer's holds the pages that the intake of a million items touches.
func caches(memory int64) (writer, reader int64) {
	const most, mostOfReader = 128 << 10, 8 << 10
	third := memory >> 10 / 3
	return min(most, third), min(mostOfReader, third/16)
}

func connectSQLite(path string) (*DB, error) {
	if path == "" || strings.HasPrefix(path, "//") {
		return nil, errors.New(`opening the queue's database: want a file, as in "sqlite:/var/lib/review/queue.db"`)
	}
	writer, reader := caches(debug.SetMemoryLimit(-1))
	writerCache, readerCache := fmt.Sprintf("cache_size(-%d)", writer), fmt.Sprintf("cache_size(-%d)", reader)
	dsn := func(txlock string, more ...string) string {
		q := url.Values{"_pragma": append(more, sqlitePragmas...), "_txlock": {txlock}}
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	}
	write, err := sql.Open("sqlite", dsn("immediate", writerCache))
	if err != nil {
		return nil, fmt.Errorf("opening the queue's database: %w", err)
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", dsn("deferred", "query_only(1)", readerCache))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the queue's database: %w", err), write.Close())
	}
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	return &DB{dialect: sqliteDialect, write: write, read: read, another: dsn("deferred", readerCache)}, nil
}

func sqliteBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// postgresConnections bounds the connections of one replica.
const postgresConnections = 20

func connectPostgres(rawURL string) (*DB, error) {
	pool, err := sql.Open("pgx", rawURL)
	if err != nil {
		return nil, errors.New("opening the queue's database: its URL cannot be parsed; want postgres://user:password@host:5432/database")
	}
	pool.SetMaxOpenConns(postgresConnections)
	pool.SetMaxIdleConns(postgresConnections)
	return &DB{dialect: postgresDialect, write: pool, read: pool}, nil
}

// Postgres' codes of transactions that lost against another.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

func postgresBrokenOff(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == serializationFailure || e.Code == deadlockDetected)
}
