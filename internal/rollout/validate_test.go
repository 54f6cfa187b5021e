// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// TestWhoeverNamesWhatIsNotThere is told what is.
func TestWhoeverNamesWhatIsNotThere(t *testing.T) {
	about := func(segment v1alpha1.ItemName) func(*v1alpha1.ShadowRolloutSpec, *v1alpha1.ModelMonitorSpec) {
		return func(s *v1alpha1.ShadowRolloutSpec, _ *v1alpha1.ModelMonitorSpec) {
			s.Analysis.Criteria[0].Segments = []v1alpha1.ItemName{"all", segment}
		}
	}
	by := func(threshold v1alpha1.ItemName) func(*v1alpha1.ShadowRolloutSpec, *v1alpha1.ModelMonitorSpec) {
		return func(s *v1alpha1.ShadowRolloutSpec, _ *v1alpha1.ModelMonitorSpec) {
			s.Analysis.Criteria = []v1alpha1.Criterion{{Name: "fast", Threshold: threshold}}
		}
	}
	watched := func(threshold v1alpha1.ItemName) func(*v1alpha1.ShadowRolloutSpec, *v1alpha1.ModelMonitorSpec) {
		return func(s *v1alpha1.ShadowRolloutSpec, _ *v1alpha1.ModelMonitorSpec) {
			s.Bake.Thresholds = []v1alpha1.ItemName{threshold}
		}
	}
	for name, tt := range map[string]struct {
		change func(*v1alpha1.ShadowRolloutSpec, *v1alpha1.ModelMonitorSpec)
		want   string
	}{
		"a segment that is there":   {change: about("ord")},
		"a threshold that is there": {change: by("p99")},
		"one to be watched":         {change: watched("sure")},
		"a segment": {about("jfk"),
			`criterion "errors" is about segment "jfk", which the ModelMonitor "flights" does not have: it has "atl", "ord"`},
		"a segment, where there is none": {func(s *v1alpha1.ShadowRolloutSpec, m *v1alpha1.ModelMonitorSpec) {
			about("jfk")(s, m)
			m.Segments = nil
		}, `criterion "errors" is about segment "jfk", which the ModelMonitor "flights" does not have: it has none`},
		"a segment, where there are many": {func(s *v1alpha1.ShadowRolloutSpec, m *v1alpha1.ModelMonitorSpec) {
			about("jfk")(s, m)
			m.Segments = nil
			for i := range 11 {
				m.Segments = append(m.Segments, v1alpha1.Segment{Name: v1alpha1.ItemName(fmt.Sprintf("s%d", i)), When: "true"})
			}
		}, `criterion "errors" is about segment "jfk", which the ModelMonitor "flights" does not have: it has "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7" and 3 more`},
		"a threshold": {by("p95"),
			`criterion "fast" names threshold "p95", which the ModelMonitor "flights" does not have: of those that can be applied to a shadow, it has "p99", "failures"`},
		"a threshold that cannot be applied": {by("sure"),
			`criterion "fast" names threshold "sure", which cannot be applied to a shadow: only those with a max of ErrorRatio and LatencySeconds can; of those the ModelMonitor "flights" has "p99", "failures"`},
		"a threshold of the bake": {watched("p95"),
			`bake.thresholds names "p95", which is no threshold of the ModelMonitor "flights" that Prometheus evaluates: of those it has "p99", "failures", "sure"`},
		"a threshold of the bake that an analysis evaluates": {watched("drift"),
			`bake.thresholds names "drift", which is no threshold of the ModelMonitor "flights" that Prometheus evaluates: of those it has "p99", "failures", "sure"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := wrappers.MakeRollout("flights", "flights").Obj()
			m := wrappers.MakeMonitor("flights", "flights").Binary().Segment("atl", "f.age > 60.0").Segment("ord", "f.age < 20.0").
				Threshold(v1alpha1.Threshold{Name: "p99", Signal: v1alpha1.SignalLatencySeconds, Quantile: "0.99", Max: "0.5"}).
				Threshold(v1alpha1.Threshold{Name: "failures", Signal: v1alpha1.SignalErrorRatio, Max: "0.01"}).
				Threshold(v1alpha1.Threshold{Name: "sure", Signal: v1alpha1.SignalMeanConfidence, Min: "0.6"}).
				Threshold(v1alpha1.Threshold{Name: "drift", Signal: v1alpha1.SignalPredictionDrift, Max: "0.2"}).Obj()
			tt.change(&r.Spec, &m.Spec)
			if got := Validate(r, m, monitor.Bound(m, wrappers.MakeClass("class"))); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestTimesThatExcludeEachOther: what is asked for must come before the shadow is gone, and what is not asked for gives way.
func TestTimesThatExcludeEachOther(t *testing.T) {
	const gone = "analysis.deadline is %s, and a shadow runs for %s at most (shadow.maxLifetime): it would be gone before the deadline. Raise that to %s, or lower the deadline"
	for name, tt := range map[string]struct {
		deadline, life, least v1alpha1.Duration
		want                  string
		// waits is how long a verdict is waited for, as it is told.
		waits string
	}{
		"nothing is said":                      {waits: "3d (analysis.deadline)"},
		"a deadline alone":                     {deadline: "7d", waits: "7d (analysis.deadline)"},
		"a deadline alone, beyond 7d":          {deadline: "169h", want: fmt.Sprintf(gone, "169h", "7d", "169h")},
		"a lifetime alone":                     {life: "14d", waits: "3d (analysis.deadline)"},
		"a lifetime alone, below 3d":           {life: "2d", waits: "2d (shadow.maxLifetime)"},
		"both":                                 {deadline: "14d", life: "15d", waits: "14d (analysis.deadline)"},
		"both the same":                        {deadline: "48h", life: "2d", waits: "48h (analysis.deadline)"},
		"the shadow is gone before":            {deadline: "72h", life: "2d", want: fmt.Sprintf(gone, "72h", "2d", "72h")},
		"nothing could pass":                   {deadline: "2d", least: "2d", want: "analysis.minDuration is 2d, and a verdict is waited for no longer than 2d (analysis.deadline): nothing could pass. Raise that, or lower minDuration"},
		"nothing could pass while it runs":     {life: "1d", least: "24h", want: "analysis.minDuration is 24h, and a verdict is waited for no longer than 1d (shadow.maxLifetime): nothing could pass. Raise that, or lower minDuration"},
		"nothing could pass by default":        {least: "3d", want: "analysis.minDuration is 3d, and a verdict is waited for no longer than 3d (analysis.deadline): nothing could pass. Raise that, or lower minDuration"},
		"a least time that leaves time enough": {least: "71h", waits: "3d (analysis.deadline)"},
	} {
		t.Run(name, func(t *testing.T) {
			r, m, e := judged()
			r.Spec.Analysis.Criteria = r.Spec.Analysis.Criteria[:1]
			r.Spec.Analysis.Deadline, r.Spec.Shadow.MaxLifetime, r.Spec.Analysis.MinDuration = cmp.Or(tt.deadline, "3d"), tt.life, tt.least // 3d is filled in by the API server
			if got := Validate(r, m, e); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if got := deadline(r); tt.want == "" && got != tt.waits {
				t.Errorf("it waits %s, want %s", got, tt.waits)
			}
		})
	}
}
