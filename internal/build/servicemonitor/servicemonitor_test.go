// SPDX-License-Identifier: Apache-2.0

package servicemonitor

import (
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"

	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestGolden(t *testing.T) {
	m := wrappers.MakeMonitor("payments", "fraud").UID("uid").Segment("a", "true").Segment("b", "true").Obj()
	golden.Object(t, "servicemonitor", Build(m, monitor.Bound(m, wrappers.MakeClass("standard"))).Object, &monitoringv1.ServiceMonitor{})
}

func TestRuleLabelsDoNotHideTheOwner(t *testing.T) {
	m := wrappers.MakeMonitor("payments", "fraud").Obj()
	class := wrappers.MakeClass("standard")
	class.Spec.Prometheus.RuleLabels[naming.LabelMonitor] = "another"
	if got := Build(m, monitor.Bound(m, class)).GetLabels()[naming.LabelMonitor]; got != "fraud" {
		t.Errorf("label %s is %q", naming.LabelMonitor, got)
	}
}
