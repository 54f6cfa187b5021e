// SPDX-License-Identifier: Apache-2.0

package annotationqueue

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/outcome"
)

// report sums up what stands in the way, writes status where it changed, and then tells what changed as events.
func (p *pass) report(ctx context.Context, before *v1alpha1.AnnotationQueue, problems []error) (ctrl.Result, error) {
	success := v1alpha1.ReasonSucceeded
	if p.q.Spec.Mode == v1alpha1.QueueModeSuspended {
		success = v1alpha1.ReasonSuspended
	}
	var all []error
	for _, err := range problems {
		if err != nil {
			all = append(all, joined(err)...)
		}
	}
	s := monitor.SumUp(p.set, all, success)
	if s.Settled {
		p.q.Status.ObservedGeneration = p.q.Generation
	}
	p.lookAgain(s.After)
	return outcome.Outcome{
		Client: p.Client, Recorder: p.Recorder, Before: before, After: p.q,
		Was: before.Status.Conditions, Is: p.q.Status.Conditions, Changed: !equality.Semantic.DeepEqual(before.Status, p.q.Status),
		Retry: s.Retry, Again: p.again,
	}.End(ctx)
}
