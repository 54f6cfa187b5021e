// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
)

// answered judges what a query yielded, once enough pairs were compared: it may be about the time before them.
func answered(c v1alpha1.Criterion, a Answer, enough bool) v1alpha1.RolloutFinding {
	f := v1alpha1.RolloutFinding{Criterion: c.Name, Segment: criteria.Everything, Verdict: v1alpha1.VerdictPass, Estimate: decimal(a.Value)}
	switch {
	case a.Err != nil:
		f.Verdict, f.Estimate = v1alpha1.VerdictInconclusive, ""
	case !enough:
		f.Verdict = v1alpha1.VerdictInconclusive
	case c.PromQL.Min != "" && a.Value < number(string(c.PromQL.Min), 0), c.PromQL.Max != "" && a.Value > number(string(c.PromQL.Max), 0):
		f.Verdict = v1alpha1.VerdictFail
	}
	return f
}

// finding is what is told of a finding in a trial of so many pairs.
func finding(f criteria.Finding, pairs int64) v1alpha1.RolloutFinding {
	return v1alpha1.RolloutFinding{
		Criterion: v1alpha1.ItemName(f.Criterion), Segment: v1alpha1.ItemName(f.Segment), Verdict: v1alpha1.Verdict(f.Verdict),
		Estimate: decimal(f.Estimate), Low: decimal(f.Low), High: decimal(f.High), Samples: f.N, Need: pairsFor(f, pairs),
	}
}

// mostNeeded is of pairs that nobody will ever wait for.
const mostNeeded = 1e12

// pairsFor is about how many more pairs of the whole trial a finding needs: of a segment, of latencies and of labels only a share
// of them counts, which is taken to stay as it was. It is 0 where that is not known.
func pairsFor(f criteria.Finding, pairs int64) int64 {
	if f.N == 0 {
		return 0
	}
	more := math.Ceil(float64(f.Need) * float64(pairs) / float64(f.N))
	if more > mostNeeded {
		return 0
	}
	return int64(more)
}

// Explain says why a candidate has passed or failed: criterion, segment, estimate, bounds and number, of what decided.
func Explain(c *v1alpha1.CandidateStatus) string {
	var parts []string
	for _, f := range c.Findings {
		if f.Verdict != c.Verdict {
			continue
		}
		if len(parts) == maxOpen {
			parts = append(parts, "and more")
			break
		}
		part := at(f) + ": " + string(cmp.Or(f.Estimate, "unknown"))
		if f.Low != "" || f.High != "" {
			part += fmt.Sprintf(" (from %s to %s)", cmp.Or(f.Low, "unbounded"), cmp.Or(f.High, "unbounded"))
		}
		if f.Samples > 0 {
			part += fmt.Sprintf(" of %d requests", f.Samples)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}
