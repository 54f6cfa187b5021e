// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// Divergence is the population stability index of two samples over the same cells, with what is needed to judge
// it. Every field is NaN when it could not be computed.
type Divergence struct {
	// PSI is the plug-in index in nats: sum (q-p) ln(q/p).
	PSI float64
	// Null is the index that two samples of these sizes from one distribution give on average.
	Null float64
	// Adjusted is max(0, PSI-Null): the part of PSI that is not sampling noise. Thresholds are on it.
	Adjusted float64

	df int
}

// PSI compares the counts of a reference and of a current sample over the same cells.
//
// Shares are (count+1/2)/(N+B/2), after Jeffreys' prior: an empty cell then has neither a cliff nor an epsilon to
// choose. Under equality PSI/(1/n+1/m) is chi-squared with B-1 degrees of freedom (Yurdakul 2018), whose mean
// is the bias that Adjusted takes off.
func PSI(ref, cur []int64) Divergence {
	n, m, ok := totals(ref, cur)
	if !ok {
		nan := math.NaN()
		return Divergence{PSI: nan, Null: nan, Adjusted: nan}
	}
	half := 0.5 * float64(len(ref))
	var psi float64
	for i := range ref {
		p := (float64(ref[i]) + 0.5) / (n + half)
		q := (float64(cur[i]) + 0.5) / (m + half)
		psi += (q - p) * math.Log(q/p)
	}
	df := len(ref) - 1
	null := float64(df) * (1/n + 1/m)
	return Divergence{PSI: psi, Null: null, Adjusted: max(0, psi-null), df: df}
}

// PValue is the probability of an index at least this large if nothing changed, when windows of the reference
// vary phi times as much as independent sampling would make them (see Overdispersion).
func (d Divergence) PValue(phi float64) float64 {
	if math.IsNaN(d.PSI) || math.IsNaN(phi) || phi < 1 {
		return math.NaN()
	}
	if d.df < 1 {
		return 1
	}
	return chi2Survival(d.PSI*float64(d.df)/(phi*d.Null), d.df)
}

// Overdispersion is the factor phi by which pairs of reference windows differ more than sampling explains:
// max(1, mean PSI / mean null PSI). Traffic comes in waves, and a p-value that ignores it cries wolf. Pairs that
// could not be computed are left out; without any pair phi is 1.
func Overdispersion(pairs []Divergence) float64 {
	var psi, null float64
	for _, p := range pairs {
		if !math.IsNaN(p.PSI) {
			psi += p.PSI
			null += p.Null
		}
	}
	if null == 0 {
		return 1
	}
	return max(1, psi/null)
}

// JensenShannon is the Jensen-Shannon distance in base 2 between two samples over the same cells, in [0, 1]:
// the root of the divergence. Adjusted takes (k-1)/(8 ln 2)(1/n+1/m), the divergence that sampling alone gives,
// off before the root; without it a column of many categories always looks drifted.
func JensenShannon(ref, cur []int64) (distance, adjusted float64) {
	n, m, ok := totals(ref, cur)
	if !ok {
		return math.NaN(), math.NaN()
	}
	var jsd float64
	for i := range ref {
		p, q := float64(ref[i])/n, float64(cur[i])/m
		mid := (p + q) / 2
		jsd += (xlog2(p, mid) + xlog2(q, mid)) / 2
	}
	bias := float64(len(ref)-1) / (8 * math.Ln2) * (1/n + 1/m)
	return math.Sqrt(min(1, max(0, jsd))), math.Sqrt(min(1, max(0, jsd-bias)))
}

// xlog2 is x log2(x/y), with its limit 0 at x = 0.
func xlog2(x, y float64) float64 {
	if x == 0 {
		return 0
	}
	return x * math.Log2(x/y)
}
