// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// ridge is the precision of the weights' prior. It makes the one-hot terms identifiable and keeps airports with few
// flights near the average; around 100 it ranks the flights of May best.
const ridge = 100

// cell is one entry of a sparse row.
type cell struct {
	column int
	value  float64
}

// design is the training data: sparse rows, with columns numbered in the order in which they appear.
type design struct {
	columns map[string]int
	rows    [][]cell
	late    []float64
}

// add appends one flight.
func (d *design) add(terms []model.Term, late bool) {
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
	if late {
		y = 1
	}
	d.late = append(d.late, y)
}

// fit maximises the penalised likelihood by Newton's method (iteratively reweighted least squares; Hastie,
// Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed., 4.4.1).
func (d *design) fit() ([]float64, error) {
	n := len(d.columns)
	w := make([]float64, n)
	for range 25 {
		gradient, hessian := d.derivatives(w)
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
			return w, nil
		}
	}
	return nil, fmt.Errorf("the fit did not converge")
}

// derivatives returns the gradient of the penalised log likelihood at w and its negative Hessian (lower triangle).
func (d *design) derivatives(w []float64) (gradient []float64, hessian [][]float64) {
	gradient, hessian = make([]float64, len(w)), make([][]float64, len(w))
	for j := range w {
		hessian[j] = make([]float64, j+1)
		if j != d.columns["intercept"] {
			gradient[j], hessian[j][j] = -ridge*w[j], ridge
		}
	}
	for i, row := range d.rows {
		sum := 0.0
		for _, c := range row {
			sum += w[c.column] * c.value
		}
		p := model.Sigmoid(sum)
		for _, a := range row {
			gradient[a.column] += (d.late[i] - p) * a.value
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
