// SPDX-License-Identifier: Apache-2.0

// Package metrics derives the manager's gauges from the status of all ModelMonitors, AnnotationQueues and ShadowRollouts when Prometheus scrapes: what
// is deleted leaves no series behind, and a restart loses nothing. Only the leader exposes them.
package metrics

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
)

// timeout bounds one read of the cache.
const timeout = 5 * time.Second

// The gauges. The namespace of a monitor, a queue or a rollout is not called namespace: a scrape would rename that label.
var (
	conditions = desc(naming.MetricMonitorCondition, "1 for the present status of a condition of the monitor.", "type", "status")
	pods       = desc(naming.MetricCapturePods, "Pods of the monitor's target by the state of their sidecar.", "state")
	violated   = desc(naming.MetricAnalysisViolated, "1 where the last conclusive run found the threshold violated, 0 where met.", "threshold", "segment")
	value      = desc(naming.MetricAnalysisValue, "The value by which the last conclusive run judged the threshold.", "threshold", "segment")
	estimate   = desc(naming.MetricPerformance, "What the last conclusive performance run measured.", "metric", "segment", "version")
	low        = desc(naming.MetricPerformanceLow, "The lower bound of its 95 % confidence interval.", "metric", "segment", "version")
	high       = desc(naming.MetricPerformanceHigh, "The upper bound of its 95 % confidence interval.", "metric", "segment", "version")
	success    = desc(naming.MetricAnalysisLastSuccess, "When a run of the analysis last reached a verdict, or when the monitor was made if none did, in Unix seconds.", "kind")
	outliers   = desc(naming.MetricAnalysisOutliers, "Outliers that the last run found.")
	queues     = prometheus.NewDesc(naming.MetricQueueCondition, "1 for the present status of a condition of the queue.", []string{"queue_namespace", "queue", "type", "status"}, nil)
	retrained  = desc(naming.MetricRetrainingRuns, "Retraining runs that ended, by outcome.", "outcome")
	pending    = desc(naming.MetricAuditPending, "Entries of the monitor that wait for the audit log.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"monitor_namespace", "monitor"}, labels...), nil)
}

// Collector exposes the status of all monitors, queues and rollouts. It is a Runnable of the manager: it registers itself when the manager
// becomes the leader.
type Collector struct {
	// Reader lists ModelMonitors, AnnotationQueues and ShadowRollouts, from the cache.
	Reader client.Reader
	// Sinks are the audit logs.
	Sinks AuditSinks
	// Registry is where the collector registers.
	Registry prometheus.Registerer
}

// NeedLeaderElection makes the leader alone expose the gauges.
func (*Collector) NeedLeaderElection() bool { return true }

// Start registers the collector until ctx ends.
func (c *Collector) Start(ctx context.Context) error {
	if err := c.Registry.Register(c); err != nil {
		return err
	}
	<-ctx.Done()
	c.Registry.Unregister(c)
	return nil
}

// Describe implements prometheus.Collector.
func (*Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{conditions, pods, violated, value, estimate, low, high, success, outliers, queues, retrained, pending, auditUp, auditHead,
		rollouts, rolloutVerdict, rolloutPairs, rolloutAwaiting} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var monitors v1alpha1.ModelMonitorList
	if err := c.Reader.List(ctx, &monitors); err != nil {
		ch <- prometheus.NewInvalidMetric(conditions, err)
		return
	}
	for i := range monitors.Items {
		collect(ch, &monitors.Items[i])
	}
	var all v1alpha1.AnnotationQueueList
	if err := c.Reader.List(ctx, &all); err != nil {
		ch <- prometheus.NewInvalidMetric(queues, err)
		return
	}
	for i := range all.Items {
		q := &all.Items[i]
		for _, cond := range q.Status.Conditions {
			ch <- prometheus.MustNewConstMetric(queues, prometheus.GaugeValue, 1, q.Namespace, q.Name, cond.Type, string(cond.Status))
		}
	}
	c.collectRollouts(ctx, ch)
	c.collectAudit(ch)
}

func collect(ch chan<- prometheus.Metric, m *v1alpha1.ModelMonitor) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		send(ch, d, prometheus.GaugeValue, v, append([]string{m.Namespace, m.Name}, labels...)...)
	}
	for _, c := range m.Status.Conditions {
		gauge(conditions, 1, c.Type, string(c.Status))
	}
	if c := m.Status.Capture; c.Pods != nil && c.InjectedPods != nil && c.CurrentPods != nil {
		gauge(pods, float64(*c.Pods-*c.InjectedPods), "bare")
		gauge(pods, float64(*c.InjectedPods), "injected")
		gauge(pods, float64(*c.CurrentPods), "current")
	}
	for _, a := range monitor.Analyses(m) {
		gauge(success, lastSuccess(m, v1alpha1.AnalysisRunKind(a.Kind)), string(a.Kind))
	}
	for _, c := range monitor.Chores(m) {
		gauge(success, lastSuccess(m, c.Kind), string(c.Kind))
	}
	collectThresholds(gauge, monitor.AnalysedThresholds(m.Status.Analyses))
	if run := monitor.LastRun(m.Status.Analyses, v1alpha1.AnalysisRunPerformance); run != nil {
		collectPerformance(gauge, run.Performance)
	}
	if m.Status.Outliers != nil {
		gauge(outliers, float64(*m.Status.Outliers))
	}
	if monitor.Retrains(m) {
		r := m.Status.Retraining
		send(ch, retrained, prometheus.CounterValue, float64(r.SucceededRuns), m.Namespace, m.Name, "succeeded")
		send(ch, retrained, prometheus.CounterValue, float64(r.FailedRuns), m.Namespace, m.Name, "failed")
	}
	if a := m.Status.Audit; a.Sequence > 0 {
		gauge(pending, float64(len(a.Pending)))
	}
}

func send(ch chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
	metric, err := prometheus.NewConstMetric(d, kind, v, labels...)
	if err != nil {
		runtime.HandleError(err) // the labels do not fit the description: a mistake in this file
		return
	}
	ch <- metric
}

// lastSuccess is when a run of a kind last reached a verdict. One that never did must come to look stale.
func lastSuccess(m *v1alpha1.ModelMonitor, kind v1alpha1.AnalysisRunKind) float64 {
	if run := monitor.LastRun(m.Status.Analyses, kind); run != nil && !run.LastSuccessTime.IsZero() {
		return float64(run.LastSuccessTime.Unix())
	}
	return float64(m.CreationTimestamp.Unix())
}

// collectPerformance leaves out what is no number.
func collectPerformance(gauge func(*prometheus.Desc, float64, ...string), metrics []v1alpha1.PerformanceMetric) {
	seen := map[[3]string]bool{}
	for _, p := range metrics {
		key := [3]string{string(p.Metric), string(p.Segment), p.Version}
		if seen[key] {
			continue
		}
		seen[key] = true
		for d, v := range map[*prometheus.Desc]v1alpha1.Decimal{estimate: p.Value, low: p.Low, high: p.High} {
			if f, err := strconv.ParseFloat(string(v), 64); err == nil {
				gauge(d, f, key[:]...)
			}
		}
	}
}

// collectThresholds leaves out what is inconclusive: no data is neither met nor violated.
func collectThresholds(gauge func(*prometheus.Desc, float64, ...string), verdicts []v1alpha1.ThresholdVerdict) {
	seen := map[[2]string]bool{}
	for _, v := range verdicts {
		key := [2]string{string(v.Name), string(v.Segment)}
		if v.Outcome == v1alpha1.ThresholdInconclusive || seen[key] {
			continue
		}
		seen[key] = true
		bad := 0.0
		if v.Outcome == v1alpha1.ThresholdFail {
			bad = 1
		}
		gauge(violated, bad, key[0], key[1])
		if f, err := strconv.ParseFloat(string(v.Value), 64); err == nil {
			gauge(value, f, key[0], key[1])
		}
	}
}
