// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
)

// Subject is somebody whose data is to be erased.
type Subject struct {
	// Monitor is whose records they are.
	Monitor string
	// Matches says whether a record, or a label, is the subject's: by its own id, its label key as rows store it, or the id of
	// its request.
	Matches func(recordID, labelKey, requestID string) bool
	// Records are ids of the subject's records, as far as they are known.
	Records []string
}

// Erased counts what was removed.
type Erased struct{ Items, Answers, Labels int64 }

// Erase removes the items of a subject, with their answers and with their labels that are not in the store yet, and sees to it
// that its records are never taken in again. Files of labels that were on their way to the store with some of the subject's are
// taken apart, and Doomed from then on. It may be asked again, and then removes what has come since.
func (d *DB) Erase(ctx context.Context, s Subject) (Erased, error) {
	// Hashing the keys of all items takes a while: nobody waits for that.
	ids := slices.Clone(s.Records)
	if err := each(ctx, d.read, `SELECT id, label_key FROM items WHERE monitor = $1`, []any{s.Monitor}, func(scan func(...any) error) error {
		var id, key string
		err := scan(&id, &key)
		if s.Matches(id, key, "") {
			ids = append(ids, id)
		}
		return err
	}); err != nil {
		return Erased{}, fmt.Errorf("erasing a subject: %w", err)
	}
	slices.Sort(ids)
	s.Records = slices.Compact(ids)
	var erased Erased
	err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		erased = Erased{}
		var t tally
		for _, id := range s.Records {
			if err := d.eraseRecord(ctx, tx, id, &erased, &t); err != nil {
				return err
			}
		}
		if err := d.eraseLabels(ctx, tx, s, &erased); err != nil {
			return err
		}
		return t.write(ctx, tx)
	})
	if err == nil && erased != (Erased{}) && d.dialect.scrub != "" {
		_, err = d.write.ExecContext(ctx, d.dialect.scrub)
	}
	if err != nil {
		return Erased{}, fmt.Errorf("erasing a subject: %w", err)
	}
	return erased, nil
}

// Monitors are those that the database holds items or labels of, also of those that feed the queue no more.
func (d *DB) Monitors(ctx context.Context) ([]string, error) {
	var names []string
	if err := each(ctx, d.read, `SELECT monitor FROM counts WHERE segment = '' AND items <> 0 UNION SELECT monitor FROM batches
		UNION SELECT monitor FROM outbox WHERE batch = '' UNION SELECT monitor FROM doomed ORDER BY 1`, nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		names = append(names, name)
		return err
	}); err != nil {
		return nil, fmt.Errorf("reading which monitors the queue holds something of: %w", err)
	}
	return names, nil
}

func (d *DB) eraseRecord(ctx context.Context, tx *sql.Tx, id string, erased *Erased, t *tally) error {
	it, err := findItem(ctx, tx, id, d.dialect.lock)
	if errors.Is(err, review.ErrNotFound) { // A file of it may come yet.
		return bury(ctx, tx, id, micros(d.now()))
	}
	if err != nil {
		return err
	}
	answers, err := d.remove(ctx, tx, it, t)
	erased.Items, erased.Answers = erased.Items+1, erased.Answers+answers
	return err
}

// eraseLabels removes the subject's labels from the outbox. The batches that held some go back into it.
func (d *DB) eraseLabels(ctx context.Context, tx *sql.Tx, s Subject, erased *Erased) error {
	known := map[string]bool{}
	for _, id := range s.Records {
		known[id] = true
	}
	frozen := map[string]bool{} // the batches that are not in the store yet, as far as is known
	if err := each(ctx, tx, `SELECT name FROM batches WHERE published = 0 AND monitor = $1 ORDER BY name`+d.dialect.lock, []any{s.Monitor},
		func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			frozen[name] = true
			return err
		}); err != nil {
		return err
	}
	var ids []string
	apart := map[string]bool{}
	if err := each(ctx, tx, `SELECT id, item, batch, doc FROM outbox WHERE monitor = $1 ORDER BY id`, []any{s.Monitor}, func(scan func(...any) error) error {
		var id, item, batch, doc string
		if err := scan(&id, &item, &batch, &doc); err != nil {
			return err
		}
		r, err := decodeRow(doc)
		if known[item] || known[r.RecordID] || s.Matches(r.RecordID, r.LabelKey, r.RequestID) {
			ids = append(ids, id)
			if frozen[batch] {
				apart[batch] = true
			}
		}
		return err
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE id = $1`, id); err != nil {
			return err
		}
	}
	erased.Labels += int64(len(ids))
	for name := range apart {
		if _, err := tx.ExecContext(ctx, `INSERT INTO doomed (name, monitor, frozen_at, at) SELECT name, monitor, frozen_at, CAST($1 AS BIGINT)
			FROM batches WHERE name = $2`, micros(d.now()), name); err != nil {
			return err
		}
		for _, statement := range []string{
			`UPDATE outbox SET batch = '' WHERE batch = $1`,
			`DELETE FROM batches WHERE name = $1`,
		} {
			if _, err := tx.ExecContext(ctx, statement, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Doomed are files of labels that a subject was erased from on their way to the store. They may have arrived, and are to be
// deleted there; what else they held comes in other files.
func (d *DB) Doomed(ctx context.Context, monitor string) ([]Batch, error) {
	var batches []Batch
	err := each(ctx, d.read, `SELECT name, monitor, frozen_at FROM doomed WHERE monitor = $1 ORDER BY name`, []any{monitor}, func(scan func(...any) error) error {
		var b Batch
		var at int64
		err := scan(&b.Name, &b.Monitor, &at)
		b.Frozen = instant(at)
		batches = append(batches, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading which files of labels must go: %w", err)
	}
	return batches, nil
}

// doomedFor is how long a doomed file is looked for: far longer than any upload of it that was under way takes.
const doomedFor = 24 * time.Hour

// Deleted writes down that a doomed file is not in the store now. It stays Doomed for a day: whoever read the batch before the
// erasure may upload it yet, and die before they learn of it.
func (d *DB) Deleted(ctx context.Context, name string) error {
	err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM doomed WHERE name = $1 AND at < $2`, name, micros(d.now().Add(-doomedFor)))
		return err
	})
	if err != nil {
		return fmt.Errorf("writing down that a file of labels is gone: %w", err)
	}
	return nil
}
