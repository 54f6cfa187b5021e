// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// minExpected is the expected count below which a cell's chi-squared term is not to be trusted (Cochran 1954).
const minExpected = 5

// Contingency is Pearson's chi-squared test of a 2 x k table: both rows are samples, neither is an expectation.
type Contingency struct {
	// Statistic is chi-squared, NaN when it could not be computed.
	Statistic float64
	// DF is the number of degrees of freedom after pooling.
	DF int
	// P is the p-value; 1 when pooling left a single cell.
	P float64
}

// ChiSquared compares two samples over the same categories. Cells whose expected count is below five on either
// side are pooled into one; a pool that is itself too small joins the smallest of the other cells.
func ChiSquared(ref, cur []int64) Contingency {
	n, m, ok := totals(ref, cur)
	if !ok {
		return Contingency{Statistic: math.NaN(), P: math.NaN()}
	}
	cells := pool(ref, cur, min(n, m)/(n+m))
	var statistic float64
	for _, c := range cells {
		expectedRef, expectedCur := c.sum()*n/(n+m), c.sum()*m/(n+m)
		statistic += square(c.ref-expectedRef)/expectedRef + square(c.cur-expectedCur)/expectedCur
	}
	df := len(cells) - 1
	return Contingency{Statistic: statistic, DF: df, P: chi2Survival(statistic, df)}
}

// pool keeps the cells whose expected count on the smaller side, of the given share, is large enough and adds up
// the others.
func pool(ref, cur []int64, share float64) []pair {
	var rest pair
	var cells []pair
	for i := range ref {
		c := pair{float64(ref[i]), float64(cur[i])}
		if c.sum()*share < minExpected {
			rest = rest.plus(c)
		} else {
			cells = append(cells, c)
		}
	}
	switch {
	case rest.sum() == 0:
	case rest.sum()*share >= minExpected || len(cells) == 0:
		cells = append(cells, rest)
	default:
		smallest := 0
		for i, c := range cells {
			if c.sum() < cells[smallest].sum() {
				smallest = i
			}
		}
		cells[smallest] = cells[smallest].plus(rest)
	}
	return cells
}

type pair struct{ ref, cur float64 }

func (p pair) sum() float64     { return p.ref + p.cur }
func (p pair) plus(q pair) pair { return pair{p.ref + q.ref, p.cur + q.cur} }

func square(x float64) float64 { return x * x }
