// SPDX-License-Identifier: Apache-2.0

package review_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/wire"
)

var nan = math.NaN()

func classes(names ...string) []review.Label {
	var labels []review.Label
	for _, n := range names {
		labels = append(labels, review.Label{Class: n, Value: nan})
	}
	return labels
}

func numbers(values ...float64) []review.Label {
	var labels []review.Label
	for _, v := range values {
		labels = append(labels, review.Label{Value: v})
	}
	return labels
}

func TestMajority(t *testing.T) {
	t.Parallel()
	escalated := classes("a", "a")
	escalated[1].Escalated = true
	said := classes("a", "a", "b")
	said[0].Comment, said[1].Comment, said[2].Comment, said[1].Critical, said[2].Critical = "fog", "fog", "no", true, false
	for name, tc := range map[string]struct {
		labels []review.Label
		want   review.Label
		share  float64
		ok     bool
	}{
		"one person":                 {classes("a"), review.Label{Class: "a", Value: nan}, 1, true},
		"two of three":               {said, review.Label{Class: "a", Value: nan, Critical: true, Comment: "fog"}, 2. / 3, true},
		"a tie":                      {classes("a", "b"), review.Label{Value: nan}, 0, false},
		"the most are not the half":  {classes("a", "a", "b", "c"), review.Label{Value: nan}, 0, false},
		"somebody escalates":         {escalated, review.Label{Value: nan}, 0, false},
		"nobody":                     {nil, review.Label{Value: nan}, 0, false},
		"numbers that are near":      {numbers(10, 10.2, 9.9), review.Label{Value: 10}, 1, true},
		"a number that is off":       {numbers(10, 10.2, 90), review.Label{Value: 10.2}, 2. / 3, true},
		"two numbers that are apart": {numbers(10, 20), review.Label{Value: nan}, 0, false},
		"zeros":                      {numbers(0, 0), review.Label{}, 1, true},
		"numbers beside classes":     {append(numbers(1), classes("a")...), review.Label{Value: nan}, 0, false},
	} {
		got, share, ok := review.Majority(tc.labels)
		if d := cmp.Diff(tc.want, got, cmpopts.EquateNaNs()); d != "" || ok != tc.ok || math.Abs(share-tc.share) > 1e-9 {
			t.Errorf("%s: %v, %v (-want +got):\n%s", name, share, ok, d)
		}
	}
}

func TestCheckLabel(t *testing.T) {
	t.Parallel()
	class := wire.ReviewMonitor{Schema: wire.Schema{Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"no", "yes"}}}}
	number := wire.ReviewMonitor{Schema: wire.Schema{Prediction: wire.Prediction{Kind: wire.Regression}}}
	open := wire.ReviewQuestion{Comment: wire.Optional, CriticalError: wire.Optional, Escalate: wire.Optional}
	shut := wire.ReviewQuestion{Labels: []string{"good"}, Comment: wire.Hidden, CriticalError: wire.Hidden, Escalate: wire.Hidden}
	talk := wire.ReviewQuestion{Comment: wire.Required, Escalate: wire.Optional}
	for name, tc := range map[string]struct {
		question wire.ReviewQuestion
		monitor  wire.ReviewMonitor
		label    review.Label
		want     string
	}{
		"a class of the monitor":          {open, class, review.Label{Class: "yes", Value: nan}, ""},
		"another class":                   {open, class, review.Label{Class: "maybe", Value: nan}, "none of no, yes"},
		"a label of the question":         {shut, number, review.Label{Class: "good", Value: nan}, ""},
		"a class the question lacks":      {shut, class, review.Label{Class: "yes", Value: nan}, "none of good"},
		"any class where none is known":   {open, wire.ReviewMonitor{}, review.Label{Class: "x", Value: nan}, ""},
		"a class that is too long":        {open, wire.ReviewMonitor{}, review.Label{Class: strings.Repeat("x", 129), Value: nan}, "1 to 128 bytes"},
		"no class":                        {open, wire.ReviewMonitor{}, review.Label{Value: nan}, "1 to 128 bytes"},
		"a number":                        {open, number, review.Label{Value: 3}, ""},
		"an infinite number":              {open, number, review.Label{Value: math.Inf(1)}, "must be a number"},
		"a class instead of a number":     {open, number, review.Label{Class: "yes", Value: nan}, "must be a number"},
		"a number instead of a class":     {open, class, review.Label{Value: 3}, "not a number"},
		"who escalates need not know":     {open, class, review.Label{Value: nan, Escalated: true}, ""},
		"no escalations here":             {shut, class, review.Label{Value: nan, Escalated: true}, "escalations"},
		"no critical errors here":         {shut, class, review.Label{Class: "good", Value: nan, Critical: true}, "critical errors"},
		"no comments here":                {shut, class, review.Label{Class: "good", Value: nan, Comment: "x"}, "no comments"},
		"a comment is missing":            {talk, class, review.Label{Class: "yes", Value: nan}, "a comment is required"},
		"a comment that is a whole novel": {talk, class, review.Label{Class: "yes", Value: nan, Comment: strings.Repeat("x", 4097)}, "at most 4096"},
	} {
		err := review.CheckLabel(&tc.question, &tc.monitor, &tc.label)
		if tc.want == "" && err != nil || tc.want != "" && (!errors.Is(err, review.ErrInvalid) || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestCutKeepsCharactersWhole(t *testing.T) {
	t.Parallel()
	for n, want := range []string{"", "a", "a", "aü", "aüb"} {
		if got := review.Cut("aüb", n); got != want {
			t.Errorf("Cut to %d = %q, want %q", n, got, want)
		}
	}
}
