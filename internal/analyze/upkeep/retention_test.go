// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// aged is a store with hours of all ages.
func aged(t testing.TB) *fixture {
	f := newFixture(t)
	for _, days := range []int{3, 8, 21, 41, 60} {
		at := ago(days)
		name := fmt.Sprint("d", days)
		for _, folder := range []store.Folder{store.Predictions, store.Records} {
			f.rows(folder, "v1", at, name, rowsAt(at, name, 6)...)
		}
		f.profiles(at, name, 4)
		f.labels(at, name, label.Row{LabelKey: "key-1"})
		for _, kind := range []string{"drift", "outliers"} {
			f.put(layout.Report(kind, at.Add(-day), at, name, "report.json"), []byte(`{"top":[]}`))
		}
	}
	f.put(layout.Prefix()+"checks/probe", nil)
	f.put(layout.Prefix()+"baselines/b/summary.json", []byte("{}"))
	f.put("us/payments/fraud/predictions/version=v1/dt=2020-01-01/hh=00/other.parquet", nil)
	return f
}

func retainOnce(f *fixture) error {
	_, _, err := Retention(f.t.Context(), f.env())
	return err
}

func daysOf(keys []string) map[string]int {
	days := map[string]int{}
	for _, key := range keys {
		_, d, _ := strings.Cut(key, "dt=")
		at, err := time.Parse("2006-01-02", d[:10])
		if err == nil {
			days[fmt.Sprint(int(now.Truncate(day).Sub(at)/day))]++
		}
	}
	return days
}

func TestRetentionDeletesWhatIsOldEnoughAndNothingElse(t *testing.T) {
	t.Parallel()
	f := aged(t)
	predictions := f.contents(store.Predictions, true)
	report := f.must(Retention(t.Context(), f.env()))
	for folder, want := range map[string]map[string]int{
		"predictions/": {"3": 1, "8": 1, "21": 1}, "records/": {"3": 1, "8": 1}, "profiles/": {"3": 1, "8": 1, "21": 1, "41": 1}, "labels/": {"3": 1, "8": 1, "21": 1},
	} {
		if diff := cmp.Diff(want, daysOf(f.keys(folder))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", folder, diff)
		}
	}
	kept := f.contents(store.Predictions, true)
	for _, row := range kept {
		if !slices.Contains(predictions, row) {
			t.Errorf("a row that stays reads otherwise: %s", row)
		}
	}
	if len(kept) != 3*6 {
		t.Errorf("%d predictions stay", len(kept))
	}
	if len(f.keys("reports/outliers/")) != 2 || len(f.keys("reports/drift/")) != 4 || len(f.keys("baselines/")) != 1 {
		t.Errorf("reports and baselines are %v", append(f.keys("reports/"), f.keys("baselines/")...))
	}
	if other := len(slices.Collect(func(yield func(string) bool) {
		for item, err := range f.bucket.List(t.Context(), "us/") {
			if err != nil || !yield(item.Key) {
				return
			}
		}
	})); other != 1 {
		t.Error("another cluster's files are gone")
	}
	if got := report.Folders[store.Records].BodiesRemoved; got != 6 {
		t.Errorf("%d bodies were removed, want those of the 6 rows of 8 days ago", got)
	}
	for _, key := range f.keys("records/") {
		bodies := 0
		for row := range rowsOf(t, f, key) {
			if row.Request != nil || row.Response != nil {
				bodies++
			}
			if row.RequestSHA256 == "" || len(row.Features) != 2 {
				t.Errorf("a row of %s lost more than its bodies", key)
			}
		}
		young := strings.Contains(key, ago(3).Format("2006-01-02"))
		if young != (bodies > 0) || young == strings.Contains(key, bare) {
			t.Errorf("%d rows of %s have bodies", bodies, key)
		}
	}
	before := f.snapshot()
	f.must(Retention(t.Context(), f.env()))
	if diff := cmp.Diff(before, f.snapshot()); diff != "" {
		t.Errorf("the second run changed (-was +is):\n%s", diff)
	}
	// Compaction keeps the mark, so that nobody looks for bodies again.
	f.must(Compact(t.Context(), f.env()))
	if keys := f.keys("records/version=v1/dt=" + ago(8).Format("2006-01-02")); len(keys) != 1 || !strings.Contains(keys[0], bare) {
		t.Errorf("after compaction: %v", keys)
	}
}

func TestRetentionIsContinuedWhereverItIsKilled(t *testing.T) {
	t.Parallel()
	cutShort(t, func() *fixture { return aged(t) }, retainOnce, nil)
}

func TestRetentionWithoutAgesDeletesNothing(t *testing.T) {
	t.Parallel()
	f := aged(t)
	e := f.env()
	e.Config.Retention = wire.Retention{}
	before := f.snapshot()
	if _, _, err := Retention(t.Context(), e); err == nil || !strings.Contains(err.Error(), "retention") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(before, f.snapshot()); diff != "" {
		t.Errorf("(-was +is):\n%s", diff)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteLifecycle(&b, newFixture(t).env().Config, "/prefix/"); err != nil {
		t.Fatal(err)
	}
	var rules lifecycle
	if err := json.Unmarshal(b.Bytes(), &rules); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range rules.Rules {
		if r.Expiration != nil {
			got[r.Filter["Prefix"]] = r.Expiration.Days
		}
	}
	want := map[string]int{
		"prefix/eu/payments/fraud/predictions/": 44, "prefix/eu/payments/fraud/pairs/": 44, "prefix/eu/payments/fraud/records/": 24,
		"prefix/eu/payments/fraud/profiles/": 54, "prefix/eu/payments/fraud/labels/": 44,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
