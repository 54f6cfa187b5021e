// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	build "github.com/vedette-dev/vedette/internal/build/rollout"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=create;patch;delete
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services,verbs=create;patch;delete

// reconcile takes the rollout one step on, and returns all that stands in the way.
func (p *pass) reconcile(ctx context.Context) []error {
	var s seen
	if err := p.workloads(ctx, &s); err != nil {
		return []error{err}
	}
	found := []error{p.known(ctx, &s)}
	action, watched := rollout.Wait, rollout.Watched{}
	o := p.observed(&s)
	if found[0] == nil {
		s.missing = p.template(ctx, &s)
		o = p.observed(&s)
		var because string
		watched = rollout.Watch(p.r, s.monitor)
		action, because = rollout.Decide(o, p.policy(watched))
		found = append(found, s.missing, p.act(ctx, &s, o, action, because, watched))
	}
	// What serves goes on, at the scale that is wanted, whatever else is missing.
	found = append(found, p.serve(ctx, &s, o, action))
	pods, err := p.shadowPods(ctx)
	blocked := cmp.Or(found[0], s.missing)
	rollout.Report{
		Rollout: p.r, Observed: o, Action: action, Primary: s.primary, ShadowPods: pods,
		Missing: messageOf(blocked), MissingReason: reconcileerr.Reason(blocked), Watched: watched,
	}.Conditions(p.set)
	p.templateServes = s.templateServes
	return problems(append(found, err)...)
}

// known finds what the rollout is about, and takes what waits to the audit log.
func (p *pass) known(ctx context.Context, s *seen) error {
	if err := p.monitored(ctx, s); err != nil {
		return err
	}
	p.enter(ctx, s.effective)
	if problem := rollout.Validate(p.r, s.effective); problem != "" {
		return reconcileerr.NewStalled(v1alpha1.ReasonInvalidCriterion, "%s", problem)
	}
	return nil
}

// act does the one thing that was decided.
func (p *pass) act(ctx context.Context, s *seen, o rollout.Observed, action rollout.Action, because string, watched rollout.Watched) error {
	status := &p.r.Status
	if o.Promoted() {
		if err := p.clear(ctx); err != nil { // what it was tried beside is no more
			return err
		}
	}
	switch action {
	case rollout.Bootstrap:
		return p.bootstrap(ctx, s)
	case rollout.Idle:
		status.Candidate = v1alpha1.CandidateStatus{}
		return p.clear(ctx)
	case rollout.Shelve, rollout.RollBack, rollout.FinishBake:
		if action == rollout.FinishBake {
			status.Bake = v1alpha1.BakeStatus{}
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
		status.Bake = v1alpha1.BakeStatus{Revision: v1alpha1.Revision(o.Template), PreviousRevision: v1alpha1.Revision(o.Primary)}
		p.lookAgain(conflictDelay)
	case rollout.RecordRejection:
		p.recordRejection(o, because, watched)
	case rollout.Bake:
		p.bake()
	}
	return nil
}

// bootstrap makes the first primary from the template. One that somebody has deleted comes back as it was: the template may be a
// candidate that nobody has vetted, or one that was rejected.
func (p *pass) bootstrap(ctx context.Context, s *seen) error {
	if served := string(p.r.Status.PrimaryRevision); served != "" {
		return p.primary(ctx, s, served)
	}
	if err := p.store(ctx, s); err != nil {
		return err
	}
	return p.primary(ctx, s, s.candidate.Revision)
}

// serve keeps the primary as it is meant to be: with the revision that it runs, or, in the two steps that change it, with another that
// is on record. It is the only place where what serves is written.
func (p *pass) serve(ctx context.Context, s *seen, o rollout.Observed, action rollout.Action) error {
	revision := o.Primary
	switch action {
	case rollout.Bootstrap:
		return nil // it was just made
	case rollout.Promote:
		revision = o.Baking
	case rollout.RollBack:
		revision = o.Previous
	}
	if revision == "" {
		return nil
	}
	return p.primary(ctx, s, revision)
}

// primary applies the primary with a revision that is kept.
func (p *pass) primary(ctx context.Context, s *seen, revision string) error {
	version, err := p.stored(ctx, revision)
	if err != nil {
		return err
	}
	desired, err := build.Primary(p.r, version)
	if err != nil {
		return err
	}
	if _, err := p.applier.Apply(ctx, p.r.UID, desired); err != nil {
		return err
	}
	p.r.Status.PrimaryRevision = v1alpha1.Revision(revision)
	p.r.Status.Selector = labels.SelectorFromSet(build.Selector(p.r, naming.RolePrimary)).String()
	if s.primary != nil {
		p.r.Status.Replicas = new(s.primary.Status.Replicas)
	}
	return nil
}

// startShadow makes the shadow run the candidate, and begins a try of it.
func (p *pass) startShadow(ctx context.Context, s *seen, o rollout.Observed) error {
	if err := p.mayBegin(); err != nil {
		return err
	}
	var services corev1.ServiceList
	if err := p.Client.List(ctx, &services, client.InNamespace(p.r.Namespace)); err != nil {
		return fmt.Errorf("listing services: %w", err)
	}
	if names := build.WouldServe(services.Items, build.ShadowLabels(p.r, s.candidate.Revision)); len(names) > 0 {
		return reconcileerr.NewStalled(v1alpha1.ReasonShadowWouldServe,
			"the Service %q would send real requests to the shadow, whose pods have labels of vedette.dev only: take those out of its selector", names[0])
	}
	if err := p.store(ctx, s); err != nil {
		return err
	}
	version, err := p.stored(ctx, s.candidate.Revision)
	if err != nil {
		return err
	}
	port, skip := build.Port(version.Template, s.monitor.Spec.Source.Sidecar.Port)
	if skip != "" {
		return reconcileerr.NewStalled(string(skip), "%s", skip.Remedy())
	}
	desired, err := build.Shadow(p.r, version)
	if err != nil {
		return err
	}
	if err := p.applier.All(ctx, p.r.UID, desired, build.Service(p.r, port)); err != nil {
		return err
	}
	status := &p.r.Status
	retry := p.r.Annotations[naming.AnnotationRetry]
	if o.Candidate != o.Template || o.Retry == o.Template {
		status.Candidate = v1alpha1.CandidateStatus{
			Revision: v1alpha1.Revision(s.candidate.Revision), Attempt: p.now.Unix(), StartTime: metav1.NewTime(p.now), Retry: retry,
		}
		status.Decision = v1alpha1.RolloutDecision{}
		status.Bake = v1alpha1.BakeStatus{} // that of a rollback: what is written down there was for another try
		status.Rejected = without(status.Rejected, status.Candidate.Revision)
	}
	return nil
}

// clear removes the shadow, and tells the sidecars that there is none.
func (p *pass) clear(ctx context.Context) error {
	if err := p.stopMirror(ctx); err != nil {
		return err
	}
	shadow, err := p.deployment(ctx, naming.Shadow(p.r.Name))
	if err == nil && shadow != nil {
		err = p.applier.Delete(ctx, p.r.UID, shadow)
	}
	if err != nil {
		return err
	}
	service := &corev1.Service{}
	err = p.Client.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: naming.Shadow(p.r.Name)}, service)
	if err == nil {
		err = p.applier.Delete(ctx, p.r.UID, service)
	}
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing the shadow's Service: %w", err)
	}
	return p.prune(ctx)
}

func without(rejected []v1alpha1.RejectedRevision, revision v1alpha1.Revision) []v1alpha1.RejectedRevision {
	var others []v1alpha1.RejectedRevision
	for _, r := range rejected {
		if r.Revision != revision {
			others = append(others, r)
		}
	}
	return others
}
