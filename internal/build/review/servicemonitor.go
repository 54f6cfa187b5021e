// SPDX-License-Identifier: Apache-2.0

package review

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// sampleLimit is far above what a pod exposes: it only stops what has gone wild, as an overrun drops the whole scrape.
const sampleLimit = 5000

// ServiceMonitor builds what makes Prometheus scrape the pods of the queue.
func ServiceMonitor(p Params) *unstructured.Unstructured {
	matched := map[string]any{}
	for k, v := range selector(p.Queue) {
		matched[k] = v
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "monitoring.coreos.com/v1",
		"kind":       "ServiceMonitor",
		"metadata":   owner.QueueMetadata(p.Queue, p.name(), p.selected()),
		"spec": map[string]any{
			"selector":    map[string]any{"matchLabels": matched},
			"sampleLimit": int64(sampleLimit),
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

// selected are the labels by which Prometheus selects, and ours, which nothing hides.
func (p Params) selected() map[string]string {
	labels := maps.Clone(p.Class.Prometheus.RuleLabels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, p.labels())
	return labels
}
