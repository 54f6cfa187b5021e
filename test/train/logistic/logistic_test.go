// SPDX-License-Identifier: Apache-2.0

package logistic

import (
	"math"
	"testing"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

func TestFitRecoversKnownOdds(t *testing.T) {
	// 300 of 1000 late without the term, 700 of 1000 with it; so many copies that the prior hardly counts.
	var d Design
	for i := range 2_000_000 / 10 {
		terms := []model.Term{{Name: "intercept", Value: 1}}
		late := i%10 < 3
		if i%20 >= 10 {
			terms, late = append(terms, model.Term{Name: "x", Value: 1}), i%10 < 7
		}
		d.Add(terms, late)
	}
	w, err := d.Fit(func(string) Prior { return Prior{Precision: 1} })
	if err != nil {
		t.Fatal(err)
	}
	logit := func(p float64) float64 { return math.Log(p / (1 - p)) }
	if got, want := w["intercept"], logit(0.3); math.Abs(got-want) > 0.01 {
		t.Errorf("intercept is %v, want %v", got, want)
	}
	if got, want := w["x"], logit(0.7)-logit(0.3); math.Abs(got-want) > 0.02 {
		t.Errorf("weight is %v, want %v", got, want)
	}
}

func TestFewRowsStayNearThePrior(t *testing.T) {
	var d Design
	d.Add([]model.Term{{Name: "x", Value: 1}}, true)
	w, err := d.Fit(func(string) Prior { return Prior{Mean: -2, Precision: 1e6} })
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(w["x"]+2) > 1e-3 {
		t.Errorf("weight is %v, want the prior's -2", w["x"])
	}
}

func TestSolve(t *testing.T) {
	got, err := solve([][]float64{{4}, {2, 5}}, []float64{10, 17})
	if err != nil {
		t.Fatal(err)
	}
	// 4·1 + 2·3 = 10, 2·1 + 5·3 = 17
	if math.Abs(got[0]-1) > 1e-12 || math.Abs(got[1]-3) > 1e-12 {
		t.Errorf("got %v, want [1 3]", got)
	}
	if _, err := solve([][]float64{{1}, {2, 1}}, []float64{1, 1}); err == nil {
		t.Error("a matrix that is not positive definite gives no error")
	}
}
