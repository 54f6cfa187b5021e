// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

func TestHealth(t *testing.T) {
	now := time.Unix(5000, 0)
	before := metav1.NewTime(time.Unix(1000, 0))
	metric := []v1alpha1.Threshold{{Name: "errors", Signal: v1alpha1.SignalErrorRatio}, {Name: "p99", Signal: v1alpha1.SignalLatencySeconds}}
	drift := []v1alpha1.Threshold{{Name: "psi", Signal: v1alpha1.SignalFeatureDrift}}
	violation := func(name, segment string, at metav1.Time) v1alpha1.Violation {
		return v1alpha1.Violation{ThresholdName: v1alpha1.ItemName(name), Segment: v1alpha1.ItemName(segment), StartTime: at}
	}
	for name, tt := range map[string]struct {
		health         Health
		wantStatus     metav1.ConditionStatus
		wantReason     string
		wantMessage    string
		wantViolations []v1alpha1.Violation
	}{
		"no thresholds are no health": {wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonNoThresholds},
		"met in the segments that have samples": {
			health:     Health{Thresholds: metric, Asked: true, Samples: []Sample{{"errors", "all", 0}}},
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonHealthy,
		},
		"no data is never healthy": {
			health:     Health{Thresholds: metric, Asked: true},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonInsufficientData,
		},
		"NaN and infinity are no verdicts": {
			health:     Health{Thresholds: metric, Asked: true, Samples: []Sample{{"errors", "all", math.NaN()}, {"p99", "all", math.Inf(1)}}},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonInsufficientData,
		},
		"a violation that goes on keeps its start, a new one starts now": {
			health: Health{
				Thresholds: metric, Asked: true, Before: []v1alpha1.Violation{violation("p99", "atl", before), violation("p99", "lax", before)},
				Samples: []Sample{{"p99", "atl", 1}, {"p99", "all", 1}, {"errors", "all", 0}, {"p99", "lax", 0}},
			},
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonViolated, wantMessage: "violated: p99 (all, atl)",
			wantViolations: []v1alpha1.Violation{violation("p99", "all", metav1.NewTime(now)), violation("p99", "atl", before)},
		},
		"an outage of Prometheus keeps the verdict, and does not hide it behind its reason": {
			health:     Health{Thresholds: metric, Asked: true, Err: errors.New("refused"), Last: metav1.ConditionFalse, Before: []v1alpha1.Violation{violation("p99", "atl", before)}},
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonViolated, wantMessage: "violated: p99 (atl). Prometheus could not be asked",
			wantViolations: []v1alpha1.Violation{violation("p99", "atl", before)},
		},
		"an outage hides no drift, and drops what drift or the spec has settled": {
			health: Health{
				Thresholds: append(slices.Clone(metric), drift...), Asked: true, Err: errors.New("refused"), Last: metav1.ConditionFalse,
				Before: []v1alpha1.Violation{violation("old", "all", before), violation("p99", "atl", before), violation("psi", "lax", before)},
				Analysed: []v1alpha1.ThresholdVerdict{
					{Name: "psi", Segment: "atl", Outcome: v1alpha1.ThresholdFail}, {Name: "psi", Segment: "lax", Outcome: v1alpha1.ThresholdPass},
				},
			},
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonViolated, wantMessage: "violated: p99 (atl), psi (atl). Prometheus could not be asked",
			wantViolations: []v1alpha1.Violation{violation("p99", "atl", before), violation("psi", "atl", metav1.NewTime(now))},
		},
		"an outage after the only violation has left the spec is unknown": {
			health: Health{
				Thresholds: metric, Asked: true, Err: errors.New("refused"), Last: metav1.ConditionFalse,
				Before: []v1alpha1.Violation{violation("old", "all", before)},
			},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonMetricsUnavailable,
		},
		"an outage keeps good health": {
			health:     Health{Thresholds: metric, Asked: true, Err: errors.New("refused"), Last: metav1.ConditionTrue},
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonMetricsUnavailable,
		},
		"an outage from the start is unknown": {
			health:     Health{Thresholds: metric, Asked: true, Err: errors.New("refused")},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonMetricsUnavailable,
		},
		"no Prometheus to ask": {
			health:     Health{Thresholds: metric},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonMetricsUnavailable,
		},
		"no Prometheus to ask, which drift that is met does not make up for": {
			health:     Health{Thresholds: append(slices.Clone(metric), drift...), Analysed: []v1alpha1.ThresholdVerdict{{Name: "psi", Segment: "all", Outcome: v1alpha1.ThresholdPass}}},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonMetricsUnavailable, wantMessage: "set spec.prometheus.url",
		},
		"drift that is violated shows without Prometheus": {
			health:     Health{Thresholds: append(slices.Clone(metric), drift...), Analysed: []v1alpha1.ThresholdVerdict{{Name: "psi", Segment: "all", Outcome: v1alpha1.ThresholdFail}}},
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonViolated, wantMessage: "violated: psi (all)",
			wantViolations: []v1alpha1.Violation{violation("psi", "all", metav1.NewTime(now))},
		},
		"series of a threshold that is no longer declared do not count": {
			health:     Health{Thresholds: metric, Asked: true, Samples: []Sample{{"old", "all", 1}}},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonInsufficientData,
		},
		"drift is judged by the last run, without Prometheus": {
			health: Health{Thresholds: drift, Analysed: []v1alpha1.ThresholdVerdict{
				{Name: "psi", Segment: "atl", Outcome: v1alpha1.ThresholdFail},
				{Name: "psi", Segment: "lax", Outcome: v1alpha1.ThresholdPass},
			}},
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonViolated, wantMessage: "violated: psi (atl)",
			wantViolations: []v1alpha1.Violation{violation("psi", "atl", metav1.NewTime(now))},
		},
		"an inconclusive drift verdict is none": {
			health:     Health{Thresholds: drift, Analysed: []v1alpha1.ThresholdVerdict{{Name: "psi", Segment: "atl", Outcome: v1alpha1.ThresholdInconclusive}}},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonInsufficientData,
		},
		"drift in Prometheus, which may lag, does not overrule the run": {
			health:     Health{Thresholds: drift, Asked: true, Samples: []Sample{{"psi", "atl", 1}}, Analysed: []v1alpha1.ThresholdVerdict{{Name: "psi", Segment: "atl", Outcome: v1alpha1.ThresholdPass}}},
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonHealthy,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.health.Now = now
			f, violations := tt.health.Judge()
			if f.Status != tt.wantStatus || f.Reason != tt.wantReason || !strings.Contains(f.Message, tt.wantMessage) {
				t.Errorf("got %+v, want %s %s %q", f, tt.wantStatus, tt.wantReason, tt.wantMessage)
			}
			if diff := cmp.Diff(tt.wantViolations, violations); diff != "" {
				t.Error(diff)
			}
		})
	}
}
