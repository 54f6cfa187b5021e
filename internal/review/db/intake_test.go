// SPDX-License-Identifier: Apache-2.0

package db_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/ingest"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/testing/postgres"
	"github.com/vedette-dev/vedette/internal/wire"
)

// traffic is a store in a folder, and what was written to it.
type traffic struct {
	testing.TB
	bucket *store.Bucket
	schema []wire.Feature
	rows   int
}

func newTraffic(t testing.TB) *traffic {
	t.Helper()
	bucket, err := store.Open(t.Context(), "file://"+t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	s := &traffic{TB: t, bucket: bucket}
	for i := range 8 {
		s.schema = append(s.schema, wire.Feature{Name: fmt.Sprint("amount", i), Type: wire.Numeric})
	}
	s.schema = append(s.schema, wire.Feature{Name: "country", Type: wire.Categorical}, wire.Feature{Name: "note", Type: wire.Text})
	return s
}

// file writes a file of records as a sidecar does: all of them are to become items where the random slice is whole, of 32 sets of
// segments, a tenth of them not outliers. Nor is the order of their ids the one in which they come.
func (s *traffic) file(rows int) {
	s.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, record.Records, s.schema, nil)
	if err != nil {
		s.Fatal(err)
	}
	for range rows {
		i := s.rows
		s.rows++
		r := record.Row{
			RecordID: recordID(i), RequestID: fmt.Sprintf("%016x", rand.Uint64()), LabelKey: fmt.Sprintf("order-%08d", i), Time: noon,
			Outcome: record.OutcomeOK, Monitor: "fraud", ModelVersion: "v1", KeepProbability: 1, KeepReason: record.KeepOutlier, Prediction: "a",
			Score: nan, Scores: []float64{0.5, 0.3, 0.2}, Confidence: 0.5, Entropy: rand.Float64(), Margin: 0.2, OutlierScore: 6 * rand.Float64(),
			OutlierReasons: []string{"entropy", "z:amount0"},
		}
		if i%10 == 0 {
			r.KeepReason = record.KeepSampled
		}
		for n := range 5 {
			if i/10>>n&1 == 1 {
				r.Segments = append(r.Segments, fmt.Sprint("s", n))
			}
		}
		for range 8 {
			r.Features = append(r.Features, record.Value{Kind: record.Number, Num: rand.Float64() * 1000})
		}
		r.Features = append(r.Features, record.Value{Kind: record.String, Str: "NL"}, record.Value{Kind: record.String, Str: "a gift, to be left at the door"})
		if err := w.Write(&r); err != nil {
			s.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.Fatal(err)
	}
	layout := store.Layout{Cluster: "eu", Namespace: "payments", Monitor: "fraud"}
	if err := s.bucket.Create(s.Context(), layout.Rows(store.Records, "v1", noon, fmt.Sprintf("sidecar-%08d", s.rows)), &b); err != nil {
		s.Fatal(err)
	}
}

func recordID(i int) string { return fmt.Sprintf("sidecar-%d-%08d", i%7, i) }

// reader reads the traffic into a database.
func (s *traffic) reader(d ingest.Database, q *queue) *ingest.Reader {
	return &ingest.Reader{Database: d, Bucket: s.bucket, Now: q.now}
}

// readAll reads until there is no more, and adds up what it did.
func readAll(ctx context.Context, r *ingest.Reader, doc *wire.Review) (ingest.Stats, error) {
	var sum ingest.Stats
	for {
		stats, err := r.Pass(ctx, doc)
		sum.Files, sum.Rows, sum.Items, sum.Known = sum.Files+stats.Files, sum.Rows+stats.Rows, sum.Items+stats.Items, sum.Known+stats.Known
		if err != nil || !stats.More {
			return sum, err
		}
	}
}

// dying is the database of a program that dies after some chunks.
type dying struct {
	*db.DB
	left int
}

var errDied = errors.New("died")

func (d *dying) Ingest(ctx context.Context, c db.Chunk) (db.Added, error) {
	if d.left--; d.left < 0 {
		return db.Added{}, errDied
	}
	return d.DB.Ingest(ctx, c)
}

func TestRecordsComeInTheirOrder(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Select.RandomShare = 1 })
		s := newTraffic(t)
		s.file(1200)
		s.file(700)
		if stats, err := readAll(t.Context(), s.reader(q.DB, q), &q.doc); err != nil || stats.Items != 1900 {
			t.Fatalf("%+v, %v", stats, err)
		}
		q.inOrder(1900)
	})
}

// inOrder wants the queue to hold the first records of a traffic, each once and in their order.
func (q *queue) inOrder(want int) {
	q.Helper()
	got, f := 0, db.Filter{State: review.Pending, Limit: 1000}
	for {
		items, after, err := q.List(q.Context(), f)
		if err != nil {
			q.Fatal(err)
		}
		for _, it := range items {
			if it.ID != recordID(got) {
				q.Fatalf("item %d is %s, want %s", got, it.ID, recordID(got))
			}
			got++
		}
		if f.After = after; after == "" {
			break
		}
	}
	if got != want {
		q.Errorf("%d items are in the queue, want %d", got, want)
	}
}

// Replicas that read the same file at the same time share its chunks: those of the file come in order, and each once, whoever
// takes them in, also when one dies over it.
func TestReplicasReadAFileTogether(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Select.RandomShare = 1 })
		s := newTraffic(t)
		s.file(6000)
		var items atomic.Int64
		var replicas sync.WaitGroup
		for _, d := range []ingest.Database{q.again(), q.again(), &dying{q.again(), 2}} {
			replicas.Go(func() {
				stats, err := readAll(t.Context(), s.reader(d, q), &q.doc)
				if err != nil && !errors.Is(err, errDied) {
					t.Error(err)
				}
				items.Add(stats.Items)
			})
		}
		replicas.Wait()
		rest, err := readAll(t.Context(), s.reader(q.DB, q), &q.doc) // Those who met another left the file to it.
		if n := items.Add(rest.Items); err != nil || n != 6000 || rest.Known != 0 {
			t.Errorf("%d items came, want 6000; in the end %+v, %v", n, rest, err)
		}
		q.inOrder(6000)
		h, err := q.Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var counted int64
		for _, c := range h.Items {
			counted += c.Items
		}
		if h.Read != 6000 || counted != 6000 {
			t.Errorf("%d records are counted as read, %d as items; want 6000", h.Read, counted)
		}
	})
}

// BenchmarkIntake brings outliers from files in a store into the queue.
func BenchmarkIntake(b *testing.B) {
	for _, on := range []struct {
		name string
		url  func(testing.TB) string
	}{{"SQLite", sqliteURL}, {"Postgres", postgres.URL}} {
		b.Run(on.name, func(b *testing.B) {
			doc := document()
			doc.Select.RandomShare = 1
			q, s := open(b, on.url(b), doc), newTraffic(b)
			reader := s.reader(q.DB, q)
			for b.Loop() {
				b.StopTimer()
				for range 10 {
					s.file(5000)
				}
				b.StartTimer()
				stats, err := reader.Pass(b.Context(), &doc)
				if err != nil || stats.Items != 50_000 {
					b.Fatal(stats, err)
				}
			}
			b.ReportMetric(float64(s.rows)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
