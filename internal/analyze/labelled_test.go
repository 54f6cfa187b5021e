// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// lastDays is the window of the datasets of the tests.
var lastDays = Window{From: now.Add(-73 * time.Hour).Truncate(time.Hour), To: now.Truncate(time.Hour)}

// classroom is a store with labelled predictions: one each quarter of an hour, of which every third has a label key, every fifth
// is of Los Angeles, and the last third of version v2.
func classroom(t *testing.T) *Env {
	t.Helper()
	e := testEnv(t)
	e.Bucket = store.Wrap(memblob.OpenBucket(nil)) // hundreds of small files
	e.Config.Dataset = wire.Dataset{WindowSeconds: 72 * 3600, EvaluationWindows: 1}
	e.Config.Labels.KeyToleranceSeconds = 3600
	files := map[string][]record.Row{}
	n := int(lastDays.To.Sub(lastDays.From) / (15 * time.Minute))
	for i := range n {
		r := lesson(i)
		if i >= n*2/3 {
			r.ModelVersion = "v2"
		}
		for _, tier := range []store.Folder{store.Predictions, store.Records} {
			key := e.layout().Rows(tier, r.ModelVersion, r.Time, "pod")
			files[key] = append(files[key], r)
		}
	}
	for key, rows := range files {
		tier := record.Predictions
		if strings.Contains(key, "/records/") {
			tier = record.Records
		}
		var b bytes.Buffer
		w, err := record.NewWriter(&b, tier, e.Config.Schema.Features, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if err := w.Write(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		put(t, e, key, b.Bytes())
	}
	return e
}

func lesson(i int) record.Row {
	r := record.Row{
		RecordID: fmt.Sprintf("p-%04d-0", i), RequestID: fmt.Sprintf("q-%04d", i), Outcome: record.OutcomeOK, ModelVersion: "v1",
		Time: lastDays.From.Add(time.Duration(i) * 15 * time.Minute), Prediction: "ontime", Score: 0.2,
		KeepProbability: 0.25, KeepReason: record.KeepSampled, Segments: []string{"atl"},
		Features: []record.Value{{Kind: record.String, Str: "ATL"}, {Kind: record.Number, Num: float64(i)}, {Kind: record.Number, Num: 7}, {}},
	}
	if i%3 == 0 {
		r.LabelKey = fmt.Sprintf("k-%04d", i)
	}
	if i%5 == 0 {
		r.Segments, r.KeepReason, r.KeepProbability = []string{"lax"}, record.KeepOutlier, 1
	}
	return r
}

// teach stores labels of one time of receipt.
func teach(t *testing.T, e *Env, name string, received time.Time, rows ...label.Row) {
	t.Helper()
	for i := range rows {
		rows[i].Received = received
		rows[i].Identify(name + fmt.Sprint(i))
	}
	var b bytes.Buffer
	if err := label.Write(&b, rows); err != nil {
		t.Fatal(err)
	}
	put(t, e, e.layout().Labels(received, name), b.Bytes())
}

func lessonLabel(i int, class string) label.Row {
	nan := math.NaN()
	r := label.Row{Instance: -1, Kind: label.Truth, Class: class, Value: nan, Amount: nan, Agreement: nan, Selection: nan, Source: label.SourceFile}
	switch {
	case i%3 == 0:
		r.LabelKey, r.PredictionTime = fmt.Sprintf("k-%04d", i), lesson(i).Time.Add(10*time.Minute)
	case i%3 == 1:
		r.RequestID = fmt.Sprintf("q-%04d", i)
	default:
		r.RecordID, r.Source, r.Agreement = fmt.Sprintf("p-%04d-0", i), label.SourceReview, 0.5
	}
	return r
}

// taught labels the first 200 predictions.
func taught(t *testing.T) *Env {
	t.Helper()
	e := classroom(t)
	var rows []label.Row
	for i := range 200 {
		rows = append(rows, lessonLabel(i, []string{"ontime", "late"}[i%2]))
	}
	teach(t, e, "first", now.Add(-time.Hour), rows...)
	return e
}

func study(t *testing.T, e *Env, r DatasetRequest) (*dataset.Manifest, []dataset.Row) {
	t.Helper()
	r.Window = lastDays
	m, v, err := Dataset(t.Context(), e, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.EncodeVerdict(v); err != nil {
		t.Error(err)
	}
	if v.Outcome != wire.OutcomeSucceeded || v.Dataset != m.Digest || v.Rows != m.Content.Rows || !strings.HasSuffix(v.DatasetURI, "/datasets/"+m.Digest+"/") {
		t.Errorf("verdict %+v", v.VerdictHeader)
	}
	var rows []dataset.Row
	if err := dataset.EachRow(t.Context(), e.Bucket, e.layout(), *m, func(r *dataset.Row) error {
		c := *r
		c.Segments, c.Features = slices.Clone(r.Segments), slices.Clone(r.Features)
		rows = append(rows, c)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return m, rows
}

func TestADatasetHoldsWhatIsKnown(t *testing.T) {
	e := taught(t)
	m, rows := study(t, e, DatasetRequest{AskedBy: "ada", Reason: "why not", For: "run-9"})
	if len(rows) != 200 || m.Content.Rows != 200 {
		t.Fatalf("%d rows, want all 200", len(rows))
	}
	for i, r := range rows {
		want := lesson(i)
		if r.RecordID != want.RecordID || r.Class != []string{"ontime", "late"}[i%2] || !r.Time.Equal(want.Time) || r.LabelKey != want.LabelKey ||
			r.Features[1].Num != float64(i) || math.Abs(r.Weight*want.KeepProbability-1) > 1e-9 || r.LabelID == "" {
			t.Fatalf("row %d is %+v", i, r)
		}
	}
	if diff := cmp.Diff(map[string]int64{"late": 100, "ontime": 100}, m.Content.Classes); diff != "" {
		t.Errorf("classes: %s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"atl": 160, "lax": 40}, m.Content.Segments); diff != "" {
		t.Errorf("segments: %s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"file": 134, "review": 66}, m.Content.Sources); diff != "" {
		t.Errorf("sources: %s", diff)
	}
	if want := 160/0.25 + 40.0; m.Content.Weight != want {
		t.Errorf("they stand for %v predictions, want %v", m.Content.Weight, want)
	}
	if p := m.Provenance; p.AskedBy != "ada" || p.Reason != "why not" || p.For != "run-9" || p.ConfigRevision != "rev" || p.BaseVersion != "v2" {
		t.Errorf("provenance %+v", p)
	}
}

func TestTheSameInputsGiveTheSameVersion(t *testing.T) {
	e := taught(t)
	first, _ := study(t, e, DatasetRequest{AskedBy: "ada"})
	e.Run, e.Now = "run-2", e.Now.Add(time.Minute)
	second, _ := study(t, e, DatasetRequest{AskedBy: "bo"})
	if first.Digest != second.Digest {
		t.Errorf("digests %s and %s", first.Digest, second.Digest)
	}
	kept, err := dataset.Load(t.Context(), e.Bucket, e.layout(), first.Digest)
	if err != nil || kept.Provenance.AskedBy != "ada" {
		t.Errorf("the version of %q is %+v, %v", "ada", kept.Provenance, err)
	}
	other := taught(t)
	if m, _ := study(t, other, DatasetRequest{}); m.Digest != first.Digest {
		t.Error("the same predictions and labels in another store give another digest")
	}

	teach(t, e, "corrected", now.Add(-time.Minute), lessonLabel(4, "late"))
	third, _ := study(t, e, DatasetRequest{})
	if third.Digest == first.Digest {
		t.Error("a corrected label changes nothing")
	}
	d, _, err := DatasetDiff(t.Context(), e, first.Digest, third.Digest)
	if err != nil || d.Relabelled != 1 || d.Added+d.Removed != 0 || d.RelabelledIDs[0].RecordID != "p-0004-0" {
		t.Errorf("difference %+v, %v", d, err)
	}
	if _, _, err := DatasetDiff(t.Context(), e, first.Digest, strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "there is no dataset") {
		t.Errorf("a version that is not there: %v", err)
	}
}

func TestRulesLeaveOut(t *testing.T) {
	for name, tc := range map[string]struct {
		rules    func(*wire.Dataset)
		rows     int
		excluded map[string]int64
	}{
		"by segment":      {func(d *wire.Dataset) { d.Segments = []string{"lax"} }, 40, map[string]int64{"segment": 160}},
		"by version":      {func(d *wire.Dataset) { d.Versions = []string{"v2"} }, 6, map[string]int64{"version": 194}},
		"by label source": {func(d *wire.Dataset) { d.Sources = []string{"review"} }, 66, map[string]int64{"labelSource": 134}},
		"by agreement":    {func(d *wire.Dataset) { d.MinAgreement = 0.6 }, 134, map[string]int64{"agreement": 66}},
	} {
		t.Run(name, func(t *testing.T) {
			e := taught(t)
			tc.rules(&e.Config.Dataset)
			m, rows := study(t, e, DatasetRequest{})
			if len(rows) != tc.rows {
				t.Errorf("%d rows, want %d", len(rows), tc.rows)
			}
			if diff := cmp.Diff(tc.excluded, m.Content.Excluded); diff != "" {
				t.Errorf("left out (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("everything", func(t *testing.T) {
		e := taught(t)
		e.Config.Dataset.Versions = []string{"v9"}
		_, _, err := Dataset(t.Context(), e, DatasetRequest{Window: lastDays})
		var p *problem
		if !errors.As(err, &p) || p.reason != ReasonNoLabelledRows || !strings.Contains(err.Error(), "200 by version") {
			t.Errorf("an empty dataset: %v", err)
		}
	})
	t.Run("features that are redacted", func(t *testing.T) {
		e := taught(t)
		e.Config.Dataset.Redact = []string{"origin", "delay"}
		m, rows := study(t, e, DatasetRequest{})
		if diff := cmp.Diff([]dataset.Feature{{Name: "hour", Type: "Numeric"}, {Name: "holiday", Type: "Boolean"}}, m.Content.Features); diff != "" {
			t.Errorf("features: %s", diff)
		}
		if len(rows[3].Features) != 2 || rows[3].Features[0].Num != 7 {
			t.Errorf("row %+v", rows[3])
		}
		data, err := e.Bucket.Get(t.Context(), e.layout().DatasetFile(m.Digest, m.Content.Parts[0].Name), 1<<24)
		if err != nil || bytes.Contains(data, []byte("ATL")) || bytes.Contains(data, []byte("f_origin")) {
			t.Errorf("a redacted feature is in the file (%v)", err)
		}
	})
}

func TestNoModelIsTrainedOnWhatItIsJudgedBy(t *testing.T) {
	e := taught(t)
	day := func(n int) time.Time { return lastDays.From.Add(time.Duration(n) * 24 * time.Hour) }
	for i, outcome := range []wire.Outcome{wire.OutcomeStable, wire.OutcomeViolated, wire.OutcomeInsufficient} { // the last could not tell
		put(t, e, e.layout().Report(KindPerformance, day(i), day(i+1), fmt.Sprintf("run-%d", i), "report.json"), fmt.Appendf(nil, `{"outcome":%q}`, outcome))
	}
	put(t, e, e.layout().Report(KindPerformance, day(1), day(2), "again", "report.json"), []byte(`{"outcome":"Insufficient"}`))
	m, rows := study(t, e, DatasetRequest{})
	for _, r := range rows {
		if !r.Time.Before(day(1)) && r.Time.Before(day(2)) {
			t.Fatalf("%s is of a window by which models are judged", r.RecordID)
		}
	}
	want := []dataset.Span{{From: day(1), To: day(2)}}
	if diff := cmp.Diff(want, m.Content.Selection.Evaluation); diff != "" || m.Content.Excluded["evaluationWindow"] != 96 || len(rows) != 104 {
		t.Errorf("%d rows, %v left out, and the manifest says:\n%s", len(rows), m.Content.Excluded, diff)
	}

	_, _, err := Dataset(t.Context(), e, DatasetRequest{Window: lastDays, Explicit: true})
	var p *problem
	if !errors.As(err, &p) || p.reason != ReasonEvaluationOverlap || !strings.Contains(err.Error(), stamp(day(1))) {
		t.Errorf("a window that was asked for by hand: %v", err)
	}
	if _, _, err := Dataset(t.Context(), e, DatasetRequest{Window: Window{From: day(0), To: day(1)}, Explicit: true}); err != nil {
		t.Errorf("a window beside it: %v", err)
	}
	e.Config.Dataset.EvaluationWindows = 0
	if _, rows := study(t, e, DatasetRequest{Explicit: true}); len(rows) != 200 {
		t.Errorf("when none is kept apart, %d rows, want 200", len(rows))
	}
}

func TestTheHoldoutNeverChanges(t *testing.T) {
	e := taught(t)
	e.Config.Dataset.HoldoutShare = 0.2
	m, rows := study(t, e, DatasetRequest{})
	held := m.Content.Excluded["holdout"]
	if held+int64(len(rows)) != 200 || held < 20 || held > 60 {
		t.Fatalf("%d are held out, %d are not", held, len(rows))
	}
	e.Config.Dataset.HoldoutShare = 0.3
	_, fewer := study(t, e, DatasetRequest{})
	in := map[string]bool{}
	for _, r := range rows {
		in[r.RecordID] = true
	}
	for _, r := range fewer {
		if !in[r.RecordID] {
			t.Errorf("%s was held out, and is not any more", r.RecordID)
		}
	}
	// Fixed for ever: datasets of earlier releases rest on it.
	if !HeldOut("p-0000-0", 0.9999) || HeldOut("p-0000-0", 0) {
		t.Error("the hash does not spread over the whole share")
	}
}

func TestRetractedLabelsAreNone(t *testing.T) {
	e := taught(t)
	gone := lessonLabel(5, "")
	gone.Retracted = true
	teach(t, e, "retracted", now.Add(-time.Minute), gone)
	m, rows := study(t, e, DatasetRequest{})
	if len(rows) != 199 || slices.ContainsFunc(rows, func(r dataset.Row) bool { return r.RecordID == "p-0005-0" }) {
		t.Errorf("%d rows", len(rows))
	}
	for _, most := range []int{maxHeld, 50, 20} {
		if n, err := truthsSince(t.Context(), e, time.Time{}, most); err != nil || n != 199 || m.Content.Rows != 199 {
			t.Errorf("%d labels hold (%v), %d of which are held in memory at once", n, err, most)
		}
	}
}

func TestNoMoreLabelsAreHeldThanAreWanted(t *testing.T) {
	e := taught(t)
	last, to, err := lastWords(t.Context(), e, time.Time{}, 0, 50)
	if err != nil || len(last) > 50 || len(last) < 10 || to == math.MaxUint64 {
		t.Errorf("%d last words up to %d (%v), want at most 50, and others left", len(last), to, err)
	}
	rows, read, err := currentTruths(t.Context(), e, lastDays.From, func(r *label.Row) bool { return r.RecordID == "p-0005-0" })
	if err != nil || len(rows) != 1 || read != 200 {
		t.Errorf("%d labels of %d (%v), want the one that is wanted", len(rows), read, err)
	}
}

func TestADifferenceFollowsWhatWasRestated(t *testing.T) {
	e, rows := whyScene(t)
	asked := strings.Repeat("a1", 32)
	current := storeAs(t, e, rows, dataset.Provenance{Replaces: asked}, map[string]int64{dataset.LeftErased: 1}, 40, 41)
	other := storeAs(t, e, rows, dataset.Provenance{}, nil, 40, 41, 42)
	d, _, err := DatasetDiff(t.Context(), e, asked, other)
	want := []dataset.Restated{{Asked: asked, As: current, Erased: 1}}
	if err != nil || d.From != current || d.Added != 1 || d.Same != 2 || !slices.Equal(d.Restated, want) {
		t.Errorf("difference %+v (%v), want one that starts from %s, and says so", d, err, current)
	}
}

// TestNewLabelsAreCountedByWhenTheyCame: those that retention takes meanwhile are none that came.
func TestNewLabelsAreCountedByWhenTheyCame(t *testing.T) {
	e := taught(t)
	e.LabelsSince = now.Add(-30 * time.Minute)
	gone := lessonLabel(7, "")
	gone.Retracted = true
	teach(t, e, "later", now.Add(-time.Minute), lessonLabel(4, "late"), lessonLabel(210, "late"), lessonLabel(211, "late"), gone)
	count := func(when string) {
		t.Helper()
		_, v, err := Dataset(t.Context(), e, DatasetRequest{Window: lastDays})
		if err != nil || v.Labels != 3 || !v.LabelsSince.Equal(e.LabelsSince) {
			t.Errorf("%s, %d labels are new since %s (%v), want the two that came and the one that was corrected", when, v.Labels, v.LabelsSince, err)
		}
	}
	count("with the old labels")
	if err := e.Bucket.Delete(t.Context(), e.layout().Labels(now.Add(-time.Hour), "first")); err != nil {
		t.Fatal(err)
	}
	count("without them")
}
