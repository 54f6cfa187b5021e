// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/test/data"
)

// lookBack is how far the mean delay at the origin looks back.
const lookBack = 2 * time.Hour

// landed estimates when a flight's delay at arrival is known: half an hour on the ground and at low speed, and 480
// miles an hour for the distance. The source has no time of arrival.
func landed(f data.Flight) time.Time {
	return f.Departure.Add(30*time.Minute + time.Duration(f.Distance)*time.Hour/480)
}

// addOriginDelay fills in OriginDelay2h. It is causal: a flight contributes from its landing on, never at its
// departure, when nobody could know its delay at arrival. Times are the origin's local ones throughout.
func addOriginDelay(flights []data.Flight) {
	byOrigin := map[string][]int{}
	for i, f := range flights {
		byOrigin[f.Origin] = append(byOrigin[f.Origin], i)
	}
	for _, departures := range byOrigin {
		slices.SortStableFunc(departures, func(a, b int) int { return flights[a].Departure.Compare(flights[b].Departure) })
		landings := slices.Clone(departures)
		slices.SortStableFunc(landings, func(a, b int) int { return landed(flights[a]).Compare(landed(flights[b])) })

		first, next, sum := 0, 0, 0
		for _, i := range departures {
			now := flights[i].Departure
			for ; next < len(landings) && landed(flights[landings[next]]).Before(now); next++ {
				sum += int(flights[landings[next]].Delay)
			}
			for ; first < next && landed(flights[landings[first]]).Before(now.Add(-lookBack)); first++ {
				sum -= int(flights[landings[first]].Delay)
			}
			if n := next - first; n > 0 {
				// A tenth of a minute is enough, and makes small files.
				flights[i].OriginDelay2h = math.Round(10*float64(sum)/float64(n)) / 10
			}
		}
	}
}

// buckets is the number of parts that flights are split into, by hash.
const buckets = 10

// sample splits January, May and June by hash. The two parts of May come from the same days and hours, so that
// nothing but chance tells them apart. Of flights that leave at the same minute on the same route only the first is
// kept: the flight's ID stays unique.
func sample(flights []data.Flight) map[data.Window][]data.Flight {
	parts := map[data.Window][]data.Flight{}
	seen := map[string]bool{}
	for _, f := range flights {
		month := f.Departure.Month()
		if month != time.January && month != time.May && month != time.June {
			continue
		}
		w, ok := windowOf(month, bucket(f.ID()))
		if !ok || seen[f.ID()] {
			continue
		}
		seen[f.ID()] = true
		parts[w] = append(parts[w], f)
	}
	for _, part := range parts {
		slices.SortFunc(part, data.Compare)
	}
	return parts
}

// windowOf says which window takes a flight, if any.
func windowOf(month time.Month, bucket uint64) (data.Window, bool) {
	switch {
	case month == time.January && bucket < 2:
		return data.January, true
	case month == time.May && bucket < 2:
		return data.MayBaseline, true
	case month == time.May && bucket < 4:
		return data.May, true
	case month == time.June && bucket < 2:
		return data.June, true
	default:
		return "", false
	}
}

// bucket hashes a flight's ID to 0 … buckets-1.
func bucket(id string) uint64 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint64(sum[:8]) % buckets
}
