// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/wire"
)

// withLabels adds to the evidence who was right, as the monitor's last Performance run has counted it for the candidate that is tried.
// Counts of another trial are none of it.
func withLabels(e criteria.Evidence, r *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor) criteria.Evidence {
	c, run := &r.Status.Candidate, monitor.LastRun(m.Status.Analyses, v1alpha1.AnalysisRunPerformance)
	if run == nil {
		return e
	}
	p := run.LabelledPairs
	if string(p.RolloutName) != r.Name || p.Revision != c.Revision || p.Attempt != c.Attempt {
		return e
	}
	with := criteria.Evidence{}
	maps.Copy(with, e)
	for _, s := range p.Segments {
		counts := with[string(s.Segment)]
		counts.Labelled = [2][2]int64{
			{known(s.NeitherCorrect), known(s.OnlyShadowCorrect)},
			{known(s.OnlyPrimaryCorrect), known(s.BothCorrect)},
		}
		with[string(s.Segment)] = counts
	}
	return with
}

func known(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// labelsMissing says why no labels can ever tell of a criterion; "" when they can, or it needs none.
func labelsMissing(c v1alpha1.Criterion, r *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor, e monitor.Effective) string {
	kind, mature := m.Spec.Schema.Prediction.Kind, monitor.MatureAfter(m)
	switch {
	case c.Signal != v1alpha1.ComparedAccuracy:
		return ""
	case kind != v1alpha1.PredictionBinaryClassification && kind != v1alpha1.PredictionMulticlassClassification:
		return fmt.Sprintf("criterion %q is about Accuracy, which only a classification has: the ModelMonitor's schema.prediction.kind is %q", c.Name, kind)
	case !slices.ContainsFunc(e.Analyses, func(a v1alpha1.Analysis) bool { return a.Kind == v1alpha1.AnalysisPerformance }):
		return fmt.Sprintf("criterion %q is about Accuracy, which the ModelMonitor's Performance analysis counts: add it to its analyses, on a schedule that leaves time before the deadline", c.Name)
	case number(string(e.Keep.Predictions), 100) < 100:
		return fmt.Sprintf("criterion %q is about Accuracy, for which every prediction must be kept: source.sidecar.keep.predictions of the ModelMonitor is %s, want 100", c.Name, e.Keep.Predictions)
	case monitor.Duration(mature) >= Deadline(r):
		return fmt.Sprintf("criterion %q is about Accuracy, and labels arrive within %s (labels.matureAfter of the ModelMonitor), after the trial's end: make analysis.deadline and shadow.maxLifetime longer", c.Name, mature)
	}
	keep, trial := monitor.RetentionOf(e.Class), Deadline(r)+monitor.Duration(mature)
	for _, tier := range []struct {
		name    string
		seconds float64
	}{{"predictions", keep.PredictionsSeconds}, {"labels", keep.LabelsSeconds}} {
		if wire.Seconds(tier.seconds) < trial {
			return fmt.Sprintf("criterion %q is about Accuracy, which is counted anew from the start of the trial by each run, and retention.%s of the MonitorClass %q is shorter than %s and labels.matureAfter (%s) together: keep them for longer, or make the trial shorter",
				c.Name, tier.name, e.Class.Name, deadline(r), mature)
		}
	}
	return ""
}

// labelSegments are those in which a criterion is about labels: only there are they counted.
func labelSegments(a v1alpha1.RolloutAnalysis, e monitor.Effective) []string {
	var names []string
	for _, c := range Criteria(a, e) {
		switch {
		case c.Signal != criteria.Accuracy:
		case len(c.Segments) > 0:
			names = append(names, c.Segments...)
		default:
			names = append(names, criteria.Everything)
			for _, s := range e.Segments {
				names = append(names, string(s.Name))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unlabelled names the criteria that no labels have told of yet, so that nobody waits for requests; "" when there is none.
func (r Report) unlabelled() string {
	var names []string
	for _, c := range r.Rollout.Spec.Analysis.Criteria {
		if c.Signal == v1alpha1.ComparedAccuracy && slices.ContainsFunc(r.Rollout.Status.Candidate.Findings, func(f v1alpha1.RolloutFinding) bool {
			return f.Criterion == c.Name && f.Samples == 0
		}) {
			names = append(names, string(c.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "; labels are missing for " + strings.Join(names[:min(len(names), maxOpen)], ", ") +
		": the monitor's Performance analysis has not joined any to a request of this trial"
}
