// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Confusion counts how often each class was predicted where each class was right. Classes are numbered by the caller.
type Confusion struct {
	cells map[Cell]Weights
}

// Cell is one pair of classes.
type Cell struct{ Actual, Predicted int }

// Add adds a row.
func (c *Confusion) Add(actual, predicted int, weight float64) {
	if c.cells == nil {
		c.cells = map[Cell]Weights{}
	}
	w := c.cells[Cell{actual, predicted}]
	w.Add(weight)
	c.cells[Cell{actual, predicted}] = w
}

// Merge adds another table, with its weights multiplied by factor.
func (c *Confusion) Merge(o *Confusion, factor float64) {
	for cell, w := range o.cells {
		if c.cells == nil {
			c.cells = map[Cell]Weights{}
		}
		c.cells[cell] = c.cells[cell].Plus(w.Times(factor))
	}
}

// Cells are the pairs that occurred, in the order of their classes.
func (c *Confusion) Cells() []Cell {
	return slices.SortedFunc(maps.Keys(c.cells), func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Actual, b.Actual), cmp.Compare(a.Predicted, b.Predicted))
	})
}

// At is the weight of a pair.
func (c *Confusion) At(cell Cell) Weights { return c.cells[cell] }

// Classes are the classes that were predicted or right, in ascending order.
func (c *Confusion) Classes() []int {
	seen := map[int]bool{}
	for cell := range c.cells {
		seen[cell.Actual], seen[cell.Predicted] = true, true
	}
	return slices.Sorted(maps.Keys(seen))
}

// sum adds up the cells that are wanted, in a fixed order, so that equal tables give equal sums.
func (c *Confusion) sum(wanted func(Cell) bool) Weights {
	var w Weights
	for _, cell := range c.Cells() {
		if wanted(cell) {
			w = w.Plus(c.cells[cell])
		}
	}
	return w
}

// Total is the weight of all rows.
func (c *Confusion) Total() Weights { return c.sum(func(Cell) bool { return true }) }

// Accuracy is the share of rows whose predicted class was right.
func (c *Confusion) Accuracy() Estimate {
	return Proportion(c.sum(func(x Cell) bool { return x.Actual == x.Predicted }), c.Total())
}

func (c *Confusion) hits(class int) Weights { return c.cells[Cell{class, class}] }

// Support is the weight of the rows of a class.
func (c *Confusion) Support(class int) Weights {
	return c.sum(func(x Cell) bool { return x.Actual == class })
}

// Predicted is the weight of the rows that were predicted as a class.
func (c *Confusion) Predicted(class int) Weights {
	return c.sum(func(x Cell) bool { return x.Predicted == class })
}

// Precision is the share of the rows predicted as a class that are of it. It is unknown when none was.
func (c *Confusion) Precision(class int) Estimate {
	return Proportion(c.hits(class), c.Predicted(class))
}

// Recall is the share of the rows of a class that were predicted as it. It is unknown when there are none.
func (c *Confusion) Recall(class int) Estimate { return Proportion(c.hits(class), c.Support(class)) }

// F1 is the harmonic mean of precision and recall. Its interval is that of Jaccard's index J, a proportion, through
// 2J/(1+J), which F1 is.
func (c *Confusion) F1(class int) Estimate {
	union := c.sum(func(x Cell) bool { return x.Actual == class || x.Predicted == class })
	return Proportion(c.hits(class), union).through(func(j float64) float64 { return 2 * j / (1 + j) })
}

// Average says how the figures of classes become one.
type Average int

// The averages.
const (
	// Macro counts every class the same.
	Macro Average = iota
	// ByWeight counts a class by its rows.
	ByWeight
)

// Averaged are precision, recall and F1 over all classes. A class that was never predicted has the precision 0, and one
// that never occurred the recall 0, as in scikit-learn.
//
// Intervals are normal, of the linearised variance of the average, to which a row adds the same as every other row of its
// cell (for F1: Takahashi, Yamamoto, Kuchiba and Koyama 2022). For ByWeight the weights of classes are taken as given.
func (c *Confusion) Averaged(a Average) (precision, recall, f1 Estimate) {
	classes, cells := c.Classes(), c.Cells()
	total := c.Total()
	if len(classes) == 0 {
		return Unknown(), Unknown(), Unknown()
	}
	actual, predicted := map[int]float64{}, map[int]float64{}
	for _, x := range cells {
		actual[x.Actual] += c.cells[x].Sum
		predicted[x.Predicted] += c.cells[x].Sum
	}
	share := func(class int) float64 {
		if a == Macro {
			return 1 / float64(len(classes))
		}
		return actual[class] / total.Sum
	}
	average := func(of func(class int) (numerator, denominator float64), influence func(x Cell, class int) (numerator, denominator float64)) Estimate {
		var value float64
		ratio := map[int]float64{}
		for _, k := range classes {
			if n, d := of(k); d > 0 {
				ratio[k] = n / d
				value += share(k) * ratio[k]
			}
		}
		var variance float64
		for _, x := range cells {
			var slope float64
			// Only the two classes of a cell depend on it.
			for _, k := range slices.Compact([]int{x.Actual, x.Predicted}) {
				if _, d := of(k); d > 0 {
					n, w := influence(x, k)
					slope += share(k) * (n - ratio[k]*w) / d
				}
			}
			variance += c.cells[x].Squares * slope * slope
		}
		half := z95 * math.Sqrt(variance)
		return Estimate{value, max(0, value-half), min(1, value+half)}
	}
	hit := func(k int) float64 { return c.hits(k).Sum }
	one := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	precision = average(func(k int) (float64, float64) { return hit(k), predicted[k] },
		func(x Cell, k int) (float64, float64) {
			return one(x.Actual == k && x.Predicted == k), one(x.Predicted == k)
		})
	recall = average(func(k int) (float64, float64) { return hit(k), actual[k] },
		func(x Cell, k int) (float64, float64) {
			return one(x.Actual == k && x.Predicted == k), one(x.Actual == k)
		})
	f1 = average(func(k int) (float64, float64) { return 2 * hit(k), actual[k] + predicted[k] },
		func(x Cell, k int) (float64, float64) {
			return 2 * one(x.Actual == k && x.Predicted == k), one(x.Actual == k) + one(x.Predicted == k)
		})
	return precision, recall, f1
}
