// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
)

const (
	// statusTimeout bounds the write of status at the end.
	statusTimeout = 5 * time.Second
	// conflictDelay gives the cache time to catch up with a write of somebody else.
	conflictDelay = time.Second
)

// report sums up what stands in the way, writes status where it changed, and then tells what changed as events.
func (p *pass) report(ctx context.Context, before *v1alpha1.ShadowRollout, problems []error) (ctrl.Result, error) {
	s := monitor.SumUp(p.set, problems, v1alpha1.ReasonSucceeded)
	if s.Settled && len(problems) == 0 && p.templateServes {
		p.set.True(v1alpha1.ConditionReady, v1alpha1.ReasonTemplateServes, fmt.Sprintf(
			"the Deployment %q has pods of its own, which serve beside the primary: set its replicas: 0 once the primary is available and has the %d pods that it needs",
			p.r.Spec.Candidate.TemplateRef.Name, *p.r.Spec.Replicas))
	}
	if s.Settled {
		p.r.Status.ObservedGeneration = p.r.Generation
	}
	p.lookAgain(s.After)
	p.queue(before.Status)
	if equality.Semantic.DeepEqual(before.Status, p.r.Status) {
		return p.result(s.Retry)
	}
	// The outcome of a pass that ran out of time is reported all the same.
	write, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTimeout)
	defer cancel()
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	err := p.Client.Status().Patch(write, p.r, patch)
	switch {
	case apierrors.IsConflict(err):
		p.lookAgain(conflictDelay) // the cache lags: it will have caught up
		return p.result(s.Retry)
	case err != nil:
		return ctrl.Result{}, errors.Join(s.Retry, client.IgnoreNotFound(err))
	}
	for _, e := range monitor.Events(before.Status.Conditions, p.r.Status.Conditions) {
		p.Recorder.Eventf(p.r, nil, e.Type, e.Reason, "Reconcile", "%s", e.Note)
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
