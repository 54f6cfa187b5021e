// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// Estimate is a value with the bounds of its 95 % confidence interval. All three are NaN when there is nothing to
// estimate from.
type Estimate struct{ Value, Low, High float64 }

// Unknown is the estimate of what cannot be estimated.
func Unknown() Estimate {
	nan := math.NaN()
	return Estimate{nan, nan, nan}
}

// Known reports whether there is an estimate.
func (i Estimate) Known() bool { return !math.IsNaN(i.Value) }

// through maps an estimate by an increasing function.
func (i Estimate) through(f func(float64) float64) Estimate {
	return Estimate{f(i.Value), f(i.Low), f(i.High)}
}

// Weights sums up the weights of rows that stand for more rows than themselves: a row that was kept with probability p
// has the weight 1/p.
type Weights struct {
	// N is the number of rows, Sum the sum of their weights, and Squares that of their weights' squares.
	N            int64
	Sum, Squares float64
}

// Add adds a row.
func (w *Weights) Add(weight float64) {
	w.N++
	w.Sum += weight
	w.Squares += weight * weight
}

// Plus adds up two sums.
func (w Weights) Plus(o Weights) Weights {
	return Weights{w.N + o.N, w.Sum + o.Sum, w.Squares + o.Squares}
}

// Times multiplies all weights by a factor. Rows of no weight are none.
func (w Weights) Times(factor float64) Weights {
	if factor == 0 {
		return Weights{}
	}
	return Weights{w.N, w.Sum * factor, w.Squares * factor * factor}
}

// Effective is how many rows of equal weight would tell as much (Kish 1965): the square of the sum over the sum of the
// squares. Without weights it is the number of rows. It is 0 for no rows.
func (w Weights) Effective() float64 {
	if w.Squares <= 0 {
		return 0
	}
	return w.Sum * w.Sum / w.Squares
}

// Proportion is the share that part has in whole, with Wilson's score interval (1927) at the effective size of the
// whole. It is unknown when the whole is empty.
func Proportion(part, whole Weights) Estimate {
	n := whole.Effective()
	if n == 0 {
		return Unknown()
	}
	// Sums of floats: part may exceed whole by a rounding.
	p := min(1, part.Sum/whole.Sum)
	low, high := wilson(p, n)
	return Estimate{p, low, high}
}

// RareShare is the share of a population of a known total that the rows of part stand for, where the other rows are
// known by that total alone. Its interval is Wilson's at the size for which a binomial share has the variance that the
// weights give (Horvitz and Thompson 1952): total * sum / squares; without any rows, at the size of the population.
func RareShare(part Weights, population Weights) Estimate {
	n := population.Effective()
	if n == 0 {
		return Unknown()
	}
	if part.N > 0 {
		n = min(n, population.Sum*part.Sum/part.Squares)
	}
	p := min(1, part.Sum/population.Sum)
	low, high := wilson(p, n)
	return Estimate{p, low, high}
}

// Moments are the sums from which the mean of something and its interval follow. The zero Moments are those of nothing.
type Moments struct {
	Weights
	// x is the sum of the weighted values; wx and wxx those of the values and of their squares by the squared weights.
	x, wx, wxx float64
}

// Observe adds a value.
func (m *Moments) Observe(x, weight float64) {
	m.Add(weight)
	m.x += weight * x
	m.wx += weight * weight * x
	m.wxx += weight * weight * x * x
}

// Merge adds others, with their weights multiplied by factor.
func (m *Moments) Merge(o Moments, factor float64) {
	m.Weights = m.Plus(o.Times(factor))
	m.x += factor * o.x
	m.wx += factor * factor * o.wx
	m.wxx += factor * factor * o.wxx
}

// Mean is the weighted mean, with the normal interval of its linearised variance, the sum of (w (x - mean))² over the
// squared sum of w (Särndal, Swensson and Wretman 1992, 5.7), corrected by n/(n-1). A single row has no spread: its bounds
// are NaN. It is unknown for no rows.
func (m Moments) Mean() Estimate {
	if m.N == 0 || m.Sum <= 0 {
		return Unknown()
	}
	mean := m.x / m.Sum
	if m.N == 1 {
		return Estimate{mean, math.NaN(), math.NaN()}
	}
	variance := max(0, m.wxx-2*mean*m.wx+mean*mean*m.Squares)
	half := z95 * math.Sqrt(variance*sampled(m.N)) / m.Sum
	return Estimate{mean, mean - half, mean + half}
}

// NonNegative cuts the bounds of something that cannot be negative.
func (i Estimate) NonNegative() Estimate {
	if i.Low < 0 {
		i.Low = 0
	}
	return i
}

// Root is the square root of an estimate of something that is not negative.
func (i Estimate) Root() Estimate { return i.NonNegative().through(math.Sqrt) }
