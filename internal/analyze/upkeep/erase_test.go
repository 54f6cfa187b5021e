// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

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
