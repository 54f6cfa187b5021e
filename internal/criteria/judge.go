// SPDX-License-Identifier: Apache-2.0

package criteria

import (
	"math"
	"slices"

	"github.com/vedette-dev/vedette/internal/stats"
)

// Judge judges a candidate by all criteria, in Everything and in the segments. It passes when every finding does, and
// fails when one does; an Error outweighs what is inconclusive, and decides nothing. Without criteria, or by a policy whose
// probabilities do not lie between 0 and 1, there is nothing but an Error.
func Judge(cs []Criterion, segments []string, e Evidence, p Policy) (Verdict, []Finding) {
	if len(cs) == 0 || !p.valid() {
		return Error, nil
	}
	everywhere := append([]string{Everything}, segments...)
	var findings []Finding
	for _, c := range cs {
		scopes := c.Segments
		if len(scopes) == 0 {
			scopes = everywhere
		}
		findings = append(findings, judge(c, scopes, e, p, p.MaxWrongRejection/float64(len(cs)))...)
	}
	return overall(findings), findings
}

func overall(findings []Finding) Verdict {
	verdict := Pass
	for _, v := range []Verdict{Inconclusive, Error, Fail} {
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Verdict == v }) {
			verdict = v
		}
	}
	return verdict
}

// aside is the part of a level that claims with a nuisance spend on bounding it.
const aside = 0.1

// judge judges a criterion in all its scopes, with rejection as the probability of failing wrongly in any.
func judge(c Criterion, scopes []string, e Evidence, p Policy, rejection float64) []Finding {
	level := levels{pass: p.MaxWrongPromotion, fail: rejection, scopes: len(scopes)}
	claims := make([]claim, len(scopes))
	against := make([]float64, len(scopes))
	for i, scope := range scopes {
		claims[i] = claimOf(c, e[scope], p, level)
		against[i] = math.Inf(-1)
		if claims[i].n > 0 && claims[i].n >= c.MinSamples {
			against[i] = claims[i].fails
		}
	}
	t := level.thresholds(c.Signal)
	t.fail = stats.EBH(against, math.Exp(-t.fail))
	findings := make([]Finding, len(scopes))
	for i, scope := range scopes {
		findings[i] = claims[i].find(c, t)
		findings[i].Criterion, findings[i].Segment = c.Name, scope
	}
	return findings
}

// levels are the probabilities of going wrong that a criterion may spend.
type levels struct {
	pass, fail float64
	scopes     int
}

// nuisance is what bounds of a nuisance may spend in one scope.
func (l levels) nuisance() levels {
	return levels{pass: aside * l.pass, fail: aside * l.fail / float64(l.scopes), scopes: l.scopes}
}

// thresholds are the logarithms of the e-values that the rest of the levels asks for, before scopes are looked at together.
func (l levels) thresholds(s Signal) thresholds {
	t := thresholds{pass: -math.Log(l.pass), fail: -math.Log(l.fail)}
	rest := -math.Log1p(-aside)
	switch s {
	case LatencySeconds:
		t.pass, t.fail = t.pass+rest, t.fail+rest
	case Disagreement:
		t.fail += rest
	}
	return t
}

// thresholds are logarithms of e-values.
type thresholds struct{ pass, fail float64 }

// find turns a claim into a finding.
func (c claim) find(of Criterion, t thresholds) Finding {
	switch {
	case c.broken:
		return Finding{Verdict: Error, Low: math.Inf(-1), High: math.Inf(1)}
	case c.n == 0:
		return Finding{Verdict: Inconclusive, Low: c.unknown, High: math.Inf(1)}
	}
	f := Finding{Verdict: Inconclusive, Estimate: c.estimate, N: c.n}
	f.Low, f.High = c.bounds(t)
	switch enough := c.n >= of.MinSamples; {
	case enough && c.fails >= t.fail:
		f.Verdict = Fail
	case enough && c.passes >= t.pass:
		f.Verdict = Pass
	default:
		f.Need = max(of.MinSamples-c.n, c.need(t))
	}
	// Bounds from different evidence may cross, rarely. The one that decided stands.
	if f.Verdict == Fail {
		f.High = max(f.Low, f.High)
	}
	f.Low = min(f.Low, f.High)
	return f
}

// need is roughly how many more pairs bring the evidence to a verdict, the one that more speaks for now. It is 0 where that is not known.
func (c claim) need(t thresholds) int64 {
	evidence, threshold := c.passes, t.pass
	if c.fails > c.passes {
		evidence, threshold = c.fails, t.fail
	}
	n := float64(c.n)
	// Evidence that mixes over what differs grows in proportion to the pairs, less half the logarithm of their number.
	rate := (evidence + math.Log(n+1)/2) / n
	if !(rate > 0) || math.IsInf(rate, 0) {
		return 0
	}
	total := threshold / rate
	for range 8 {
		total = (threshold + math.Log(total+1)/2) / rate
	}
	// Where nothing differs there is nothing to mix over, and it grows from 0, a little faster than in proportion: the truth is between both.
	if evidence > 0 {
		total = math.Sqrt(total * n * threshold / evidence)
	}
	const never = 1e12
	if !(total < never) {
		return 0
	}
	return max(1, int64(math.Ceil(total-n)))
}
