// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"

	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/ingest"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

var (
	noon   = time.Date(2001, 6, 1, 12, 0, 0, 0, time.UTC)
	layout = store.Layout{Cluster: "eu", Namespace: "air", Monitor: "flights"}
	schema = []wire.Feature{
		{Name: "distance", Type: wire.Numeric}, {Name: "passenger", Type: wire.Text}, {Name: "origin", Type: wire.Categorical},
	}
)

func document() wire.Review {
	return wire.Review{
		Cluster: "eu", Namespace: "air", Queue: "desk", Revision: "r1",
		Monitors: []wire.ReviewMonitor{{Name: "flights", Weight: 1, Schema: wire.Schema{
			Features: schema, Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"ontime", "late"}},
		}}},
		Select:   wire.ReviewSelect{Outliers: true, RandomShare: 0.2},
		Priority: wire.ReviewPriority{Uncertainty: 1, Rules: []wire.ReviewRule{{Name: "far", When: "f.distance > 2000.0", Weight: 1}, {Name: "wrong", When: "f.nothing > 1.0"}}},
		Redact:   []string{"passenger"}, Overlap: 1, LeaseSeconds: 60,
	}
}

// row is an outlier when i is even.
func row(i int) record.Row {
	r := record.Row{
		RecordID: fmt.Sprint("r", i), LabelKey: fmt.Sprint("flight ", i), Time: noon.Add(time.Duration(i) * time.Second), Outcome: record.OutcomeOK,
		Monitor: "flights", ModelVersion: "v1", KeepProbability: 0.5, KeepReason: record.KeepSampled, Prediction: "late", Score: 0.6, Confidence: 0.6,
		Entropy: 0.97, Margin: 0.2, OutlierScore: 1, Segments: []string{"ATL"},
		Features: []record.Value{
			{Kind: record.Number, Num: float64(100 * i)}, {Kind: record.String, Str: fmt.Sprint("Ms. Secret ", i)}, {Kind: record.String, Str: "ATL"},
		},
	}
	if i%2 == 0 {
		r.KeepReason, r.KeepProbability, r.OutlierReasons, r.OutlierScore = record.KeepOutlier, 1, []string{"z:distance"}, 5
	}
	return r
}

// desk is a queue over a store.
type desk struct {
	*testing.T
	*db.DB
	bucket *store.Bucket
	reader *ingest.Reader
	doc    wire.Review
	path   string
	now    time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, bucket: store.Wrap(memblob.OpenBucket(nil)), doc: document(), path: t.TempDir() + "/queue.db", now: noon.Add(time.Hour)}
	clock := func() time.Time { return d.now }
	var err error
	if d.DB, err = db.Open(t.Context(), "sqlite:"+d.path, clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if err := d.Configure(t.Context(), d.doc); err != nil {
		t.Fatal(err)
	}
	d.reader = &ingest.Reader{Database: d.DB, Bucket: d.bucket, Now: clock}
	return d
}

func (d *desk) file(name string, from, to int) {
	d.Helper()
	var rows []record.Row
	for i := from; i < to; i++ {
		rows = append(rows, row(i))
	}
	d.rows(name, rows...)
}

func (d *desk) rows(name string, rows ...record.Row) {
	d.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, record.Records, schema, nil)
	if err != nil {
		d.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			d.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		d.Fatal(err)
	}
	d.put(name, b.Bytes())
}

func (d *desk) put(name string, content []byte) {
	d.Helper()
	if err := d.bucket.Create(d.Context(), layout.Rows(store.Records, "v1", noon, name), bytes.NewReader(content)); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) pass() ingest.Stats {
	d.Helper()
	stats, err := d.reader.Pass(d.Context(), &d.doc)
	if err != nil {
		d.Fatal(err)
	}
	return stats
}

func (d *desk) items() map[string]review.Item {
	d.Helper()
	items := map[string]review.Item{}
	list, _, err := d.List(d.Context(), db.Filter{State: review.Pending, Limit: 1000})
	if err != nil {
		d.Fatal(err)
	}
	for _, it := range list {
		items[it.ID] = it
	}
	return items
}

func TestOutliersAndARandomSliceBecomeItems(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.file("a", 0, 400)
	stats := d.pass()
	items := d.items()
	random := 0
	for i := range 400 {
		it, ok := items[fmt.Sprint("r", i)]
		switch {
		case i%2 == 0 && (!ok || it.Origin != review.Outlier || it.InclusionProbability != 1):
			t.Errorf("outlier %d is %+v", i, it)
		case i%2 == 1 && ok:
			random++
			if it.Origin != review.Random || math.Abs(it.InclusionProbability-0.1) > 1e-12 {
				t.Errorf("item %d of the slice is %+v", i, it)
			}
		}
		if ok && (len(it.Rules) == 1) != (i > 20) {
			t.Errorf("item %d has the rules %q", i, it.Rules)
		}
	}
	// Of 200 with a share of 0.2; it is the same 40 or so each time.
	if random < 20 || random > 60 || int(stats.Items) != 200+random || stats.Rows != 400 || stats.Files != 1 {
		t.Errorf("%d are of the random slice; %+v", random, stats)
	}
	if len(stats.Unfit) != 1 || !strings.Contains(stats.Unfit[0].Error(), `rule "wrong"`) {
		t.Errorf("unfit rules: %v", stats.Unfit)
	}
	if again := d.pass(); again.Files != 0 || again.Items != 0 {
		t.Errorf("another pass: %+v", again)
	}
	d.file("compacted", 0, 400) // the same rows in another file
	if again := d.pass(); again.Items != 0 || again.Known != stats.Items {
		t.Errorf("the same rows in another file: %+v", again)
	}
}

func TestWhatIsRedactedIsNowhereInTheDatabase(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.file("a", 0, 100)
	d.pass()
	for _, it := range d.items() {
		for _, f := range it.Prediction.Features {
			if f.Name == "passenger" {
				t.Fatalf("%s shows %+v", it.ID, f)
			}
		}
	}
	backup := t.TempDir() + "/backup.db"
	if err := d.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{d.path, d.path + "-wal", backup} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("Ms. Secret")) {
			t.Errorf("%s holds what is redacted", path)
		}
	}
}

func TestRulesDoNotSeeWhatIsRedacted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.doc.Priority.Rules = []wire.ReviewRule{{Name: "vip", When: "f.passenger == 'Ms. Secret 2'"}, {Name: "far", When: "f.distance > 100.0 && f.origin == 'ATL'"}}
	d.file("a", 0, 4)
	if stats := d.pass(); len(stats.Unfit) != 1 || !strings.Contains(stats.Unfit[0].Error(), `rule "vip"`) {
		t.Errorf("unfit rules: %v", stats.Unfit)
	}
	if rules := d.items()["r2"].Rules; !slices.Equal(rules, []string{"far"}) {
		t.Errorf("the item has the rules %q", rules)
	}
}

func TestAKeyThatNoLabelCanHaveIsLeftOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	long, longest := row(0), row(2)
	long.LabelKey, longest.LabelKey = strings.Repeat("k", label.MaxKey), strings.Repeat("k", label.MaxKey+1)
	d.rows("a", long, longest)
	d.pass()
	items := d.items()
	if got := len(items["r0"].Prediction.LabelKey); got != label.MaxKey {
		t.Errorf("a key that labels may have is stored with %d bytes", got)
	}
	if it, ok := items["r2"]; !ok || it.Prediction.LabelKey != "" {
		t.Errorf("the item with a longer one is %+v", it)
	}
}

func TestABacklogIsReadInTurns(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for i := range 52 {
		d.file(fmt.Sprint("f", i), i, i+1)
	}
	if stats := d.pass(); stats.Files != 50 || !stats.More {
		t.Errorf("the first turn: %+v", stats)
	}
	if stats := d.pass(); stats.Files != 2 || stats.More {
		t.Errorf("the second turn: %+v", stats)
	}
}

// killed is a database whose program dies after some chunks.
type killed struct {
	*db.DB
	left int
}

var errKilled = errors.New("killed")

func (k *killed) Ingest(ctx context.Context, c db.Chunk) (db.Added, error) {
	if k.left--; k.left < 0 {
		return db.Added{}, errKilled
	}
	return k.DB.Ingest(ctx, c)
}

func TestAnInterruptedFileIsReadOn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.file("a", 0, 5000)
	d.reader.Database = &killed{DB: d.DB, left: 1}
	stats, err := d.reader.Pass(t.Context(), &d.doc)
	if !errors.Is(err, errKilled) || stats.Rows == 0 {
		t.Fatalf("interrupted: %+v, %v", stats, err)
	}
	d.reader.Database = d.DB
	if rest := d.pass(); rest.Rows+stats.Rows != 5000 || rest.Known != 0 {
		t.Errorf("first %+v, then %+v", stats, rest)
	}
	shares, err := d.Shares(t.Context(), "flights")
	if d := cmp.Diff(map[string]float64{"ATL": 1}, shares); d != "" || err != nil {
		t.Errorf("shares (-want +got):\n%s%v", d, err)
	}
}

func TestADamagedFileIsPassedOver(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.put("broken", []byte("PAR1 this is no Parquet file PAR1"))
	d.file("sound", 0, 10)
	if stats := d.pass(); len(stats.Damaged) != 1 || stats.Files != 1 || stats.Items < 5 {
		t.Errorf("%+v", stats)
	}
	if stats := d.pass(); len(stats.Damaged) != 0 {
		t.Errorf("it was read again: %+v", stats)
	}
}

func TestALateFileIsFound(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.now = noon.Add(40 * time.Hour)
	d.pass()
	d.file("late", 0, 10)
	if stats := d.pass(); stats.Files != 0 {
		t.Errorf("each pass looks far back: %+v", stats)
	}
	d.now = d.now.Add(11 * time.Minute)
	if stats := d.pass(); stats.Files != 1 {
		t.Errorf("it was not found: %+v", stats)
	}
}

func TestAnErasedSubjectLeavesTheQueueAndStaysOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.file("a", 0, 10)
	d.pass()
	request := erasure.NewRequest(layout, erasure.LabelKey, "flight 4", d.now)
	if err := erasure.Ask(t.Context(), d.bucket, layout, request); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if n, err := ingest.Erase(t.Context(), d.DB, d.bucket, &d.doc, d.now); err != nil || n != want {
			t.Fatalf("erased %d, %v; want %d", n, err, want)
		}
	}
	done, err := erasure.GetDone(t.Context(), d.bucket, layout, request.ID, "queue-desk")
	if err != nil || done.Removed["items"] != 1 {
		t.Errorf("it says %+v, %v", done, err)
	}
	d.file("late", 4, 5)
	d.pass()
	if items := d.items(); items["r4"].ID != "" || items["r2"].ID == "" {
		t.Errorf("the queue holds %v", items)
	}
}

func TestASubjectIsErasedFromWhatAMonitorLeftBehind(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.file("a", 0, 10)
	d.pass()
	request := erasure.NewRequest(layout, erasure.LabelKey, "flight 4", d.now)
	if err := erasure.Ask(t.Context(), d.bucket, layout, request); err != nil {
		t.Fatal(err)
	}
	left := d.doc
	left.Monitors = []wire.ReviewMonitor{{Name: "another", Weight: 1}}
	if err := d.Configure(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	if n, err := ingest.Erase(t.Context(), d.DB, d.bucket, &left, d.now); err != nil || n != 1 {
		t.Errorf("erased %d, %v", n, err)
	}
	if items := d.items(); items["r4"].ID != "" || items["r2"].ID == "" {
		t.Errorf("the queue holds %v", items)
	}
}
