// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// now is when all runs of the tests start; traffic is written for the hour that ended ten minutes before.
var now = time.Date(2001, 6, 30, 12, 10, 0, 0, time.UTC)

var lastHour = Window{From: now.Add(-70 * time.Minute), To: now.Add(-10 * time.Minute)}

func testConfig() wire.Config {
	return wire.Config{
		Version: wire.Version, Revision: "rev", Cluster: "test", Namespace: "flights", Monitor: "delays",
		Mode:    wire.ModeEnforce,
		Capture: wire.Capture{FlushSeconds: 300},
		Schema: wire.Schema{
			Features: []wire.Feature{
				{Name: "origin", Type: wire.Categorical},
				{Name: "delay", Type: wire.Numeric},
				{Name: "hour", Type: wire.Numeric},
				{Name: "holiday", Type: wire.Boolean},
			},
			Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"ontime", "late"}},
		},
		Segments: []wire.Segment{{Name: "atl", When: `f.origin == "ATL"`}, {Name: "lax", When: `f.origin == "LAX"`}},
		Baseline: wire.Baseline{Name: "may", DatasetURL: "datasets/may.csv"},
		Drift:    wire.Drift{WindowSeconds: 3600, MinRows: 300, MinEffectPSI: 0.1, FalseDiscoveryRate: 0.05, MinCoverage: 0.9},
		Outliers: wire.Outliers{Rate: 0.01, WindowSeconds: 3600},
		Thresholds: []wire.Threshold{
			{Name: "drift", Signal: wire.SignalFeatureDrift, Max: new(0.1)},
			{Name: "scores", Signal: wire.SignalPredictionDrift, Max: new(0.1)},
			{Name: "missing", Signal: wire.SignalMissingRatio, Features: []string{"delay"}, Segments: []string{""}, Max: new(0.05)},
		},
	}
}

func testEnv(t testing.TB) *Env {
	t.Helper()
	bucket, err := store.Open(t.Context(), "file://"+t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bucket.Close() })
	return &Env{Config: testConfig(), Bucket: bucket, Now: now, Run: "run-1", Log: slog.New(slog.DiscardHandler)}
}

// flight draws one flight as the sidecar would see it. In a storm, Atlanta's delays grow.
func flight(rng *rand.Rand, storm bool) record.Row {
	origin := [...]string{"ATL", "LAX", "ORD", "DFW"}[rng.IntN(4)]
	delay := math.Abs(rng.NormFloat64()) * 10
	if storm && origin == "ATL" {
		delay = 15 + 2*delay
	}
	score := 1 / (1 + math.Exp(2-delay/10-rng.NormFloat64()/4))
	r := record.Row{
		Features: []record.Value{
			{Kind: record.String, Str: origin}, {Kind: record.Number, Num: delay},
			{Kind: record.Number, Num: float64(rng.IntN(24))}, {Kind: record.Bool, Num: float64(rng.IntN(2))},
		},
		Score: score, Prediction: "ontime", ModelVersion: "v1",
	}
	if score >= 0.5 {
		r.Prediction = "late"
	}
	if origin == "ATL" || origin == "LAX" {
		r.Segments = []string{map[string]string{"ATL": "atl", "LAX": "lax"}[origin]}
	}
	return r
}

// traffic profiles flights, spread over a window, as a pod would.
func traffic(e *Env, w Window, rows int, draw func(i int) record.Row) []*profile.Series {
	set := profile.NewSet(e.Config.Schema.Features, math.MaxInt)
	for i := range rows {
		r := draw(i)
		r.Time = w.From.Add(w.To.Sub(w.From) * time.Duration(i) / time.Duration(rows))
		set.Observe(&r)
	}
	return set.Take(w.To.Add(time.Hour))
}

func writeProfiles(t testing.TB, e *Env, w Window, name string, series []*profile.Series) {
	t.Helper()
	var b bytes.Buffer
	if err := profile.Write(&b, series); err != nil {
		t.Fatal(err)
	}
	put(t, e, e.layout().Rows(store.Profiles, "v1", w.From, name), b.Bytes())
}

func put(t testing.TB, e *Env, key string, body []byte) {
	t.Helper()
	if err := e.Bucket.Put(t.Context(), key, body); err != nil {
		t.Fatal(err)
	}
}

// writeBaseline stores a baseline of flights without a storm.
func writeBaseline(t testing.TB, e *Env, rows int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	p := newProfiler(e.Config.Schema.Features)
	for range rows {
		r := flight(rng, false)
		if err := p.observe(&r); err != nil {
			t.Fatal(err)
		}
	}
	reference, err := p.tally()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := profile.Write(&b, reference.stored()); err != nil {
		t.Fatal(err)
	}
	put(t, e, e.layout().Baseline(e.Config.Baseline.Name, profileFile), b.Bytes())
}

// find returns the result of a feature in a segment.
func find(t testing.TB, r *DriftReport, segment, feature string) Result {
	t.Helper()
	for _, s := range r.Results {
		if s.Segment == segment && s.Feature == feature {
			return s
		}
	}
	t.Fatalf("no result for %s in %q", feature, segment)
	return Result{}
}

func threshold(t testing.TB, v wire.Verdict, name, segment string) wire.ThresholdVerdict {
	t.Helper()
	for _, d := range v.Thresholds {
		if d.Threshold == name && d.Segment == segment {
			return d
		}
	}
	t.Fatalf("no verdict on %s in %q of %s", name, segment, fmt.Sprint(v.Thresholds))
	return wire.ThresholdVerdict{}
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
