// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	build "github.com/vedette-dev/vedette/internal/build/rollout"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// startShadow makes the shadow run the candidate, and begins a try of it.
func (p *pass) startShadow(ctx context.Context, s *seen, o rollout.Observed) error {
	if err := p.stopMirror(ctx); err != nil { // what was copied was for another try
		return err
	}
	if err := p.mayBegin(); err != nil {
		return err
	}
	if err := p.source.store(ctx, s); err != nil {
		return err
	}
	if err := p.source.shadow(ctx, s); err != nil {
		return err
	}
	status := &p.r.Status
	if o.Candidate == o.Template && o.Retry != o.Template {
		return nil // it was deleted, and the try goes on
	}
	status.Candidate = v1alpha1.CandidateStatus{
		Revision: v1alpha1.Revision(s.candidate.Revision), Attempt: p.now.Unix(), StartTime: metav1.NewTime(p.now), Retry: p.retry(),
	}
	status.Decision = v1alpha1.RolloutDecision{}
	if status.Bake.Revision != status.PrimaryRevision {
		status.Bake = v1alpha1.BakeStatus{} // that of a rollback: what is written down there was for another try
	}
	status.Rejected = without(status.Rejected, status.Candidate.Revision)
	return nil
}

// retry is what the annotation says by which people ask for another try.
func (p *pass) retry() string {
	v := p.r.Annotations[naming.AnnotationRetry]
	return v[:min(len(v), maxRetry)]
}

// maxRetry is as much of the annotation as status remembers.
const maxRetry = 128

// shadow applies the shadow and its Service, unless a Service of others would send it requests.
func (p ours) shadow(ctx context.Context, s *seen) error {
	var services corev1.ServiceList
	if err := p.Client.List(ctx, &services, client.InNamespace(p.r.Namespace)); err != nil {
		return fmt.Errorf("listing services: %w", err)
	}
	if names := build.WouldServe(services.Items, p.r, build.ShadowLabels(p.r, s.candidate.Revision)); len(names) > 0 {
		if err := p.clear(ctx); err != nil {
			return err
		}
		return reconcileerr.NewStalled(v1alpha1.ReasonShadowWouldServe,
			"the Service %q would send real requests to the shadow, whose pods have labels of vedette.dev only: take those out of its selector", names[0])
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
	return p.applier.All(ctx, desired, build.Service(p.r, build.Selector(p.r, naming.RoleShadow), port))
}

// wait stops mirroring to a shadow that is not up, or does not run what is tried: refused connections are no evidence. One that
// has waited for its longest life is removed.
func (p *pass) wait(ctx context.Context, s *seen, o rollout.Observed) error {
	if s.shadow == nil {
		return p.stopMirror(ctx)
	}
	if left := o.Start.Add(rollout.MaxLifetime(p.r)).Sub(p.now); left > 0 {
		p.lookAgain(left)
	} else {
		return p.clear(ctx)
	}
	if deadline := o.Start.Add(rollout.Deadline(p.r)).Sub(p.now); deadline > 0 {
		p.lookAgain(deadline)
	}
	if s.answers && o.Shadow == o.Candidate {
		return nil
	}
	return p.stopMirror(ctx)
}

// clear removes the shadow, and tells the sidecars that there is none.
func (p *pass) clear(ctx context.Context) error {
	if err := p.stopMirror(ctx); err != nil {
		return err
	}
	shadow, err := p.deployment(ctx, naming.Shadow(p.r.Name))
	if err == nil && shadow != nil {
		err = p.applier.Delete(ctx, shadow)
	}
	if err != nil {
		return err
	}
	service := &corev1.Service{}
	err = p.Client.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: naming.Shadow(p.r.Name)}, service)
	if err == nil {
		err = p.applier.Delete(ctx, service)
	}
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing the shadow's Service: %w", err)
	}
	return p.prune(ctx)
}

// shadowPods lists the shadow's pods, in the order of their names: a cache has none, and what is said of them is to stay.
func (p *pass) shadowPods(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := p.Client.List(ctx, &pods, client.InNamespace(p.r.Namespace), client.MatchingLabels{naming.LabelRollout: p.r.Name, naming.LabelRole: naming.RoleShadow})
	if err != nil {
		return nil, fmt.Errorf("listing the shadow's pods: %w", err)
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods.Items, nil
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
