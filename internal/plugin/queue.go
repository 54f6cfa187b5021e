// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// queueView is an AnnotationQueue that a monitor feeds.
type queueView struct {
	Name    string `json:"name"`
	Ready   string `json:"ready,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	Address string `json:"address,omitempty"`
}

// queues are the AnnotationQueues that a monitor feeds.
func (c *cluster) queues(ctx context.Context, m *v1alpha1.ModelMonitor) ([]queueView, error) {
	var list v1alpha1.AnnotationQueueList
	if err := c.client.List(ctx, &list, client.InNamespace(m.Namespace)); err != nil {
		return nil, fmt.Errorf("listing AnnotationQueues: %w", err)
	}
	var views []queueView
	for i := range list.Items {
		q := &list.Items[i]
		if !slices.ContainsFunc(q.Spec.Monitors, func(f v1alpha1.QueueMonitor) bool { return string(f.Name) == m.Name }) {
			continue
		}
		v := queueView{Name: q.Name, Address: q.Status.Address}
		for _, condition := range q.Status.Conditions {
			if condition.Type == v1alpha1.ConditionReady {
				v.Ready, v.Reason, v.Message = string(condition.Status), condition.Reason, condition.Message
			}
		}
		views = append(views, v)
	}
	return views, nil
}
