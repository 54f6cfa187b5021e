// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
)

// What holds where a rollout says nothing. The API server fills in maxLifetime only where something else of shadow is set, and never the
// deadline: one that was not asked for gives way to a shorter maxLifetime, and one that was is refused beside it.
const (
	defaultMaxLifetime v1alpha1.Duration = "7d"
	defaultDeadline    v1alpha1.Duration = "3d"
)

// MaxLifetime is how long a shadow runs for one candidate, whatever it waits for.
func MaxLifetime(r *v1alpha1.ShadowRollout) time.Duration { return monitor.Duration(maxLifetime(r)) }

func maxLifetime(r *v1alpha1.ShadowRollout) v1alpha1.Duration {
	return cmp.Or(r.Spec.Shadow.MaxLifetime, defaultMaxLifetime)
}

// Deadline is how long a verdict is waited for: no longer than the shadow runs.
func Deadline(r *v1alpha1.ShadowRollout) time.Duration {
	return min(monitor.Duration(cmp.Or(r.Spec.Analysis.Deadline, defaultDeadline)), MaxLifetime(r))
}

// deadline is how Deadline was declared.
func deadline(r *v1alpha1.ShadowRollout) string {
	asked := cmp.Or(r.Spec.Analysis.Deadline, defaultDeadline)
	if MaxLifetime(r) < monitor.Duration(asked) {
		return string(maxLifetime(r)) + " (shadow.maxLifetime)"
	}
	return string(asked) + " (analysis.deadline)"
}

// MayPass is when a candidate with pairs may pass at the earliest; zero where it may at any time.
func MayPass(r *v1alpha1.ShadowRollout) time.Time {
	if d := r.Spec.Analysis.MinDuration; d != "" {
		return r.Status.Candidate.FirstPairTime.Add(monitor.Duration(d))
	}
	return time.Time{}
}
