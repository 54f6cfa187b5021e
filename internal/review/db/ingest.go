// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/rank"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Candidate is a record that is to become an item.
type Candidate struct {
	Item        review.Item
	Factors     rank.Factors
	Fingerprint uint64

	encoded encoded
}

// encoded is what of an item is written as text.
type encoded struct {
	band       band
	rules, doc string
}

// Chunk is a part of a file of records.
type Chunk struct {
	// File is its key in the store, From the number of its rows that were read before.
	Monitor, File string
	From          int64
	// Rows is how many rows the chunk is made of; Finished says that they are the last.
	Rows     int64
	Finished bool
	// Candidates are those of the rows that are to become items.
	Candidates []Candidate
	// Records counts the rows by segment, and all of them under "", by the inverse of their keep probability.
	Records map[string]float64
}

// Encode does the part of the work that needs no database, for a caller who has time for it while another chunk is taken in. The
// candidates are not to be changed after it.
func (c *Chunk) Encode() error {
	for i := range c.Candidates {
		if err := c.Candidates[i].encode(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Candidate) encode() error {
	if c.encoded.doc != "" {
		return nil
	}
	var e encoded
	var err error
	if e.band, err = newBand(c.Item.Monitor, c.Item.Origin, false, c.Item.Prediction.Segments); err != nil {
		return err
	}
	rules, err := json.Marshal(append([]string{}, c.Item.Rules...))
	if err != nil {
		return fmt.Errorf("encoding an item: %w", err)
	}
	e.rules = string(rules)
	if e.doc, err = encodeItem(&c.Item); err != nil {
		return err
	}
	c.encoded = e
	return nil
}

// Added is what became of a chunk.
type Added struct {
	// Items is how many items are new, Duplicates how many of those are near-duplicates of others, and Known how many
	// candidates were or had been items before.
	Items, Duplicates, Known int
}

// ErrMoved means that another replica has read on in the file.
var ErrMoved = errors.New("another replica has read on in the file")

// duplicateWindow is how long an item stands for near-duplicates that come after it.
const duplicateWindow = 7 * 24 * time.Hour

// FileProgress is how many rows of a file were read, and whether that is all of them.
func (d *DB) FileProgress(ctx context.Context, file string) (rows int64, finished bool, err error) {
	var done int64
	err = d.read.QueryRowContext(ctx, `SELECT rows, finished FROM files WHERE name = $1`, file).Scan(&rows, &done)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("reading how far a file was read: %w", err)
	}
	return rows, done != 0, nil
}

// FinishedFiles are those of the files that were read to their end.
func (d *DB) FinishedFiles(ctx context.Context, files []string) (map[string]bool, error) {
	finished := map[string]bool{}
	list, err := d.dialect.list(files)
	if err == nil {
		err = each(ctx, d.read, `SELECT name FROM files WHERE finished = 1 AND name `+d.dialect.among(1), []any{list}, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			finished[name] = true
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("reading which files were read: %w", err)
	}
	return finished, nil
}

// Ingest takes a chunk of a file in: its items, and that it was read, in one transaction. Each record becomes an item once,
// whatever the number of replicas, files, and attempts.
func (d *DB) Ingest(ctx context.Context, c Chunk) (Added, error) {
	if err := c.Encode(); err != nil {
		return Added{}, fmt.Errorf("taking records in: %w", err)
	}
	var added Added
	err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		added = Added{}
		if err := d.reach(ctx, tx, &c); err != nil {
			return err
		}
		items, err := d.fresh(ctx, tx, c.Candidates)
		if err != nil {
			return err
		}
		if err := d.represent(ctx, tx, items); err != nil {
			return err
		}
		inserted, err := d.insert(ctx, tx, items)
		if err != nil {
			return err
		}
		var t tally
		stood := map[string]int64{}
		for _, it := range inserted {
			row := &item{Item: it.candidate.Item, duplicate: it.duplicateOf != ""}
			if t.move(row, "", row.stage()); it.duplicateOf != "" {
				stood[it.duplicateOf]++
				added.Duplicates++
			}
		}
		added.Items, added.Known = len(inserted), len(c.Candidates)-len(inserted)
		for _, id := range slices.Sorted(maps.Keys(stood)) {
			if _, err := tx.ExecContext(ctx, `UPDATE items SET duplicates = duplicates + $1 WHERE id = $2`, stood[id], id); err != nil {
				return err
			}
		}
		t.add(totalRead, c.Rows)
		t.add(totalDuplicates, int64(added.Duplicates))
		if err := share(ctx, tx, c.Monitor, c.Records); err != nil {
			return err
		}
		return t.write(ctx, tx)
	})
	if err != nil {
		return Added{}, fmt.Errorf("taking records in: %w", err)
	}
	return added, nil
}

// Totals of what was taken in.
const (
	totalRead       = "records/read"
	totalDuplicates = "items/duplicates"
)

// reach writes down how far the file is read by this transaction. It holds the file until the end of the transaction.
func (d *DB) reach(ctx context.Context, tx *sql.Tx, c *Chunk) error {
	now := micros(d.now())
	if _, err := tx.ExecContext(ctx, `INSERT INTO files (name, monitor, rows, finished, at) VALUES ($1, $2, 0, 0, $3) ON CONFLICT DO NOTHING`,
		c.File, c.Monitor, now); err != nil {
		return err
	}
	var finished int64
	if c.Finished {
		finished = 1
	}
	result, err := tx.ExecContext(ctx, `UPDATE files SET rows = rows + $1, finished = $2, at = $3 WHERE name = $4 AND rows = $5 AND finished = 0`,
		c.Rows, finished, now, c.File, c.From)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrMoved)
	}
	return nil
}

// newItem is a candidate on its way into the database.
type newItem struct {
	candidate   *Candidate
	duplicateOf string
}

// fresh drops candidates that come twice, and those that were items once and are gone.
func (d *DB) fresh(ctx context.Context, tx *sql.Tx, candidates []Candidate) ([]newItem, error) {
	ids := make([]string, len(candidates))
	for i := range candidates {
		ids[i] = candidates[i].Item.ID
	}
	list, err := d.dialect.list(ids)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	if err := each(ctx, tx, `SELECT id FROM gone WHERE id `+d.dialect.among(1), []any{list}, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		gone[id] = true
		return err
	}); err != nil {
		return nil, err
	}
	var items []newItem
	for i := range candidates {
		c := &candidates[i]
		if gone[c.Item.ID] {
			continue
		}
		gone[c.Item.ID] = true
		items = append(items, newItem{candidate: c})
	}
	return items, nil
}

// represent finds the item that stands for each near-duplicate. The random slice has none: there, each record counts.
func (d *DB) represent(ctx context.Context, tx *sql.Tx, items []newItem) error {
	fingerprints := make([]int64, len(items))
	for i, it := range items {
		fingerprints[i] = int64(it.candidate.Fingerprint) //nolint:gosec // the bits are what counts
	}
	list, err := d.dialect.list(fingerprints)
	if err != nil {
		return err
	}
	first := map[uint64]string{}
	// The words of the condition are those of the index.
	if err := each(ctx, tx, `SELECT fingerprint, id FROM items WHERE duplicate_of = '' AND origin = 'outlier' AND added_at >= $1 AND fingerprint `+d.dialect.among(2),
		[]any{micros(d.now().Add(-duplicateWindow)), list}, func(scan func(...any) error) error {
			var fingerprint int64
			var id string
			err := scan(&fingerprint, &id)
			if before, ok := first[uint64(fingerprint)]; !ok || id < before { //nolint:gosec // the bits are what counts
				first[uint64(fingerprint)] = id //nolint:gosec // the bits are what counts
			}
			return err
		}); err != nil {
		return err
	}
	for i, it := range items {
		if it.candidate.Item.Origin == review.Random {
			continue
		}
		if id, ok := first[it.candidate.Fingerprint]; !ok {
			first[it.candidate.Fingerprint] = it.candidate.Item.ID
		} else if id != it.candidate.Item.ID {
			items[i].duplicateOf = id
		}
	}
	return nil
}

// newColumns are the columns of items that a new one fills, and their types.
var newColumns = []column{
	{"id", text}, {"monitor", text}, {"origin", text}, {"state", text}, {"band", bigint}, {"priority", double}, {"fingerprint", bigint},
	{"duplicate_of", text}, {"label_key", text}, {"predicted_at", bigint}, {"added_at", bigint}, {"inclusion", double}, {"uncertainty", double},
	{"strangeness", double}, {"rarity", double}, {"rules", text}, {"doc", text}, {"weighed", text},
}

// insert writes items, and says which of them were not there before.
func (d *DB) insert(ctx context.Context, tx *sql.Tx, items []newItem) ([]newItem, error) {
	kept := map[int64]bool{} // bands: most items share one with others
	rows := make([][]any, 0, len(items))
	for _, it := range items {
		if b := it.candidate.encoded.band; !kept[b.id] {
			if err := d.keepBand(ctx, tx, b); err != nil {
				return nil, err
			}
			kept[b.id] = true
		}
		rows = append(rows, d.row(it))
	}
	isNew, err := d.dialect.insert(ctx, tx, "items", newColumns, rows)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(items, func(it newItem) bool { return !isNew[it.candidate.Item.ID] }), nil
}

// row is what an item has in newColumns.
func (d *DB) row(n newItem) []any {
	c, doc := n.candidate, d.review.Load()
	it := &c.Item
	it.State, it.Added = review.Pending, d.now()
	it.Priority = priority(doc, it, c.Factors, n.duplicateOf != "")
	return []any{
		it.ID, it.Monitor, string(it.Origin), string(it.State), c.encoded.band.id, it.Priority, int64(c.Fingerprint), n.duplicateOf, //nolint:gosec // the bits are what counts
		plainText(it.Prediction.LabelKey), micros(it.Prediction.Time), micros(it.Added), it.InclusionProbability,
		c.Factors.Uncertainty, c.Factors.Strangeness, c.Factors.Rarity, c.encoded.rules, c.encoded.doc, doc.Revision,
	}
}

// priority is that of an item under the document of the queue.
func priority(doc *wire.Review, it *review.Item, f rank.Factors, duplicate bool) float64 {
	wait := wire.Seconds(doc.PendingSeconds)
	if it.Origin == review.Random {
		return rank.RandomPriority(&doc.Priority, it.ID, it.Added, wait)
	}
	weight := 1.0
	for _, m := range doc.Monitors {
		if m.Name == it.Monitor {
			weight = m.Weight
		}
	}
	p := rank.Priority(&doc.Priority, weight, f, it.Rules, it.Added, wait)
	if duplicate {
		p -= rank.Suppressed
	}
	return p
}

// share adds up the records of each segment.
func share(ctx context.Context, tx *sql.Tx, monitor string, records map[string]float64) error {
	for _, segment := range slices.Sorted(maps.Keys(records)) {
		if _, err := tx.ExecContext(ctx, `INSERT INTO shares (monitor, segment, records) VALUES ($1, $2, $3)
			ON CONFLICT (monitor, segment) DO UPDATE SET records = shares.records + excluded.records`, monitor, segment, records[segment]); err != nil {
			return err
		}
	}
	return nil
}

// Shares are the shares of the segments of a monitor among all of its records so far.
func (d *DB) Shares(ctx context.Context, monitor string) (map[string]float64, error) {
	shares := map[string]float64{}
	if err := each(ctx, d.read, `SELECT segment, records FROM shares WHERE monitor = $1`, []any{monitor}, func(scan func(...any) error) error {
		var segment string
		var n float64
		err := scan(&segment, &n)
		shares[segment] = n
		return err
	}); err != nil {
		return nil, fmt.Errorf("reading the shares of segments: %w", err)
	}
	all := shares[""]
	delete(shares, "")
	for s, n := range shares {
		if all > 0 {
			shares[s] = n / all
		}
	}
	return shares, nil
}
