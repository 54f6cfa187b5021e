// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"testing"

	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
)

func load(t *testing.T, w data.Window) []data.Flight {
	t.Helper()
	flights, err := data.Load(w)
	if err != nil {
		t.Fatal(err)
	}
	return flights
}

func shipped(t *testing.T) *model.Model {
	t.Helper()
	m, err := model.Load()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestShippedModel trains again: the model that ships is the one that this program makes.
func TestShippedModel(t *testing.T) {
	got, err := train(load(t, data.January))
	if err != nil {
		t.Fatal(err)
	}
	want := shipped(t)
	if got.Version != want.Version || len(got.Weights) != len(want.Weights) {
		t.Fatalf("got version %q with %d weights, want %q with %d", got.Version, len(got.Weights), want.Version, len(want.Weights))
	}
	for name, w := range want.Weights {
		if g, ok := got.Weights[name]; !ok || math.Abs(g-w) > 2e-4 {
			t.Errorf("weight of %s is %v, want %v: run go run ./test/train", name, g, w)
		}
	}
}

// TestScoresTellTheStory holds what the demo shows: Atlanta drifts from May to June, Los Angeles does not, and the
// part of May that is replayed drifts nowhere.
func TestScoresTellTheStory(t *testing.T) {
	m := shipped(t)
	baseline, may, june := load(t, data.MayBaseline), load(t, data.May), load(t, data.June)
	cases := map[string]struct {
		origin  string
		current []data.Flight
		min     float64
		max     float64
	}{
		"all of May is stable":       {current: may, max: 0.02},
		"Atlanta's May is stable":    {origin: "ATL", current: may, max: 0.05},
		"Boston's May is stable":     {origin: "BOS", current: may, max: 0.05},
		"Los Angeles' May is stable": {origin: "LAX", current: may, max: 0.05},
		"Atlanta's June drifts":      {origin: "ATL", current: june, min: 0.2, max: math.Inf(1)},
		"Los Angeles' June does not": {origin: "LAX", current: june, max: 0.05},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := psi(scores(m, baseline, c.origin), scores(m, c.current, c.origin))
			if got < c.min || got > c.max {
				t.Errorf("PSI is %.3f, want %.3f to %.3f", got, c.min, c.max)
			}
		})
	}
	for _, w := range []data.Window{data.May, data.June} {
		if got := auc(m, load(t, w)); got < 0.68 {
			t.Errorf("AUC of %s is %.3f, want at least 0.68", w, got)
		}
	}
}

func TestPSI(t *testing.T) {
	values := func(n int, f func(i int) float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = f(i)
		}
		return v
	}
	uniform := values(10_000, func(i int) float64 { return float64(i) })
	if got := psi(uniform, uniform); got != 0 {
		t.Errorf("against itself: got %v, want 0", got)
	}
	// All of the mass moves to the upper half: 5 bins at 0.2 and 5 at almost 0.
	upper := values(10_000, func(i int) float64 { return 5000 + float64(i)/2 })
	if got := psi(uniform, upper); got < 2 {
		t.Errorf("against its upper half: got %v, want at least 2", got)
	}
}
