// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
)

const (
	// defaultMaxLifetime holds where nothing of shadow is said: the API server fills it in only beside something else.
	defaultMaxLifetime v1alpha1.Duration = "7d"
	// defaultDeadline is what the API server fills in. Nobody may have asked for it, so that it gives way to a shorter maxLifetime, beside which
	// any other is refused.
	defaultDeadline v1alpha1.Duration = "3d"
)

// MaxLifetime is how long a shadow runs for one candidate, whatever it waits for.
func MaxLifetime(r *v1alpha1.ShadowRollout) time.Duration { return monitor.Duration(maxLifetime(r)) }

func maxLifetime(r *v1alpha1.ShadowRollout) v1alpha1.Duration {
	return cmp.Or(r.Spec.Shadow.MaxLifetime, defaultMaxLifetime)
}

// Deadline is how long a verdict is waited for: no longer than the shadow runs.
func Deadline(r *v1alpha1.ShadowRollout) time.Duration {
	return min(monitor.Duration(r.Spec.Analysis.Deadline), MaxLifetime(r))
}

// deadline is how Deadline was declared.
func deadline(r *v1alpha1.ShadowRollout) string {
	if MaxLifetime(r) < monitor.Duration(r.Spec.Analysis.Deadline) {
		return string(maxLifetime(r)) + " (shadow.maxLifetime)"
	}
	return string(r.Spec.Analysis.Deadline) + " (analysis.deadline)"
}

// MayPass is when a candidate with pairs may pass at the earliest; zero where it may at any time.
func MayPass(r *v1alpha1.ShadowRollout) time.Time {
	if d := r.Spec.Analysis.MinDuration; d != "" {
		return r.Status.Candidate.FirstPairTime.Add(monitor.Duration(d))
	}
	return time.Time{}
}
