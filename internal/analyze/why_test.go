// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// whyScene is an hour of 200 flights, the records of all of them, and labels: of every tenth, every twentieth wrong.
func whyScene(t *testing.T) (*Env, []record.Row) {
	t.Helper()
	e := testEnv(t)
	e.Config.Labels.KeyToleranceSeconds = 3600
	rng := rand.New(rand.NewPCG(7, 7))
	rows := make([]record.Row, 200)
	var labels []label.Row
	for i := range rows {
		r := flight(rng, false)
		r.RecordID, r.RequestID, r.TraceID = fmt.Sprintf("r-%03d-0", i), fmt.Sprintf("q-%03d", i), fmt.Sprintf("%032x", i)
		r.LabelKey = fmt.Sprintf("key-%03d", i)
		r.Time = lastHour.From.Add(time.Duration(i) * time.Second)
		r.LatencyMS, r.Confidence, r.Outcome, r.Status = float64(i), 1-float64(i)/400, record.OutcomeOK, 200
		r.OutlierScore, r.OutlierReasons = float64(i%50), []string{"z:delay"}
		if i == 42 {
			r.Outcome, r.Status, r.OutlierScore = record.OutcomeError, 500, math.NaN()
		}
		rows[i] = r
		if i%10 != 0 {
			continue
		}
		class := r.Prediction
		if i%20 == 0 {
			class = map[string]string{"late": "ontime", "ontime": "late"}[class]
		}
		l := label.Row{
			Instance: -1, Kind: label.Truth, Class: class, Value: math.NaN(), Amount: math.NaN(), Agreement: 1, Selection: math.NaN(),
			Received: now.Add(-time.Minute), Source: label.SourceReview, Queue: "desk", Annotators: []string{"ada"},
		}
		switch i % 3 {
		case 0:
			l.RecordID = r.RecordID
		case 1:
			l.RequestID = r.RequestID
		default:
			l.LabelKey = r.LabelKey
		}
		l.Identify(r.RecordID)
		labels = append(labels, l)
	}
	writeRecords(t, e, "a", rows)
	var b bytes.Buffer
	w, err := record.NewWriter(&b, record.Predictions, e.Config.Schema.Features, nil)
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
	put(t, e, e.layout().Rows(store.Predictions, "v1", rows[0].Time, "a"), b.Bytes())
	b.Reset()
	if err := label.Write(&b, labels); err != nil {
		t.Fatal(err)
	}
	put(t, e, e.layout().Labels(now.Add(-time.Minute), "a"), b.Bytes())
	return e, rows
}

func ask(t *testing.T, e *Env, q WhyQuestion) *WhyReport {
	t.Helper()
	if q.Dataset == "" {
		q.Window = lastHour
	}
	r, v, err := Why(t.Context(), e, q)
	if err != nil || v.Outcome != wire.OutcomeSucceeded {
		t.Fatalf("%s (%v), want Succeeded", v.Outcome, err)
	}
	return r
}

func idsOf(r *WhyReport) []string {
	var ids []string
	for _, c := range r.Records {
		ids = append(ids, c.RecordID)
	}
	return ids
}

func TestTheRecordsThatTellMostComeFirst(t *testing.T) {
	e, rows := whyScene(t)
	for name, c := range map[string]struct {
		q    WhyQuestion
		want []string
	}{
		"risk":       {WhyQuestion{Rank: RankRisk, Top: 3}, []string{"r-049-0", "r-099-0", "r-149-0"}},
		"latency":    {WhyQuestion{Rank: RankLatency, Top: 2}, []string{"r-199-0", "r-198-0"}},
		"errors":     {WhyQuestion{Rank: RankErrors, Top: 5}, []string{"r-042-0"}},
		"confidence": {WhyQuestion{Rank: RankConfidence, Top: 1}, []string{"r-199-0"}},
		"wrong":      {WhyQuestion{Rank: RankWrong, Top: 3}, []string{"r-040-0", "r-140-0", "r-080-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, e, c.q)
			if d := cmp.Diff(c.want, idsOf(r)); d != "" {
				t.Errorf("records (-want +got):\n%s", d)
			}
			if r.Rows != 200 || r.Labelled != 20 || r.Wrong != 10 {
				t.Errorf("%d rows, %d labelled, %d wrong; want 200, 20, 10", r.Rows, r.Labelled, r.Wrong)
			}
		})
	}
	r := ask(t, e, WhyQuestion{Rank: RankRisk, Segment: "atl", Top: 10})
	atl := int64(0)
	for i := range rows {
		if slices.Contains(rows[i].Segments, "atl") {
			atl++
		}
	}
	if r.Rows != atl || len(r.Records) != 10 {
		t.Errorf("%d rows, %d of them shown, want %d and 10", r.Rows, len(r.Records), atl)
	}
	for _, c := range r.Records {
		if !slices.Contains(c.Segments, "atl") {
			t.Errorf("%s is not in the segment", c.RecordID)
		}
	}
}

func TestARecordComesWithAllThatIsKnownOfIt(t *testing.T) {
	e, _ := whyScene(t)
	c := ask(t, e, WhyQuestion{Rank: RankWrong, Top: 1}).Records[0]
	if c.TraceID != fmt.Sprintf("%032x", 40) || c.RequestID != "q-040" || c.ModelVersion != "v1" || len(c.Features) != 4 {
		t.Errorf("%+v", c)
	}
	if len(c.Labels) != 1 || c.Labels[0].Queue != "desk" || c.Labels[0].What() == c.Prediction || c.Labels[0].ID == "" {
		t.Errorf("labels %+v", c.Labels)
	}
	var b bytes.Buffer
	r := ask(t, e, WhyQuestion{Rank: RankWrong, Top: 1})
	if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), "200 predictions, 20 labelled, 10 wrong") {
		t.Errorf("%v %s", err, b.String())
	}
}

// storeDataset makes a dataset of the rows of numbers.
func storeDataset(t *testing.T, e *Env, rows []record.Row, numbers ...int) string {
	t.Helper()
	return storeAs(t, e, rows, dataset.Provenance{Created: now, For: "flights-retrain-1", Reason: "threshold recall is violated in segment atl", URI: "file:///x"}, nil, numbers...)
}

func storeAs(t *testing.T, e *Env, rows []record.Row, p dataset.Provenance, excluded map[string]int64, numbers ...int) string {
	t.Helper()
	var of []dataset.Row
	for _, n := range numbers {
		r := rows[n]
		of = append(of, dataset.Row{
			RecordID: r.RecordID, LabelID: "l" + r.RecordID, Time: r.Time, Version: "v1", Segments: r.Segments, Prediction: r.Prediction, Score: r.Score,
			Class: map[bool]string{true: r.Prediction, false: "other"}[n%2 == 0], Value: math.NaN(), KeepProbability: 1, Weight: 1,
		})
	}
	var parts []dataset.Part
	if err := dataset.EncodeParts(nil, of, func(p dataset.Encoded) error { parts = append(parts, p.Part); return nil }); err != nil {
		t.Fatal(err)
	}
	m, err := dataset.Seal(dataset.Content{Parts: parts, Rows: int64(len(of)), Excluded: excluded}, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dataset.Store(t.Context(), e.Bucket, e.layout(), m, of); err != nil {
		t.Fatal(err)
	}
	return m.Digest
}

func TestRecordsAreFollowedIntoDatasetsAndBack(t *testing.T) {
	e, rows := whyScene(t)
	digest := storeDataset(t, e, rows, 40, 41, 60, 63)
	gone := strings.Repeat("0", 64)
	r := ask(t, e, WhyQuestion{Rank: RankWrong, Top: 3, Trained: []string{digest, gone}})
	if len(r.Datasets) != 2 || r.Datasets[0].Records != 1 || r.Datasets[0].Rows != 4 || r.Datasets[0].For != "flights-retrain-1" || r.Datasets[1].Problem == "" {
		t.Errorf("datasets %+v", r.Datasets)
	}
	if d := cmp.Diff([]string{digest}, r.Records[0].Datasets); d != "" {
		t.Errorf("datasets of a record (-want +got):\n%s", d)
	}

	back := ask(t, e, WhyQuestion{Rank: RankWrong, Top: 3, Dataset: digest, Trained: []string{digest}})
	got := idsOf(back)
	slices.Sort(got)
	if d := cmp.Diff([]string{"r-041-0", "r-060-0", "r-063-0"}, got); d != "" {
		t.Errorf("records of the dataset: those that were wrong, and the latest (-want +got):\n%s", d)
	}
	if from, to := rows[40].Time.Truncate(time.Minute), rows[63].Time.Truncate(time.Minute).Add(time.Minute); back.Rows != 4 || back.Labelled != 4 || back.Wrong != 2 || !back.From.Equal(from) || !back.To.Equal(to) {
		t.Errorf("%d rows, %d labelled, %d wrong, from %s to %s; want all of the dataset: 4, 4, 2, %s to %s", back.Rows, back.Labelled, back.Wrong, back.From, back.To, from, to)
	}
	if back.Datasets[0].Records != 3 {
		t.Errorf("%d of the records are in the dataset they are from, want all 3", back.Datasets[0].Records)
	}
	if _, _, err := Why(t.Context(), e, WhyQuestion{Rank: RankWrong, Top: 3, Dataset: gone}); err == nil {
		t.Error("a dataset that is not there was found")
	}
}

func TestADatasetThatWasRestatedIsFollowedToWhatItIsNow(t *testing.T) {
	e, rows := whyScene(t)
	asked := strings.Repeat("a1", 32)
	for name, p := range map[string]dataset.Provenance{
		"by one erasure":          {Replaces: asked},
		"by one of many erasures": {Replaces: strings.Repeat("b2", 32), Earlier: []string{asked}},
	} {
		t.Run(name, func(t *testing.T) {
			p.For = "flights-retrain-1"
			current := storeAs(t, e, rows, p, map[string]int64{dataset.LeftErased: 1}, 40, 41, len(p.Earlier))
			r := ask(t, e, WhyQuestion{Rank: RankWrong, Top: 3, Dataset: asked, Trained: []string{asked}})
			if d := r.Datasets[0]; d.Digest != asked || d.RestatedAs != current || d.Erased != 1 || d.For != "flights-retrain-1" || d.Problem != "" || r.Rows != 3 {
				t.Errorf("%d rows of %+v, want 3 of what is now %s", r.Rows, d, current)
			}
			if err := e.Bucket.Delete(t.Context(), e.layout().DatasetFile(current, dataset.ManifestFile)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestADatasetOutlivesItsPredictions(t *testing.T) {
	e := testEnv(t)
	digest := storeDataset(t, e, []record.Row{{RecordID: "gone-0", Time: lastHour.From, Prediction: "late"}, {RecordID: "gone-1", Time: lastHour.From, Prediction: "late"}}, 0, 1)
	r, v, err := Why(t.Context(), e, WhyQuestion{Rank: RankWrong, Top: 3, Dataset: digest})
	if err != nil || v.Outcome != wire.OutcomeInsufficient || !strings.Contains(v.Message, "any more") || r.Rows != 2 || r.Wrong != 1 {
		t.Errorf("%+v of %+v (%v)", v, r, err)
	}
}

func TestAnEmptyWindowTellsNothing(t *testing.T) {
	e := testEnv(t)
	_, v, err := Why(t.Context(), e, WhyQuestion{Window: lastHour, Rank: RankRisk, Top: 10, Segment: "atl"})
	if err != nil || v.Outcome != wire.OutcomeInsufficient || !strings.Contains(v.Message, "in segment atl") {
		t.Errorf("%s %q (%v)", v.Outcome, v.Message, err)
	}
}
