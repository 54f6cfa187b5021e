// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

const verdictFlag = "--verdict-bind-address="

// TestVerdictsAreServedOnlyWhereAsked wants nobody to be told verdicts by default, and by the component only those that the
// policy lets through: a Service in front of the port that the manager is told to listen on, and no second way in.
func TestVerdictsAreServedOnlyWhereAsked(t *testing.T) {
	isFlag := func(arg string) bool { return strings.HasPrefix(arg, verdictFlag) }
	if args := manager(t, build(t, "default")).Spec.Template.Spec.Containers[0].Args; slices.ContainsFunc(args, isFlag) {
		t.Errorf("verdicts are served by default: %q", args)
	}

	objects := build(t, "overlays/verdicts")
	pod := manager(t, objects).Spec.Template
	c := pod.Spec.Containers[0]
	i := slices.IndexFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == "verdicts" })
	if i < 0 || !slices.Contains(c.Args, verdictFlag+":8082") || c.Ports[i].ContainerPort != 8082 {
		t.Fatalf("args %q, ports %+v", c.Args, c.Ports)
	}
	services, policies := 0, 0
	for _, o := range objects {
		switch o.GetKind() {
		case "Service":
			s := &corev1.Service{}
			convert(t, o, s)
			if s.Spec.Ports[0].TargetPort.StrVal == "verdicts" {
				services++
				if s.Name != "vedette-verdicts" || !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(pod.Labels)) {
					t.Errorf("the Service is %s %+v", s.Name, s.Spec)
				}
			}
		case "NetworkPolicy":
			p := &networkingv1.NetworkPolicy{}
			convert(t, o, p)
			for _, rule := range p.Spec.Ingress {
				if !slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port.String() == "verdicts" }) {
					continue
				}
				policies++
				if len(rule.From) != 1 || len(rule.From[0].NamespaceSelector.MatchLabels) == 0 || len(rule.Ports) != 1 {
					t.Errorf("policy %s lets in %+v", p.Name, rule)
				}
			}
		}
	}
	if services != 1 || policies != 1 {
		t.Errorf("%d Services and %d rules lead to the port", services, policies)
	}
}
