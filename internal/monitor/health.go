// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// maxViolations bounds the list in status.
const maxViolations = 64

// Sample is the value of the recording rule for one threshold in one segment: 1 violated, 0 met. Anything else, such as
// NaN, is no verdict.
type Sample struct {
	Threshold, Segment string
	Value              float64
}

// Health is what the thresholds of a monitor are judged by.
type Health struct {
	Thresholds []v1alpha1.Threshold
	// Asked says whether there is a Prometheus to ask, and Err what went wrong when it was.
	Asked bool
	Err   error
	// Samples are its answer.
	Samples []Sample
	// Analysed are the verdicts of the last conclusive runs of the analyses that evaluate thresholds.
	Analysed []v1alpha1.ThresholdVerdict
	// Before is what status says so far.
	Before []v1alpha1.Violation
	// Last is the last verdict. That on metrics stands while Prometheus cannot be asked.
	Last metav1.ConditionStatus
	Now  time.Time
}

// Judge returns the verdict on all thresholds and those that are violated.
func (h Health) Judge() (Finding, []v1alpha1.Violation) {
	if len(h.Thresholds) == 0 {
		return Finding{metav1.ConditionUnknown, v1alpha1.ReasonNoThresholds, "the monitor declares no thresholds"}, nil
	}
	judged, violated := h.verdicts()
	violations := merge(h.Before, violated, h.Now)
	switch {
	case h.Err != nil:
		return h.unanswered(violated), violations
	case len(violated) > 0:
		return Finding{metav1.ConditionFalse, v1alpha1.ReasonViolated, "violated: " + describe(violated)}, violations
	case !h.Asked && slices.ContainsFunc(h.Thresholds, func(t v1alpha1.Threshold) bool { return AnalysisOf(t.Signal) == "" }):
		return Finding{metav1.ConditionUnknown, v1alpha1.ReasonMetricsUnavailable,
			"thresholds on metrics are not read back, as there is no Prometheus to ask: set spec.prometheus.url of the MonitorClass"}, nil
	case judged > 0:
		return Finding{metav1.ConditionTrue, v1alpha1.ReasonHealthy, "every threshold with enough samples is met"}, nil
	}
	return Finding{metav1.ConditionUnknown, v1alpha1.ReasonInsufficientData, "no threshold has enough samples"}, nil
}

// unanswered is the verdict while Prometheus cannot be asked: what it said last stands, but for what analyses have settled. A
// violation that stands is the reason, as people look at that first.
func (h Health) unanswered(violated []where) Finding {
	if len(violated) > 0 {
		return Finding{metav1.ConditionFalse, v1alpha1.ReasonViolated, "violated: " + describe(violated) + ". Prometheus could not be asked, " +
			"so whether thresholds on metrics are met now is not known; their last verdict stands. The condition MetricsUnavailable of the MonitorClass says why"}
	}
	f := Finding{metav1.ConditionUnknown, v1alpha1.ReasonMetricsUnavailable,
		"Prometheus could not be asked; the last verdict stands. The condition MetricsUnavailable of the MonitorClass says why"}
	if h.Last == metav1.ConditionTrue {
		f.Status = metav1.ConditionTrue
	}
	return f
}

type where struct{ threshold, segment string }

// verdicts counts the (threshold, segment) that could be judged and returns those that are violated.
func (h Health) verdicts() (judged int, violated []where) {
	analysed := map[string]bool{}
	for _, t := range h.Thresholds {
		analysed[string(t.Name)] = AnalysisOf(t.Signal) != ""
	}
	see := func(w where, bad bool) {
		judged++
		if bad && !slices.Contains(violated, w) {
			violated = append(violated, w)
		}
	}
	for _, s := range h.Samples {
		if byRun, known := analysed[s.Threshold]; known && !byRun && itemName.MatchString(s.Segment) && (s.Value == 0 || s.Value == 1) {
			see(where{s.Threshold, s.Segment}, s.Value == 1)
		}
	}
	if h.Err != nil {
		for _, v := range h.Before {
			if byRun, known := analysed[string(v.ThresholdName)]; known && !byRun {
				see(where{string(v.ThresholdName), string(v.Segment)}, true)
			}
		}
	}
	for _, v := range h.Analysed {
		if analysed[string(v.Name)] && v.Outcome != v1alpha1.ThresholdInconclusive {
			see(where{string(v.Name), string(v.Segment)}, v.Outcome == v1alpha1.ThresholdFail)
		}
	}
	slices.SortFunc(violated, func(a, b where) int {
		return cmp.Or(cmp.Compare(a.threshold, b.threshold), cmp.Compare(a.segment, b.segment))
	})
	return judged, violated
}

// merge keeps the start of violations that go on.
func merge(before []v1alpha1.Violation, now []where, at time.Time) []v1alpha1.Violation {
	var out []v1alpha1.Violation
	for _, w := range now[:min(len(now), maxViolations)] {
		v := v1alpha1.Violation{
			ThresholdName: v1alpha1.ItemName(w.threshold),
			Segment:       v1alpha1.ItemName(w.segment),
			StartTime:     metav1.NewTime(at.Truncate(time.Second)),
		}
		for _, b := range before {
			if b.ThresholdName == v.ThresholdName && b.Segment == v.Segment {
				v.StartTime = b.StartTime
			}
		}
		out = append(out, v)
	}
	return out
}

// describe lists the segments of each violated threshold: "errors (all, atl), p99 (atl)".
func describe(violated []where) string {
	var texts []string
	for i := 0; i < len(violated); {
		name, segments := violated[i].threshold, []string{}
		for ; i < len(violated) && violated[i].threshold == name; i++ {
			segments = append(segments, violated[i].segment)
		}
		texts = append(texts, fmt.Sprintf("%s (%s)", name, strings.Join(segments, ", ")))
	}
	return strings.Join(texts, ", ")
}
