// SPDX-License-Identifier: Apache-2.0

package review

import (
	networking "k8s.io/api/networking/v1"
	networkingv1 "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/queue"
)

// Ingress builds the Ingress for the host of the queue's URL.
func Ingress(p Params) *networkingv1.IngressApplyConfiguration {
	asked, host := p.Queue.Spec.Access.Ingress, queue.Host(p.Queue)
	service := networkingv1.IngressServiceBackend().
		WithName(p.name()).
		WithPort(networkingv1.ServiceBackendPort().WithName(naming.ReviewPortName))
	spec := networkingv1.IngressSpec().WithRules(networkingv1.IngressRule().
		WithHost(host).
		WithHTTP(networkingv1.HTTPIngressRuleValue().WithPaths(networkingv1.HTTPIngressPath().
			WithPath("/").
			WithPathType(networking.PathTypePrefix).
			WithBackend(networkingv1.IngressBackend().WithService(service)))))
	if asked.ClassName != "" {
		spec.WithIngressClassName(string(asked.ClassName))
	}
	if asked.TLSSecretName != "" {
		spec.WithTLS(networkingv1.IngressTLS().WithHosts(host).WithSecretName(string(asked.TLSSecretName)))
	}
	return networkingv1.Ingress(p.name(), p.Queue.Namespace).
		WithLabels(p.labels()).
		WithAnnotations(asked.Annotations).
		WithOwnerReferences(owner.QueueReference(p.Queue)).
		WithSpec(spec)
}
