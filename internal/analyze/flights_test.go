// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"strings"
	"testing"

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
	flights, err := data.Load(month)
	if err != nil {
		t.Fatal(err)
	}
	flights = data.Spread(flights, n)
	m, err := model.Load()
	if err != nil {
		t.Fatal(err)
	}
	return traffic(e, w, len(flights), func(i int) record.Row {
		f := flights[i]
		score := m.Score(f.Features())
		r := record.Row{
			ModelVersion: "v1", Score: score, Prediction: model.Label(score),
			Features: []record.Value{
				{Kind: record.Number, Num: float64(f.Hour())}, {Kind: record.String, Str: f.Weekday()},
				{Kind: record.String, Str: f.Origin}, {Kind: record.String, Str: f.Destination},
				{Kind: record.Number, Num: float64(f.Distance)}, {Kind: record.Number, Num: f.OriginDelay2h},
			},
		}
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

func TestAtlantaInJuneDriftsAndLosAngelesDoesNot(t *testing.T) {
	const replayedFlights = 48_000 // as many as the demo sends
	var dataset bytes.Buffer
	if _, err := data.WriteBaseline(&dataset); err != nil {
		t.Fatal(err)
	}
	e := testEnv(t)
	e.Config = flightsConfig()
	put(t, e, e.layout().Prefix()+"datasets/may.parquet", dataset.Bytes())
	if v, err := Baseline(t.Context(), e); err != nil || v.Outcome != wire.OutcomeSucceeded || v.Message != "" {
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
