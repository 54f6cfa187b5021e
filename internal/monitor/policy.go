// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vedette-dev/vedette/internal/naming"
)

// blocked tells of NetworkPolicies that let traffic in to the model's port by number, where none lets it in to the
// sidecar, to which Services send it now. Policies add up; from where they let it in is left aside.
func (in Injection) blocked() string {
	var texts []string
	for _, s := range in.servers() {
		if text := in.blocking(s); text != "" && !slices.Contains(texts, text) && len(texts) < maxBypassing {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "\n")
}

func (in Injection) blocking(to server) string {
	var names []string
	for i := range in.Policies {
		p := &in.Policies[i]
		if !isolates(p, to.labels) {
			continue
		}
		for _, rule := range p.Spec.Ingress {
			if to.admits(rule, naming.CapturePort) {
				return ""
			}
			if to.admits(rule, to.port.ContainerPort) && !slices.Contains(names, p.Name) {
				names = append(names, p.Name)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	if more := len(names) - maxBypassing; more > 0 {
		names = append(names[:maxBypassing], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("traffic does not reach the sidecar: it listens on port %d, and the NetworkPolicy %s lets in number %d only. Use the port's name in it, and let Prometheus in: {spec: {ingress: [{ports: [{port: %s}, {port: %d}]}]}}",
		naming.CapturePort, strings.Join(names, ", "), to.port.ContainerPort, to.port.Name, naming.MetricsPort)
}

// isolates says whether a policy bounds what reaches pods with the labels.
func isolates(p *networkingv1.NetworkPolicy, pod labels.Set) bool {
	ingress := len(p.Spec.PolicyTypes) == 0 || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
	s, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
	return ingress && err == nil && s.Matches(pod)
}

// admits says whether a rule lets TCP in to a port of an injected pod, in which the port's name is the sidecar's.
func (to server) admits(rule networkingv1.NetworkPolicyIngressRule, number int32) bool {
	if len(rule.Ports) == 0 {
		return true
	}
	return slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
		switch {
		case p.Protocol != nil && *p.Protocol != corev1.ProtocolTCP:
			return false
		case p.Port == nil:
			return true
		case p.Port.Type == intstr.String:
			return p.Port.StrVal == to.port.Name && number == naming.CapturePort
		case p.EndPort != nil:
			return p.Port.IntVal <= number && number <= *p.EndPort
		}
		return p.Port.IntVal == number
	})
}
