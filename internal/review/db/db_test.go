// SPDX-License-Identifier: Apache-2.0

package db_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/rank"
	"github.com/vedette-dev/vedette/internal/testing/postgres"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestMain(m *testing.M) { postgres.Main(m) }

var (
	nan  = math.NaN()
	noon = time.Date(2001, 6, 1, 12, 0, 0, 0, time.UTC)
)

// clock is set by tests.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Microsecond)
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// document is a queue of one monitor with three classes.
func document() wire.Review {
	return wire.Review{
		Cluster: "eu", Namespace: "payments", Queue: "desk", Revision: "r1",
		Monitors: []wire.ReviewMonitor{{
			Name: "fraud", Weight: 1, Segments: []string{"new", "rich"},
			Schema: wire.Schema{Prediction: wire.Prediction{Kind: wire.MulticlassClassification, Classes: []string{"a", "b", "c"}}},
		}},
		Select:   wire.ReviewSelect{Outliers: true, RandomShare: 0.1},
		Priority: wire.ReviewPriority{Uncertainty: 1, OutlierScore: 1, Rarity: 1, Age: 1},
		Overlap:  1, LeaseSeconds: 600, PendingSeconds: 30 * 86400, DoneSeconds: 60 * 86400,
		Question: wire.ReviewQuestion{Comment: wire.Optional, CriticalError: wire.Optional, Escalate: wire.Optional},
	}
}

// queue is an open database of a test.
type queue struct {
	testing.TB
	*db.DB
	*clock
	url  string
	doc  wire.Review
	keys int
}

func open(t testing.TB, url string, doc wire.Review) *queue {
	t.Helper()
	q := &queue{TB: t, clock: &clock{t: noon}, url: url, doc: doc}
	q.DB = q.again()
	return q
}

// again opens the database once more, as another replica would.
func (q *queue) again() *db.DB {
	q.Helper()
	d, err := db.Open(context.Background(), q.url, q.clock.now)
	if err != nil {
		q.Fatal(err)
	}
	q.Cleanup(func() {
		if err := d.Close(); err != nil {
			q.Error(err)
		}
	})
	if err := d.Configure(context.Background(), q.doc); err != nil {
		q.Fatal(err)
	}
	return d
}

func (q *queue) configure(change func(*wire.Review)) {
	q.Helper()
	change(&q.doc)
	if err := q.Configure(context.Background(), q.doc); err != nil {
		q.Fatal(err)
	}
}

// both runs a test on both databases.
func both(t *testing.T, f func(*testing.T, *queue)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		f(t, open(t, sqliteURL(t), document()))
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		f(t, open(t, postgres.URL(t), document()))
	})
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "queue.db") }

// candidate is a record that has nothing to do with others. Greater worth comes first.
func candidate(id string, worth float64, segments ...string) db.Candidate {
	return db.Candidate{
		Item: review.Item{
			ID: id, Monitor: "fraud", Origin: review.Outlier, Reasons: []string{"entropy"}, InclusionProbability: 1,
			Prediction: review.Prediction{
				Time: noon.Add(-time.Hour), Segments: segments, LabelKey: "key-" + id, ModelVersion: "v1", Class: "a",
				Score: nan, Confidence: 0.5, Entropy: 0.9, Margin: 0.1, OutlierScore: 4,
				Features: []review.Feature{{Name: "amount", Value: feature.Value{Kind: feature.Number, Num: 3}}},
			},
		},
		Factors:     rank.Factors{Uncertainty: worth},
		Fingerprint: uint64(rank.Uniform("test", id) * (1 << 62)),
	}
}

var files sync.Map

// add takes candidates in, as one file.
func (q *queue) add(candidates ...db.Candidate) db.Added {
	q.Helper()
	n, _ := files.LoadOrStore(q, new(int))
	*n.(*int)++
	added, err := q.Ingest(context.Background(), db.Chunk{
		Monitor: "fraud", File: fmt.Sprintf("file-%d", *n.(*int)), Rows: int64(len(candidates)), Finished: true, Candidates: candidates,
	})
	if err != nil {
		q.Fatal(err)
	}
	return added
}

// next is the id of the person's next item.
func (q *queue) next(person string) string {
	q.Helper()
	c, err := q.Next(context.Background(), person)
	if err != nil {
		q.Fatalf("the next item of %s: %v", person, err)
	}
	return c.Item.ID
}

// empty wants an error instead of an item.
func (q *queue) empty(person string, want error) {
	q.Helper()
	if c, err := q.Next(context.Background(), person); !errors.Is(err, want) {
		q.Fatalf("%s gets %q, %v; want %v", person, c.Item.ID, err, want)
	}
}

func (q *queue) key() string {
	q.keys++
	return fmt.Sprintf("key-%d", q.keys)
}

func says(class string) review.Label { return review.Label{Class: class, Value: nan} }

// answer gives an answer to an item that the person holds.
func (q *queue) answer(person, id, class string) review.Item {
	q.Helper()
	it, err := q.Answer(context.Background(), review.Answer{Key: q.key(), Item: id, Person: person, Label: says(class)})
	if err != nil {
		q.Fatalf("%s answers %s: %v", person, id, err)
	}
	return it
}

// state wants an item to be in a state.
func (q *queue) state(id string, want review.State) review.Item {
	q.Helper()
	it, err := q.Item(context.Background(), id)
	if err != nil || it.State != want {
		q.Fatalf("item %s is %q, %v; want %q", id, it.State, err, want)
	}
	return it
}
