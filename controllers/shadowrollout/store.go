// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	build "github.com/vedette-dev/vedette/internal/build/rollout"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// store keeps the candidate: its template, and copies of what that names. What runs is only ever made of what is kept.
func (p ours) store(ctx context.Context, s *seen) error {
	kept, err := p.revisions(ctx)
	if err != nil {
		return err
	}
	number := int64(1)
	for _, k := range kept {
		if k.Labels[naming.LabelRevision] == s.candidate.Revision {
			return p.copies(ctx, s) // an earlier attempt may have ended between the two
		}
		number = max(number, k.Revision+1)
	}
	if err := p.copies(ctx, s); err != nil {
		return err
	}
	desired, err := build.Revision(p.r, s.candidate, number)
	if err != nil {
		return err
	}
	_, err = p.applier.Apply(ctx, desired)
	return err
}

func (p ours) copies(ctx context.Context, s *seen) error {
	var wanted []any
	for name, contents := range s.named {
		wanted = append(wanted, build.Copy(p.r, s.candidate.Revision, name, contents))
	}
	return p.applier.All(ctx, wanted...)
}

// stored is what is kept of a revision.
func (p ours) stored(ctx context.Context, revision string) (build.Version, error) {
	c := &appsv1.ControllerRevision{}
	key := client.ObjectKey{Namespace: p.r.Namespace, Name: naming.Revision(p.r.Name, revision)}
	err := p.Client.Get(ctx, key, c)
	if apierrors.IsNotFound(err) {
		err = p.Live.Get(ctx, key, c) // it may just have been made
	}
	if apierrors.IsNotFound(err) || err == nil && !rollout.Owns(p.r, c) {
		return build.Version{}, reconcileerr.NewStalled(v1alpha1.ReasonRevisionMissing,
			"the ControllerRevision %q is gone, so revision %s cannot be run: what serves stays as it is. Restore it, or change the template", key.Name, revision)
	}
	if err != nil {
		return build.Version{}, fmt.Errorf("reading a revision: %w", err)
	}
	return build.Kept(c)
}

// revisions lists what is kept, the latest first.
func (p *pass) revisions(ctx context.Context) ([]appsv1.ControllerRevision, error) {
	var list appsv1.ControllerRevisionList
	if err := p.Client.List(ctx, &list, client.InNamespace(p.r.Namespace), client.MatchingLabels{naming.LabelRollout: p.r.Name}); err != nil {
		return nil, fmt.Errorf("listing revisions: %w", err)
	}
	kept := slices.DeleteFunc(list.Items, func(c appsv1.ControllerRevision) bool { return !rollout.Owns(p.r, &c) })
	slices.SortFunc(kept, func(a, b appsv1.ControllerRevision) int { return cmp.Compare(b.Revision, a.Revision) })
	return kept, nil
}

// maxRevisions is how many revisions are kept that are not in use.
const maxRevisions = 10

// prune removes what is kept of old revisions, and of their ConfigMaps.
func (p *pass) prune(ctx context.Context) error {
	kept, err := p.revisions(ctx)
	if err != nil {
		return err
	}
	status := &p.r.Status
	inUse := []v1alpha1.Revision{status.PrimaryRevision, status.Candidate.Revision, status.Bake.Revision, status.Bake.PreviousRevision}
	for _, r := range status.Rejected {
		inUse = append(inUse, r.Revision) // it tells which retraining run was rejected
	}
	unused := 0
	for i := range kept {
		revision := kept[i].Labels[naming.LabelRevision]
		if slices.Contains(inUse, v1alpha1.Revision(revision)) {
			continue
		}
		if unused++; unused <= maxRevisions {
			continue
		}
		var copies corev1.ConfigMapList
		if err := p.Client.List(ctx, &copies, client.InNamespace(p.r.Namespace), client.MatchingLabels{naming.LabelRollout: p.r.Name, naming.LabelRevision: revision}); err != nil {
			return fmt.Errorf("listing the copies of ConfigMaps: %w", err)
		}
		if err := p.applier.Prune(ctx, &copies); err != nil {
			return err
		}
		if err := p.applier.Delete(ctx, &kept[i]); err != nil {
			return err
		}
	}
	return nil
}
