// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/test/data"
)

// at is a time on the day of the tests.
func at(hour, minute int) time.Time {
	return time.Date(2001, time.May, 3, hour, minute, 0, 0, time.UTC)
}

func TestAddOriginDelay(t *testing.T) {
	// A flight of 240 miles lands an hour after its departure.
	earlier := func(hour, minute, delay int) data.Flight {
		return data.Flight{Departure: at(hour, minute), Origin: "ATL", Destination: "TPA", Distance: 240, Delay: int32(delay)}
	}
	cases := map[string]struct {
		others []data.Flight
		want   float64
	}{
		"nothing is known": {want: 0},
		"the mean of those that landed": {
			others: []data.Flight{earlier(9, 30, 10), earlier(10, 0, 25), earlier(10, 10, -2)}, want: 11,
		},
		"a flight in the air is not known": {
			others: []data.Flight{earlier(9, 30, 10), earlier(11, 30, 600)}, want: 10,
		},
		"a flight that lands at this very minute is not known": {
			others: []data.Flight{earlier(11, 0, 600)}, want: 0,
		},
		"a flight that landed two hours ago still counts": {
			others: []data.Flight{earlier(9, 0, 30)}, want: 30,
		},
		"a flight that landed before that is forgotten": {
			others: []data.Flight{earlier(8, 59, 600), earlier(9, 0, 30)}, want: 30,
		},
		"another airport does not matter": {
			others: []data.Flight{{Departure: at(9, 30), Origin: "LAX", Destination: "SFO", Distance: 240, Delay: 600}}, want: 0,
		},
		"rounded to a tenth": {
			others: []data.Flight{earlier(9, 30, 1), earlier(9, 31, 1), earlier(9, 32, 0)}, want: 0.7,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			flights := append(c.others, data.Flight{Departure: at(12, 0), Origin: "ATL", Destination: "JFK", Distance: 760, Delay: 99})
			addOriginDelay(flights)
			if got := flights[len(flights)-1].OriginDelay2h; got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestSampleKeepsIDsUniqueAndMonthsApart(t *testing.T) {
	var flights []data.Flight
	for minute := range 10_000 {
		for month := time.January; month <= time.June; month++ {
			f := data.Flight{
				Departure: time.Date(2001, month, 1, 0, minute, 0, 0, time.UTC), Origin: "ATL", Destination: fmt.Sprint(minute % 7),
			}
			flights = append(flights, f, f)
		}
	}
	seen := map[string]bool{}
	months := map[data.Window]time.Month{
		data.January: time.January, data.MayBaseline: time.May, data.May: time.May, data.June: time.June,
	}
	for w, part := range sample(flights) {
		// A fifth of 10,000, within 5 standard deviations of 40.
		if len(part) < 1800 || len(part) > 2200 {
			t.Errorf("%s has %d flights, want about 2000", w, len(part))
		}
		for _, f := range part {
			if seen[f.ID()] {
				t.Fatalf("flight %s is there twice", f.ID())
			}
			seen[f.ID()] = true
			if f.Departure.Month() != months[w] {
				t.Fatalf("%s holds a flight of %s", w, f.Departure.Month())
			}
		}
	}
}
