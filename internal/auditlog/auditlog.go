// SPDX-License-Identifier: Apache-2.0

// Package auditlog takes the entries of ModelMonitors and ShadowRollouts to the audit log of their class. It is the only part of the manager that
// opens a store, with the manager's own credentials; what the log is, package audit knows.
package auditlog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/auditqueue"
	"github.com/vedette-dev/vedette/internal/store"
)

// timeout bounds one attempt: a store that hangs must not hold up the others.
const timeout = 20 * time.Second

// Recorder records to the sinks of classes.
type Recorder struct {
	Sinks *audit.Sinks
}

// Record enters what waits in the status of an object, in its order, and takes it out of there as far as it got.
func (r *Recorder) Record(ctx context.Context, class *v1alpha1.MonitorClass, q auditqueue.Queue) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	drafts := make([]audit.Draft, 0, len(q.Status.Pending))
	for _, p := range q.Status.Pending {
		drafts = append(drafts, audit.Draft{
			ID: q.ID(p), Time: p.Time.Time, Actor: p.Actor, Kind: audit.Kind(p.Kind), Subject: q.Subject(), Grounds: json.RawMessage(p.Grounds),
		})
	}
	n, err := r.Sinks.Record(ctx, sink(class), drafts)
	q.Entered(n)
	return err
}

// Check finds out whether the log of a class can be continued.
func (r *Recorder) Check(ctx context.Context, class *v1alpha1.MonitorClass) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return r.Sinks.Check(ctx, sink(class))
}

func sink(class *v1alpha1.MonitorClass) audit.Sink {
	spec := class.Spec.Audit
	s := audit.Sink{URL: spec.URL, Cluster: string(class.Spec.ClusterName)}
	if s.Cluster == "" {
		s.Cluster = "default"
	}
	if spec.Lock.Mode != "" {
		s.Lock = store.Lock{Mode: store.LockMode(spec.Lock.Mode), For: time.Duration(spec.Lock.Days) * 24 * time.Hour}
	}
	return s
}
