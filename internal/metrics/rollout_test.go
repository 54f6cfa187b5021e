// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

const wantRollouts = `
# HELP vedette_rollout_audit_pending_entries Entries of the rollout that wait for the audit log.
# TYPE vedette_rollout_audit_pending_entries gauge
vedette_rollout_audit_pending_entries{rollout="passed",rollout_namespace="payments"} 2
# HELP vedette_rollout_condition 1 for the present status of a condition of the rollout.
# TYPE vedette_rollout_condition gauge
vedette_rollout_condition{rollout="passed",rollout_namespace="payments",status="True",type="CandidateFit"} 1
# HELP vedette_rollout_pairs Requests whose two answers were compared in this try of the candidate, by the last evaluation.
# TYPE vedette_rollout_pairs gauge
vedette_rollout_pairs{candidate="0000000001",rollout="passed",rollout_namespace="payments"} 5000
vedette_rollout_pairs{candidate="0000000002",rollout="failed",rollout_namespace="payments"} 300
vedette_rollout_pairs{candidate="0000000003",rollout="tried",rollout_namespace="payments"} 0
vedette_rollout_pairs{candidate="0000000004",rollout="outdated",rollout_namespace="payments"} 0
# HELP vedette_rollout_verdict 1 while the decision on record is that the candidate may serve, by the analysis that is specified, 0 while it is that it may not.
# TYPE vedette_rollout_verdict gauge
vedette_rollout_verdict{candidate="0000000001",rollout="passed",rollout_namespace="payments"} 1
vedette_rollout_verdict{candidate="0000000002",rollout="failed",rollout_namespace="payments"} 0
`

func TestCollectRollouts(t *testing.T) {
	rollout := func(name string, revision v1alpha1.Revision, pairs int64, d v1alpha1.RolloutDecision) v1alpha1.ShadowRollout {
		r := wrappers.MakeRollout("payments", name).Obj()
		r.Status.Candidate, r.Status.Decision = v1alpha1.CandidateStatus{Revision: revision, Pairs: &pairs}, d
		return *r
	}
	passed := rollout("passed", "0000000001", 5000, v1alpha1.RolloutDecision{Revision: "0000000001", Verdict: v1alpha1.VerdictPass})
	passed.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionCandidateFit, Status: metav1.ConditionTrue}}
	passed.Status.Audit = v1alpha1.AuditStatus{Sequence: 9, Pending: make([]v1alpha1.PendingAuditEntry, 2)}
	reader := &list{rollouts: []v1alpha1.ShadowRollout{
		passed,
		rollout("failed", "0000000002", 300, v1alpha1.RolloutDecision{Revision: "0000000002", Verdict: v1alpha1.VerdictFail}),
		rollout("tried", "0000000003", 0, v1alpha1.RolloutDecision{Revision: "0000000009", Verdict: v1alpha1.VerdictPass}),
		rollout("outdated", "0000000004", 0, v1alpha1.RolloutDecision{Revision: "0000000004", Verdict: v1alpha1.VerdictPass, Analysis: "0123456789"}),
		*wrappers.MakeRollout("payments", "idle").Obj(),
	}}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&Collector{Reader: reader, Sinks: states{}})
	if err := testutil.GatherAndCompare(registry, strings.NewReader(wantRollouts)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}
