// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/outcome"
	"github.com/vedette-dev/vedette/internal/prometheus"
)

// health asks Prometheus and judges the thresholds.
func (p *pass) health(ctx context.Context, e monitor.Effective) error {
	h := monitor.Health{Thresholds: e.Thresholds, Before: p.m.Status.Violations, Now: p.now}
	if c := p.set.Get(v1alpha1.ConditionWithinThresholds); c != nil {
		h.Last = c.Status
	}
	h.Analysed = monitor.AnalysedThresholds(p.m.Status.Analyses)
	byMetrics := func(t v1alpha1.Threshold) bool { return monitor.AnalysisOf(t.Signal) == "" }
	if server := prometheus.ServerOf(e.Class); server.URL != "" && slices.ContainsFunc(e.Thresholds, byMetrics) {
		h.Asked = true
		h.Samples, h.Err = p.Prometheus.Thresholds(ctx, server, p.m.Namespace, p.m.Name)
		if h.Err != nil {
			log.FromContext(ctx).Error(h.Err, "thresholds could not be read")
		}
		p.lookAgain(pollPeriod)
	}
	f, violations := h.Judge()
	p.set.Set(v1alpha1.ConditionWithinThresholds, f.Status, f.Reason, f.Message)
	p.m.Status.Violations = violations
	return nil
}

// report sums up what stands in the way, writes status where it changed, and then tells what changed as events.
func (p *pass) report(ctx context.Context, before *v1alpha1.ModelMonitor, problems []error) (ctrl.Result, error) {
	success := v1alpha1.ReasonSucceeded
	if p.m.Status.Mode == v1alpha1.ModeSuspended {
		success = v1alpha1.ReasonSuspended
	}
	s := monitor.SumUp(p.set, problems, success)
	if s.Settled {
		p.m.Status.ObservedGeneration = p.m.Generation
	}
	p.lookAgain(s.After)
	p.queue(before)
	return outcome.Outcome{
		Client: p.Client, Recorder: p.Recorder, Before: before, After: p.m,
		Was: before.Status.Conditions, Is: p.m.Status.Conditions, Changed: !equality.Semantic.DeepEqual(before.Status, p.m.Status),
		Retry: s.Retry, Again: p.again,
	}.End(ctx)
}
