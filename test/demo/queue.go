// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/harness"
)

// queueTimeout covers the pod's start, on a busy machine, and a scrape after it has read the store.
const queueTimeout = startTimeout

// checkQueue waits until the queue serves its page and has taken in what people are to be asked about.
func (d *demo) checkQueue(ctx context.Context) error {
	q := new(v1alpha1.AnnotationQueue)
	err := harness.Until(ctx, queueTimeout, "the queue to serve its page", func(ctx context.Context) (bool, string, error) {
		if err := d.cluster.Get(ctx, queueKey, q); err != nil {
			return false, "", err
		}
		ready := meta.FindStatusCondition(q.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil {
			return false, "the status has no Ready condition", nil
		}
		return ready.Status == "True", fmt.Sprintf("Ready is %s (%s: %s)", ready.Status, ready.Reason, ready.Message), nil
	})
	if err != nil {
		return err
	}
	for _, origin := range []string{"outlier", "random"} {
		var n float64
		err := harness.Until(ctx, queueTimeout, "items of origin "+origin+" in the queue", func(ctx context.Context) (bool, string, error) {
			n, err = d.prometheus.Sum(ctx, fmt.Sprintf(`%s{queue=%q,origin=%q}`, naming.MetricQueueItems, queueKey.Name, origin))
			return n > 0, "there are none", err
		})
		if err != nil {
			return err
		}
		d.sayf("%.0f items of origin %s wait for people", n, origin)
	}
	return nil
}
