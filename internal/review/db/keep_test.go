// SPDX-License-Identifier: Apache-2.0

package db_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/testing/postgres"
	"github.com/vedette-dev/vedette/internal/wire"
)

// counted are the items of Health as "state[ unread]: n", of all segments or of one.
func (q *queue) counted(segment string) map[string]int64 {
	q.Helper()
	h, err := q.Health(q.Context())
	if err != nil {
		q.Fatal(err)
	}
	list := h.Items
	if segment != "" {
		list = h.Segments
	}
	counts := map[string]int64{}
	for _, c := range list {
		if c.Segment != segment {
			continue
		}
		name := string(c.State)
		if c.Unread {
			name += " unread"
		}
		counts[name] += c.Items
	}
	return counts
}

func TestCountsFollowTheItems(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Overlap = 2 })
		q.add(candidate("one", 0.9, "new"), candidate("two", 0.8, "new", "rich"), candidate("three", 0.7))
		want := func(step, segment string, want map[string]int64) {
			t.Helper()
			if d := cmp.Diff(want, q.counted(segment)); d != "" {
				t.Errorf("%s, segment %q (-want +got):\n%s", step, segment, d)
			}
		}
		want("added", "", map[string]int64{"pending unread": 3})
		q.next("ada")
		want("offered", "", map[string]int64{"pending unread": 2, "pending": 1})
		q.next("bo")
		q.answer("ada", "one", "a")
		q.answer("bo", "one", "a")
		want("answered", "", map[string]int64{"pending unread": 2, "done": 1})
		q.answer("ada", q.next("ada"), "a")
		q.answer("bo", q.next("bo"), "b")
		want("in conflict", "", map[string]int64{"pending unread": 1, "done": 1, "conflict": 1})
		want("in conflict", "new", map[string]int64{"done": 1, "conflict": 1})
		want("in conflict", "rich", map[string]int64{"conflict": 1})
		if _, err := q.Undo(t.Context(), "bo", "u"); err != nil {
			t.Fatal(err)
		}
		want("taken back", "new", map[string]int64{"done": 1, "pending": 1})
		q.publish()
		q.pass(31 * 24 * time.Hour)
		q.retain()
		want("expired", "", map[string]int64{"done": 2, "expired": 1})
		q.publish()
		q.pass(62 * 24 * time.Hour)
		if _, err := q.Retain(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("let go", "", map[string]int64{})
		if added := q.add(candidate("one", 0.9)); added.Known != 1 {
			t.Errorf("what was let go came back: %+v", added)
		}
	})
}

// retain lets go of all that is old enough.
func (q *queue) retain() {
	q.Helper()
	for more := true; more; {
		var err error
		if more, err = q.Retain(q.Context()); err != nil {
			q.Fatal(err)
		}
	}
}

func TestAnItemThatHasAllAnswersSinceFewerAreWantedIsDone(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Overlap = 3 })
		q.add(candidate("same", 0.9), candidate("other", 0.8), candidate("new", 0.7))
		for _, a := range [][3]string{{"ada", "same", "a"}, {"bo", "same", "a"}, {"ada", "other", "a"}, {"bo", "other", "b"}} {
			if got := q.next(a[0]); got != a[1] {
				t.Fatalf("%s gets %q", a[0], got)
			}
			q.answer(a[0], a[1], a[2])
		}
		q.configure(func(r *wire.Review) { r.Overlap = 2 })
		q.retain()
		q.state("same", review.Done)
		q.state("other", review.Conflict)
		q.state("new", review.Pending)
		if d := cmp.Diff([]string{"same truth a"}, facts(q.publish())); d != "" {
			t.Errorf("published (-want +got):\n%s", d)
		}
	})
}

func TestWhatFewerPeopleThanWantedSaidIsNotLost(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Overlap = 3 })
		q.add(candidate("one", 0.9), candidate("tie", 0.8), candidate("skipped", 0.7))
		q.answer("ada", q.next("ada"), "a")
		q.answer("ada", q.next("ada"), "a")
		if _, err := q.Answer(t.Context(), review.Answer{Key: q.key(), Item: q.next("ada"), Person: "ada", Skipped: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Record(t.Context(), review.Answer{Key: q.key(), Item: "tie", Person: "bo", Label: says("b")}); err != nil {
			t.Fatal(err)
		}
		q.pass(31 * 24 * time.Hour)
		q.retain()
		q.state("one", review.Done)
		q.state("tie", review.Conflict)
		q.state("skipped", review.Expired)
		if d := cmp.Diff([]string{"one truth a"}, facts(q.publish())); d != "" {
			t.Errorf("published (-want +got):\n%s", d)
		}
		if h, err := q.Health(t.Context()); err != nil || h.Answers["short"] != 3 {
			t.Errorf("counted %v, %v", h.Answers, err)
		}
	})
}

func TestAConflictIsNotKeptForEver(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.9))
		a := review.Answer{Key: q.key(), Item: q.next("ada"), Person: "ada", Label: says("a")}
		a.Label.Escalated = true
		if _, err := q.Answer(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		q.pass(89 * 24 * time.Hour)
		q.retain()
		q.state("one", review.Conflict)
		q.pass(2 * 24 * time.Hour)
		q.retain()
		if _, err := q.Item(t.Context(), "one"); !errors.Is(err, review.ErrNotFound) {
			t.Errorf("it is still there: %v", err)
		}
		if list, err := q.Answers(t.Context(), "one"); err != nil || len(list) != 0 {
			t.Errorf("its answers are still there: %v, %v", list, err)
		}
	})
}

// What is put off by design, or offered to nobody, is nothing to alert on.
func TestNearDuplicatesAndWhatMonitorsLeftBehindDoNotAge(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		alike := func(id string) db.Candidate {
			c := candidate(id, 0.9, "new")
			c.Fingerprint = 7
			return c
		}
		q.add(alike("first"), alike("second"))
		oldest := func() time.Time {
			t.Helper()
			h, err := q.Health(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return h.OldestPending
		}
		if oldest().IsZero() {
			t.Error("the first does not wait")
		}
		for _, segment := range []string{"", "new"} {
			if d := cmp.Diff(map[string]int64{"pending unread": 1, "pending": 1}, q.counted(segment)); d != "" {
				t.Errorf("added (-want +got):\n%s", d)
			}
		}
		q.answer("ada", q.next("ada"), "a")
		if at := oldest(); !at.IsZero() {
			t.Errorf("a near-duplicate waits since %v", at)
		}
		q.answer("ada", q.next("ada"), "a")
		if d := cmp.Diff(map[string]int64{"done": 2}, q.counted("")); d != "" {
			t.Errorf("answered (-want +got):\n%s", d)
		}
		q.add(candidate("left", 0.5))
		q.configure(func(r *wire.Review) { r.Monitors[0].Name = "another" })
		if at := oldest(); !at.IsZero() {
			t.Errorf("an item of a monitor that left waits since %v", at)
		}
		if d := cmp.Diff(map[string]int64{"pending": 1, "done": 2}, q.counted("")); d != "" {
			t.Errorf("after the monitor left (-want +got):\n%s", d)
		}
	})
}

func TestALabelThatIsNotInTheStoreIsKept(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.9))
		q.answer("ada", q.next("ada"), "a")
		q.pass(400 * 24 * time.Hour)
		if _, err := q.Retain(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.state("one", review.Done)
	})
}

func TestEachRecordBecomesAnItemOnce(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		const records = 300
		replicas := []*db.DB{q.DB, q.again()}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var added db.Added
		for r := range 4 {
			wg.Go(func() {
				for from := 0; from < records; from += 50 {
					var c []db.Candidate
					for i := from; i < from+50; i++ {
						c = append(c, candidate(fmt.Sprint("r", i), 0.5))
					}
					got, err := replicas[r%2].Ingest(context.Background(), db.Chunk{
						// Two of them read one file, the others one each with the same records.
						Monitor: "fraud", File: fmt.Sprint("f", max(1, r)), From: int64(from), Rows: 50, Finished: from+50 == records, Candidates: c,
					})
					if err != nil && !errors.Is(err, db.ErrMoved) {
						t.Error(err)
					}
					mu.Lock()
					added.Items += got.Items
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if added.Items != records || q.counted("")["pending unread"] != records {
			t.Errorf("%d items were added, %v counted; want %d", added.Items, q.counted(""), records)
		}
		finished, err := q.FinishedFiles(t.Context(), []string{"f1", "f2", "f3", "f4"})
		if d := cmp.Diff(map[string]bool{"f1": true, "f2": true, "f3": true}, finished); d != "" || err != nil {
			t.Errorf("finished files (-want +got):\n%s%v", d, err)
		}
	})
}

func TestNearDuplicatesComeLast(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		alike := func(id string, worth float64) db.Candidate {
			c := candidate(id, worth)
			c.Fingerprint = 7
			return c
		}
		random := alike("random", 0.1)
		random.Item.Origin = review.Random
		if added := q.add(alike("first", 0.5), alike("second", 0.9)); added.Duplicates != 1 {
			t.Errorf("added %+v", added)
		}
		if added := q.add(alike("third", 0.9), random, candidate("other", 0.1)); added.Duplicates != 1 {
			t.Errorf("added %+v", added)
		}
		if it := q.state("first", review.Pending); it.Duplicates != 2 {
			t.Errorf("the first stands for %d", it.Duplicates)
		}
		var got []string
		for range 5 {
			id := q.next("ada")
			got = append(got, id)
			q.answer("ada", id, "a")
		}
		if d := cmp.Diff([]string{"first", "other", "second", "third", "random"}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestSimilar(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		for i, amount := range []float64{1, 100, 3, 50} {
			c := candidate(fmt.Sprint("a", amount), 0.9-float64(i)/10)
			c.Item.Prediction.Features[0].Value.Num = amount
			q.add(c)
			q.answer("ada", q.next("ada"), "a")
		}
		c := candidate("asked", 0.5)
		c.Item.Prediction.Features[0].Value.Num = 2.5
		q.add(c)
		list, err := q.Similar(t.Context(), "asked", 2)
		if err != nil || len(list) != 2 || list[0].ID != "a3" || list[1].ID != "a1" {
			t.Errorf("similar: %+v, %v", list, err)
		}
	})
}

func TestSimilarLooksAtABoundedNumber(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		for i := range 52 {
			q.add(candidate(fmt.Sprint("i", i), 0.5))
			q.answer("ada", q.next("ada"), "a")
		}
		if list, err := q.Similar(t.Context(), "i51", 100); err != nil || len(list) != 50 {
			t.Errorf("%d items, %v", len(list), err)
		}
	})
}

func TestPages(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		var all []db.Candidate
		for i := range 7 {
			all = append(all, candidate(fmt.Sprint("i", i), 0.5))
		}
		q.add(all...)
		var got []string
		after := ""
		for range 10 {
			list, next, err := q.List(t.Context(), db.Filter{State: review.Pending, Monitor: "fraud", Origin: review.Outlier, After: after, Limit: 3})
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range list {
				got = append(got, it.ID)
			}
			if after = next; after == "" {
				break
			}
		}
		if d := cmp.Diff([]string{"i0", "i1", "i2", "i3", "i4", "i5", "i6"}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if _, _, err := q.List(t.Context(), db.Filter{State: review.Pending, After: "!"}); !errors.Is(err, review.ErrInvalid) {
			t.Errorf("a page from nowhere: %v", err)
		}
	})
}

func TestProgressAndAgreement(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Overlap = 2 })
		q.add(candidate("one", 0.9), candidate("two", 0.8))
		q.next("ada")
		q.next("bo")
		q.answer("ada", "one", "a")
		q.answer("bo", "one", "b")
		q.answer("ada", q.next("ada"), "a")
		p, err := q.Progress(t.Context(), noon)
		if err != nil || len(p.People) != 2 || p.People[0].Person != "ada" || p.People[0].Answered != 2 || len(p.Days) != 1 || p.Days[0].Answered != 3 ||
			!p.Days[0].Day.Equal(noon.Truncate(24*time.Hour)) {
			t.Errorf("progress %+v, %v", p, err)
		}
		judged, err := q.Judged(t.Context(), noon)
		if err != nil || len(judged) != 1 || !cmp.Equal(judged[0].People, []string{"ada", "bo"}) || judged[0].Labels[1].Class != "b" {
			t.Errorf("judged %+v, %v", judged, err)
		}
	})
}

// fill makes a queue that has something in every table.
func fill(q *queue) {
	q.Helper()
	q.configure(func(r *wire.Review) { r.Overlap = 2 })
	var all []db.Candidate
	for i := range 450 {
		all = append(all, candidate(fmt.Sprintf("item-%03d", i), float64(i)/1000, "new", "rich"))
	}
	q.add(all...)
	for range 20 {
		q.answer("ada", q.next("ada"), "a")
		q.answer("bo", q.next("bo"), "b")
	}
	q.publish()
	q.next("ada")
	q.answer("bo", q.next("bo"), "ü\x00")
}

func TestMovingToPostgresAndBackLosesNothing(t *testing.T) {
	t.Parallel()
	source := open(t, sqliteURL(t), document())
	source.configure(func(r *wire.Review) { r.Question.Labels = []string{"a", "b", "ü\uFFFD"} })
	fill(source)
	want, err := source.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows := int64(0)
	for _, c := range want {
		rows += c.Rows
	}
	if rows < 500 {
		t.Fatalf("the source has %d rows only", rows)
	}
	from := source.DB
	for _, url := range []string{postgres.URL(t), sqliteURL(t)} {
		to, err := db.Open(t.Context(), url, source.now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = to.Close() })
		copied, err := db.Copy(t.Context(), from, to)
		if d := cmp.Diff(want, copied); d != "" || err != nil {
			t.Fatalf("copied to %.8s (-want +got):\n%s%v", url, d, err)
		}
		if found, err := to.Contents(t.Context()); !cmp.Equal(want, found) || err != nil {
			t.Errorf("found there (-want +got):\n%s%v", cmp.Diff(want, found), err)
		}
		if _, err := db.Copy(t.Context(), from, to); !errors.Is(err, db.ErrNotEmpty) {
			t.Errorf("copied twice: %v", err)
		}
		from = to
	}
	// It goes on where it was.
	moved := &queue{TB: t, DB: from, clock: source.clock, doc: source.doc, keys: source.keys}
	moved.configure(func(*wire.Review) {})
	if got, want := moved.next("ada"), source.next("ada"); got != want {
		t.Errorf("ada held %q, and gets %q after the move", want, got)
	}
	if a, b := source.next("cyd"), moved.next("cyd"); a != b {
		t.Errorf("the next item was %q, and is %q after the move", a, b)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	q := open(t, sqliteURL(t), document())
	q.configure(func(r *wire.Review) { r.Question.Labels = []string{"a", "b", "ü\uFFFD"} })
	fill(q)
	want, err := q.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := q.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := q.Backup(t.Context(), path); err == nil {
		t.Error("a backup was overwritten")
	}
	q.answer("ada", q.next("ada"), "a") // It is in the queue, not in the backup.
	restored := open(t, "sqlite:"+path, q.doc)
	if got, err := restored.Contents(t.Context()); !cmp.Equal(want, got) || err != nil {
		t.Errorf("(-want +got):\n%s%v", cmp.Diff(want, got), err)
	}
}

func TestURLsAreChecked(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "queue.db", "sqlite:", "sqlite://host/x", "mysql://x", "postgres://user:secret@host:port/x"} {
		d, err := db.Open(t.Context(), url, time.Now)
		if err == nil {
			_ = d.Close()
			t.Errorf("Open(%q) succeeded", url)
		}
	}
}
