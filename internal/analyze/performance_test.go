// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// window is the hour whose labels are mature now.
var matureHour = Window{From: now.Add(-90 * time.Minute), To: now.Add(-30 * time.Minute)}

// prediction is a row of the predictions tier at some minute of the window.
func predictionAt(id string, minute float64, change func(*record.Row)) record.Row {
	r := record.Row{
		RecordID: id, RequestID: "q-" + id, LabelKey: "k-" + id, Outcome: record.OutcomeOK, ModelVersion: "v1",
		Time: matureHour.From.Add(time.Duration(minute * float64(time.Minute))), Prediction: "ontime", Score: 0.2,
		KeepProbability: 1, KeepReason: record.KeepSampled,
	}
	if change != nil {
		change(&r)
	}
	return r
}

// predict stores predictions, of which each hour has a file.
func (b *box) predict(t testing.TB, rows ...record.Row) {
	t.Helper()
	files := map[time.Time][]record.Row{}
	for _, r := range rows {
		files[r.Time.Truncate(time.Hour)] = append(files[r.Time.Truncate(time.Hour)], r)
	}
	for hour, rows := range files {
		var body bytes.Buffer
		w, err := record.NewWriter(&body, record.Predictions, nil, nil)
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
		b.write(t, b.layout().Rows(store.Predictions, "v1", hour, "pod"), body.Bytes(), now)
	}
}

// label stores rows of labels, as a queue or the API would.
func (b *box) label(t testing.TB, rows ...label.Row) {
	t.Helper()
	for i := range rows {
		rows[i].Identify(fmt.Sprint(i))
	}
	var body bytes.Buffer
	if err := label.Write(&body, rows); err != nil {
		t.Fatal(err)
	}
	b.write(t, b.layout().Labels(now, "batch"), body.Bytes(), now)
}

func truthOf(change func(*label.Row)) label.Row {
	nan := math.NaN()
	r := label.Row{
		Instance: -1, Kind: label.Truth, Class: "late", Value: nan, Amount: nan, Agreement: nan, Selection: nan,
		Received: now.Add(-25 * time.Minute), Source: label.SourceAPI,
	}
	change(&r)
	return r
}

func (b *box) performance(t testing.TB) (*PerformanceReport, wire.Verdict) {
	t.Helper()
	r, v, err := Performance(t.Context(), b.Env, b.PerformanceWindow(time.Hour, matureHour.To))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.EncodeVerdict(v); err != nil {
		t.Error(err)
	}
	return r, v
}

func TestLabelsFindTheirPredictions(t *testing.T) {
	at := func(minute float64) time.Time {
		return matureHour.From.Add(time.Duration(minute * float64(time.Minute)))
	}
	key := func(k string, minute float64) label.Row {
		return truthOf(func(r *label.Row) {
			r.LabelKey = k
			if minute >= 0 {
				r.PredictionTime = at(minute)
			}
		})
	}
	request := func(q string, instance int64) label.Row {
		return truthOf(func(r *label.Row) { r.RequestID, r.Instance = q, instance })
	}
	recordOf := func(id string) label.Row { return truthOf(func(r *label.Row) { r.RecordID = id }) }
	predictions := []record.Row{
		predictionAt("p-1-0", 10, nil),
		predictionAt("p-2-0", 20, func(r *record.Row) { r.RequestID, r.LabelKey = "batch", "customer" }),
		predictionAt("p-2-1", 20, func(r *record.Row) { r.RequestID, r.LabelKey = "batch", "twin" }),
		predictionAt("p-2-2", 20, func(r *record.Row) { r.RequestID, r.LabelKey = "batch", "twin" }),
		predictionAt("p-3-0", 40.01, func(r *record.Row) { r.LabelKey = "customer" }),
		// After the window: it makes a key ambiguous, and a later time another prediction's.
		predictionAt("p-4-0", 62, func(r *record.Row) { r.LabelKey = "k-p-5-0" }),
		predictionAt("p-5-0", 58, nil),
	}
	for name, c := range map[string]struct {
		labels  []label.Row
		counts  JoinCounts
		labeled int64
	}{
		"by record":                                {[]label.Row{recordOf("p-1-0")}, JoinCounts{Matched: 1}, 1},
		"by a record that nobody knows":            {[]label.Row{recordOf("p-9-0")}, JoinCounts{Elsewhere: 1}, 0},
		"by request":                               {[]label.Row{request("q-p-1-0", -1)}, JoinCounts{Matched: 1}, 1},
		"by one of the instances of a request":     {[]label.Row{request("batch", 1)}, JoinCounts{Matched: 1}, 1},
		"by a request of several instances":        {[]label.Row{request("batch", -1)}, JoinCounts{AmbiguousRequest: 1}, 0},
		"by an instance that is not there":         {[]label.Row{request("batch", 7)}, JoinCounts{Elsewhere: 1}, 0},
		"by a key that is unique":                  {[]label.Row{key("k-p-1-0", -1)}, JoinCounts{Matched: 1}, 1},
		"by a key that repeats":                    {[]label.Row{key("customer", -1)}, JoinCounts{AmbiguousKey: 1}, 0},
		"by a key that repeats, with its time":     {[]label.Row{key("customer", 21), key("customer", 41)}, JoinCounts{Matched: 2}, 2},
		"by a key, in the second it was made in":   {[]label.Row{key("customer", 40)}, JoinCounts{Matched: 1}, 1},
		"by a key, before it was made":             {[]label.Row{key("customer", 19)}, JoinCounts{Unknown: 1}, 0},
		"by a key, after the tolerance":            {[]label.Row{key("k-p-1-0", 21)}, JoinCounts{Unknown: 1}, 0},
		"by a key that two predictions share":      {[]label.Row{key("twin", 20)}, JoinCounts{AmbiguousTime: 1}, 0},
		"by a key that comes again after":          {[]label.Row{key("k-p-5-0", -1)}, JoinCounts{AmbiguousKey: 1}, 0},
		"by a key whose time is the next window's": {[]label.Row{key("k-p-5-0", 62.5)}, JoinCounts{Elsewhere: 1}, 0},
		"the same twice":                           {[]label.Row{recordOf("p-1-0"), recordOf("p-1-0")}, JoinCounts{Matched: 2, Duplicated: 1}, 1},
		"a correction": {[]label.Row{recordOf("p-1-0"), truthOf(func(r *label.Row) {
			r.RecordID, r.Class, r.Received = "p-1-0", "ontime", now.Add(-22*time.Minute)
		})}, JoinCounts{Matched: 2, Corrected: 1}, 1},
		"a correction under another id": {[]label.Row{recordOf("p-1-0"), truthOf(func(r *label.Row) {
			r.LabelKey, r.Class, r.Received = "k-p-1-0", "ontime", now.Add(-22*time.Minute)
		})}, JoinCounts{Matched: 2, Corrected: 1}, 1},
		"a retraction": {[]label.Row{recordOf("p-1-0"), truthOf(func(r *label.Row) {
			r.RecordID, r.Class, r.Retracted, r.Received = "p-1-0", "", true, now.Add(-22*time.Minute)
		})}, JoinCounts{Matched: 2, Retracted: 1}, 0},
		"a label that is late": {[]label.Row{truthOf(func(r *label.Row) { r.RecordID, r.Received = "p-1-0", now.Add(-time.Minute) })}, JoinCounts{Matched: 1, Late: 1}, 1},
		"a class by its index": {[]label.Row{truthOf(func(r *label.Row) { r.RecordID, r.Class = "p-1-0", "1" })}, JoinCounts{Matched: 1}, 1},
		"a class that is none": {[]label.Row{truthOf(func(r *label.Row) { r.RecordID, r.Class = "p-1-0", "early" })}, JoinCounts{Matched: 1, Unusable: 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.Config.Labels.MatureSeconds = 3600 // nothing but what is meant to is late
			b.predict(t, predictions...)
			b.label(t, c.labels...)
			c.counts.Read = int64(len(c.labels))
			r, _ := b.performance(t)
			if diff := cmp.Diff(c.counts, r.Join); diff != "" {
				t.Error(diff)
			}
			if got := r.group("", "").Labelled; got != c.labeled {
				t.Errorf("%d predictions are labelled, want %d", got, c.labeled)
			}
		})
	}
}

// A window that is joined in parts gives what it gives as a whole.
func TestPartsOfAWindowAddUp(t *testing.T) {
	b := newBox(t)
	b.Config.Labels.Costs = []wire.Cost{{Actual: "late", Predicted: "ontime", Cost: 10}}
	rng := rand.New(rand.NewPCG(1, 1))
	var rows []record.Row
	var labels []label.Row
	for i := range 500 {
		id := fmt.Sprintf("p-%d-0", i)
		rows = append(rows, predictionAt(id, float64(i)*60/500, func(r *record.Row) {
			if r.Score = rng.Float64(); r.Score > 0.5 {
				r.Prediction = "late"
			}
			if i%5 == 0 {
				r.Segments = []string{"atl"}
			}
		}))
		labels = append(labels, truthOf(func(r *label.Row) {
			if r.LabelKey = "k-" + id; rng.IntN(3) > 0 {
				r.Class = "ontime"
			}
		}))
	}
	b.predict(t, rows...)
	b.label(t, labels...)
	whole, _ := b.performance(t)
	names := newClassNames(b.Config.Schema.Prediction)
	j, tally := &joiner{e: b.Env, names: names, asOf: now}, newTallies(b.Config, names)
	for i := range 6 {
		part := Window{From: matureHour.From.Add(time.Duration(i) * 10 * time.Minute), To: matureHour.From.Add(time.Duration(i+1) * 10 * time.Minute)}
		if _, err := joinSlice(t.Context(), b.Env, j, tally, part, i == 0); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(whole.Join, j.counts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(whole.Groups, tally.results(j.events, j.told(), 1.0/24), cmpopts.EquateApprox(0, 1e-9), cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if whole.group("", "").Labelled != 500 || whole.group("atl", "v1").Labelled != 100 {
		t.Errorf("groups %+v", whole.Groups)
	}
}

func metricOf(t testing.TB, r *PerformanceReport, segment string, name wire.Signal) Metric {
	t.Helper()
	if g := r.group(segment, ""); g != nil {
		if m := g.metric(name); m != nil {
			return *m
		}
	}
	t.Fatalf("segment %q has no %s", segment, name)
	return Metric{}
}

// People see all outliers and one in fifty of the rest. What they say must tell the accuracy of all predictions, not that of
// what they see, whose error is many times as high. The bound leaves a chance of 1e-4.
func TestWhatPeopleSeeMoreOftenDoesNotCountMore(t *testing.T) {
	b := newBox(t)
	rng := rand.New(rand.NewPCG(5, 8))
	const n, slice = 30_000, 0.02
	var rows []record.Row
	var labels []label.Row
	wrong, seen, wrongSeen := 0, 0, 0
	for i := range n {
		id := fmt.Sprintf("p-%d-0", i)
		outlier := rng.IntN(100) == 0
		isWrong := rng.Float64() < map[bool]float64{true: 0.6, false: 0.1}[outlier]
		rows = append(rows, predictionAt(id, float64(i)*60/n, func(r *record.Row) {
			if outlier {
				r.KeepReason = record.KeepOutlier
			}
		}))
		if isWrong {
			wrong++
		}
		if !outlier && rng.Float64() >= slice {
			continue
		}
		if seen++; isWrong {
			wrongSeen++
		}
		labels = append(labels, truthOf(func(r *label.Row) {
			r.RecordID, r.Source, r.Class, r.Selection = id, label.SourceReview, "ontime", slice
			if isWrong {
				r.Class = "late"
			}
			if outlier {
				r.Selection = 1
			}
		}))
	}
	b.predict(t, rows...)
	b.label(t, labels...)
	r, _ := b.performance(t)
	got, want := metricOf(t, r, "", wire.SignalAccuracy), 1-float64(wrong)/n
	naive := 1 - float64(wrongSeen)/float64(seen)
	half := float64(got.High-got.Low) / 2
	if math.Abs(float64(got.Value)-want) > 2*half {
		t.Errorf("accuracy %v (%v to %v), want %.4f", got.Value, got.Low, got.High, want)
	}
	if math.Abs(naive-want) < 2*half {
		t.Errorf("the unweighted accuracy %.4f is as good: this test shows nothing", naive)
	}
	if r.Strata[stratumRandom].Labelled == 0 || r.Strata[stratumTruth].Labelled != 0 || math.Abs(float64(r.Strata[stratumOutlier].Factor)-1) > 1e-9 {
		t.Errorf("strata %+v", r.Strata)
	}
	if coverage := metricOf(t, r, "", wire.SignalLabelCoverage); math.Abs(float64(coverage.Value)-float64(seen)/n) > 1e-9 {
		t.Errorf("coverage %v, want %v: it is not weighed", coverage.Value, float64(seen)/n)
	}
}

func TestEventsAndCosts(t *testing.T) {
	b := newBox(t)
	b.Config.Labels.Costs = []wire.Cost{{Actual: "late", Predicted: "ontime", Cost: 100}}
	var rows []record.Row
	var labels []label.Row
	for i := range 200 {
		id := fmt.Sprintf("p-%d-0", i)
		rows = append(rows, predictionAt(id, float64(i)*60/200, nil))
		labels = append(labels, truthOf(func(r *label.Row) {
			if r.RecordID = id; i >= 20 {
				r.Class = "ontime"
			}
		}))
	}
	event := func(id, name string, amount float64) {
		labels = append(labels, truthOf(func(r *label.Row) { r.RecordID, r.Kind, r.Class, r.Event, r.Amount = id, label.Event, "", name, amount }))
	}
	event("p-1-0", label.EventEscalation, math.NaN())
	event("p-2-0", label.EventEscalation, math.NaN())
	event("p-3-0", label.EventCost, 50)
	b.predict(t, rows...)
	b.label(t, labels...)
	r, _ := b.performance(t)
	for name, want := range map[wire.Signal]float64{
		wire.SignalEscalationRatio: 0.01,
		wire.SignalCostPerDay:      (20*100 + 50) * 24, // of one hour
		wire.SignalAccuracy:        0.9,
		wire.SignalLabelCoverage:   1,
	} {
		if got := float64(metricOf(t, r, "", name).Value); math.Abs(got-want) > 1e-9*math.Max(1, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if r.group("", "").metric(wire.SignalCriticalErrorRatio) != nil {
		t.Error("nobody ever told of critical errors, and there is a ratio of them")
	}
}

func TestThresholdsAreViolatedBeyondChance(t *testing.T) {
	b := newBox(t)
	b.Config.Thresholds = []wire.Threshold{
		{Name: "drift", Signal: wire.SignalPredictionDrift, Max: new(0.1)},
		{Name: "recall", Signal: wire.SignalRecall, Min: new(0.5), MinSamples: 10},
		{Name: "accuracy", Signal: wire.SignalAccuracy, Min: new(0.91), MinSamples: 100, Segments: []string{""}},
		{Name: "fine", Signal: wire.SignalAccuracy, Min: new(0.5), Segments: []string{"", "atl"}, MinSamples: 100},
	}
	var rows []record.Row
	var labels []label.Row
	for i := range 400 {
		id := fmt.Sprintf("p-%d-0", i)
		rows = append(rows, predictionAt(id, float64(i)*60/400, func(r *record.Row) {
			if i%10 == 0 {
				r.Segments = []string{"atl"}
			}
		}))
		labels = append(labels, truthOf(func(r *label.Row) {
			if r.RecordID = id; i >= 40 {
				r.Class = "ontime"
			}
		}))
	}
	b.predict(t, rows...)
	b.label(t, labels...)
	r, v := b.performance(t)
	for want, verdict := range map[wire.Outcome]wire.ThresholdVerdict{
		wire.OutcomeFail: threshold(t, v, "recall", ""), // none of 40 was found
		wire.OutcomePass: threshold(t, v, "fine", ""),
		// The interval of 0.9 of 400 holds 0.91; four late flights, and 40 of all, are too few.
		wire.OutcomeInconclusive: threshold(t, v, "accuracy", ""),
	} {
		if verdict.Outcome != want {
			t.Errorf("%+v, want %s", verdict, want)
		}
	}
	for _, name := range []string{"recall", "fine"} {
		if got := threshold(t, v, name, "atl"); got.Outcome != wire.OutcomeInconclusive {
			t.Errorf("%+v, want too few samples", got)
		}
	}
	if v.Outcome != wire.OutcomeViolated || r.Outcome != wire.OutcomeViolated || !strings.Contains(v.Message, "first recall in (all)") {
		t.Errorf("verdict %+v", v.VerdictHeader)
	}
	if len(v.Thresholds) != 3+1+2 { // of no segment: recall in all, atl and lax
		t.Errorf("verdicts %+v", v.Thresholds)
	}
	if len(v.Metrics) != 2 || v.Metrics[0].Segment != "" || v.Metrics[1].Segment != "atl" || v.Metrics[0].Metrics[wire.SignalAccuracy][0] != 0.9 {
		t.Errorf("metrics %+v", v.Metrics)
	}

	// The same labels, while others are still on their way.
	b.Config.Labels.MatureSeconds, b.Run = 7200, "run-2"
	r, v = b.performance(t)
	if !r.Provisional || v.Outcome != wire.OutcomeInsufficient || v.Reason != ReasonImmature {
		t.Errorf("verdict %+v", v.VerdictHeader)
	}
	var text, document bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "400 labels read: 400 matched") {
		t.Errorf("report: %v\n%s", err, text.String())
	}
	if err := r.WriteJSON(&document); err != nil || !json.Valid(document.Bytes()) {
		t.Error(err)
	}
}

func TestRegressionAndSeveralClasses(t *testing.T) {
	b := newBox(t)
	b.Config.Schema.Prediction = wire.Prediction{Kind: wire.Regression}
	var rows []record.Row
	var labels []label.Row
	for i := range 100 {
		id := fmt.Sprintf("p-%d-0", i)
		rows = append(rows, predictionAt(id, float64(i)/2, func(r *record.Row) { r.Prediction, r.Score = "", float64(i) }))
		labels = append(labels, truthOf(func(r *label.Row) { r.RecordID, r.Class, r.Value = id, "", float64(i)+2 }))
	}
	b.predict(t, rows...)
	b.label(t, labels...)
	r, _ := b.performance(t)
	if mae, rmse := metricOf(t, r, "", wire.SignalMAE), metricOf(t, r, "", wire.SignalRMSE); mae.Value != 2 || rmse.Value != 2 {
		t.Errorf("MAE %v, RMSE %v, want 2", mae, rmse)
	}

	b = newBox(t)
	b.Config.Schema.Prediction = wire.Prediction{Kind: wire.MulticlassClassification, Classes: []string{"cat", "dog", "cow"}}
	for i := range rows {
		rows[i].Prediction, rows[i].Score, rows[i].Scores = "cat", math.NaN(), []float64{0.5, 0.25, 0.25}
		labels[i].Class, labels[i].Value = "cat", math.NaN()
		if i%2 == 0 {
			labels[i].Class = "dog"
		}
	}
	b.predict(t, rows...)
	b.label(t, labels...)
	r, _ = b.performance(t)
	if got := metricOf(t, r, "", wire.SignalRecall).Value; got != 0.5 {
		t.Errorf("macro recall %v, want .5: all cats and no dog", got)
	}
	if got, want := float64(metricOf(t, r, "", wire.SignalLogLoss).Value), (math.Log(2)+math.Log(4))/2; math.Abs(got-want) > 1e-12 {
		t.Errorf("log loss %v, want %v", got, want)
	}
	if g := r.group("", ""); len(g.Classes) != 2 || len(g.Confusion) != 2 || g.Confusion[1].Actual != "dog" || g.Confusion[1].Share != 0.5 {
		t.Errorf("classes %+v, confusion %+v", g.Classes, g.Confusion)
	}
}

func TestNoLabelsAndNoPredictionsAreNoVerdict(t *testing.T) {
	b := newBox(t)
	if _, v := b.performance(t); v.Outcome != wire.OutcomeInsufficient || v.Reason != ReasonTooFewRows {
		t.Errorf("without predictions: %+v", v.VerdictHeader)
	}
	b.Run = "run-2"
	b.predict(t, predictionAt("p-1-0", 1, nil))
	if _, v := b.performance(t); v.Outcome != wire.OutcomeInsufficient || v.Reason != ReasonNoLabels {
		t.Errorf("without labels: %+v", v.VerdictHeader)
	}
	b.Config.Schema.Prediction.Kind = ""
	if _, _, err := Performance(t.Context(), b.Env, matureHour); reasonOf(err) != ReasonConfigInvalid {
		t.Errorf("without a prediction in the schema: %v", err)
	}
}
