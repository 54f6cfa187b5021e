// SPDX-License-Identifier: Apache-2.0

// Package promql renders the signals of a monitor as PromQL. It is pure and imports nothing of Kubernetes but our types.
package promql

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Match is one label matcher.
type Match struct{ Label, Op, Value string }

// Equal matches a label that has the value.
func Equal(label, value string) Match { return Match{label, "=", value} }

// OneOf matches a label that has one of the values. They must hold no character that is special in a regular expression
// but the dash, as all names of the API do.
func OneOf(label string, values []string) Match { return Match{label, "=~", strings.Join(values, "|")} }

// Select renders a selector.
func Select(metric string, matches ...Match) string {
	parts := make([]string, 0, len(matches))
	for _, m := range matches {
		parts = append(parts, m.Label+m.Op+strconv.Quote(m.Value))
	}
	return metric + "{" + strings.Join(parts, ",") + "}"
}

// Scope is the traffic of a monitor that an expression covers: all of it, or each segment for itself.
type Scope struct {
	Namespace, Monitor string
	// BySegment makes one series for each segment; else there is one for all traffic, without a label segment.
	BySegment bool
	// Segments restricts BySegment to some; every segment when empty.
	Segments []string
}

// ofSegments maps each metric to the one that holds the same per segment.
var ofSegments = map[string]string{
	naming.MetricRequests:   naming.MetricSegmentRequests,
	naming.MetricTimeouts:   naming.MetricSegmentTimeouts,
	naming.MetricLatency:    naming.MetricSegmentLatency,
	naming.MetricConfidence: naming.MetricSegmentConfidence,
	naming.MetricEntropy:    naming.MetricSegmentEntropy,
}

// sum adds up a function, such as rate, of a metric over pods and versions.
func (s Scope) sum(function, metric, suffix, window string, by []string, more ...Match) string {
	matches := []Match{Equal("namespace", s.Namespace), Equal("model", s.Monitor)}
	if s.BySegment {
		metric, by = ofSegments[metric], append(by, "segment")
		if len(s.Segments) > 0 {
			matches = append(matches, OneOf("segment", s.Segments))
		}
	}
	clause := ""
	if len(by) > 0 {
		clause = " by (" + strings.Join(by, ", ") + ") "
	}
	return fmt.Sprintf("sum%s(%s(%s[%s]))", clause, function, Select(metric+suffix, append(matches, more...)...), window)
}

// Rate is the per-second rate of a counter.
func (s Scope) Rate(metric, window string, more ...Match) string {
	return s.sum("rate", metric, "", window, nil, more...)
}

// Increase is the increase of a counter.
func (s Scope) Increase(metric, window string, more ...Match) string {
	return s.sum("increase", metric, "", window, nil, more...)
}

// Quantile is a quantile of a classic histogram.
func (s Scope) Quantile(q, metric, window string) string {
	return fmt.Sprintf("histogram_quantile(%s, %s)", q, s.sum("rate", metric, "_bucket", window, []string{"le"}))
}

// Mean is the mean of a summary without quantiles.
func (s Scope) Mean(metric, window string) string {
	return s.sum("increase", metric, "_sum", window, nil) + " / " + s.sum("increase", metric, "_count", window, nil)
}

// Signal is the value of a signal, and the number of samples behind it, "" where samples do not matter. It knows all signals
// but those of drift and performance, which analyze evaluates.
func (s Scope) Signal(t v1alpha1.Threshold) (value, samples string) {
	w := cmp.Or(string(t.Window), "5m")
	requests := s.Increase(naming.MetricRequests, w)
	switch t.Signal {
	case v1alpha1.SignalLatencySeconds:
		return s.Quantile(string(t.Quantile), naming.MetricLatency, w), requests
	case v1alpha1.SignalErrorRatio:
		return s.Increase(naming.MetricRequests, w, Equal("code", "5xx")) + " / " + requests, requests
	case v1alpha1.SignalTimeoutRatio:
		return s.Increase(naming.MetricTimeouts, w) + " / " + requests, requests
	case v1alpha1.SignalRequestsPerSecond:
		return s.Rate(naming.MetricRequests, w), ""
	case v1alpha1.SignalMeanConfidence:
		return s.Mean(naming.MetricConfidence, w), s.sum("increase", naming.MetricConfidence, "_count", w, nil)
	case v1alpha1.SignalMeanEntropy:
		return s.Mean(naming.MetricEntropy, w), s.sum("increase", naming.MetricEntropy, "_count", w, nil)
	case v1alpha1.SignalCaptureLossRatio:
		instances := s.Increase(naming.MetricInstances, w)
		return s.Increase(naming.MetricDropped, w) + " / " + instances, instances
	}
	return "", ""
}
