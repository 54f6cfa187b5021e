// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"slices"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/stats"
	"github.com/vedette-dev/vedette/internal/wire"
)

// referenceBlocks is how many blocks a reference is cut into at most, to see how its own windows differ.
const referenceBlocks = 32

// minBlockRowsPerCell is how many rows a block needs on average in each cell for its PSI to be worth comparing: the mean
// under equality is then within a tenth of what theory says, and with fewer rows falls ever farther below.
const minBlockRowsPerCell = 5

// Result compares one feature in one segment with the reference.
type Result struct {
	// Segment is "" for all traffic.
	Segment string `json:"segment"`
	// Feature is one of the schema, or _score or _class for the prediction.
	Feature string           `json:"feature"`
	Type    wire.FeatureType `json:"type"`
	// Outcome is Stable, Drift or Insufficient; Reason says why nothing could be told.
	Outcome wire.Outcome `json:"outcome"`
	Reason  string       `json:"reason,omitempty"`
	// Causes say which of psi, missing and newCategories moved.
	Causes []string `json:"causes,omitempty"`

	RowsReference int64 `json:"rowsReference"`
	Rows          int64 `json:"rows"`

	// PSI is debiased; PSIRaw is not. Phi is how much more the reference's own windows differ than sampling explains,
	// P takes it into account, and PAdjusted also the number of tests of the run.
	PSI       Float `json:"psi"`
	PSIRaw    Float `json:"psiRaw"`
	Phi       Float `json:"phi"`
	P         Float `json:"p"`
	PAdjusted Float `json:"pAdjusted"`
	// KS is binned, and its p conservative; both are null for categories. They show, and decide nothing.
	KS  Float `json:"ks"`
	KSP Float `json:"ksP"`
	// JS is the debiased Jensen-Shannon distance in base 2; JSRaw is not debiased.
	JS    Float `json:"js"`
	JSRaw Float `json:"jsRaw"`
	// Chi2P is the p of the chi-squared test for categories, without regard to Phi.
	Chi2P Float `json:"chi2P"`

	Missing Share `json:"missing"`
	Invalid Share `json:"invalid"`
	// NewCategories are values of categories that the reference never had; ReferenceBound is what share of the
	// reference they could have had unseen (rule of three).
	NewCategories  Share    `json:"newCategories"`
	ReferenceBound Float    `json:"referenceBound"`
	NewNames       []string `json:"newNames,omitempty"`

	MeanReference Float `json:"meanReference"`
	Mean          Float `json:"mean"`

	// Edges, or Names, are the cells of PSI. The counts have two more, for missing and invalid values, and for
	// categories, before these, one for the rest and one for new ones.
	Edges           []float64 `json:"edges,omitempty"`
	Names           []string  `json:"names,omitempty"`
	CountsReference []int64   `json:"countsReference,omitempty"`
	Counts          []int64   `json:"counts,omitempty"`
}

// Share compares a share of the rows of the window with that of the reference.
type Share struct {
	Reference Float `json:"reference"`
	Current   Float `json:"current"`
	// Low and High bound the difference with 95 % confidence.
	Low  Float `json:"low"`
	High Float `json:"high"`
	// P is NaN (null) where neither side has any: no test is made then.
	P         Float `json:"p"`
	PAdjusted Float `json:"pAdjusted"`
}

var noShare = Share{Reference: nan, Current: nan, Low: nan, High: nan, P: nan, PAdjusted: nan}

// Causes of drift, as findings name them.
const (
	causePSI     = "psi"
	causeMissing = "missing"
	causeNew     = "newCategories"
)

func rows(s *profile.Series) int64 { return s.Count + s.Missing + s.Invalid }

// compare computes every statistic of one feature in one segment. It decides nothing: see judge.
func compare(id seriesID, blocks []*profile.Series, cur *profile.Series) Result {
	ref := merged(blocks)
	c := cellsOf(ref, cur)
	r := Result{
		Segment: id.segment, Feature: id.feature, Type: ref.Type,
		RowsReference: rows(ref), Rows: rows(cur),
		CountsReference: c.count(ref), Counts: c.count(cur),
		KS: nan, KSP: nan, Chi2P: nan, PAdjusted: nan, ReferenceBound: nan,
		MeanReference: nan, Mean: nan, NewCategories: noShare,
		Missing: share(ref.Missing, rows(ref), cur.Missing, rows(cur)),
		Invalid: share(ref.Invalid, rows(ref), cur.Invalid, rows(cur)),
	}
	refCells, curCells := occupied(r.CountsReference, r.Counts)
	psi := stats.PSI(refCells, curCells)
	phi := overdispersion(blocks, c)
	r.PSI, r.PSIRaw, r.Phi, r.P = Float(psi.Adjusted), Float(psi.PSI), Float(phi), Float(psi.PValue(phi))
	raw, adjusted := stats.JensenShannon(refCells, curCells)
	r.JS, r.JSRaw = Float(adjusted), Float(raw)

	if ref.IsNumeric() {
		fine := ref.Cuts(ksBins)
		d := stats.KSBinned(fine.Count(ref), fine.Count(cur))
		r.KS, r.KSP = Float(d), Float(stats.KSPValue(d, ref.Count, cur.Count))
		r.MeanReference, r.Mean = Float(ref.Mean()), Float(cur.Mean())
		r.Edges = c.cuts.Edges(ref.Origin)
		return r
	}
	r.Chi2P = Float(stats.ChiSquared(refCells, curCells).P)
	r.Names = c.names
	if !c.overflow {
		fresh, names := c.fresh(cur)
		r.NewCategories, r.NewNames = share(0, rows(ref), fresh, rows(cur)), names
		r.ReferenceBound = Float(stats.RuleOfThree(rows(ref)))
	}
	return r
}

// share compares x of n rows with y of m.
func share(x, n, y, m int64) Share {
	t := stats.TwoProportions(x, n, y, m)
	s := Share{Reference: Float(t.Ref), Current: Float(t.Cur), Low: Float(t.Low), High: Float(t.High), P: Float(t.P), PAdjusted: nan}
	if x+y == 0 {
		// No outcome of such a test could be evidence, so it is not made, and does not count as one (Tarone 1990).
		s.P = nan
	}
	return s
}

// overdispersion is how much the blocks of a reference differ from each other beyond sampling, over the given cells.
func overdispersion(blocks []*profile.Series, c cells) float64 {
	counts := coarse(blocks, c)
	var pairs []stats.Divergence
	for i := range counts {
		for j := range i {
			pairs = append(pairs, stats.PSI(occupied(counts[j], counts[i])))
		}
	}
	return stats.Overdispersion(pairs)
}

// coarse counts the blocks into the cells, and joins neighbours until each has rows enough; the rest joins the last.
func coarse(blocks []*profile.Series, c cells) [][]int64 {
	var out [][]int64
	var open []int64
	for _, b := range blocks {
		if b == nil {
			continue
		}
		counts := c.count(b)
		if open == nil {
			open = make([]int64, len(counts))
		}
		add(open, counts)
		if sum(open) >= minBlockRowsPerCell*int64(len(open)) {
			out, open = append(out, open), nil
		}
	}
	if open != nil && len(out) > 0 {
		add(out[len(out)-1], open)
	}
	return out
}

func add(to, counts []int64) {
	for i, n := range counts {
		to[i] += n
	}
}

func sum(counts []int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}

// comparisons computes the results for every series that the reference or the window has, in the order of segment and
// feature. A segment or feature that the reference lacks is reported, and cannot be judged.
func comparisons(ref, cur *tally) []Result {
	var ids []seriesID
	for id := range ref.blocks {
		ids = append(ids, id)
	}
	for id := range cur.blocks {
		if _, both := ref.blocks[id]; !both {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b seriesID) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.feature, b.feature))
	})
	var results []Result
	for _, id := range ids {
		if id.feature == profile.Coverage {
			continue
		}
		blocks, now := ref.blocks[id], cur.total(id)
		reference := merged(blocks)
		switch {
		case reference == nil:
			reference = profile.NewSeries(now.Key, now.Type, now.Origin)
			blocks = []*profile.Series{reference}
		case now == nil:
			now = profile.NewSeries(reference.Key, reference.Type, reference.Origin)
		case reference.Type != now.Type || reference.Origin != now.Origin:
			continue // Counted as foreign when it was read.
		}
		if id.feature[0] == '_' && reference.Count == 0 && now.Count == 0 {
			continue // A prediction without scores, or without classes.
		}
		results = append(results, compare(id, blocks, now))
	}
	return results
}
