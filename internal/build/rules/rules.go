// SPDX-License-Identifier: Apache-2.0

// Package rules builds the PrometheusRule of a monitor: recorded signals, one recorded verdict for each threshold over its
// segments, and one alert for each threshold. It is pure.
//
// A symptom of another trouble does not alert beside it: what mutes an alert stands in its expression, so that it holds
// whatever Alertmanager is told.
package rules

import (
	"cmp"
	"fmt"
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/promql"
)

// Recorded series besides naming.RuleThresholdViolated. All carry namespace and monitor.
const (
	ruleValue       = "vedette:threshold_value"
	ruleNoTraffic   = "vedette:no_traffic"
	ruleLoss        = "vedette:capture_loss:ratio_rate5m"
	ruleUndecodable = "vedette:undecodable:ratio_rate5m"
	ruleUnreachable = "vedette:unreachable:ratio_rate5m"
)

// Runbooks describe every signal and alert; a monitor may name its own instead.
const runbooks = "https://github.com/vedette-dev/vedette/blob/main/docs/alerts.md#"

// Build builds the PrometheusRule. In Observe there are records and no alerts.
func Build(m *v1alpha1.ModelMonitor, e monitor.Effective) *unstructured.Unstructured {
	b := builder{m: m, e: e}
	groups := []any{b.group("signals", b.signals()), b.group("thresholds", b.thresholds())}
	if e.Mode == v1alpha1.ModeEnforce {
		groups = append(groups, b.group("alerts", b.alerts()))
	}
	labels := owner.Labels(m, naming.RoleCapture)
	maps.Copy(labels, e.Class.Spec.Prometheus.RuleLabels)
	maps.Copy(labels, owner.Labels(m, naming.RoleCapture))
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "monitoring.coreos.com/v1",
		"kind":       "PrometheusRule",
		"metadata":   owner.Metadata(m, naming.Rules(m.Name), labels),
		"spec":       map[string]any{"groups": groups},
	}}
}

type builder struct {
	m *v1alpha1.ModelMonitor
	e monitor.Effective
}

func (b builder) group(name string, rules []any) any {
	return map[string]any{"name": "vedette." + b.m.Namespace + "." + b.m.Name + "." + name, "rules": rules}
}

// identity are the labels of every record, and the matchers that find it again.
func (b builder) identity() map[string]any {
	return map[string]any{"namespace": b.m.Namespace, "monitor": b.m.Name}
}

func (b builder) selects(rule string, more ...promql.Match) string {
	return promql.Select(rule, append([]promql.Match{promql.Equal("namespace", b.m.Namespace), promql.Equal("monitor", b.m.Name)}, more...)...)
}

func (b builder) record(name, expr string, labels ...string) any {
	all := b.identity()
	for i := 0; i < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
	}
	return map[string]any{"record": name, "expr": expr, "labels": all}
}

func (b builder) all() promql.Scope {
	return promql.Scope{Namespace: b.m.Namespace, Monitor: b.m.Name}
}

func (b builder) segments(names []v1alpha1.ItemName) promql.Scope {
	s := b.all()
	s.BySegment = true
	for _, n := range names {
		s.Segments = append(s.Segments, string(n))
	}
	return s
}

// signals are what dashboards show, for all traffic and for each segment.
func (b builder) signals() []any {
	var rules []any
	add := func(name string, expr func(promql.Scope) string) {
		rules = append(rules, b.record(name, expr(b.all()), "segment", naming.SegmentAll))
		if len(b.e.Segments) > 0 {
			rules = append(rules, b.record(name, expr(b.segments(nil))))
		}
	}
	signal := func(t v1alpha1.Threshold) func(promql.Scope) string {
		return func(s promql.Scope) string { value, _ := s.Signal(t); return value }
	}
	add("vedette:requests:rate5m", signal(v1alpha1.Threshold{Signal: v1alpha1.SignalRequestsPerSecond}))
	add("vedette:errors:ratio_rate5m", signal(v1alpha1.Threshold{Signal: v1alpha1.SignalErrorRatio}))
	add("vedette:timeouts:ratio_rate5m", signal(v1alpha1.Threshold{Signal: v1alpha1.SignalTimeoutRatio}))
	for _, q := range []v1alpha1.Decimal{"0.5", "0.99"} {
		name := "vedette:latency_seconds:p" + strings.TrimPrefix(string(q), "0.") + "_rate5m"
		add(strings.Replace(name, ":p5_", ":p50_", 1), signal(v1alpha1.Threshold{Signal: v1alpha1.SignalLatencySeconds, Quantile: q}))
	}
	if kind := b.m.Spec.Schema.Prediction.Kind; kind != "" && kind != v1alpha1.PredictionRegression {
		add("vedette:confidence:mean5m", signal(v1alpha1.Threshold{Signal: v1alpha1.SignalMeanConfidence}))
		add("vedette:entropy:mean5m", signal(v1alpha1.Threshold{Signal: v1alpha1.SignalMeanEntropy}))
	}
	all := b.all()
	instances := all.Rate(naming.MetricInstances, "5m")
	// Calls that never reached the model are no requests. A sidecar whose first call fails has no series of requests.
	unreachable := all.Rate(naming.MetricUnreachable, "5m")
	calls := fmt.Sprintf("((%s or vector(0)) + %s)", all.Rate(naming.MetricRequests, "5m"), unreachable)
	before := strings.Replace(all.Increase(naming.MetricRequests, "1h"), "[1h]", "[1h] offset 10m", 1)
	return append(rules,
		b.record(ruleLoss, all.Rate(naming.MetricDropped, "5m")+" / "+instances),
		b.record(ruleUndecodable, all.Rate(naming.MetricProfileSkipped, "5m", promql.Equal("reason", "undecodable"))+" / "+instances),
		b.record(ruleUnreachable, unreachable+" / "+calls),
		// Pods that are gone have no series, so the absence of traffic shows as the absence of a rate.
		b.record(ruleNoTraffic, fmt.Sprintf("(%s > bool 0) == 1 unless %s > 0", before, all.Increase(naming.MetricRequests, "10m"))),
	)
}

// thresholds record the value of each threshold in each segment, where there are enough samples, and whether it is
// violated: 1 or 0, and nothing where there is no number.
func (b builder) thresholds() []any {
	rules := []any{}
	for _, t := range b.e.Thresholds {
		name := string(t.Name)
		if monitor.AnalysisOf(t.Signal) != "" {
			rules = append(rules,
				b.record(ruleValue, b.gauge(naming.MetricAnalysisValue, name), "threshold", name),
				b.record(naming.RuleThresholdViolated, b.gauge(naming.MetricAnalysisViolated, name), "threshold", name))
			continue
		}
		if len(t.Segments) == 0 {
			rules = append(rules, b.record(ruleValue, sampled(b.all(), t), "threshold", name, "segment", naming.SegmentAll))
		}
		if t.Signal != v1alpha1.SignalCaptureLossRatio && len(b.e.Segments) > 0 {
			rules = append(rules, b.record(ruleValue, sampled(b.segments(t.Segments), t), "threshold", name))
		}
		rules = append(rules, b.record(naming.RuleThresholdViolated, violated(b.selects(ruleValue, promql.Equal("threshold", name)), t), "threshold", name))
	}
	return rules
}

// gauge is a gauge of the manager on a threshold that an analysis judges. Of two managers that overlap, the worse answer counts.
func (b builder) gauge(metric, threshold string) string {
	return "max by (segment) (" + promql.Select(metric,
		promql.Equal("monitor_namespace", b.m.Namespace), promql.Equal("monitor", b.m.Name), promql.Equal("threshold", threshold)) + ")"
}

func sampled(s promql.Scope, t v1alpha1.Threshold) string {
	value, _ := s.Signal(t)
	s.Segments = nil // the value names them already, and rules have a size limit
	_, samples := s.Signal(t)
	if samples == "" {
		return value
	}
	return fmt.Sprintf("(%s) and (%s >= %d)", value, samples, cmp.Or(t.MinSamples, 100))
}

// violated compares a value with its bounds. The last clause drops what is no number: it is never within bounds.
func violated(value string, t v1alpha1.Threshold) string {
	var sides []string
	if t.Min != "" {
		sides = append(sides, fmt.Sprintf("(%s < bool %s)", value, t.Min))
	}
	if t.Max != "" {
		sides = append(sides, fmt.Sprintf("(%s > bool %s)", value, t.Max))
	}
	return fmt.Sprintf("(%s) and (%s == %s)", strings.Join(sides, " + "), value, value)
}

// escape keeps text of a user from being read as a template.
func escape(s string) string { return strings.ReplaceAll(s, "{{", `{{"{{"}}`) }
