// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
)

// statusTimeout bounds the write of status at the end.
const statusTimeout = 5 * time.Second

// health asks Prometheus and judges the thresholds.
func (p *pass) health(ctx context.Context, e monitor.Effective) error {
	h := monitor.Health{Thresholds: e.Thresholds, Before: p.m.Status.Violations, Now: p.now}
	if c := p.set.Get(v1alpha1.ConditionWithinThresholds); c != nil {
		h.Last = c.Status
	}
	h.Analysed = monitor.AnalysedThresholds(p.m.Status.Analyses)
	byMetrics := func(t v1alpha1.Threshold) bool { return monitor.AnalysisOf(t.Signal) == "" }
	if url := e.Class.Spec.Prometheus.URL; url != "" && slices.ContainsFunc(e.Thresholds, byMetrics) {
		h.Asked = true
		h.Samples, h.Err = p.Prometheus.Thresholds(ctx, url, p.m.Namespace, p.m.Name)
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
	if equality.Semantic.DeepEqual(before.Status, p.m.Status) {
		return p.result(s.Retry)
	}
	// The outcome of a pass that ran out of time is reported all the same.
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTimeout)
	defer cancel()
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	err := p.Client.Status().Patch(write, p.m, patch)
	switch {
	case apierrors.IsConflict(err):
		p.lookAgain(conflictDelay) // the cache lags: it will have caught up
		return p.result(s.Retry)
	case err != nil:
		return ctrl.Result{}, errors.Join(s.Retry, client.IgnoreNotFound(err))
	}
	for _, e := range monitor.Events(before.Status.Conditions, p.m.Status.Conditions) {
		p.Recorder.Eventf(p.m, nil, e.Type, e.Reason, "Reconcile", "%s", e.Note)
	}
	return p.result(s.Retry)
}

// result is when to come again: with backoff after an error, else when something asked for it.
func (p *pass) result(err error) (ctrl.Result, error) {
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: p.again}, nil
}
