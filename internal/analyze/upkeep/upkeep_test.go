// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
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

func TestLegalHolds(t *testing.T) {
	t.Parallel()
	hold := func(h Hold) []byte {
		b, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, tc := range map[string]struct {
		hold []byte
		// old are the predictions of 41 days ago that stay, records those of 21 days ago, bodies those of 8 days ago.
		old, records, bodies int
		err                  string
	}{
		"none":             {nil, 0, 0, 0, ""},
		"everything":       {hold(Hold{All: true}), 6, 6, 6, ""},
		"a time":           {hold(Hold{From: ago(22), To: ago(20)}), 0, 6, 0, ""},
		"a time on":        {hold(Hold{From: ago(22)}), 0, 6, 6, ""},
		"a label key":      {hold(Hold{LabelKeys: []string{"key-1"}}), 2, 2, 2, ""},
		"a record":         {hold(Hold{RecordIDs: []string{"d41-4-0", "d8-1-0"}}), 1, 0, 1, ""},
		"one that is over": {hold(Hold{All: true, Until: now.Add(-time.Hour)}), 0, 0, 0, ""},
		"a mistyped one":   {[]byte(`{"labelKey":["key-1"]}`), 6, 6, 6, "correct or remove it"},
		"an empty one":     {[]byte(`{"reason":"case 7"}`), 6, 6, 6, "covers nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := aged(t)
			if tc.hold != nil {
				f.put(layout.Prefix()+"holds/case-7.json", tc.hold)
			}
			for range 2 { // The second run must find the same.
				_, _, err := Retention(t.Context(), f.env())
				if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
			}
			count := func(folder store.Folder, days int, which func(body bool) bool) (n int) {
				for _, key := range f.keys(string(folder) + "/version=v1/dt=" + ago(days).Format("2006-01-02")) {
					for row := range rowsOf(t, f, key) {
						if which(row.Request != nil) {
							n++
						}
					}
				}
				return n
			}
			any, with := func(bool) bool { return true }, func(body bool) bool { return body }
			if got := [3]int{count(store.Predictions, 41, any), count(store.Records, 21, any), count(store.Records, 8, with)}; got != [3]int{tc.old, tc.records, tc.bodies} {
				t.Errorf("%v rows stay, want %v", got, [3]int{tc.old, tc.records, tc.bodies})
			}
		})
	}
}

// subject is a store in which "key-1" is in every place.
func subject(t testing.TB) *fixture {
	f := aged(t)
	f.labels(ago(2), "by-record", label.Row{RecordID: "d8-4-0"}, label.Row{RecordID: "d8-3-0"})
	f.labels(ago(2), "by-request", label.Row{RequestID: "q-d3-1"}, label.Row{RequestID: "q-d3-2"})
	report := analyze.OutliersReport{Top: []analyze.Prediction{{RecordID: "x", LabelKey: "key-1"}, {RecordID: "d3-1-0"}, {RecordID: "d3-2-0", LabelKey: "key-2"}}}
	var b bytes.Buffer
	if err := report.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	f.put(layout.Report("outliers", ago(1), ago(0), "r", "report.json"), b.Bytes())
	f.dataset("d3-0-0 key-0", "d3-1-0 key-1", "d8-4-0 key-1", "d8-5-0 key-2")
	f.dataset("d3-0-0 key-0", "d3-2-0 key-2")
	return f
}

// dataset stores a version with rows of the named records and label keys.
func (f *fixture) dataset(names ...string) {
	f.t.Helper()
	var rows []dataset.Row
	for _, name := range names {
		record, key, _ := strings.Cut(name, " ")
		rows = append(rows, dataset.Row{RecordID: record, LabelID: "l-" + record, LabelKey: key, Time: ago(3), Class: "fraud", Source: "file", Weight: 1, KeepProbability: 1})
	}
	c := dataset.Content{Cluster: layout.Cluster, Namespace: layout.Namespace, Monitor: layout.Monitor, Classes: map[string]int64{"fraud": int64(len(rows))}}
	m, err := restated(c, rows, dataset.Provenance{Run: "built"}, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := dataset.Store(f.t.Context(), f.bucket, layout, m, rows); err != nil {
		f.t.Fatal(err)
	}
}

func TestEraseRemovesASubjectFromEveryPlace(t *testing.T) {
	t.Parallel()
	f := subject(t)
	report := f.must(Erase(t.Context(), f.env(), erasure.LabelKey, "key-1"))
	for folder, want := range map[store.Folder]int64{store.Predictions: 10, store.Records: 10, store.LabelFolder: 5 + 2, reports: 2, datasets: 2} {
		if got := report.Folders[folder]; got == nil || got.RowsErased != want {
			t.Errorf("%s: %+v, want %d rows erased", folder, got, want)
		}
	}
	noTrace(t, f, "key-1")
	replaced, rows := 0, int64(0)
	for digest, err := range f.bucket.Folders(t.Context(), layout.AllDatasets()) {
		if err != nil {
			t.Fatal(err)
		}
		m, err := dataset.Load(t.Context(), f.bucket, layout, digest)
		if err != nil {
			t.Fatal(err)
		}
		if rows += m.Content.Rows; m.Provenance.Replaces != "" {
			replaced++
			if want := []wire.Restatement{{From: m.Provenance.Replaces, To: digest}}; !slices.Equal(report.Restated, want) {
				t.Errorf("the report says that %+v were restated, want %+v", report.Restated, want)
			}
			if m.Content.Excluded["erased"] != 2 || m.Content.Classes["fraud"] != 2 || m.Provenance.Run != "built" {
				t.Errorf("restated: %+v", m)
			}
		}
	}
	if replaced != 1 || rows != 4 || len(f.keys("datasets/")) != 4 {
		t.Errorf("%d versions were restated, and %d rows are left: %v", replaced, rows, f.keys("datasets/"))
	}
	if n := len(f.contents(store.Predictions, true)); n != 20 {
		t.Errorf("%d predictions are left, want 20", n)
	}
	// A late file of the same subject is erased by the next compaction.
	f.rows(store.Predictions, "v1", ago(9), "late", rowsAt(ago(9), "late", 6)...)
	f.labels(ago(3), "late", label.Row{LabelKey: "key-1"}, label.Row{LabelKey: "key-0"})
	f.must(Compact(t.Context(), f.env()))
	noTrace(t, f, "key-1")
	if again := f.must(Erase(t.Context(), f.env(), erasure.LabelKey, "key-1")); again.total(func(t *Tally) int64 { return t.RowsErased }) != 0 {
		t.Errorf("erased again: %+v", again.Folders)
	}
	done, err := erasure.GetDone(t.Context(), f.bucket, layout, report.Erasure, "store")
	if err != nil || done.By != "store" {
		t.Errorf("done: %+v, %v", done, err)
	}
}

func TestAnErasureSaysWhatItFoundAndWhatIsLeftToDo(t *testing.T) {
	t.Parallel()
	f := subject(t)
	for _, c := range []struct {
		of         erasure.Kind
		name, says string
		unknown    bool
	}{
		{erasure.LabelKey, "kye-1", "nothing in the store was about this subject", true},
		{erasure.RecordID, "d3-1-0", "erase by --label-key", false},
		{erasure.RecordID, "d3-1-0", "erase by --label-key", false}, // again
		{erasure.LabelKey, "key-1", "queue-<name>.done.json", false},
	} {
		report, v, err := Erase(t.Context(), f.env(), c.of, c.name)
		f.must(report, v, err)
		var b strings.Builder
		if err := report.WriteText(&b); err != nil || !strings.Contains(b.String(), c.says) || !strings.Contains(b.String(), "erasure "+report.Erasure) || strings.Contains(b.String(), c.name) {
			t.Errorf("%s: %v\n%s\nwant %q", c.name, err, b.String(), c.says)
		}
		if told := strings.Contains(v.Message, unknownSubject); report.Unknown != c.unknown || told != c.unknown {
			t.Errorf("%s: unknown is %t, and the verdict says %q", c.name, report.Unknown, v.Message)
		}
	}
}

func TestADatasetIsFoundByItsFirstDigestAfterSeveralErasures(t *testing.T) {
	t.Parallel()
	f := subject(t)
	first := f.must(Erase(t.Context(), f.env(), erasure.LabelKey, "key-1")).Restated[0]
	second := f.must(Erase(t.Context(), f.env(), erasure.RecordID, "d8-5-0")).Restated[0]
	third := f.must(Erase(t.Context(), f.env(), erasure.RecordID, "d3-0-0")).Restated
	i := slices.IndexFunc(third, func(r wire.Restatement) bool { return r.From == second.To })
	if second.From != first.To || i < 0 {
		t.Fatalf("restated: %+v, %+v, %+v", first, second, third)
	}
	for _, digest := range []string{first.From, second.From, third[i].From, third[i].To} {
		if m, err := dataset.Current(t.Context(), f.bucket, layout, digest); err != nil || m.Digest != third[i].To || m.Content.Excluded[dataset.LeftErased] != 4 {
			t.Errorf("%s is now %s without %v (%v), want %s", digest, m.Digest, m.Content.Excluded, err, third[i].To)
		}
	}
	if _, err := dataset.Current(t.Context(), f.bucket, layout, strings.Repeat("0", 64)); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "none that replaces it") {
		t.Errorf("a dataset that never was: %v", err)
	}
}

// noTrace looks for a name in every object, and in every row.
func noTrace(t *testing.T, f *fixture, name string) {
	t.Helper()
	for _, key := range f.keys("") {
		body, err := f.bucket.Get(t.Context(), layout.Prefix()+key, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(body, []byte(name)) {
			t.Errorf("%s still names the subject", key)
		}
		if strings.HasPrefix(key, "predictions/") || strings.HasPrefix(key, "records/") {
			for row := range rowsOf(t, f, key) {
				if row.LabelKey == name {
					t.Errorf("a row of %s is still there", key)
				}
			}
		}
		if strings.HasSuffix(key, "/manifest.json") {
			m, err := dataset.Decode(body)
			if err == nil {
				err = dataset.EachRow(t.Context(), f.bucket, layout, m, func(row *dataset.Row) error {
					if row.LabelKey == name {
						t.Errorf("a row of the dataset %s is still there", m.Digest)
					}
					return nil
				})
			}
			if err != nil {
				t.Error(err)
			}
		}
		if strings.HasPrefix(key, "labels/") {
			for row, err := range label.Read(bytes.NewReader(body), int64(len(body))) {
				if err != nil || row.LabelKey == name || row.RecordID == "d8-4-0" || row.RequestID == "q-d3-1" {
					t.Errorf("a label in %s is still there: %+v, %v", key, row, err)
				}
			}
		}
	}
}

func TestEraseIsContinuedWhereverItIsKilled(t *testing.T) {
	t.Parallel()
	f := cutShort(t, func() *fixture { return subject(t) }, func(f *fixture) error {
		_, v, err := Erase(f.t.Context(), f.env(), erasure.LabelKey, "key-1")
		if err == nil && len(v.Restated) != 1 {
			t.Errorf("the run that ends says that %+v were restated, want the one that is", v.Restated)
		}
		return err
	}, nil)
	noTrace(t, f, "key-1")
}

func TestALegalHoldRefusesAnErasure(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]Hold{"of everything": {All: true}, "of the subject": {LabelKeys: []string{"key-1"}}} {
		f := subject(t)
		document, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		f.put(layout.Prefix()+"holds/case-7.json", document)
		before := f.snapshot()
		_, _, err = Erase(t.Context(), f.env(), erasure.LabelKey, "key-1")
		if err == nil || !strings.Contains(err.Error(), "case-7") || strings.Contains(err.Error(), "key-1") {
			t.Errorf("a hold %s: %v, want a refusal that names the hold and not the subject", name, err)
		}
		if v := f.env().Failed(KindErase, err); v.Reason != ReasonHeld {
			t.Errorf("reason %s", v.Reason)
		}
		if diff := cmp.Diff(before, f.snapshot()); diff != "" || len(f.keys("erasures/")) != 0 {
			t.Errorf("a hold %s (-was +is):\n%s", name, diff)
		}
	}
	f := subject(t)
	f.put(layout.Prefix()+"holds/case-8.json", []byte(`{"from":"`+ago(9).Format(time.RFC3339)+`","to":"`+ago(7).Format(time.RFC3339)+`"}`))
	report := f.must(Erase(t.Context(), f.env(), erasure.LabelKey, "key-1"))
	if got := report.Folders[store.Predictions]; got.RowsErased != 8 || got.RowsHeld != 2 {
		t.Errorf("with a hold of a time: %+v, want 8 rows erased and 2 kept", got)
	}
	// Once the hold is lifted, asking again erases the rest.
	if err := f.bucket.Delete(t.Context(), layout.Prefix()+"holds/case-8.json"); err != nil {
		t.Fatal(err)
	}
	f.must(Erase(t.Context(), f.env(), erasure.LabelKey, "key-1"))
	noTrace(t, f, "key-1")
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	f := settled(t)
	e := f.env()
	other, err := takeLease(t.Context(), e, layout, KindRetention)
	if err != nil {
		t.Fatal(err)
	}
	began := f.now
	f.must(Compact(t.Context(), f.env())) // It waits until the other's lease has expired.
	if waited := f.now.Sub(began); waited < leaseLength || waited > leaseLength+time.Minute {
		t.Errorf("it waited %s", waited)
	}
	if other, err = takeLease(t.Context(), e, layout, KindRetention); err != nil {
		t.Fatal(err)
	}
	stuck := f.env()
	stuck.Wait = func(ctx context.Context, d time.Duration) error {
		f.now = f.now.Add(d)
		return other.keep(ctx)
	}
	if _, _, err := Compact(t.Context(), stuck); f.env().Failed(KindCompact, err).Reason != ReasonBusy {
		t.Errorf("while the other goes on: %v, want Busy", err)
	}
	if err := other.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	mine, err := takeLease(t.Context(), f.env(), layout, KindCompact)
	if err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(leaseLength) // It did not get on, and another took over.
	if _, err := takeLease(t.Context(), f.env(), layout, KindErase); err != nil {
		t.Fatal(err)
	}
	if err := mine.keep(t.Context()); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("keeping a lease that is another's: %v", err)
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
		"prefix/eu/payments/fraud/predictions/": 44, "prefix/eu/payments/fraud/records/": 24,
		"prefix/eu/payments/fraud/profiles/": 54, "prefix/eu/payments/fraud/labels/": 44,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
