// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

func configOf(w *wrappers.Monitor) wire.Config {
	return Config(w.Obj(), Bound(w.Obj(), wrappers.MakeClass("c")))
}

func TestConfigSplitsThresholds(t *testing.T) {
	w := wrappers.MakeMonitor("ns", "m").Binary().Dataset("d.csv").Segment("s", "true").
		Threshold(v1alpha1.Threshold{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.1"}).
		Threshold(v1alpha1.Threshold{Name: "drift", Signal: v1alpha1.SignalFeatureDrift, Max: "0.2", Features: []v1alpha1.FeatureName{"age"}, Segments: []v1alpha1.ItemName{"s"}})
	want := []wire.Threshold{{Name: "drift", Signal: wire.SignalFeatureDrift, Features: []string{"age"}, Segments: []string{"s"}, Max: new(0.2), MinSamples: 100}}
	if diff := cmp.Diff(want, configOf(w).Thresholds); diff != "" {
		t.Error(diff)
	}
}

func TestBaselineName(t *testing.T) {
	base := func() *wrappers.Monitor {
		return wrappers.MakeMonitor("ns", "m").Binary().Segment("s", "true").Dataset("d.csv")
	}
	first := configOf(base()).Baseline
	if len(first.Name) != 10 || first.DatasetURL != "d.csv" {
		t.Fatalf("baseline %+v", first)
	}
	for name, change := range map[string]func(*wrappers.Monitor){
		"another dataset": func(m *wrappers.Monitor) { m.Dataset("e.csv") },
		"another schema":  func(m *wrappers.Monitor) { m.Spec.Schema.Features[0].Origin = "3" },
		"another segment": func(m *wrappers.Monitor) { m.Segment("t", "true") },
	} {
		w := base()
		change(w)
		if configOf(w).Baseline.Name == first.Name {
			t.Errorf("%s gives the same baseline", name)
		}
	}
	w := base()
	w.Threshold(v1alpha1.Threshold{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.1"})
	if configOf(w).Baseline.Name != first.Name {
		t.Error("a threshold calls for a new baseline")
	}
	trailing := wrappers.MakeMonitor("ns", "m")
	trailing.Spec.Baseline.Trailing.Window = "28d"
	if diff := cmp.Diff(wire.Baseline{Name: wire.BaselineTrailing, TrailingSeconds: 28 * 86400}, configOf(trailing).Baseline); diff != "" {
		t.Error(diff)
	}
	if got := configOf(wrappers.MakeMonitor("ns", "m")).Baseline; got != (wire.Baseline{}) {
		t.Errorf("a baseline out of nothing: %+v", got)
	}
}

func TestLatencyBuckets(t *testing.T) {
	latency := func(bounds ...v1alpha1.Decimal) (all []v1alpha1.Threshold) {
		for _, b := range bounds {
			all = append(all, v1alpha1.Threshold{Signal: v1alpha1.SignalLatencySeconds, Max: b})
		}
		return all
	}
	for name, tt := range map[string]struct {
		thresholds []v1alpha1.Threshold
		want       []float64
	}{
		"no latency threshold, so the sidecar's own":    {thresholds: []v1alpha1.Threshold{{Signal: v1alpha1.SignalErrorRatio, Max: "0.5"}}},
		"a bound that is an edge already":               {thresholds: latency("0.05"), want: defaultBuckets},
		"a bound takes the place of the nearest edge":   {thresholds: latency("0.06"), want: []float64{0.005, 0.01, 0.025, 0.06, 0.1, 0.25, 1}},
		"an edge lies above the greatest bound":         {thresholds: latency("1"), want: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 1, 4}},
		"a slow model":                                  {thresholds: latency("30"), want: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 30, 120}},
		"the same bound twice is one edge":              {thresholds: latency("0.05", "0.05"), want: defaultBuckets},
		"more bounds than the budget are still honored": {thresholds: latency("1", "2", "3", "4", "5", "6", "7", "8"), want: []float64{1, 2, 3, 4, 5, 6, 7, 8, 32}},
	} {
		t.Run(name, func(t *testing.T) {
			got := LatencyBuckets(tt.thresholds)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if !slices.IsSorted(got) || len(got) > maxBuckets {
				t.Errorf("%v is not sorted, or too long", got)
			}
		})
	}
}

func TestCheckHashKey(t *testing.T) {
	hashed := v1alpha1.LabelKey{Path: "request.id", Store: v1alpha1.LabelKeyKeyedHash}
	for name, tt := range map[string]struct {
		key         v1alpha1.LabelKey
		secret      v1alpha1.ObjectName
		wantStalled string
	}{
		"no label key":       {},
		"a plain one":        {key: v1alpha1.LabelKey{Path: "request.id", Store: v1alpha1.LabelKeyPlain}},
		"hashed with a key":  {key: hashed, secret: "hash"},
		"hashed without one": {key: hashed, wantStalled: v1alpha1.ReasonHashKeyMissing},
	} {
		t.Run(name, func(t *testing.T) {
			m, class := wrappers.MakeMonitor("ns", "m").Obj(), wrappers.MakeClass("standard")
			m.Spec.Schema.LabelKey, class.Spec.HashKey.SecretName = tt.key, tt.secret
			wantError(t, CheckHashKey(m, class), tt.wantStalled, "")
		})
	}
}

func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		change      func(*wrappers.Monitor)
		wantStalled string
	}{
		"a monitor that is right":    {change: func(m *wrappers.Monitor) { m.Segment("s", "f.age < 30.0 && f.country in ['DE']") }},
		"a name that does not exist": {change: func(m *wrappers.Monitor) { m.Segment("s", "f.height < 30.0") }, wantStalled: v1alpha1.ReasonInvalidExpression},
		"a number that is no bool":   {change: func(m *wrappers.Monitor) { m.Segment("s", "f.age") }, wantStalled: v1alpha1.ReasonInvalidExpression},
		"an outlier expression": {change: func(m *wrappers.Monitor) { m.Spec.Outliers.Always = []v1alpha1.Expression{"p.nonsense > 1.0"} },
			wantStalled: v1alpha1.ReasonInvalidExpression},
		"a path that is none": {change: func(m *wrappers.Monitor) { m.Spec.Schema.Features[0].Path = "request.a[" }, wantStalled: v1alpha1.ReasonInvalidExpression},
		"a schedule that is none": {change: func(m *wrappers.Monitor) {
			m.Spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisOutliers, Schedule: "daily"}}
		}, wantStalled: v1alpha1.ReasonInvalidSchedule},
	} {
		t.Run(name, func(t *testing.T) {
			m := wrappers.MakeMonitor("ns", "m").Binary()
			tt.change(m)
			wantError(t, Validate(m.Obj()), tt.wantStalled, "")
		})
	}
}

func TestLabelsAreConfigured(t *testing.T) {
	m := wrappers.MakeMonitor("payments", "fraud").Binary().Obj()
	if got := Config(m, Bound(m, wrappers.MakeClass("standard"))).Labels; got.MatureSeconds != 86400 || got.KeyToleranceSeconds != 86400 || got.WindowSeconds != 7*86400 {
		t.Errorf("by default: %+v", got)
	}
	if kinds := Analyses(m); len(kinds) != 1 {
		t.Errorf("a monitor that says nothing of labels runs %+v", kinds)
	}
	m.Spec.Labels = v1alpha1.Labels{MatureAfter: "60d", PositiveClass: "1", Costs: []v1alpha1.Cost{{Actual: "1", Predicted: "0", Cost: "120"}}}
	m.Spec.Thresholds = []v1alpha1.Threshold{
		{Name: "missed", Signal: v1alpha1.SignalCostPerDay, Max: "5000"}, {Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.01"},
	}
	c := Config(m, Bound(m, wrappers.MakeClass("standard")))
	if diff := cmp.Diff(wire.Labels{
		WindowSeconds: 7 * 86400, MatureSeconds: 60 * 86400, KeyToleranceSeconds: 60 * 86400, PositiveClass: "1",
		Costs: []wire.Cost{{Actual: "1", Predicted: "0", Cost: 120}},
	}, c.Labels); diff != "" {
		t.Error(diff)
	}
	if len(c.Thresholds) != 1 || c.Thresholds[0].Name != "missed" {
		t.Errorf("thresholds %+v, want that which analyze judges", c.Thresholds)
	}
	if diff := cmp.Diff([]v1alpha1.Analysis{
		{Kind: v1alpha1.AnalysisOutliers, Schedule: "H 3 * * *", Window: "24h"},
		{Kind: v1alpha1.AnalysisPerformance, Schedule: "H 4 * * 1", Window: "7d"},
	}, Analyses(m)); diff != "" {
		t.Error(diff)
	}
	m.Spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisLabels}}
	if diff := cmp.Diff([]v1alpha1.Analysis{{Kind: v1alpha1.AnalysisLabels, Schedule: "H * * * *"}}, Analyses(m)); diff != "" {
		t.Error(diff)
	}
}
