// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"

	"github.com/vedette-dev/vedette/internal/rollout"
)

// source is where the two versions run, and how much of that is the rollout's to make.
type source interface {
	// workloads reads what runs.
	workloads(ctx context.Context, s *seen) error
	// template reads what is wanted, with everything that it names, and says what keeps it from being tried.
	template(ctx context.Context, s *seen) error
	// store keeps the candidate, so that it can be run.
	store(ctx context.Context, s *seen) error
	// shadow makes what copies of requests need to reach the candidate.
	shadow(ctx context.Context, s *seen) error
	// serve keeps the primary as it is meant to be, and says in status what it is.
	serve(ctx context.Context, s *seen, o rollout.Observed, action rollout.Action) error
	// hold lets what is kept belong to the rollout, or to nobody, as its deletionPolicy says.
	hold(ctx context.Context) error
}

// ours runs copies of a template of the user's: the primary and the shadow are the rollout's.
type ours struct{ *pass }

// theirs has two workloads of the user's, the target of the monitor and the candidate: both are only read.
type theirs struct{ *pass }
