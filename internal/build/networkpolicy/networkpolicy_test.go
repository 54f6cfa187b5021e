// SPDX-License-Identifier: Apache-2.0

package networkpolicy

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestGolden(t *testing.T) {
	var policy networkingv1.NetworkPolicy
	golden.Object(t, "networkpolicy", Build(wrappers.MakeMonitor("payments", "fraud").UID("uid").Obj()), &policy)

	selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	if err != nil {
		t.Fatal(err)
	}
	for name, pod := range map[string]labels.Set{
		"a user's pod":                          {"app": "fraud", naming.LabelInject: "fraud"},
		"a user's pod with the monitor's label": {naming.LabelInject: "fraud", naming.LabelMonitor: "fraud"},
		"another monitor's analysis":            {naming.LabelMonitor: "churn", naming.LabelRole: naming.RoleAnalysis},
	} {
		if selector.Matches(pod) {
			t.Errorf("the policy selects %s", name)
		}
	}
}
