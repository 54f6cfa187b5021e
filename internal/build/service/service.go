// SPDX-License-Identifier: Apache-2.0

// Package service builds the headless Service through which Prometheus finds the sidecars of a monitor. It is pure.
package service

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Build builds the Service. It publishes pods that are not ready too: a model that is not ready is the one to look at.
func Build(m *v1alpha1.ModelMonitor) *corev1.ServiceApplyConfiguration {
	return corev1.Service(naming.Metrics(m.Name), m.Namespace).
		WithLabels(owner.Labels(m, naming.RoleCapture)).
		WithOwnerReferences(owner.Reference(m)).
		WithSpec(corev1.ServiceSpec().
			WithType(v1.ServiceTypeClusterIP).
			WithClusterIP(v1.ClusterIPNone).
			WithPublishNotReadyAddresses(true).
			WithSelector(map[string]string{naming.LabelInject: m.Name}).
			WithPorts(corev1.ServicePort().
				WithName(naming.MetricsPortName).
				WithProtocol(v1.ProtocolTCP).
				WithPort(naming.MetricsPort).
				WithTargetPort(intstr.FromString(naming.MetricsPortName))))
}
