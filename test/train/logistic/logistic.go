// SPDX-License-Identifier: Apache-2.0

// Package logistic fits the logistic regressions of the demo and of the studies: of sparse rows, with a normal prior. It
// knows nothing of flights.
package logistic

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// Prior is what is known of a weight before any row is seen: its mean, and its precision, 0 when nothing is known.
type Prior struct{ Mean, Precision float64 }

// cell is one entry of a sparse row.
type cell struct {
	column int
	value  float64
}

// Design is the training data: sparse rows, with columns numbered in the order in which they appear.
type Design struct {
	columns map[string]int
	rows    [][]cell
	outcome []float64
}

// Add appends a row and its outcome.
func (d *Design) Add(terms []model.Term, outcome bool) {
	if d.columns == nil {
		d.columns = map[string]int{}
	}
	row := make([]cell, len(terms))
	for i, t := range terms {
		column, ok := d.columns[t.Name]
		if !ok {
			column = len(d.columns)
			d.columns[t.Name] = column
		}
		row[i] = cell{column, t.Value}
	}
	d.rows = append(d.rows, row)
	y := 0.0
	if outcome {
		y = 1
	}
	d.outcome = append(d.outcome, y)
}

// Fit maximises the penalised likelihood by Newton's method (iteratively reweighted least squares; Hastie,
// Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed., 4.4.1). The result has a weight for each term that
// any row has.
func (d *Design) Fit(prior func(term string) Prior) (map[string]float64, error) {
	priors := make([]Prior, len(d.columns))
	w := make([]float64, len(d.columns))
	for name, j := range d.columns {
		priors[j] = prior(name)
		w[j] = priors[j].Mean
	}
	for range 25 {
		gradient, hessian := d.derivatives(w, priors)
		step, err := solve(hessian, gradient)
		if err != nil {
			return nil, err
		}
		largest := 0.0
		for j := range w {
			w[j] += step[j]
			largest = max(largest, math.Abs(step[j]))
		}
		if largest < 1e-9 {
			weights := make(map[string]float64, len(w))
			for name, j := range d.columns {
				weights[name] = w[j]
			}
			return weights, nil
		}
	}
	return nil, errors.New("the fit did not converge")
}

// derivatives returns the gradient of the penalised log likelihood at w and its negative Hessian (lower triangle).
func (d *Design) derivatives(w []float64, priors []Prior) (gradient []float64, hessian [][]float64) {
	gradient, hessian = make([]float64, len(w)), make([][]float64, len(w))
	for j, p := range priors {
		hessian[j] = make([]float64, j+1)
		gradient[j], hessian[j][j] = -p.Precision*(w[j]-p.Mean), p.Precision
	}
	for i, row := range d.rows {
		sum := 0.0
		for _, c := range row {
			sum += w[c.column] * c.value
		}
		p := model.Sigmoid(sum)
		for _, a := range row {
			gradient[a.column] += (d.outcome[i] - p) * a.value
			for _, b := range row {
				if b.column <= a.column {
					hessian[a.column][b.column] += p * (1 - p) * a.value * b.value
				}
			}
		}
	}
	return gradient, hessian
}

// solve solves a·x = b for a symmetric positive definite a, of which the lower triangle is given and overwritten, by
// Cholesky's method.
func solve(a [][]float64, b []float64) ([]float64, error) {
	for i := range a {
		for j := range i + 1 {
			sum := a[i][j]
			for k := range j {
				sum -= a[i][k] * a[j][k]
			}
			if i != j {
				a[i][j] = sum / a[j][j]
				continue
			}
			if sum <= 0 {
				return nil, fmt.Errorf("the normal equations are not positive definite at column %d", i)
			}
			a[i][i] = math.Sqrt(sum)
		}
	}
	x := slices.Clone(b)
	for i := range x {
		for k := range i {
			x[i] -= a[i][k] * x[k]
		}
		x[i] /= a[i][i]
	}
	for i := len(x) - 1; i >= 0; i-- {
		for k := i + 1; k < len(x); k++ {
			x[i] -= a[k][i] * x[k]
		}
		x[i] /= a[i][i]
	}
	return x, nil
}
