// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// decided is a rollout of which a decision is on record, made by its analysis.
func decided(verdict v1alpha1.Verdict) *v1alpha1.ShadowRollout {
	r := wrappers.MakeRollout("payments", "fraud").Obj()
	r.Status.Decision = v1alpha1.RolloutDecision{Revision: tried, Verdict: verdict, Analysis: AnalysisHash(r.Spec.Analysis)}
	return r
}

func TestAPassHoldsWhileItsAnalysisDoes(t *testing.T) {
	if h := decided(v1alpha1.VerdictPass).Status.Decision.Analysis; !regexp.MustCompile(`^[0-9a-f]{10}$`).MatchString(string(h)) {
		t.Errorf("the hash is %q, which the API server refuses", h)
	}
	for name, tt := range map[string]struct {
		verdict v1alpha1.Verdict
		change  func(r *v1alpha1.ShadowRollout)
		want    v1alpha1.Revision
	}{
		"it has passed":        {verdict: v1alpha1.VerdictPass, want: tried},
		"it has failed":        {verdict: v1alpha1.VerdictFail},
		"nothing was decided":  {change: func(r *v1alpha1.ShadowRollout) { r.Status.Decision = v1alpha1.RolloutDecision{} }},
		"an older release did": {verdict: v1alpha1.VerdictPass, change: func(r *v1alpha1.ShadowRollout) { r.Status.Decision.Analysis = "" }, want: tried},
		"more is mirrored":     {verdict: v1alpha1.VerdictPass, change: func(r *v1alpha1.ShadowRollout) { r.Spec.Mirror.Percent = "50" }, want: tried},
		"another criterion": {verdict: v1alpha1.VerdictPass, change: func(r *v1alpha1.ShadowRollout) {
			r.Spec.Analysis.Criteria = append(r.Spec.Analysis.Criteria, v1alpha1.Criterion{Name: "same", Signal: v1alpha1.ComparedDisagreement, MaxDifference: "0.01"})
		}},
		"a narrower bound": {verdict: v1alpha1.VerdictPass, change: func(r *v1alpha1.ShadowRollout) { r.Spec.Analysis.Criteria[0].MaxDifference = "0.0001" }},
		"a longer trial":   {verdict: v1alpha1.VerdictPass, change: func(r *v1alpha1.ShadowRollout) { r.Spec.Analysis.MinDuration = "24h" }},
	} {
		t.Run(name, func(t *testing.T) {
			r := decided(tt.verdict)
			if tt.change != nil {
				tt.change(r)
			}
			if got := Passed(r); got != tt.want {
				t.Errorf("%q has passed, want %q", got, tt.want)
			}
		})
	}
}

// TestAPassHoldsWhileTheMonitorSaysWhatItSaid: a criterion may leave its bound, and where it must hold, to the monitor.
func TestAPassHoldsWhileTheMonitorSaysWhatItSaid(t *testing.T) {
	type objects struct {
		r *v1alpha1.ShadowRollout
		m *v1alpha1.ModelMonitor
	}
	bound := func(m *v1alpha1.ModelMonitor) *v1alpha1.Threshold { return &m.Spec.Thresholds[0] }
	older := func(o objects) { o.r.Status.Decision.FromMonitor = "" }
	for name, tt := range map[string]struct {
		// criteria are those of the rollout, where not the usual ones; change is what comes after the pass.
		criteria []v1alpha1.Criterion
		change   func(o objects)
		want     bool
	}{
		"nothing has changed":           {want: true},
		"a tighter threshold":           {change: func(o objects) { bound(o.m).Max = "0.2" }},
		"a looser one":                  {change: func(o objects) { bound(o.m).Max = "0.6" }},
		"another quantile":              {change: func(o objects) { bound(o.m).Quantile = "0.9" }},
		"it holds elsewhere":            {change: func(o objects) { bound(o.m).Segments = []v1alpha1.ItemName{"big"} }},
		"it is gone":                    {change: func(o objects) { o.m.Spec.Thresholds = o.m.Spec.Thresholds[1:] }},
		"another alert":                 {change: func(o objects) { bound(o.m).Severity = v1alpha1.SeverityCritical }, want: true},
		"a threshold that is not named": {change: func(o objects) { o.m.Spec.Thresholds[1].Max = "0.001" }, want: true},
		"one segment more": {change: func(o objects) {
			o.m.Spec.Segments = append(o.m.Spec.Segments, v1alpha1.Segment{Name: "new", When: "f.amount < 1.0"})
		}},
		"one segment less":               {change: func(o objects) { o.m.Spec.Segments = o.m.Spec.Segments[1:] }},
		"segments in another order":      {change: func(o objects) { slices.Reverse(o.m.Spec.Segments) }, want: true},
		"a segment is defined otherwise": {change: func(o objects) { o.m.Spec.Segments[0].When = "f.amount > 500.0" }, want: true},
		"one segment more, and the criteria name theirs": {
			criteria: []v1alpha1.Criterion{{Name: "errors", Signal: v1alpha1.ComparedErrorRatio, MaxDifference: "0.01", Segments: []v1alpha1.ItemName{"all", "big"}}},
			change: func(o objects) {
				o.m.Spec.Segments = append(o.m.Spec.Segments, v1alpha1.Segment{Name: "new", When: "f.amount < 1.0"})
			}, want: true,
		},
		"an older release has decided by a threshold": {change: older},
		"an older release has decided by its analysis alone": {
			criteria: []v1alpha1.Criterion{{Name: "errors", Signal: v1alpha1.ComparedErrorRatio, MaxDifference: "0.01"}}, change: older, want: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := wrappers.MakeRollout("payments", "fraud").With(func(s *v1alpha1.ShadowRolloutSpec) {
				s.Analysis.Criteria = append(s.Analysis.Criteria, v1alpha1.Criterion{Name: "fast", Threshold: "p99"})
				if tt.criteria != nil {
					s.Analysis.Criteria = tt.criteria
				}
			}).Obj()
			m := wrappers.MakeMonitor("payments", "fraud").Binary().Segment("big", "f.amount > 100.0").Segment("small", "f.amount < 10.0").
				Threshold(v1alpha1.Threshold{Name: "p99", Signal: v1alpha1.SignalLatencySeconds, Quantile: "0.99", Max: "0.5"}).
				Threshold(v1alpha1.Threshold{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.01"}).Obj()
			look := func() {
				r.Status.FromMonitor = FromMonitor(r.Spec.Analysis, monitor.Bound(m, wrappers.MakeClass("class")))
			}
			look()
			r.Status.Decision = v1alpha1.RolloutDecision{
				Revision: tried, Verdict: v1alpha1.VerdictPass, Analysis: AnalysisHash(r.Spec.Analysis), FromMonitor: r.Status.FromMonitor,
			}
			if tt.change != nil {
				tt.change(objects{r, m})
			}
			look()
			if got := Passed(r) == tried; got != tt.want {
				t.Errorf("it has passed: %t, want %t", got, tt.want)
			}
			if r.Status.FromMonitor = ""; Passed(r) != tried {
				t.Error("it has not passed, though no manager has looked at it that would know of another bound")
			}
		})
	}
}

// TestWhyAPassIsNoneYet: what people are told while every criterion was seen to hold, and nothing follows from it.
func TestWhyAPassIsNoneYet(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(r *v1alpha1.ShadowRollout)
		want   string
	}{
		"in the pass of the verdict": {pass, "every criterion was shown to hold"},
		"its least time is not over": {func(r *v1alpha1.ShadowRollout) { r.Spec.Analysis.MinDuration = "2h" }, "analysis.minDuration the verdict comes at 2026-11-01T14:00:00Z"},
		"its least time is over":     {func(r *v1alpha1.ShadowRollout) { r.Spec.Analysis.MinDuration = "30m" }, "the next one decides"},
		"there is none any more":     {func(*v1alpha1.ShadowRollout) {}, "the next one decides"},
		"its analysis was changed": {func(r *v1alpha1.ShadowRollout) {
			pass(r)
			r.Status.Decision.Analysis = "0123456789"
		}, "the next one decides, by the analysis as it is now"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Observed{
				Primary: string(serves), PrimarySettled: true, Template: string(tried), Now: start.Add(time.Hour),
				Record: Record{Candidate: string(tried), Start: start.Add(-24 * time.Hour)},
			}
			r := reported(o, Evaluate, func(r *v1alpha1.ShadowRollout) {
				c := &r.Status.Candidate
				c.Verdict, c.Pairs, c.FirstPairTime = v1alpha1.VerdictPass, new(int64(9)), metav1.NewTime(start)
			}, tt.change)
			fit := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionCandidateFit)
			if fit.Status != metav1.ConditionUnknown || !strings.Contains(fit.Message, tt.want) || strings.Contains(fit.Message, "minDuration") != strings.Contains(tt.want, "minDuration") {
				t.Errorf("%s: %s", fit.Status, fit.Message)
			}
		})
	}
}
