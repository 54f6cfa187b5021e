// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
)

// Watched is what is known of a new primary in service.
type Watched struct {
	// Violated are the thresholds that it has begun to violate since it serves, with the segment.
	Violated []string
	// Blind says that it is not known whether it violates one.
	Blind bool
}

// Watch looks at what the monitor has found since the promotion. What was violated before its promotion is not its doing.
func Watch(r *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor) Watched {
	var w Watched
	watched := func(name v1alpha1.ItemName) bool {
		t := slices.IndexFunc(m.Spec.Thresholds, func(t v1alpha1.Threshold) bool { return t.Name == name })
		return t >= 0 && monitor.AnalysisOf(m.Spec.Thresholds[t].Signal) == "" &&
			(len(r.Spec.Bake.Thresholds) == 0 || slices.Contains(r.Spec.Bake.Thresholds, name))
	}
	if !slices.ContainsFunc(m.Spec.Thresholds, func(t v1alpha1.Threshold) bool { return watched(t.Name) }) {
		return w
	}
	c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionWithinThresholds)
	w.Blind = c == nil || c.Status == metav1.ConditionUnknown || c.Reason == v1alpha1.ReasonMetricsUnavailable
	since := r.Status.Bake.PromotionTime
	for _, v := range m.Status.Violations {
		if watched(v.ThresholdName) && !since.IsZero() && !v.StartTime.Before(&since) {
			w.Violated = append(w.Violated, at(v1alpha1.RolloutFinding{Criterion: v.ThresholdName, Segment: v.Segment}))
		}
	}
	slices.Sort(w.Violated)
	return w
}
