// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"cmp"
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/outcome"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=create;patch;delete
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services,verbs=create;patch;delete

// reconcile takes the rollout one step on, and returns all that stands in the way.
func (p *pass) reconcile(ctx context.Context) []error {
	var s seen
	found := []error{p.known(ctx, &s)}
	if err := p.source.workloads(ctx, &s); err != nil {
		return []error{err}
	}
	action, watched, misfit := rollout.Wait, rollout.Watched{}, ""
	if s.primary != nil {
		p.primarySince = s.primary.Since
	}
	o := p.observed(&s)
	if found[0] == nil {
		s.missing = p.source.template(ctx, &s)
		o = p.observed(&s)
		var because string
		watched = rollout.Watch(p.r, s.monitor)
		action, because = rollout.Decide(o, p.policy(watched))
		if misfit = rollout.Validate(p.r, s.monitor, s.effective); misfit != "" {
			// Nothing is tried by criteria that do not fit. What serves, or goes back, does not depend on them.
			if action == rollout.StartShadow || action == rollout.Evaluate {
				action = rollout.Wait
			}
			found = append(found, reconcileerr.NewStalled(v1alpha1.ReasonInvalidCriterion, "%s", misfit))
		}
		found = append(found, s.missing, p.act(ctx, &s, o, action, because, watched))
	}
	// What serves goes on, at the scale that is wanted, whatever else is missing.
	found = append(found, p.source.serve(ctx, &s, o, action), p.source.hold(ctx))
	pods, podsErr := p.shadowPods(ctx)
	since, sinceErr := p.mirroredSince(ctx)
	blocked := cmp.Or(found[0], s.missing)
	rollout.Report{
		Rollout: p.r, Observed: o, Action: action, Primary: s.primary, ShadowPods: pods, MirroredSince: since,
		Missing: messageOf(blocked), MissingReason: reconcileerr.Reason(blocked), Misfit: misfit, Watched: watched, Mode: s.effective.Mode,
	}.Conditions(p.set)
	p.templateServes, p.retrained = s.templateServes != "", s.candidate.Run
	return problems(append(found, podsErr, sinceErr, p.untried(&s))...)
}

// untried says that the template's own pods serve what the primary does not. Nothing waits for it: only a person can end it.
func (p *pass) untried(s *seen) error {
	primary := string(p.r.Status.PrimaryRevision)
	if s.templateServes == "" || primary == "" || s.templateServes == primary {
		return nil
	}
	return reconcileerr.NewStalled(v1alpha1.ReasonUntriedTemplateServes,
		"the Deployment %q has pods of its own, which answer people with revision %s, beside the primary, whose revision is %s: set replicas: 0 in its manifest, in Git",
		p.r.Spec.Candidate.TemplateRef.Name, s.templateServes, primary)
}

// known finds what the rollout is about, and takes what waits to the audit log.
func (p *pass) known(ctx context.Context, s *seen) error {
	if err := p.monitored(ctx, s); err != nil {
		return err
	}
	p.enter(ctx, s.effective)
	return nil
}

// act does the one thing that was decided.
func (p *pass) act(ctx context.Context, s *seen, o rollout.Observed, action rollout.Action, because string, watched rollout.Watched) error {
	status := &p.r.Status
	switch action {
	case rollout.Bootstrap:
		return p.source.store(ctx, s) // and it serves
	case rollout.Idle:
		status.Candidate = v1alpha1.CandidateStatus{}
		if o.PrimarySettled && string(status.PrimaryRevision) == o.Primary {
			status.Bake = v1alpha1.BakeStatus{} // that of a rollback, which is over. A cache may not show a promotion yet, whose watch begins.
		}
		return p.clear(ctx)
	case rollout.Shelve, rollout.RollBack, rollout.FinishBake:
		if action == rollout.FinishBake {
			status.Bake = v1alpha1.BakeStatus{}
			p.lookAgain(outcome.Soon) // the template may have changed meanwhile
		}
		return p.clear(ctx)
	case rollout.StartShadow:
		return p.startShadow(ctx, s, o)
	case rollout.Evaluate:
		return p.evaluate(ctx, s)
	case rollout.AwaitApproval:
		return p.await(ctx, s, o)
	case rollout.RecordPromotion:
		if err := p.mayBegin(); err != nil {
			return err
		}
		status.Bake = v1alpha1.BakeStatus{
			Revision: v1alpha1.Revision(o.Template), PreviousRevision: v1alpha1.Revision(o.Primary), PromotionTime: metav1.NewTime(p.now),
		}
		p.lookAgain(outcome.Soon)
	case rollout.RecordRejection:
		p.recordRejection(o, because, watched)
	case rollout.Bake:
		p.bake()
		return p.clear(ctx) // what it was tried beside is no more
	case rollout.Wait:
		return p.wait(ctx, s, o)
	}
	return nil
}
