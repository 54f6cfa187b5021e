// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestTheModeThatDoesLessWins(t *testing.T) {
	order := []v1alpha1.Mode{v1alpha1.ModePassThrough, v1alpha1.ModeSuspended, v1alpha1.ModeObserve, v1alpha1.ModeEnforce}
	for i, a := range order {
		for j, b := range order {
			if got, want := lesser(a, b), order[min(i, j)]; got != want {
				t.Errorf("%s and %s give %s, want %s", a, b, got, want)
			}
		}
	}
	if got := lesser("", v1alpha1.ModeObserve); got != v1alpha1.ModeObserve {
		t.Errorf("an unset mode gives %s beside Observe", got)
	}
}

func TestBound(t *testing.T) {
	for name, tt := range map[string]struct {
		monitor        func(*wrappers.Monitor)
		limits         v1alpha1.Limits
		wantKeep       v1alpha1.KeepPercent
		wantSegments   int
		wantThresholds []v1alpha1.ItemName
		wantExceeded   []string
	}{
		"nothing is asked and nothing bounded": {
			wantKeep: v1alpha1.KeepPercent{Predictions: "100", Features: "10", Bodies: "0"},
		},
		"less than the limit is kept": {
			monitor:  func(m *wrappers.Monitor) { m.Spec.Source.Sidecar.Keep.Bodies = "0.5" },
			limits:   v1alpha1.Limits{KeepPercent: v1alpha1.KeepPercent{Bodies: "1"}},
			wantKeep: v1alpha1.KeepPercent{Predictions: "100", Features: "10", Bodies: "0.5"},
		},
		"more than the limit is cut and told": {
			monitor:      func(m *wrappers.Monitor) { m.Spec.Source.Sidecar.Keep.Bodies = "50" },
			limits:       v1alpha1.Limits{KeepPercent: v1alpha1.KeepPercent{Bodies: "1"}},
			wantKeep:     v1alpha1.KeepPercent{Predictions: "100", Features: "10", Bodies: "1"},
			wantExceeded: []string{"source.sidecar.keep.bodies: 1% is used, not 50%"},
		},
		"a default that exceeds the limit is cut without a word: nobody asked for it": {
			limits:   v1alpha1.Limits{KeepPercent: v1alpha1.KeepPercent{Features: "5"}},
			wantKeep: v1alpha1.KeepPercent{Predictions: "100", Features: "5", Bodies: "0"},
		},
		"segments beyond the limit go, with thresholds of nothing but them": {
			monitor: func(m *wrappers.Monitor) {
				m.Segment("a", "true").Segment("b", "true").
					Threshold(v1alpha1.Threshold{Name: "all"}).
					Threshold(v1alpha1.Threshold{Name: "both", Segments: []v1alpha1.ItemName{"a", "b"}}).
					Threshold(v1alpha1.Threshold{Name: "gone", Segments: []v1alpha1.ItemName{"b"}})
			},
			limits:         v1alpha1.Limits{Segments: new(int32(1))},
			wantKeep:       defaultKeep,
			wantSegments:   1,
			wantThresholds: []v1alpha1.ItemName{"all", "both"},
			wantExceeded:   []string{"segments: the first 1 of 2 are used", "thresholds: gone is left out with its segments"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := wrappers.MakeMonitor("ns", "m")
			if tt.monitor != nil {
				tt.monitor(m)
			}
			before := m.Obj().DeepCopy()
			class := wrappers.MakeClass("c")
			class.Spec.Limits = tt.limits
			e := Bound(m.Obj(), class)
			if diff := cmp.Diff(tt.wantKeep, e.Keep); diff != "" {
				t.Error(diff)
			}
			if len(e.Segments) != tt.wantSegments {
				t.Errorf("%d segments, want %d", len(e.Segments), tt.wantSegments)
			}
			var names []v1alpha1.ItemName
			for _, th := range e.Thresholds {
				names = append(names, th.Name)
			}
			if diff := cmp.Diff(tt.wantThresholds, names); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.wantExceeded, e.Exceeded); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, m.Obj()); diff != "" {
				t.Errorf("the monitor itself was changed:\n%s", diff)
			}
		})
	}
}

func TestAnalysesByDefault(t *testing.T) {
	kinds := func(m *wrappers.Monitor) (all []v1alpha1.AnalysisKind) {
		for _, a := range Analyses(m.Obj()) {
			all = append(all, a.Kind)
			if a.Schedule == "" || a.Window == "" {
				t.Errorf("%+v is not complete", a)
			}
		}
		return all
	}
	if got := kinds(wrappers.MakeMonitor("ns", "m")); !slices.Equal(got, []v1alpha1.AnalysisKind{v1alpha1.AnalysisOutliers}) {
		t.Errorf("without a baseline: %v", got)
	}
	if got := kinds(wrappers.MakeMonitor("ns", "m").Dataset("d.csv")); !slices.Equal(got, []v1alpha1.AnalysisKind{v1alpha1.AnalysisDrift, v1alpha1.AnalysisOutliers}) {
		t.Errorf("with a baseline: %v", got)
	}
}

func TestSchedule(t *testing.T) {
	for name, tt := range map[string]struct {
		spec    string
		want    string
		wantErr bool
	}{
		"a plain schedule stays": {spec: "5 4 * * 1", want: "5 4 * * 1"},
		"a descriptor stays":     {spec: "@daily", want: "@daily"},
		"a time zone is refused": {spec: "TZ=UTC 5 4 * * *", wantErr: true},
		"four fields":            {spec: "H 4 * *", wantErr: true},
		"no number":              {spec: "61 4 * * *", wantErr: true},
		"nothing but H is known": {spec: "H/2 4 * * *", wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Schedule(tt.spec, "seed")
			if (err != nil) != tt.wantErr || got != tt.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	seen := map[string]bool{}
	for _, seed := range []string{"a/a", "a/b", "b/a", "payments/fraud", "crm/churn", "x", "y", "z"} {
		got, err := Schedule("H H H H H", seed)
		if err != nil {
			t.Fatalf("seed %q: %v", seed, err)
		}
		if again, _ := Schedule("H H H H H", seed); again != got {
			t.Errorf("seed %q gives %q and %q", seed, got, again)
		}
		seen[got] = true
	}
	if len(seen) < 8 {
		t.Errorf("8 seeds give only %d schedules: %v", len(seen), seen)
	}
}

func TestGap(t *testing.T) {
	for spec, want := range map[string]time.Duration{
		"*/5 * * * *":   5 * time.Minute,
		"0 3 * * *":     24 * time.Hour,
		"0 3 * * 1-5":   72 * time.Hour,
		"0 0 1 * *":     31 * 24 * time.Hour,
		"no schedule":   0,
		"0 0 31 2 *":    0,
		"0 1,2,3 * * *": 22 * time.Hour,
	} {
		if got := Gap(spec); got != want {
			t.Errorf("%q: %v, want %v", spec, got, want)
		}
	}
}

func TestDurationAndDecimal(t *testing.T) {
	for d, want := range map[v1alpha1.Duration]time.Duration{"30s": 30 * time.Second, "5m": 5 * time.Minute, "24h": 24 * time.Hour, "90d": 90 * 24 * time.Hour, "": 0, "x": 0, "-5m": 0, "5y": 0} {
		if got := Duration(d); got != want {
			t.Errorf("%q: %v, want %v", d, got, want)
		}
	}
	for f, want := range map[float64]v1alpha1.Decimal{0: "0", 0.5: "0.5", 12: "12", -0.25: "-0.25", 1e-9: "0", -1e-9: "0", 0.2931234567: "0.293123", 1e12: "", 120: "120"} {
		if got := decimal(f); got != want {
			t.Errorf("%v: %q, want %q", f, got, want)
		}
	}
}
