// SPDX-License-Identifier: Apache-2.0

package review

import (
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// servicePort is the port of the page at its Service.
const servicePort = 80

// Service builds the Service of the page, which Prometheus finds the metrics by as well.
func Service(p Params) *corev1.ServiceApplyConfiguration {
	port := func(name string, number int32) *corev1.ServicePortApplyConfiguration {
		return corev1.ServicePort().WithName(name).WithProtocol(core.ProtocolTCP).WithPort(number).WithTargetPort(intstr.FromString(name))
	}
	return corev1.Service(p.name(), p.Queue.Namespace).
		WithLabels(p.labels()).
		WithOwnerReferences(owner.QueueReference(p.Queue)).
		WithSpec(corev1.ServiceSpec().
			WithType(core.ServiceTypeClusterIP).
			WithSelector(selector(p.Queue)).
			WithPorts(port(naming.ReviewPortName, servicePort), port(naming.MetricsPortName, naming.ReviewMetricsPort)))
}
