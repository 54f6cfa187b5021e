// SPDX-License-Identifier: Apache-2.0

package review

import (
	"math"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/internal/label"
)

// sameNumber is how far numbers may be from the median of all and still agree with it, relative to it.
const sameNumber = 0.05

// Majority is what more than half of the labels say, and the share of them that say so. It reports false on a tie, and when
// somebody escalates: then a reviewer decides. Numbers agree when they are near their median. What is critical to one of
// those who agree is critical.
func Majority(labels []Label) (Label, float64, bool) {
	if len(labels) == 0 || slices.ContainsFunc(labels, func(l Label) bool { return l.Escalated }) {
		return Label{Value: math.NaN()}, 0, false
	}
	said := Label{Class: mode(labels), Value: median(labels)}
	var agree []Label
	for _, l := range labels {
		if l.Class == said.Class && (math.IsNaN(l.Value) && math.IsNaN(said.Value) || math.Abs(l.Value-said.Value) <= sameNumber*math.Abs(said.Value)) {
			agree = append(agree, l)
		}
	}
	if 2*len(agree) <= len(labels) {
		return Label{Value: math.NaN()}, 0, false
	}
	var comments []string
	for _, l := range agree {
		said.Critical = said.Critical || l.Critical
		if l.Comment != "" && !slices.Contains(comments, l.Comment) {
			comments = append(comments, l.Comment)
		}
	}
	said.Comment = Cut(strings.Join(comments, "\n"), label.MaxComment)
	return said, float64(len(agree)) / float64(len(labels)), true
}

// mode is the most frequent class; among equals it is the first, which is no majority anyway.
func mode(labels []Label) string {
	counts, best := map[string]int{}, ""
	for _, l := range labels {
		if counts[l.Class]++; counts[l.Class] > counts[best] {
			best = l.Class
		}
	}
	return best
}

// median is NaN where the labels are no numbers.
func median(labels []Label) float64 {
	var numbers []float64
	for _, l := range labels {
		if !math.IsNaN(l.Value) {
			numbers = append(numbers, l.Value)
		}
	}
	if len(numbers) == 0 {
		return math.NaN()
	}
	slices.Sort(numbers)
	return (numbers[(len(numbers)-1)/2] + numbers[len(numbers)/2]) / 2
}

// Cut is s, or as much of its beginning as n bytes hold whole characters of.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
