// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/outcome"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// report sums up what stands in the way, writes status where it changed, and then tells what changed as events.
func (p *pass) report(ctx context.Context, before *v1alpha1.ShadowRollout, problems []error) (ctrl.Result, error) {
	s := monitor.SumUp(p.set, problems, v1alpha1.ReasonSucceeded)
	if s.Settled && len(problems) == 0 && p.templateServes {
		p.set.True(v1alpha1.ConditionReady, v1alpha1.ReasonTemplateServes, fmt.Sprintf(
			"the Deployment %q has pods of its own, which serve beside the primary: set its replicas: 0 once the primary is available and has the %d pods that it needs; on the way back, delete the rollout with deletionPolicy: Delete",
			p.r.Spec.Candidate.TemplateRef.Name, *p.r.Spec.Replicas))
	}
	if s.Settled {
		p.r.Status.ObservedGeneration = p.r.Generation
	}
	p.lookAgain(s.After)
	p.queue(before.Status)
	return outcome.Outcome{
		Client: p.Client, Recorder: p.Recorder, Before: before, After: p.r,
		Was: p.toldBefore(before.Status.Conditions), Is: p.r.Status.Conditions, Changed: !equality.Semantic.DeepEqual(before.Status, p.r.Status),
		Retry: s.Retry, Again: p.again,
	}.End(ctx)
}

// toldBefore are conditions as they were, without the one of annotations where it did not tell of all that are ignored now: each value is
// an event of its own.
func (p *pass) toldBefore(was []metav1.Condition) []metav1.Condition {
	return slices.DeleteFunc(slices.Clone(was), func(c metav1.Condition) bool {
		return c.Type == v1alpha1.ConditionAnnotationIgnored && !rollout.Told(c.Message, p.r.Annotations)
	})
}
