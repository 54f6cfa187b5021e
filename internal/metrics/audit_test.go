// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// states are audit logs in fixed states.
type states []audit.State

func (s states) States() []audit.State { return s }

const wantAudit = `
# HELP vedette_audit_head The number of the last entry of the audit log, with the start of its hash.
# TYPE vedette_audit_head gauge
vedette_audit_head{cluster="eu",hash="0123456789abcdef",url="s3://audit"} 12
# HELP vedette_audit_pending_entries Entries of the monitor that wait for the audit log.
# TYPE vedette_audit_pending_entries gauge
vedette_audit_pending_entries{monitor="fraud",monitor_namespace="payments"} 1
# HELP vedette_audit_up 1 while the last attempt to use the audit log succeeded, 0 while it did not.
# TYPE vedette_audit_up gauge
vedette_audit_up{cluster="eu",url="s3://audit"} 1
vedette_audit_up{cluster="us",url="s3://audit"} 0
# HELP vedette_retraining_runs_total Retraining runs that ended, by outcome.
# TYPE vedette_retraining_runs_total counter
vedette_retraining_runs_total{monitor="fraud",monitor_namespace="payments",outcome="failed"} 1
vedette_retraining_runs_total{monitor="fraud",monitor_namespace="payments",outcome="succeeded"} 3
`

func TestCollectAuditAndRetraining(t *testing.T) {
	m := wrappers.MakeMonitor("payments", "fraud").Obj()
	m.Spec.Retraining.TemplateRef.Name = "train"
	m.Status.Retraining = v1alpha1.RetrainingStatus{StartedRuns: 4, SucceededRuns: 3, FailedRuns: 1}
	m.Status.Audit = v1alpha1.AuditStatus{Sequence: 9, Pending: make([]v1alpha1.PendingAuditEntry, 1)}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&Collector{Reader: &list{monitors: []v1alpha1.ModelMonitor{*m}}, Sinks: states{
		{Sink: audit.Sink{URL: "s3://audit?region=eu", Cluster: "eu"}, Head: audit.Head{Sequence: 12, Hash: "0123456789abcdef0123"}},
		{Sink: audit.Sink{URL: "s3://audit?region=eu", Cluster: "us"}, Err: errors.New("out of reach")},
	}})
	names := []string{"vedette_audit_head", "vedette_audit_pending_entries", "vedette_audit_up", "vedette_retraining_runs_total"}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(wantAudit), names...); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}
