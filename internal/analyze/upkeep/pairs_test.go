// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
)

// pairs stores the pairs of rows, as the sidecar does.
func (f *fixture) pairs(at time.Time, name string, rows ...record.Row) {
	f.t.Helper()
	var b bytes.Buffer
	w, err := record.NewPairWriter(&b)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, row := range rows {
		p := record.Pair{PairID: row.RecordID, RequestID: row.RequestID, Time: row.Time, Rollout: "fraud", Outcome: record.PairCompared}
		if err := w.Write(&p); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.put(layout.Pairs("fraud", "0123456789", at, name), b.Bytes())
}

// pairIDs are those of all pairs that are stored.
func (f *fixture) pairIDs() []string {
	f.t.Helper()
	var ids []string
	for _, key := range f.keys("pairs/") {
		body, err := f.bucket.Get(f.t.Context(), layout.Prefix()+key, 1<<20)
		if err != nil {
			f.t.Fatal(err)
		}
		for p, err := range record.ReadPairs(bytes.NewReader(body), int64(len(body))) {
			if err != nil {
				f.t.Fatal(err)
			}
			ids = append(ids, p.PairID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestPairsGoWithThePredictions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, days := range []int{3, 21, 41} {
		f.pairs(ago(days), "a", rowsAt(ago(days), "a", 2)...)
	}
	f.must(Retention(t.Context(), f.env()))
	if d := cmp.Diff(map[string]int{"3": 1, "21": 1}, daysOf(f.keys("pairs/"))); d != "" {
		t.Errorf("files by their age in days (-want +got):\n%s", d)
	}
}

func TestPairsOfASubjectAreErased(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rows := rowsAt(ago(5), "a", 6)
	f.rows(store.Predictions, "v1", ago(5), "a", rows...)
	f.pairs(ago(5), "a", rows[:3]...)
	f.pairs(ago(5), "b", rows[3:]...)
	report := f.must(Erase(t.Context(), f.env(), erasure.LabelKey, "key-1"))
	if got := report.Folders[store.Pairs]; got == nil || got.RowsErased != 2 {
		t.Errorf("pairs: %+v, want 2 rows erased", got)
	}
	want := []string{"a-0-0", "a-2-0", "a-3-0", "a-5-0"}
	if d := cmp.Diff(want, f.pairIDs()); d != "" {
		t.Errorf("pairs that are left (-want +got):\n%s", d)
	}
	// A file that comes late holds the subject again, until its hour is compacted.
	f.pairs(ago(5), "late", rows...)
	f.must(Compact(t.Context(), f.env()))
	if d := cmp.Diff(want, f.pairIDs()); d != "" || len(f.keys("pairs/")) != 1 {
		t.Errorf("files %v, pairs (-want +got):\n%s", f.keys("pairs/"), d)
	}
}
