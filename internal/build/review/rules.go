// SPDX-License-Identifier: Apache-2.0

package review

import (
	"cmp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/monitor"
)

// runbooks describe every alert; a queue may name its own instead.
const runbooks = "https://github.com/vedette-dev/vedette/blob/main/docs/alerts.md#"

// Rules builds the PrometheusRule of the queue. A suspended queue has no alerts: nobody is to answer then.
func Rules(p Params) *unstructured.Unstructured {
	groups := []any{}
	if p.Queue.Spec.Mode != v1alpha1.QueueModeSuspended {
		rules := []any{}
		for _, a := range p.alerts() {
			rules = append(rules, p.render(a))
		}
		groups = append(groups, map[string]any{"name": "vedette." + p.Queue.Namespace + "." + p.Queue.Name + ".queue", "rules": rules})
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "monitoring.coreos.com/v1",
		"kind":       "PrometheusRule",
		"metadata":   owner.QueueMetadata(p.Queue, p.name(), p.selected()),
		"spec":       map[string]any{"groups": groups},
	}}
}

func (p Params) render(a alert) any {
	labels := map[string]any{}
	for k, v := range p.Queue.Spec.Alerting.Labels {
		labels[k] = escape(v)
	}
	labels["severity"] = strings.ToLower(string(a.severity))
	labels["namespace"], labels["queue"] = p.Queue.Namespace, p.Queue.Name
	return map[string]any{
		"alert":  a.name,
		"expr":   a.expr,
		"for":    string(a.hold),
		"labels": labels,
		"annotations": map[string]any{
			"summary":     p.Queue.Namespace + "/" + p.Queue.Name + ": " + a.summary,
			"description": a.description,
			"runbook_url": escape(cmp.Or(p.Queue.Spec.Alerting.RunbookURL, runbooks+strings.ToLower(a.name))),
		},
	}
}

// escape keeps what a user wrote from being read as a template.
func escape(s string) string { return strings.ReplaceAll(s, "{{", `{{"{{"}}`) }

// oldestPending is how long an item may wait.
func (p Params) oldestPending() time.Duration {
	return monitor.Duration(cmp.Or(p.Queue.Spec.Alerting.OldestPending, "3d"))
}
