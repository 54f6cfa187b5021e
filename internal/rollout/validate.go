// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Validate says what of a rollout cannot hold beside its monitor; "" when nothing.
func Validate(r *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor, e monitor.Effective) string {
	if e.Class.Spec.Prometheus.URL == "" {
		return fmt.Sprintf("the MonitorClass %q names no Prometheus, where evidence is read: set its prometheus.url", e.Class.Name)
	}
	for _, c := range r.Spec.Analysis.Criteria {
		if problem := misfit(c, r, m, e); problem != "" {
			return problem
		}
	}
	if problem := untimely(r); problem != "" {
		return problem
	}
	if n := len(latencySegments(r.Spec.Analysis, e)); n > wire.MaxLatencySegments {
		return fmt.Sprintf("the criteria of latency are about %d segments: name at most %d", n, wire.MaxLatencySegments)
	}
	watched := thresholds(e, func(t v1alpha1.Threshold) bool { return monitor.AnalysisOf(t.Signal) == "" })
	for _, name := range r.Spec.Bake.Thresholds {
		if !slices.Contains(watched, name) {
			return fmt.Sprintf("bake.thresholds names %q, which is no threshold of the ModelMonitor %q that Prometheus evaluates: of those it has %s", name, m.Name, listed(watched))
		}
	}
	return ""
}

// misfit says what of a criterion cannot hold beside the monitor; "" when nothing.
func misfit(c v1alpha1.Criterion, r *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor, e monitor.Effective) string {
	for _, s := range c.Segments {
		if has := segments(e); s != criteria.Everything && !slices.Contains(has, s) {
			return fmt.Sprintf("criterion %q is about segment %q, which the ModelMonitor %q does not have: it has %s", c.Name, s, m.Name, listed(has))
		}
	}
	if kind := m.Spec.Schema.Prediction.Kind; c.Signal == v1alpha1.ComparedScoreDistribution && kind != v1alpha1.PredictionBinaryClassification {
		return fmt.Sprintf("criterion %q is about ScoreDistribution, that of one probability, which only a BinaryClassification has: the ModelMonitor's schema.prediction.kind is %q; take ScoreShift and ScoreDifference", c.Name, kind)
	}
	if c.PromQL.Query != "" && e.Class.Spec.Prometheus.Queries != v1alpha1.PrometheusQueriesAny {
		return fmt.Sprintf("criterion %q has a promQL, which the MonitorClass %q does not let through: its prometheus.queries must be Any", c.Name, e.Class.Name)
	}
	if problem := labelsMissing(c, r, m, e); problem != "" || c.Threshold == "" {
		return problem
	}
	has := thresholds(e, func(v1alpha1.Threshold) bool { return true })
	fit := thresholds(e, func(t v1alpha1.Threshold) bool { return ofShadow[t.Signal] != "" && t.Max != "" })
	switch {
	case !slices.Contains(has, c.Threshold):
		return fmt.Sprintf("criterion %q names threshold %q, which the ModelMonitor %q does not have: of those that can be applied to a shadow, it has %s", c.Name, c.Threshold, m.Name, listed(fit))
	case !slices.Contains(fit, c.Threshold):
		return fmt.Sprintf("criterion %q names threshold %q, which cannot be applied to a shadow: only those with a max of ErrorRatio and LatencySeconds can; of those the ModelMonitor %q has %s", c.Name, c.Threshold, m.Name, listed(fit))
	}
	return ""
}

// untimely says which of the times of a trial exclude each other; "" when none do.
func untimely(r *v1alpha1.ShadowRollout) string {
	a := r.Spec.Analysis
	if life := MaxLifetime(r); a.Deadline != defaultDeadline && monitor.Duration(a.Deadline) > life {
		return fmt.Sprintf("analysis.deadline is %s, and a shadow runs for %s at most (shadow.maxLifetime): it would be gone before the deadline. Raise that to %s, or lower the deadline",
			a.Deadline, maxLifetime(r), a.Deadline)
	}
	if d := a.MinDuration; d != "" && monitor.Duration(d) >= Deadline(r) {
		return fmt.Sprintf("analysis.minDuration is %s, and a verdict is waited for no longer than %s: nothing could pass. Raise that, or lower minDuration", d, deadline(r))
	}
	return ""
}

// segments are the names of those of the monitor.
func segments(e monitor.Effective) []v1alpha1.ItemName {
	var names []v1alpha1.ItemName
	for _, s := range e.Segments {
		names = append(names, s.Name)
	}
	return names
}

// thresholds are the names of those of the monitor that are of a kind.
func thresholds(e monitor.Effective, are func(v1alpha1.Threshold) bool) []v1alpha1.ItemName {
	var names []v1alpha1.ItemName
	for _, t := range e.Thresholds {
		if are(t) {
			names = append(names, t.Name)
		}
	}
	return names
}

// listed writes names down, for somebody who has named another: at most maxOpen of them.
func listed(names []v1alpha1.ItemName) string {
	if len(names) == 0 {
		return "none"
	}
	var quoted []string
	for _, name := range names[:min(len(names), maxOpen)] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if n := len(names) - maxOpen; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(quoted, ", "), n)
	}
	return strings.Join(quoted, ", ")
}
