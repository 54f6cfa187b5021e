// SPDX-License-Identifier: Apache-2.0

// Package servicemonitor builds the ServiceMonitor that makes Prometheus scrape the sidecars of a monitor. It is pure.
package servicemonitor

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Build builds the ServiceMonitor.
func Build(m *v1alpha1.ModelMonitor, e monitor.Effective) *unstructured.Unstructured {
	labels := owner.Labels(m, naming.RoleCapture)
	maps.Copy(labels, e.Class.Spec.Prometheus.RuleLabels)
	maps.Copy(labels, owner.Labels(m, naming.RoleCapture))
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "monitoring.coreos.com/v1",
		"kind":       "ServiceMonitor",
		"metadata":   owner.Metadata(m, naming.Metrics(m.Name), labels),
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{
				naming.LabelMonitor: m.Name,
				naming.LabelRole:    naming.RoleCapture,
			}},
			"sampleLimit": sampleLimit(len(e.Segments)),
			"endpoints": []any{map[string]any{
				"port":        naming.MetricsPortName,
				"path":        "/metrics",
				"honorLabels": false,
				// Of the labels of the target, namespace, pod and instance tell something; the others only cost.
				"relabelings": []any{map[string]any{"action": "labeldrop", "regex": "container|endpoint|service"}},
			}},
		},
	}}
}

// sampleLimit is four times what a sidecar with so many segments exposes, and all that it may expose of the pairs of two attempts
// (package telemetry has the formulas): an overrun drops the whole scrape, so it must only stop what has gone wild.
func sampleLimit(segments int) int64 {
	latencies := min(segments, wire.MaxLatencySegments)
	return int64(4*(19*(segments+1)+36) + 2*(68*(segments+1)+2*480*(latencies+1)+1))
}
