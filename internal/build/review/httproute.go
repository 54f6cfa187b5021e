// SPDX-License-Identifier: Apache-2.0

package review

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/queue"
)

// HTTPRoute builds the route of the Gateway API for the host of the queue's URL.
func HTTPRoute(p Params) *unstructured.Unstructured {
	var parents []any
	for _, ref := range p.Queue.Spec.Access.HTTPRoute.ParentRefs {
		parent := map[string]any{"name": string(ref.Name)}
		if ref.Namespace != "" {
			parent["namespace"] = string(ref.Namespace)
		}
		if ref.SectionName != "" {
			parent["sectionName"] = string(ref.SectionName)
		}
		parents = append(parents, parent)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1",
		"kind":       "HTTPRoute",
		"metadata":   owner.QueueMetadata(p.Queue, p.name(), p.labels()),
		"spec": map[string]any{
			"parentRefs": parents,
			"hostnames":  []any{queue.Host(p.Queue)},
			"rules": []any{map[string]any{
				"backendRefs": []any{map[string]any{"name": p.name(), "port": int64(servicePort)}},
			}},
		},
	}}
}
