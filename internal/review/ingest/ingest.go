// SPDX-License-Identifier: Apache-2.0

// Package ingest brings records from the store into the queue: outliers, and a uniform slice of the sampled records. Each file
// is read once, and each record becomes an item once, however many replicas read and whenever one of them dies: what was read
// is written down together with the items that came of it.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Database is where items go.
type Database interface {
	FinishedFiles(ctx context.Context, files []string) (map[string]bool, error)
	FileProgress(ctx context.Context, file string) (rows int64, finished bool, err error)
	Shares(ctx context.Context, monitor string) (map[string]float64, error)
	Ingest(ctx context.Context, c db.Chunk) (db.Added, error)
}

// Bounds of one transaction. Whoever waits for an item waits for no more than that.
const (
	chunkRows       = 20_000
	chunkCandidates = 2000
)

// passFiles is how many files of a monitor a pass reads at most.
const passFiles = 50

// How far back files are looked for. A sidecar's spool brings a file up to 48 hours late, so all that time is looked at now and
// then; what is new is in the last hours nearly always.
const (
	farBack  = 72 * time.Hour
	nearBack = 2 * time.Hour
	farEvery = 10 * time.Minute
)

// Reader reads the records of a queue's monitors. It is not safe for concurrent use.
type Reader struct {
	Database Database
	Bucket   *store.Bucket
	Now      func() time.Time
	farAt    map[string]time.Time
}

// Stats is what a pass did.
type Stats struct {
	Files, Rows              int64
	Items, Duplicates, Known int64
	// More says that there is more to read at once: a pass ends after some files, so that others get their turn.
	More bool
	// Damaged are files that no one can read; they are passed over. Unfit are rules that never hold for a monitor.
	Damaged, Unfit []error
}

// Pass reads what is new of all monitors. An error ends the work on one monitor, not on the others.
func (r *Reader) Pass(ctx context.Context, doc *wire.Review) (Stats, error) {
	var stats Stats
	var errs []error
	for i := range doc.Monitors {
		m := &doc.Monitors[i]
		if err := r.monitor(ctx, doc, m, &stats); err != nil {
			errs = append(errs, fmt.Errorf("reading the records of monitor %q: %w", m.Name, err))
		}
	}
	return stats, errors.Join(errs...)
}

func (r *Reader) monitor(ctx context.Context, doc *wire.Review, m *wire.ReviewMonitor, stats *Stats) error {
	s, unfit, err := newSelector(doc, m)
	if err != nil {
		return err
	}
	stats.Unfit = append(stats.Unfit, unfit...)
	now := r.Now()
	back, far := nearBack, now.Sub(r.farAt[m.Name]) >= farEvery
	if far {
		back = farBack
	}
	layout := store.Layout{Cluster: doc.Cluster, Namespace: doc.Namespace, Monitor: m.Name}
	if s.erased, err = erasure.Load(ctx, r.Bucket, layout); err != nil {
		return err
	}
	var keys []string
	for item, err := range r.Bucket.Between(ctx, layout, store.Records, now.Add(-back), now.Add(time.Hour)) {
		if err != nil {
			return err
		}
		keys = append(keys, item.Key)
	}
	finished, err := r.Database.FinishedFiles(ctx, keys)
	if err != nil {
		return err
	}
	read, before := 0, stats.Files
	for _, key := range keys {
		if finished[key] {
			continue
		}
		if read++; read > passFiles {
			stats.More = stats.More || stats.Files > before
			return nil
		}
		if err := r.file(ctx, s, key, stats); err != nil {
			return err
		}
	}
	if far {
		if r.farAt == nil {
			r.farAt = map[string]time.Time{}
		}
		r.farAt[m.Name] = now
	}
	return nil
}

// file reads a file from where it was left. What cannot be read at all is passed over.
func (r *Reader) file(ctx context.Context, s *selector, key string, stats *Stats) error {
	from, finished, err := r.Database.FileProgress(ctx, key)
	if err != nil || finished {
		return err
	}
	err = r.rows(ctx, s, key, from, stats)
	switch {
	case errors.Is(err, store.ErrNotFound): // Compaction or retention took it away after it was listed.
		return nil
	case errors.Is(err, db.ErrMoved): // Another replica reads it.
		return nil
	case errors.Is(err, record.ErrDamaged):
		stats.Damaged = append(stats.Damaged, fmt.Errorf("file %q is passed over: %w", key, err))
		from, _, err = r.Database.FileProgress(ctx, key)
		if err == nil {
			_, err = r.Database.Ingest(ctx, db.Chunk{Monitor: s.monitor, File: key, From: from, Finished: true})
		}
		if errors.Is(err, db.ErrMoved) {
			err = nil
		}
	case err == nil:
		stats.Files++
	}
	return err
}

// columns are those that items are made of. Bodies are not read at all.
var columns = []string{
	"record_id", "request_id", "trace_id", "label_key", "ts", "model_version", "keep_probability", "keep_reason", "prediction", "score", "scores",
	"confidence", "entropy", "margin", "segments", "violations", "outlier_score", "outlier_reasons", "f_*",
}

func (r *Reader) rows(ctx context.Context, s *selector, key string, from int64, stats *Stats) error {
	object, err := r.Bucket.Open(ctx, key)
	if err != nil {
		return err
	}
	file, err := record.NewReader(object, object.Size(), columns...)
	if err != nil {
		return err
	}
	shares, err := r.Database.Shares(ctx, s.monitor)
	if err != nil {
		return err
	}
	s.open(file.Features)
	chunks := ahead(s.chunks(file, key, from, func(segment string) float64 { return shares[segment] }))
	for chunk, err := range chunks {
		if err != nil {
			return err
		}
		added, err := r.Database.Ingest(ctx, chunk)
		if err != nil {
			return err
		}
		stats.Rows += chunk.Rows
		stats.Items, stats.Duplicates, stats.Known = stats.Items+int64(added.Items), stats.Duplicates+int64(added.Duplicates), stats.Known+int64(added.Known)
	}
	return nil
}

// chunks are what a file holds from a row on, ready for the database. An error is the last of them.
func (s *selector) chunks(file *record.Reader, key string, from int64, share func(segment string) float64) iter.Seq2[db.Chunk, error] {
	return func(yield func(db.Chunk, error) bool) {
		next := func(from int64) db.Chunk {
			return db.Chunk{Monitor: s.monitor, File: key, From: from, Records: map[string]float64{}}
		}
		chunk, at := next(from), int64(0)
		for row, err := range file.Rows() {
			if err != nil {
				yield(db.Chunk{}, err)
				return
			}
			if at++; at <= from {
				continue
			}
			chunk.Rows++
			weight := 1 / probability(row.KeepProbability)
			chunk.Records[""] += weight
			for _, segment := range row.Segments {
				chunk.Records[plain(segment)] += weight
			}
			if c, ok := s.pick(row, file.Features, share); ok {
				chunk.Candidates = append(chunk.Candidates, c)
			}
			if chunk.Rows == chunkRows || len(chunk.Candidates) == chunkCandidates {
				if !yield(chunk, chunk.Encode()) {
					return
				}
				chunk = next(at)
			}
		}
		chunk.Finished = true
		yield(chunk, chunk.Encode())
	}
}

// ahead makes the next chunk while the one before is taken in.
func ahead(chunks iter.Seq2[db.Chunk, error]) iter.Seq2[db.Chunk, error] {
	type made struct {
		chunk db.Chunk
		err   error
	}
	return func(yield func(db.Chunk, error) bool) {
		ready, done, ended := make(chan made), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			defer close(ready)
			for chunk, err := range chunks {
				select {
				case ready <- made{chunk, err}:
				case <-done:
					return
				}
			}
		}()
		defer func() { <-ended }()
		defer close(done)
		for m := range ready {
			if !yield(m.chunk, m.err) {
				return
			}
		}
	}
}
