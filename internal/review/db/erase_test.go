// SPDX-License-Identifier: Apache-2.0

package db_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/wire"
)

var his = db.Subject{Monitor: "fraud", Matches: func(_, key, _ string) bool { return key == "key-his" }}

func TestMonitorsThatLeftAreKnownWhileSomethingOfThemIsHere(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		want := func(step string, want ...string) {
			t.Helper()
			got, err := q.Monitors(t.Context())
			if d := cmp.Diff(want, got); d != "" || err != nil {
				t.Errorf("%s (-want +got):\n%s%v", step, d, err)
			}
		}
		want("empty")
		q.add(candidate("his", 0.9))
		q.answer("ada", q.next("ada"), "a")
		q.configure(func(r *wire.Review) { r.Monitors = nil })
		want("an item", "fraud")
		if _, err := q.Freeze(t.Context(), 0, 100); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Erase(t.Context(), his); err != nil {
			t.Fatal(err)
		}
		want("a doomed file", "fraud")
	})
}

// A publisher that read the batch before the erasure may upload it after the first look, and die.
func TestADoomedFileIsLookedForForADay(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("his", 0.9))
		q.answer("ada", q.next("ada"), "a")
		if _, err := q.Freeze(t.Context(), 0, 100); err != nil {
			t.Fatal(err)
		}
		q.pass(3 * 24 * time.Hour) // The store was away: it is the erasure from which the day counts.
		if _, err := q.Erase(t.Context(), his); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 1, 1, 0} {
			list, err := q.Doomed(t.Context(), "fraud")
			if err != nil || len(list) != want {
				t.Fatalf("doomed are %v, %v; want %d", list, err, want)
			}
			for _, b := range list {
				if err := q.Deleted(t.Context(), b.Name); err != nil {
					t.Fatal(err)
				}
			}
			q.pass(13 * time.Hour)
		}
	})
}

func TestSQLiteKeepsNoBytesOfWhatWasErased(t *testing.T) {
	t.Parallel()
	q := open(t, sqliteURL(t), document())
	c := candidate("his", 0.9)
	c.Item.Prediction.TraceID = "his-trace"
	q.add(c, candidate("hers", 0.8))
	a := review.Answer{Key: q.key(), Item: q.next("ada"), Person: "ada", Label: says("a")}
	a.Label.Comment = "his-comment"
	if _, err := q.Answer(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	q.publish()
	found := func() (names []string) {
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(strings.TrimPrefix(q.url, "sqlite:") + suffix)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			for _, secret := range []string{"key-his", "his-trace", "his-comment"} {
				if bytes.Contains(b, []byte(secret)) {
					names = append(names, secret+" in queue.db"+suffix)
				}
			}
		}
		return names
	}
	if len(found()) == 0 {
		t.Fatal("it was not there before")
	}
	if erased, err := q.Erase(t.Context(), his); err != nil || erased.Items != 1 {
		t.Fatalf("erased %+v, %v", erased, err)
	}
	if got := found(); got != nil {
		t.Errorf("still there: %q", got)
	}
}
