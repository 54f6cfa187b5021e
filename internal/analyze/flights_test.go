// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// flightsConfig is that of the demo.
func flightsConfig() wire.Config {
	c := testConfig()
	c.Schema.Features = []wire.Feature{
		{Name: "hour", Type: wire.Numeric}, {Name: "weekday", Type: wire.Categorical}, {Name: "origin", Type: wire.Categorical},
		{Name: "destination", Type: wire.Categorical}, {Name: "distance", Type: wire.Numeric}, {Name: "origin_delay_2h", Type: wire.Numeric},
	}
	c.Segments = []wire.Segment{
		{Name: "atl", When: "f.origin == 'ATL'"}, {Name: "lax", When: "f.origin == 'LAX'"}, {Name: "ord", When: "f.origin == 'ORD'"},
		{Name: "dfw", When: "f.origin == 'DFW'"}, {Name: "long-haul", When: "f.distance >= 1500.0"},
	}
	c.Baseline = wire.Baseline{Name: "may", DatasetURL: "datasets/may.parquet"}
	c.Thresholds = []wire.Threshold{
		{Name: "delays", Signal: wire.SignalFeatureDrift, Features: []string{"origin_delay_2h"}, Max: new(0.1)},
		{Name: "scores", Signal: wire.SignalPredictionDrift, Max: new(0.2)},
	}
	return c
}

// replayed profiles a month of real flights, in their order, as traffic of a window.
func replayed(t *testing.T, e *Env, w Window, month data.Window, n int) []*profile.Series {
	t.Helper()
	flights := data.Spread(load(t, month), n)
	m, err := model.Load()
	if err != nil {
		t.Fatal(err)
	}
	return traffic(e, w, len(flights), func(i int) record.Row {
		f := flights[i]
		r := answered(m, f)
		switch f.Origin {
		case "ATL", "LAX", "ORD", "DFW":
			r.Segments = append(r.Segments, strings.ToLower(f.Origin))
		}
		if f.Distance >= 1500 {
			r.Segments = append(r.Segments, "long-haul")
		}
		return r
	})
}

func load(t *testing.T, month data.Window) []data.Flight {
	t.Helper()
	flights, err := data.Load(month)
	if err != nil {
		t.Fatal(err)
	}
	return flights
}

// answered is a flight and what the model says of it.
func answered(m *model.Model, f data.Flight) record.Row {
	score := m.Score(f.Features())
	return record.Row{
		RecordID: f.ID(), ModelVersion: "v1", Score: score, Prediction: model.Label(score),
		Features: []record.Value{
			{Kind: record.Number, Num: float64(f.Hour())}, {Kind: record.String, Str: f.Weekday()},
			{Kind: record.String, Str: f.Origin}, {Kind: record.String, Str: f.Destination},
			{Kind: record.Number, Num: float64(f.Distance)}, {Kind: record.Number, Num: f.OriginDelay2h},
		},
	}
}

func TestAtlantaInJuneDriftsAndLosAngelesDoesNot(t *testing.T) {
	const replayedFlights = 48_000 // as many as the demo sends
	var dataset bytes.Buffer
	if _, err := data.WriteBaseline(&dataset); err != nil {
		t.Fatal(err)
	}
	e := testEnv(t)
	e.Config = flightsConfig()
	put(t, e, e.layout().Prefix()+"datasets/may.parquet", dataset.Bytes())
	if v, err := Baseline(t.Context(), e); err != nil || v.Outcome != wire.OutcomeSucceeded || !strings.HasPrefix(v.Message, "temperature 0.") {
		t.Fatalf("baseline: %+v, %v", v.VerdictHeader, err)
	}
	for i, month := range []data.Window{data.May, data.June} {
		t.Run(string(month), func(t *testing.T) {
			w := Window{From: lastHour.From.AddDate(0, 0, i), To: lastHour.To.AddDate(0, 0, i)}
			writeProfiles(t, e, w, "pod-1", replayed(t, e, w, month, replayedFlights))
			report, verdict, err := Drift(t.Context(), e, w)
			if err != nil {
				t.Fatal(err)
			}
			if month == data.May {
				if verdict.Outcome != wire.OutcomeStable {
					t.Errorf("May = %s: %s, want Stable: it is the baseline's own month", verdict.Outcome, verdict.Message)
				}
				return
			}
			if verdict.Outcome != wire.OutcomeDrift {
				t.Errorf("June = %s, want Drift", verdict.Outcome)
			}
			for segment, want := range map[string]wire.Outcome{"atl": wire.OutcomeFail, "lax": wire.OutcomePass, "ord": wire.OutcomePass} {
				if got := threshold(t, verdict, "scores", segment); got.Outcome != want {
					t.Errorf("scores in %s = %+v, want %s", segment, got, want)
				}
			}
			// Chicago's delays moved by more than the effect that matters, and by no more than its days in May do.
			if got := find(t, report, "ord", "origin_delay_2h"); got.Outcome != wire.OutcomeStable || got.PSI < 0.1 || got.Phi < 10 {
				t.Errorf("Chicago's delays = %s with PSI %v and phi %v, want Stable for its own restlessness", got.Outcome, got.PSI, got.Phi)
			}
		})
	}
}

// TestOutliersOfFlightsKeepTheRate: against a baseline of one fifth of the real flights of May, another fifth has the configured
// rate of outliers: within 20 % in each segment that has 40,000 flights, overlapping ones, and within what chance does in
// every other. The data are fixed, so that there is nothing that could be lucky but the hash of ids that decides ties.
func TestOutliersOfFlightsKeepTheRate(t *testing.T) {
	const rate = 0.02
	var dataset bytes.Buffer
	if _, err := data.WriteBaseline(&dataset); err != nil {
		t.Fatal(err)
	}
	e := testEnv(t)
	e.Config = flightsConfig()
	e.Config.Outliers.Rate = rate
	e.Config.Segments = append(e.Config.Segments, wire.Segment{Name: "morning", When: "f.hour < 12.0"}, wire.Segment{Name: "late-day", When: "f.hour >= 13.0"},
		wire.Segment{Name: "short-haul", When: "f.distance < 750.0"}, wire.Segment{Name: "medium-haul", When: "f.distance >= 500.0"},
		wire.Segment{Name: "early-week", When: "f.weekday in ['Mon', 'Tue', 'Wed']"})
	put(t, e, e.layout().Prefix()+"datasets/may.parquet", dataset.Bytes())
	if _, err := Baseline(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	_, summary := baselineFiles(t, e)
	in, err := newInstances(e.Config)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load()
	if err != nil {
		t.Fatal(err)
	}
	cells, pooled := outlier.NewScorer(e.Config.Schema, summary, rate), *summary
	pooled.Cells = nil
	one := outlier.NewScorer(e.Config.Schema, &pooled, rate)
	rows, outliers, before := map[string]float64{}, map[string]float64{}, map[string]float64{}
	for _, f := range load(t, data.May) {
		r := answered(m, f)
		r.Confidence, r.Entropy, r.Margin = outlier.Certainty(wire.BinaryClassification, &r)
		in.place(&r)
		is, was := cells.Score(&r), one.Score(&r)
		for _, s := range append(r.Segments, "") {
			rows[s]++
			if is {
				outliers[s]++
			}
			if was {
				before[s]++
			}
		}
	}
	large := 0
	for _, s := range keysOf(rows) {
		relative := outliers[s] / rows[s] / rate
		t.Logf("%-12s %6.0f rows: %.3f of the rate; with one cut for all %.3f", s, rows[s], relative, before[s]/rows[s]/rate)
		if rows[s] >= 40_000 {
			large++
			if math.Abs(relative-1) > 0.2 {
				t.Errorf("%q has %.3f of the rate", s, relative)
			}
		}
		// Four and a half standard errors of two samples of that size.
		if math.Abs(relative-1) > 4.5*math.Sqrt(2/(rate*rows[s])) {
			t.Errorf("%q has %.3f of the rate, more than chance explains", s, relative)
		}
	}
	if large < 5 {
		t.Errorf("only %d segments have 40,000 rows", large)
	}
}
