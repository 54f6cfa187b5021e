// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"math"
	"testing"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

func TestScore(t *testing.T) {
	m := &model.Model{
		Version: "test",
		Means:   model.Means{LogDistance: 6, OriginDelay2h: 0.2},
		Weights: map[string]float64{
			"intercept": -1, "hour=17": 0.5, "weekday=Fri": 0.25, "origin=ATL": 0.125, "destination=JFK": 0.0625,
			"log_distance": 2, "origin_delay_2h": 4, "origin_delay_2h_positive": 8,
		},
	}
	nan := math.NaN()
	cases := map[string]struct {
		in   model.Features
		want float64 // log odds
	}{
		"nothing known leaves the intercept": {
			in: model.Features{Hour: nan, Distance: nan, OriginDelay2h: nan}, want: -1,
		},
		"all terms": {
			in: model.Features{
				Hour: 17, Weekday: "Fri", Origin: "ATL", Destination: "JFK", Distance: math.Exp(6.5), OriginDelay2h: 10,
			},
			want: -1 + 0.9375 + 2*0.5 + 4*(math.Log(2)-0.2) + 8*math.Log(2),
		},
		"an early flight has no positive part": {
			in: model.Features{Hour: nan, Distance: nan, OriginDelay2h: -10}, want: -1 + 4*(-math.Log(2)-0.2),
		},
		"an unseen airport has no influence": {
			in: model.Features{Hour: nan, Origin: "ZZZ", Distance: nan, OriginDelay2h: nan}, want: -1,
		},
		"hours outside the day have no influence": {
			in: model.Features{Hour: 99, Distance: nan, OriginDelay2h: nan}, want: -1,
		},
		"a distance below a mile counts as one": {
			in: model.Features{Hour: nan, Distance: -5, OriginDelay2h: nan}, want: -1 - 2*6,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, want := m.Score(c.in), model.Sigmoid(c.want); math.Abs(got-want) > 1e-12 {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestLabel(t *testing.T) {
	cases := map[string]struct {
		score float64
		want  string
	}{
		"below the threshold": {0.499, model.OnTime},
		"at the threshold":    {0.5, model.Late},
		"above the threshold": {0.9, model.Late},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := model.Label(c.score); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	cases := map[string]string{
		"not JSON":   `{`,
		"no version": `{"weights":{"intercept":1}}`,
		"no weights": `{"version":"1"}`,
	}
	for name, in := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := model.Parse([]byte(in)); err == nil {
				t.Error("got no error")
			}
		})
	}
	if _, err := model.Load(); err != nil {
		t.Errorf("the embedded model: %v", err)
	}
}
