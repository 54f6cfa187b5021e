// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"errors"
	"fmt"

	"github.com/vedette-dev/vedette/internal/stats"
	"github.com/vedette-dev/vedette/internal/wire"
)

// What makes a change of a share matter, whatever its p-value: one point of a hundred, and twice what it was.
const (
	minShareEffect = 0.01
	minShareRatio  = 2
)

// limits are the bounds of the four-part rule; the fourth, persistence, is the "for" of a threshold's alert.
type limits struct {
	minRows  int64
	effect   float64
	q        float64
	coverage float64
	// covered says whether the profiles of the window cover at least the share coverage of its traffic.
	covered bool
}

// judge corrects the evidence of all results for their number, and decides on each: enough rows, enough coverage, an
// effect that matters, and evidence beyond chance.
func judge(results []Result, l limits) {
	var evidence []*Float
	var corrected []*Float
	for i := range results {
		r := &results[i]
		evidence = append(evidence, &r.P, &r.Missing.P, &r.NewCategories.P)
		corrected = append(corrected, &r.PAdjusted, &r.Missing.PAdjusted, &r.NewCategories.PAdjusted)
		if r.Reason = insufficient(r, l); r.Reason != "" {
			// What will not be judged must not weaken the rest by being counted as a test.
			evidence, corrected = evidence[:len(evidence)-3], corrected[:len(corrected)-3]
		}
	}
	p := make([]float64, len(evidence))
	for i, v := range evidence {
		p[i] = float64(*v)
	}
	for i, v := range stats.BenjaminiHochberg(p) {
		*corrected[i] = Float(v)
	}
	for i := range results {
		r := &results[i]
		r.Outcome = wire.OutcomeInsufficient
		if r.Reason != "" {
			continue
		}
		r.Causes = causes(r, l)
		if r.Outcome = wire.OutcomeStable; len(r.Causes) > 0 {
			r.Outcome = wire.OutcomeDrift
		}
	}
}

// insufficient says why nothing can be told about r, if so.
func insufficient(r *Result, l limits) string {
	switch {
	case r.RowsReference == 0:
		return ReasonBaselineMissing
	case r.RowsReference < l.minRows || r.Rows < l.minRows:
		return ReasonTooFewRows
	case !l.covered:
		return ReasonCoverageTooLow
	case r.PSI.isNaN() || r.P.isNaN():
		return ReasonError
	}
	return ""
}

func causes(r *Result, l limits) []string {
	var out []string
	if float64(r.PSI) >= l.effect && float64(r.PAdjusted) <= l.q {
		out = append(out, causePSI)
	}
	if r.Missing.grew(l) {
		out = append(out, causeMissing)
	}
	if r.NewCategories.grew(l) {
		out = append(out, causeNew)
	}
	return out
}

func (s Share) grew(l limits) bool {
	ref, cur := float64(s.Reference), float64(s.Current)
	return cur-ref >= minShareEffect && cur >= minShareRatio*ref && float64(s.PAdjusted) <= l.q
}

// limitsOf checks the bounds that the configuration sets.
func limitsOf(d wire.Drift) (limits, error) {
	var errs []error
	check := func(ok bool, field, want string, got any) {
		if !ok {
			errs = append(errs, fmt.Errorf("drift.%s is %v, want %s", field, got, want))
		}
	}
	check(d.MinRows >= 1, "minRows", "at least 1", d.MinRows)
	check(d.MinEffectPSI > 0, "minEffectPSI", "more than 0", d.MinEffectPSI)
	check(d.FalseDiscoveryRate > 0 && d.FalseDiscoveryRate < 1, "falseDiscoveryRate", "between 0 and 1", d.FalseDiscoveryRate)
	check(d.MinCoverage >= 0 && d.MinCoverage <= 1, "minCoverage", "0 to 1", d.MinCoverage)
	if err := errors.Join(errs...); err != nil {
		return limits{}, InvalidConfig(err)
	}
	return limits{minRows: d.MinRows, effect: d.MinEffectPSI, q: d.FalseDiscoveryRate, coverage: d.MinCoverage}, nil
}
