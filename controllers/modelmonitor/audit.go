// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/auditqueue"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/outcome"
)

// auditRetry is when entries that the log did not take are tried again.
const auditRetry = time.Minute

// Audit enters what waits in a monitor's status in the audit log of its class, and takes it out of there as far as it got.
type Audit interface {
	Record(ctx context.Context, class *v1alpha1.MonitorClass, q auditqueue.Queue) error
}

// enter takes the entries that stand in status to the log. A log that is out of reach holds nothing up: the entries wait, and the
// class says so. They also wait while the class keeps no log, and their numbers go on afterwards: the log knows entries by them,
// and would take a new one that bears an old number for entered.
func (p *pass) enter(ctx context.Context, e monitor.Effective) error {
	p.audited = e.Class.Spec.Audit.URL != ""
	if !p.audited || len(p.m.Status.Audit.Pending) == 0 {
		return nil
	}
	if err := p.Audit.Record(ctx, e.Class, monitor.AuditQueue(p.m)); err != nil {
		log.FromContext(ctx).Error(err, "entries wait for the audit log", "pending", len(p.m.Status.Audit.Pending))
		p.lookAgain(auditRetry)
	}
	return nil
}

// queue adds to status an entry for everything that happened in this pass.
func (p *pass) queue(before *v1alpha1.ModelMonitor) {
	if !p.audited {
		return
	}
	waiting := len(p.m.Status.Audit.Pending)
	monitor.Audit{Monitor: p.m, Before: before.Status, Recorded: p.recorded, Now: p.now}.Enter()
	if len(p.m.Status.Audit.Pending) > waiting {
		p.lookAgain(outcome.Soon) // they go to the log once they stand in status
	}
}
