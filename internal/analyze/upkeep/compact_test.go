// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/store"
)

// settled is a store with files of an hour that can be compacted.
func settled(t testing.TB) *fixture {
	f := newFixture(t)
	at := ago(10)
	all := rowsAt(at, "pod", 40)
	for _, folder := range []store.Folder{store.Predictions, store.Records} {
		f.rows(folder, "v1", at, "a", all[:20]...)
		f.rows(folder, "v1", at, "b", all[15:]...) // Five rows twice, as after an upload that was repeated under another name.
		f.rows(folder, "v1", at, "c", rowsAt(at, "other", 3)...)
		f.rows(folder, "v2", at, "d", rowsAt(at, "v2", 3)...)
	}
	f.rows(store.Predictions, "v1", now.Add(-30*time.Hour), "young", rowsAt(now.Add(-30*time.Hour).Truncate(time.Hour), "young", 2)...)
	for i, name := range []string{"a", "b", "c"} {
		f.profiles(at, name, 5+i)
	}
	f.labels(ago(5), "batch-1", label.Row{LabelKey: "key-1"}, label.Row{RecordID: "pod-3-0"})
	f.labels(ago(5), "batch-2", label.Row{LabelKey: "key-2"})
	return f
}

func compactOnce(f *fixture) error {
	_, _, err := Compact(f.t.Context(), f.env())
	return err
}

func TestCompactMakesOneFileOfAnHourAndLosesNothing(t *testing.T) {
	t.Parallel()
	f := settled(t)
	predictions, records, counts := f.contents(store.Predictions, true), f.contents(store.Records, true), f.counts()
	report := f.must(Compact(t.Context(), f.env()))
	if got := report.Folders[store.Records]; got.RowsRepeated != 5 || got.FilesWritten != 2 || got.FilesDeleted != 4 {
		t.Errorf("records: %+v", got)
	}
	for _, folder := range []string{"records/version=v1/", "records/version=v2/", "profiles/", "labels/"} {
		if keys := f.keys(folder); len(keys) != 1 || !strings.Contains(keys[0], "/compacted-") {
			t.Errorf("%s holds %v, want one compacted file", folder, keys)
		}
	}
	if keys := f.keys("predictions/version=v1/"); len(keys) != 2 || !slices.ContainsFunc(keys, func(k string) bool { return strings.HasSuffix(k, "/young.parquet") }) {
		t.Errorf("predictions of v1 are %v: what is younger than the spool's retention must stay", keys)
	}
	if diff := cmp.Diff(predictions, f.contents(store.Predictions, true)); diff != "" {
		t.Errorf("predictions (-was +is):\n%s", diff)
	}
	if diff := cmp.Diff(records, f.contents(store.Records, true)); diff != "" {
		t.Errorf("records (-was +is):\n%s", diff)
	}
	if f.counts() != counts {
		t.Error("the profiles count something else now")
	}
	before := f.snapshot()
	if report := f.must(Compact(t.Context(), f.env())); len(report.Folders) != 0 {
		t.Errorf("the second run did %+v", report.Folders)
	}
	if diff := cmp.Diff(before, f.snapshot()); diff != "" {
		t.Errorf("the second run changed (-was +is):\n%s", diff)
	}
}

func TestALateFileIsMergedAndAReplacedOneThatComesAgainIsDropped(t *testing.T) {
	t.Parallel()
	f := settled(t)
	at := ago(10)
	f.must(Compact(t.Context(), f.env()))
	late := rowsAt(at, "late", 4)
	f.rows(store.Predictions, "v1", at, "late", late...)
	f.profiles(at, "late", 4)
	counts := f.counts()
	f.profiles(at, "a", 5) // An upload that was repeated after all.
	if f.counts() != counts {
		t.Error("a file that was replaced counts again")
	}
	f.must(Compact(t.Context(), f.env()))
	if f.counts() != counts {
		t.Error("compaction changed the counts")
	}
	for _, folder := range []string{fmt.Sprintf("predictions/version=v1/dt=%s/", at.Format("2006-01-02")), "profiles/"} {
		if keys := f.keys(folder); len(keys) != 1 {
			t.Errorf("%s holds %v", folder, keys)
		}
	}
	if n := len(f.contents(store.Predictions, true)); n != 40+3+3+2+4 {
		t.Errorf("%d predictions", n)
	}
	f.profiles(at, "a", 5) // And once more: its name is remembered through both generations.
	f.must(Compact(t.Context(), f.env()))
	if f.counts() != counts {
		t.Error("the second generation has forgotten what the first replaced")
	}
}

func TestCompactIsContinuedWhereverItIsKilled(t *testing.T) {
	t.Parallel()
	counts, predictions := settled(t).counts(), settled(t).contents(store.Predictions, true)
	cutShort(t, func() *fixture { return settled(t) }, compactOnce, func(f *fixture) {
		// At any moment a reader sees everything, and nothing twice.
		if f.counts() != counts {
			t.Error("between two steps the profiles count something else")
		}
		if diff := cmp.Diff(predictions, f.contents(store.Predictions, true)); diff != "" {
			t.Errorf("between two steps (-want +got):\n%s", diff)
		}
	})
}

func TestADamagedFileIsLeftAloneAndTold(t *testing.T) {
	t.Parallel()
	f := settled(t)
	key := layout.Rows(store.Predictions, "v1", ago(10), "damaged")
	f.put(key, []byte("PAR1 is not enough"))
	body, err := f.bucket.Get(t.Context(), layout.Rows(store.Predictions, "v1", ago(10), "c"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	torn := bytes.Clone(body) // The footer is whole, a page is not.
	for i := range 40 {
		torn[10+i] ^= 0xff
	}
	tornKey := layout.Rows(store.Predictions, "v1", ago(10), "torn")
	f.put(tornKey, torn)
	report := f.must(Compact(t.Context(), f.env()))
	if got := report.Folders[store.Predictions].Damaged; !slices.Contains(got, key) || !slices.Contains(got, tornKey) {
		t.Errorf("damaged: %v", got)
	}
	if keys := f.keys("predictions/version=v1/dt=2026-05-10/"); len(keys) != 3 {
		t.Errorf("the files are %v, want one compacted and the damaged ones", keys)
	}
}
