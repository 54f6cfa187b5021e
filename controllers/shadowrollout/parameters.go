// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	build "github.com/vedette-dev/vedette/internal/build/rollout"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// fill makes the template what is wanted, with its parameters filled: with what the last retraining run has made, or else with what
// serves.
func (p ours) fill(ctx context.Context, s *seen, template corev1.PodTemplateSpec) (err error) {
	parameters, primary := p.r.Spec.Candidate.Parameters, p.serves(s)
	if len(parameters) == 0 || primary == "" {
		// The first primary serves without a trial: it is the template as it is.
		s.candidate, s.named, err = p.want(ctx, template, rollout.Made{})
		return err
	}
	serving, refused, err := p.made(ctx, primary)
	if err != nil {
		return err
	}
	retrained := rollout.Retrained(parameters, s.monitor.Status.Retraining.Runs, serving)
	first, named, err := p.want(ctx, template, retrained)
	if err != nil {
		return err
	}
	if slices.Contains(refused, retrained.Run) {
		second, others, err := p.want(ctx, template, serving)
		if err != nil {
			return err
		}
		choice := rollout.Choice{
			Retrained: first.Revision, Serving: second.Revision, Asked: p.asked(first.Revision),
			Primary: primary, Candidate: string(p.r.Status.Candidate.Revision),
		}
		if choice.FallsBack() {
			first, named = second, others
		}
	}
	s.candidate, s.named = first, named
	return nil
}

// want is a template with its parameters filled, and the ConfigMaps that it names.
func (p ours) want(ctx context.Context, template corev1.PodTemplateSpec, made rollout.Made) (build.Version, map[string]rollout.ConfigMapContents, error) {
	filled, err := rollout.Apply(template, made.Values)
	if err != nil {
		return build.Version{}, nil, reconcileerr.NewStalled(v1alpha1.ReasonInvalidParameter, "%v", err)
	}
	named, err := p.references(ctx, filled)
	if err != nil {
		return build.Version{}, nil, err
	}
	revision := rollout.Revision(filled, named)
	return build.Version{Revision: revision, Run: made.Run, Template: rollout.Pin(filled, build.Copies(p.r, revision, named))}, named, nil
}

// made is what the parameters of what serves were filled with, and which retraining runs made what was rejected. What is kept says
// both: status of the monitor does not know every run for ever.
func (p ours) made(ctx context.Context, primary string) (serving rollout.Made, refused []string, err error) {
	kept, err := p.revisions(ctx)
	if err != nil {
		return serving, nil, err
	}
	for i := range kept {
		revision, run := v1alpha1.Revision(kept[i].Labels[naming.LabelRevision]), kept[i].Annotations[naming.AnnotationRun]
		if run != "" && slices.ContainsFunc(p.r.Status.Rejected, func(r v1alpha1.RejectedRevision) bool { return r.Revision == revision }) {
			refused = append(refused, run)
		}
	}
	version, err := p.stored(ctx, primary)
	if reconcileerr.Reason(err) == v1alpha1.ReasonRevisionMissing {
		return serving, refused, nil // it serves on, but nothing tells who made it
	}
	return rollout.Serving(version.Template, version.Run, p.r.Spec.Candidate.Parameters), refused, err
}

// asked says whether a person wants a revision tried, and it was not rejected since that was asked for.
func (p *pass) asked(revision string) bool {
	named, _, _ := strings.Cut(p.r.Annotations[naming.AnnotationRetry], "/")
	return named == revision && !slices.ContainsFunc(p.r.Status.Rejected, func(r v1alpha1.RejectedRevision) bool {
		return string(r.Revision) == revision && r.Retry == p.retry()
	})
}
