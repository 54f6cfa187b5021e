// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/monitor"
)

// AnalysisHash is the hash of what a candidate must be shown to hold.
func AnalysisHash(a v1alpha1.RolloutAnalysis) v1alpha1.AnalysisHash {
	return v1alpha1.AnalysisHash(hash(a))
}

// FromMonitor is the hash of what an analysis leaves to the monitor to say: the bounds of the thresholds that criteria name, and what "every
// segment" means. How a segment is defined is no part of it: what was counted before a change of that counts on, so that nothing would be
// judged otherwise.
func FromMonitor(a v1alpha1.RolloutAnalysis, e monitor.Effective) v1alpha1.AnalysisHash {
	type part struct {
		Criterion, Signal string
		Quantile, Max     float64
		Segments          []string
	}
	var parts []part
	for _, c := range Criteria(a, e) {
		p := part{Criterion: c.Name, Segments: slices.Clone(c.Segments)}
		if i := slices.IndexFunc(a.Criteria, func(x v1alpha1.Criterion) bool { return string(x.Name) == c.Name }); a.Criteria[i].Threshold != "" {
			p.Signal, p.Quantile, p.Max = string(c.Signal), c.Quantile, c.MaxDifference
		}
		if len(p.Segments) == 0 {
			p.Segments = append(p.Segments, criteria.Everything)
			for _, name := range segments(e) {
				p.Segments = append(p.Segments, string(name))
			}
		}
		slices.Sort(p.Segments)
		parts = append(parts, p)
	}
	return v1alpha1.AnalysisHash(hash(parts))
}

// Unbound says whether a release that did not know of status.fromMonitor has found the candidate fit, by an analysis that takes no bound from
// the monitor: its pass holds, and from now on for what the monitor says now.
func Unbound(r *v1alpha1.ShadowRollout) bool {
	d := r.Status.Decision
	return d.Verdict == v1alpha1.VerdictPass && d.FromMonitor == "" && !namesThreshold(r.Spec.Analysis)
}

func namesThreshold(a v1alpha1.RolloutAnalysis) bool {
	return slices.ContainsFunc(a.Criteria, func(c v1alpha1.Criterion) bool { return c.Threshold != "" })
}

// Outdated says whether the decision on record was made by another analysis than the one that is specified now, or by what the monitor
// said then and does not say any more.
func Outdated(r *v1alpha1.ShadowRollout) bool {
	d, now := r.Status.Decision, r.Status.FromMonitor
	switch {
	case d.Analysis != "" && d.Analysis != AnalysisHash(r.Spec.Analysis):
		return true
	case now == "":
		return false // no release that knows of it has looked at the rollout
	case d.FromMonitor == "": // such a release has looked, and an older one had decided
		return namesThreshold(r.Spec.Analysis)
	}
	return d.FromMonitor != now
}

// Passed is the revision that the decision on record found fit by the analysis that is specified now; empty where there is none.
func Passed(r *v1alpha1.ShadowRollout) v1alpha1.Revision {
	if d := r.Status.Decision; d.Verdict == v1alpha1.VerdictPass && !Outdated(r) {
		return d.Revision
	}
	return ""
}
