// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/outcome"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// bake watches the new primary. Its time runs from when all of its pods were up.
func (p *pass) bake() {
	b := &p.r.Status.Bake
	if b.StartTime.IsZero() {
		b.StartTime = metav1.NewTime(p.now)
	}
	// Violations come with the ModelMonitor; only the end comes by itself.
	p.lookAgain(max(b.StartTime.Add(p.policy(rollout.Watched{}).Bake).Sub(p.now), time.Second))
}

// recordRejection puts on record that a revision is not to serve: the candidate, or the new primary.
func (p *pass) recordRejection(o rollout.Observed, because string, watched rollout.Watched) {
	revision, reason, message := o.Template, v1alpha1.ReasonRejected, "by annotation"
	if o.Abort == revision {
		reason = v1alpha1.ReasonAborted
	}
	if o.Promoted() {
		revision, message = o.Primary, because
		if len(watched.Violated) > 0 || o.PrimaryFailed {
			reason = v1alpha1.ReasonBakeFailed
		}
		if len(watched.Violated) > 0 {
			message += ": it violates " + strings.Join(watched.Violated, ", ")
		}
	}
	p.decide(v1alpha1.Revision(revision), v1alpha1.VerdictFail, message)
	p.reject(v1alpha1.Revision(revision), reason, message)
	p.lookAgain(outcome.Soon)
}
