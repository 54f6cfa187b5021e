// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// airports are the origins that the demo looks at; the empty one is all traffic.
var airports = []string{"", "ATL", "BOS", "DEN", "JFK", "DFW", "ORD", "LAX"}

// report prints how well m ranks flights, and how far its scores are from the May baseline.
func report(w io.Writer, m *model.Model, flights map[data.Window][]data.Flight) error {
	for _, window := range data.Windows() {
		fmt.Fprintf(w, "%-13s flights %d, late %.3f, mean score %.3f, AUC %.3f\n", window, len(flights[window]),
			share(flights[window], data.Flight.Late), mean(scores(m, flights[window], "")), auc(m, flights[window]))
	}
	fmt.Fprintln(w, "\nPSI of the score against the May baseline, debiased, in 10 quantile bins:")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "origin\trows baseline\tMay\tJune\tPSI May\tPSI June\tlate May\tlate June\t")
	for _, airport := range airports {
		reference, may, june := scores(m, flights[data.MayBaseline], airport), scores(m, flights[data.May], airport), scores(m, flights[data.June], airport)
		name := airport
		if name == "" {
			name = "all"
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t\n", name, len(reference), len(may), len(june),
			psi(reference, may), psi(reference, june),
			share(from(flights[data.May], airport), data.Flight.Late), share(from(flights[data.June], airport), data.Flight.Late))
	}
	return table.Flush()
}

// from selects the flights of one origin.
func from(flights []data.Flight, airport string) []data.Flight {
	if airport == "" {
		return flights
	}
	return slices.DeleteFunc(slices.Clone(flights), func(f data.Flight) bool { return f.Origin != airport })
}

// scores are what the model says of the flights of one origin.
func scores(m *model.Model, flights []data.Flight, airport string) []float64 {
	var s []float64
	for _, f := range from(flights, airport) {
		s = append(s, m.Score(f.Features()))
	}
	return s
}

// psiBins is the number of quantile bins of psi.
const psiBins = 10

// psi is the population stability index of current against reference, in bins between the reference's quantiles, with
// shares (count+½)/(n+½B), less its expectation without drift, (B−1)(1/n+1/m) (Yurdakul 2018), and at least 0. It is
// written out here to check the product's statistics, not to share their mistakes.
func psi(reference, current []float64) float64 {
	sorted := slices.Sorted(slices.Values(reference))
	var edges []float64
	for i := 1; i < psiBins; i++ {
		edges = append(edges, sorted[i*len(sorted)/psiBins])
	}
	edges = slices.Compact(edges)
	bins := float64(len(edges) + 1)
	shares := func(values []float64) []float64 {
		counts := make([]float64, len(edges)+1)
		for _, v := range values {
			i, _ := slices.BinarySearch(edges, v)
			counts[i]++
		}
		for i := range counts {
			counts[i] = (counts[i] + 0.5) / (float64(len(values)) + bins/2)
		}
		return counts
	}
	p, q := shares(reference), shares(current)
	sum := 0.0
	for i := range p {
		sum += (q[i] - p[i]) * math.Log(q[i]/p[i])
	}
	return max(0, sum-(bins-1)*(1/float64(len(reference))+1/float64(len(current))))
}

// auc is the probability that a late flight scores higher than one on time (Mann–Whitney, with midranks for ties).
func auc(m *model.Model, flights []data.Flight) float64 {
	type scored struct {
		score float64
		late  bool
	}
	all := make([]scored, len(flights))
	for i, f := range flights {
		all[i] = scored{m.Score(f.Features()), f.Late()}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Compare(a.score, b.score) })
	rankSum, late := 0.0, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].score == all[i].score {
			j++
		}
		for _, s := range all[i:j] {
			if s.late {
				rankSum += float64(i+j+1) / 2
				late++
			}
		}
		i = j
	}
	return (rankSum - late*(late+1)/2) / (late * (float64(len(all)) - late))
}

// share is the share of flights for which is holds.
func share(flights []data.Flight, is func(data.Flight) bool) float64 {
	n := 0
	for _, f := range flights {
		if is(f) {
			n++
		}
	}
	return float64(n) / float64(len(flights))
}

// mean is the average of values.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
