// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// madToSigma makes the median absolute deviation of a normal sample estimate its standard deviation.
const madToSigma = 1.482602218505602

// RobustZ is how many robust standard deviations x lies from the median (Iglewicz and Hoaglin 1993): beyond 3.5 it
// is commonly called an outlier. Where the reference has no spread (mad = 0), every other value is infinitely far:
// callers that sum or show scores cap it. It is NaN when x, median or mad is not a number or mad is negative.
func RobustZ(x, median, mad float64) float64 {
	switch {
	case math.IsNaN(x), math.IsNaN(median), math.IsNaN(mad), mad < 0:
		return math.NaN()
	case x == median:
		return 0
	}
	return (x - median) / (madToSigma * mad)
}
