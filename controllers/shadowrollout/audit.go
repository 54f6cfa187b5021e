// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/auditqueue"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/outcome"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// auditRetry is when entries that the log did not take are tried again.
const auditRetry = time.Minute

// Audit enters what waits in a rollout's status in the audit log of the class, and takes it out of there as far as it got.
type Audit interface {
	Record(ctx context.Context, class *v1alpha1.MonitorClass, q auditqueue.Queue) error
}

// enter takes the entries that stand in status to the log. A log that is out of reach holds no verdict and no rollback up.
func (p *pass) enter(ctx context.Context, e monitor.Effective) {
	p.audited = e.Class.Spec.Audit.URL != ""
	if !p.audited || len(p.r.Status.Audit.Pending) == 0 {
		return
	}
	if err := p.Audit.Record(ctx, e.Class, rollout.AuditQueue(p.r)); err != nil {
		log.FromContext(ctx).Error(err, "entries wait for the audit log", "pending", len(p.r.Status.Audit.Pending))
		p.lookAgain(auditRetry)
	}
}

// mayBegin says whether what would have to be entered may be begun, where the class keeps a log.
func (p *pass) mayBegin() error {
	if !p.audited || auditqueue.Ready(p.r.Status.Audit) {
		return nil
	}
	return &reconcileerr.Waiting{
		Reason: v1alpha1.ConditionAuditUnavailable, After: auditRetry,
		Message: "nothing new is tried or promoted, as entries wait for the audit log of the class: see the MonitorClass",
	}
}

// queue adds to status an entry for everything that happened in this pass.
func (p *pass) queue(before v1alpha1.ShadowRolloutStatus) {
	if !p.audited {
		return
	}
	waiting := len(p.r.Status.Audit.Pending)
	rollout.Audit{Rollout: p.r, Before: before, Run: p.retrained, PrimarySince: p.primarySince, Now: p.now}.Enter()
	if len(p.r.Status.Audit.Pending) > waiting {
		p.lookAgain(outcome.Soon) // they go to the log once they stand in status
	}
}
