// SPDX-License-Identifier: Apache-2.0

// Package model owns the logistic regression of the demo, "does this flight arrive more than 15 minutes late": its
// inputs, its terms, and how it scores. Training and serving share the terms, so they cannot differ. It knows nothing
// of files of flights or of protocols.
package model

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync"
)

//go:embed model.json
var trained []byte

// The two answers.
const (
	Late   = "late"
	OnTime = "ontime"
)

// Threshold is the probability from which on a flight is predicted late.
const Threshold = 0.5

// Features is one instance. A missing number is NaN, a missing category is empty; either leaves the model with what
// the other features say.
type Features struct {
	// Hour of departure, 0 to 23.
	Hour float64
	// Weekday of departure, "Mon" to "Sun".
	Weekday string
	// Origin and Destination are airport codes.
	Origin, Destination string
	// Distance in miles.
	Distance float64
	// OriginDelay2h is the mean delay in minutes at the origin over the two hours before departure.
	OriginDelay2h float64
}

// Missing are features of which none is known.
func Missing() Features {
	return Features{Hour: math.NaN(), Distance: math.NaN(), OriginDelay2h: math.NaN()}
}

// Model is a trained logistic regression.
type Model struct {
	// Version names what it was trained on.
	Version string `json:"version"`
	// Means are subtracted from the numeric terms, so that a missing number counts as an ordinary one.
	Means Means `json:"means"`
	// Weights are log odds per term; a term without one, such as an unseen airport, has no influence.
	Weights map[string]float64 `json:"weights"`
}

// Means are the averages of the numeric terms in the training data.
type Means struct {
	LogDistance   float64 `json:"log_distance"`
	OriginDelay2h float64 `json:"origin_delay_2h"`
}

// Term is one term of the linear predictor.
type Term struct {
	// Name is the key of the weight, for example "origin=ATL".
	Name string
	// Value is 1 for a category.
	Value float64
}

// Load returns the model that ships with the server.
var Load = sync.OnceValues(func() (*Model, error) {
	m, err := Parse(trained)
	if err != nil {
		return nil, fmt.Errorf("loading the embedded model: %w", err)
	}
	return m, nil
})

// Parse reads a model.
func Parse(b []byte) (*Model, error) {
	m := new(Model)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("parsing the model: %w", err)
	}
	if m.Version == "" || len(m.Weights) == 0 {
		return nil, fmt.Errorf("parsing the model: version and weights must not be empty")
	}
	return m, nil
}

// Terms appends the terms of f to dst.
func (m *Model) Terms(dst []Term, f Features) []Term {
	dst = append(dst, Term{"intercept", 1})
	if f.Hour >= 0 && f.Hour < 24 {
		dst = append(dst, Term{"hour=" + strconv.Itoa(int(f.Hour)), 1})
	}
	for _, c := range []struct{ name, value string }{
		{"weekday=", f.Weekday}, {"origin=", f.Origin}, {"destination=", f.Destination},
	} {
		if c.value != "" {
			dst = append(dst, Term{c.name + c.value, 1})
		}
	}
	if !math.IsNaN(f.Distance) {
		dst = append(dst, Term{"log_distance", LogDistance(f.Distance) - m.Means.LogDistance})
	}
	if !math.IsNaN(f.OriginDelay2h) {
		d := CompressDelay(f.OriginDelay2h)
		dst = append(dst, Term{"origin_delay_2h", d - m.Means.OriginDelay2h}, Term{"origin_delay_2h_positive", max(d, 0)})
	}
	return dst
}

// LogDistance is the logarithm of a distance in miles, at least one.
func LogDistance(miles float64) float64 { return math.Log(max(miles, 1)) }

// CompressDelay is linear for delays of a few minutes and logarithmic for long ones, of either sign: one flight that
// is ten hours late must not decide everything.
func CompressDelay(minutes float64) float64 {
	return math.Copysign(math.Log1p(math.Abs(minutes)/10), minutes)
}

// Score is the probability that the flight is late.
func (m *Model) Score(f Features) float64 {
	var buf [9]Term
	sum := 0.0
	for _, t := range m.Terms(buf[:0], f) {
		sum += m.Weights[t.Name] * t.Value
	}
	return Sigmoid(sum)
}

// Sigmoid is the logistic function.
func Sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// Label is the answer that goes with a score.
func Label(score float64) string {
	if score >= Threshold {
		return Late
	}
	return OnTime
}
