// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/promql"
)

// muteAbove is the share of undecodable or lost predictions above which drift verdicts are blamed on the capture.
const muteAbove = "0.1"

// unreachableAbove is the share of calls that never reach the model above which it counts as unreachable.
const unreachableAbove = "0.01"

// alert is one alerting rule. Summary and description are templates; everything from a user in them is escaped.
type alert struct {
	name, expr, runbook  string
	hold                 v1alpha1.Duration
	severity             v1alpha1.Severity
	labels               map[string]any
	summary, description string
}

func (b builder) alerts() []any {
	var alerts []alert
	for _, t := range b.e.Thresholds {
		alerts = append(alerts, b.threshold(t))
	}
	alerts = append(alerts, b.ofCapture()...)
	alerts = append(alerts, b.ofAnalyses()...)
	rules := make([]any, 0, len(alerts))
	for _, a := range alerts {
		rules = append(rules, b.render(a))
	}
	return rules
}

func (b builder) render(a alert) any {
	labels := b.identity()
	for k, v := range b.m.Spec.Alerting.Labels {
		labels[k] = escape(v)
	}
	labels["severity"] = strings.ToLower(string(cmp.Or(a.severity, v1alpha1.SeverityWarning)))
	maps.Copy(labels, a.labels)
	rule := map[string]any{
		"alert":  a.name,
		"expr":   a.expr,
		"labels": labels,
		"annotations": map[string]any{
			"summary":     a.summary,
			"description": a.description,
			"runbook_url": escape(cmp.Or(b.m.Spec.Alerting.RunbookURL, runbooks+strings.ToLower(a.runbook))),
		},
	}
	if a.hold != "" {
		rule["for"] = string(a.hold)
	}
	return rule
}

func (b builder) of() string { return b.m.Namespace + "/" + b.m.Name }

func (b builder) threshold(t v1alpha1.Threshold) alert {
	name := promql.Equal("threshold", string(t.Name))
	a := alert{
		name: "VedetteThresholdViolated", runbook: string(t.Signal), severity: t.Severity, hold: cmp.Or(t.For, "2m"),
		expr:    fmt.Sprintf("(%s and %s == 1)", b.selects(ruleValue, name), b.selects(naming.RuleThresholdViolated, name)) + b.mute(t),
		labels:  map[string]any{"signal": string(t.Signal)},
		summary: fmt.Sprintf("%s: threshold %s is violated in segment {{ $labels.segment }}", b.of(), t.Name),
		description: fmt.Sprintf("%s of the model %s is {{ $value | printf \"%%.4g\" }} in segment {{ $labels.segment }}; healthy is %s%s.",
			signalText(t), b.of(), bounds(t), span(b.e, t)),
	}
	if monitor.AnalysisOf(t.Signal) != "" {
		a.hold = t.For // by default, it alerts with the run that found it
	}
	return a
}

// mute leaves out what another trouble explains: answers that fail are also slow and unsure, and what cannot be decoded
// looks like drift.
func (b builder) mute(t v1alpha1.Threshold) string {
	switch t.Signal {
	case v1alpha1.SignalLatencySeconds, v1alpha1.SignalMeanConfidence, v1alpha1.SignalMeanEntropy:
		return b.muteByErrors()
	case v1alpha1.SignalRequestsPerSecond:
		return " unless on () " + b.selects(ruleNoTraffic) + " unless on () " + b.unreachable()
	case v1alpha1.SignalFeatureDrift, v1alpha1.SignalPredictionDrift, v1alpha1.SignalMissingRatio:
		return fmt.Sprintf(" unless on () (%s > %s) unless on () (%s > %s)", b.selects(ruleLoss), muteAbove, b.selects(ruleUndecodable), muteAbove)
	}
	return ""
}

func (b builder) muteByErrors() string {
	var names []string
	for _, t := range b.e.Thresholds {
		if t.Signal == v1alpha1.SignalErrorRatio {
			names = append(names, string(t.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	errors := promql.OneOf("threshold", names)
	return fmt.Sprintf(" unless on (segment) (%s == 1) unless on () (%s == 1)",
		b.selects(naming.RuleThresholdViolated, errors), b.selects(naming.RuleThresholdViolated, errors, promql.Equal("segment", naming.SegmentAll)))
}

func (b builder) unreachable() string {
	return fmt.Sprintf("(%s > %s)", b.selects(ruleUnreachable), unreachableAbove)
}

func signalText(t v1alpha1.Threshold) string {
	if t.Signal == v1alpha1.SignalLatencySeconds {
		return fmt.Sprintf("%s (quantile %s)", t.Signal, t.Quantile)
	}
	return string(t.Signal)
}

func bounds(t v1alpha1.Threshold) string {
	var sides []string
	if t.Min != "" {
		sides = append(sides, "at least "+string(t.Min))
	}
	if t.Max != "" {
		sides = append(sides, "at most "+string(t.Max))
	}
	return strings.Join(sides, " and ")
}

func span(e monitor.Effective, t v1alpha1.Threshold) string {
	if kind := monitor.AnalysisOf(t.Signal); kind != "" {
		for _, a := range e.Analyses {
			if a.Kind == kind {
				return " over " + string(a.Window)
			}
		}
		return ""
	}
	return " over " + cmp.Or(string(t.Window), "5m")
}

// ofCapture alert when the monitor itself does not see what it should.
func (b builder) ofCapture() []alert {
	s := b.all()
	sink := promql.Select(naming.MetricSinkUp, promql.Equal("namespace", s.Namespace), promql.Equal("model", s.Monitor))
	blocked := promql.Select(naming.MetricMonitorCondition, promql.Equal("monitor_namespace", s.Namespace), promql.Equal("monitor", s.Monitor),
		promql.Equal("type", v1alpha1.ConditionInjectionBlocked), promql.Equal("status", "True"))
	// Not the reason expression: it counts features that may be missing, too.
	faults := promql.Select(naming.MetricCaptureErrors, promql.Equal("namespace", s.Namespace), promql.Equal("model", s.Monitor),
		promql.OneOf("reason", []string{"config", "label_key"}))
	return []alert{
		{
			name: "VedetteModelUnreachable", runbook: "VedetteModelUnreachable", hold: "2m", severity: v1alpha1.SeverityCritical,
			expr:        b.unreachable(),
			summary:     b.of() + ": the model server refuses connections",
			description: fmt.Sprintf("{{ $value | humanizePercentage }} of the inference calls of %s could not be passed to the model server over 5m, and were answered with status 503.", b.of()),
		},
		{
			name: "VedetteCaptureLoss", runbook: "VedetteCaptureLoss", hold: "10m",
			expr:        fmt.Sprintf("%s > 0.01 unless on () count(%s == 0)", b.selects(ruleLoss), sink),
			summary:     b.of() + ": predictions are served but not captured",
			description: fmt.Sprintf("{{ $value | humanizePercentage }} of the predictions of %s were lost over 5m; vedette_capture_dropped_total says why.", b.of()),
		},
		{
			name: "VedetteCaptureFaults", runbook: "VedetteCaptureFaults", hold: "5m",
			expr:        fmt.Sprintf("sum by (reason) (increase(%s[10m])) > 0", faults),
			summary:     b.of() + ": capture goes on with faults of the kind {{ $labels.reason }}",
			description: fmt.Sprintf("Sidecars of %s met about {{ $value | printf \"%%.0f\" }} faults of the kind {{ $labels.reason }} in 10m. Traffic is not affected; the runbook says what is missing from the captured rows.", b.of()),
		},
		{
			name: "VedetteNoTraffic", runbook: "VedetteNoTraffic", hold: "5m", expr: b.selects(ruleNoTraffic) + " unless on () " + b.unreachable(),
			summary:     b.of() + ": no inference call arrives any more",
			description: fmt.Sprintf("The model %s answered inference calls within the last hour, and none for 10m.", b.of()),
		},
		{
			name: "VedetteSinkUnreachable", runbook: "VedetteSinkUnreachable", hold: "5m", expr: fmt.Sprintf("count(%s == 0)", sink),
			summary:     b.of() + ": captured rows cannot be stored",
			description: fmt.Sprintf("{{ $value }} pods of %s cannot upload captured rows; they wait in bounded spools, and are then dropped.", b.of()),
		},
		{
			name: "VedetteInjectionTripped", runbook: "VedetteInjectionTripped", expr: "max(" + blocked + ") == 1",
			summary:     b.of() + ": injection of the capture sidecar is stopped",
			description: fmt.Sprintf("New pods of %s failed because of the sidecar and now start without it; the condition InjectionBlocked says how to go on.", b.of()),
		},
	}
}

// ofAnalyses alert when a scheduled analysis, or a chore of the store, has not reached a verdict in twice its period. One that
// never did counts from the making of the monitor.
func (b builder) ofAnalyses() []alert {
	var alerts []alert
	for _, a := range b.e.Analyses {
		schedule, err := monitor.ScheduleOf(b.m, a)
		if err != nil {
			continue // validation reports it
		}
		alerts = append(alerts, b.stale(string(a.Kind), schedule))
	}
	for _, c := range monitor.Chores(b.m) {
		alerts = append(alerts, b.stale(string(c.Kind), c.Schedule))
	}
	return alerts
}

func (b builder) stale(kind, schedule string) alert {
	last := promql.Select(naming.MetricAnalysisLastSuccess, promql.Equal("monitor_namespace", b.m.Namespace),
		promql.Equal("monitor", b.m.Name), promql.Equal("kind", kind))
	late := 2*monitor.Gap(schedule) + 10*time.Minute
	return alert{
		name: "VedetteAnalysisStale", runbook: "VedetteAnalysisStale", labels: map[string]any{"kind": kind},
		expr:        fmt.Sprintf("time() - max(%s) > %d", last, int64(late/time.Second)),
		summary:     fmt.Sprintf("%s: the %s analysis is stale", b.of(), kind),
		description: fmt.Sprintf("The %s analysis of %s has reached no verdict for {{ $value | humanizeDuration }}; its schedule is %s.", kind, b.of(), schedule),
	}
}
