// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// The gauges of rollouts.
var (
	rollouts        = rolloutDesc(naming.MetricRolloutCondition, "1 for the present status of a condition of the rollout.", "type", "status")
	rolloutVerdict  = rolloutDesc(naming.MetricRolloutVerdict, "1 while the decision on record is that the candidate may serve, by the analysis that is specified, 0 while it is that it may not.", "candidate")
	rolloutPairs    = rolloutDesc(naming.MetricRolloutPairs, "Requests whose two answers were compared in this try of the candidate, by the last evaluation.", "candidate")
	rolloutAwaiting = rolloutDesc(naming.MetricRolloutAuditPending, "Entries of the rollout that wait for the audit log.")
)

func rolloutDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"rollout_namespace", "rollout"}, labels...), nil)
}

func (c *Collector) collectRollouts(ctx context.Context, ch chan<- prometheus.Metric) {
	var all v1alpha1.ShadowRolloutList
	if err := c.Reader.List(ctx, &all); err != nil {
		ch <- prometheus.NewInvalidMetric(rollouts, err)
		return
	}
	for i := range all.Items {
		collectRollout(ch, &all.Items[i])
	}
}

func collectRollout(ch chan<- prometheus.Metric, r *v1alpha1.ShadowRollout) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		send(ch, d, prometheus.GaugeValue, v, append([]string{r.Namespace, r.Name}, labels...)...)
	}
	for _, c := range r.Status.Conditions {
		gauge(rollouts, 1, c.Type, string(c.Status))
	}
	c, d := r.Status.Candidate, r.Status.Decision
	if c.Pairs != nil {
		gauge(rolloutPairs, float64(*c.Pairs), string(c.Revision))
	}
	if c.Revision != "" && c.Revision == d.Revision { // a decision about an earlier candidate says nothing of this one
		switch {
		case rollout.Passed(r) == c.Revision:
			gauge(rolloutVerdict, 1, string(c.Revision))
		case d.Verdict == v1alpha1.VerdictFail:
			gauge(rolloutVerdict, 0, string(c.Revision))
		}
	}
	if a := r.Status.Audit; a.Sequence > 0 {
		gauge(rolloutAwaiting, float64(len(a.Pending)))
	}
}
