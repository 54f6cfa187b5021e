// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"cmp"
	"context"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	build "github.com/vedette-dev/vedette/internal/build/rollout"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// serve keeps the primary as it is meant to be: with the revision that it runs, or, in the steps that change it, with another that is
// on record. It is the only place where what serves is written.
func (p ours) serve(ctx context.Context, s *seen, o rollout.Observed, action rollout.Action) error {
	revision := o.Primary
	switch action {
	case rollout.Bootstrap:
		revision = s.candidate.Revision
	case rollout.Promote:
		revision = o.Baking
	case rollout.RollBack:
		revision = o.Previous
	}
	if revision == "" {
		return nil
	}
	if left, want := s.primary, *p.r.Spec.Replicas; p.r.Status.PrimaryRevision == "" && left != nil && left.Replicas > want {
		return reconcileerr.NewStalled(v1alpha1.ReasonWouldScaleDown,
			"the %s, which an earlier rollout of this name has left, has %d pods, and spec.replicas is %d: set spec.replicas to %d, or scale it first", left, left.Replicas, want, left.Replicas)
	}
	var storing error
	if revision == s.candidate.Revision {
		storing = p.store(ctx, s) // what somebody has deleted of it comes back
	}
	version, reading := p.stored(ctx, revision)
	if reading != nil || storing != nil {
		if s.primary == nil || s.primary.Revision == "" {
			return cmp.Or(storing, reading)
		}
		// What is kept is gone, or is not whole: what runs goes on, can be scaled, and belongs to whom it should.
		version = build.Version{Revision: s.primary.Revision, Template: s.primary.Template}
		if revision == version.Revision {
			reading = nil
		}
	}
	desired, err := build.Primary(p.r, version)
	if err != nil {
		return err
	}
	if _, err := p.applier.Apply(ctx, desired); err != nil {
		return err
	}
	status := &p.r.Status
	status.PrimaryRevision = v1alpha1.Revision(version.Revision)
	status.Selector = labels.SelectorFromSet(build.Selector(p.r, naming.RolePrimary)).String()
	if s.primary != nil {
		status.Replicas = new(s.primary.Replicas)
	}
	return cmp.Or(storing, reading)
}
