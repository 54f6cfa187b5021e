// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// maxNote is what the API allows for the note of an event.
const maxNote = 1024

// health asks Prometheus and judges the thresholds.
func (p *pass) health(ctx context.Context, e monitor.Effective) error {
	h := monitor.Health{Thresholds: e.Thresholds, Before: p.m.Status.Violations, Now: p.now}
	if c := p.set.Get(v1alpha1.ConditionWithinThresholds); c != nil {
		h.Last = c.Status
	}
	if run := monitor.LastRun(p.m.Status.Analyses, v1alpha1.AnalysisRunDrift); run != nil {
		h.Drift = run.Thresholds
	}
	byMetrics := func(t v1alpha1.Threshold) bool { return !monitor.DriftSignal(t.Signal) }
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
	err := p.sumUp(problems)
	if errors.Is(err, context.Canceled) {
		return ctrl.Result{}, err
	}
	if !equality.Semantic.DeepEqual(before.Status, p.m.Status) {
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if werr := p.Client.Status().Patch(ctx, p.m, patch); werr != nil {
			if apierrors.IsConflict(werr) {
				return ctrl.Result{RequeueAfter: conflictDelay}, nil // the cache lags: it will have caught up
			}
			return ctrl.Result{}, errors.Join(err, client.IgnoreNotFound(werr))
		}
		p.events(before.Status.Conditions)
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: p.again}, nil
}

// sumUp sets Ready, Reconciling and Stalled, and returns the error to retry with backoff, if any.
func (p *pass) sumUp(problems []error) error {
	var transient []error
	var waiting *reconcileerr.Waiting
	var stalled *reconcileerr.Stalled
	for _, err := range problems {
		var w *reconcileerr.Waiting
		var s *reconcileerr.Stalled
		switch {
		case errors.As(err, &s):
			p.lookAgain(s.After)
			if stalled == nil {
				stalled = s
			}
		case errors.As(err, &w):
			p.lookAgain(w.After)
			if waiting == nil {
				waiting = w
			}
		case !apierrors.IsConflict(err):
			transient = append(transient, err)
		default:
			p.lookAgain(conflictDelay)
		}
	}
	p.set.Remove(v1alpha1.ConditionReconciling)
	p.set.Remove(v1alpha1.ConditionStalled)
	switch {
	case stalled != nil:
		p.set.True(v1alpha1.ConditionStalled, stalled.Reason, stalled.Message)
		p.set.False(v1alpha1.ConditionReady, stalled.Reason, stalled.Message)
		p.m.Status.ObservedGeneration = p.m.Generation
	case len(transient) > 0:
		const message = "the last attempt failed and is repeated; the manager's log says why"
		p.set.True(v1alpha1.ConditionReconciling, v1alpha1.ReasonProgressingWithRetry, message)
		p.set.Unknown(v1alpha1.ConditionReady, v1alpha1.ReasonProgressingWithRetry, message)
	case waiting != nil:
		p.set.True(v1alpha1.ConditionReconciling, waiting.Reason, waiting.Message)
		p.set.Set(v1alpha1.ConditionReady, readyWhileWaiting(waiting), waiting.Reason, waiting.Message)
	default:
		p.set.True(v1alpha1.ConditionReady, p.success(), "the monitor is in effect")
		p.m.Status.ObservedGeneration = p.m.Generation
	}
	return errors.Join(transient...)
}

// readyWhileWaiting is Unknown while work goes on as it should, and False where something is missing.
func readyWhileWaiting(w *reconcileerr.Waiting) metav1.ConditionStatus {
	if w.Reason == v1alpha1.ReasonStoreChecking || w.Reason == v1alpha1.ReasonProgressing {
		return metav1.ConditionUnknown
	}
	return metav1.ConditionFalse
}

func (p *pass) success() string {
	if p.m.Status.Mode == v1alpha1.ModeSuspended {
		return v1alpha1.ReasonSuspended
	}
	return v1alpha1.ReasonSucceeded
}

// badWhenTrue are the conditions that are bad news while True.
var badWhenTrue = []string{v1alpha1.ConditionStalled, v1alpha1.ConditionDriftDetected, v1alpha1.ConditionInjectionBlocked, v1alpha1.ConditionLimitExceeded}

// events tells which conditions changed. It comes after the write of status, so that nothing is told that is not so.
func (p *pass) events(before []metav1.Condition) {
	for _, c := range conditions.Changes(before, p.m.Status.Conditions) {
		reason, kind := c.Reason, corev1.EventTypeNormal
		if reason == conditions.ReasonResolved {
			reason = c.Type + reason
		}
		bad := metav1.ConditionFalse
		if slices.Contains(badWhenTrue, c.Type) {
			bad = metav1.ConditionTrue
		}
		switch {
		case c.Type == v1alpha1.ConditionReconciling, c.Status == metav1.ConditionUnknown:
			continue
		case c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionFalse:
			continue // what made it so has an event of its own, or passes
		case c.Status == bad:
			kind = corev1.EventTypeWarning
		}
		note := c.Message
		if len(note) > maxNote {
			note = strings.ToValidUTF8(note[:maxNote], "")
		}
		p.Recorder.Eventf(p.m, nil, kind, reason, "Reconcile", "%s", note)
	}
}
