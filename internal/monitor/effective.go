// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Effective is what is in force for a monitor after its class has bounded it.
type Effective struct {
	Class *v1alpha1.MonitorClass
	Mode  v1alpha1.Mode
	Keep  v1alpha1.KeepPercent
	// Segments are those within the class's limit.
	Segments []v1alpha1.Segment
	// Thresholds are those that name no segment beyond the limit, without those segments.
	Thresholds []v1alpha1.Threshold
	// Analyses are those of the spec, or the defaults.
	Analyses []v1alpha1.Analysis
	// Exceeded says, for a person, what the class bounds; sorted, empty when nothing.
	Exceeded []string
}

// defaultKeep holds where a monitor does not say.
var defaultKeep = v1alpha1.KeepPercent{Predictions: "100", Features: "10", Bodies: "0"}

// Bound applies a class to a monitor.
func Bound(m *v1alpha1.ModelMonitor, class *v1alpha1.MonitorClass) Effective {
	e := Effective{
		Class:    class,
		Mode:     lesser(m.Spec.Mode, class.Spec.Mode),
		Keep:     m.Spec.Source.Sidecar.Keep,
		Segments: m.Spec.Segments,
		Analyses: Analyses(m),
	}
	bounds := class.Spec.Limits.KeepPercent
	e.bound("predictions", &e.Keep.Predictions, defaultKeep.Predictions, bounds.Predictions)
	e.bound("features", &e.Keep.Features, defaultKeep.Features, bounds.Features)
	e.bound("bodies", &e.Keep.Bodies, defaultKeep.Bodies, bounds.Bodies)
	if limit := class.Spec.Limits.Segments; limit != nil && len(e.Segments) > int(*limit) {
		e.exceeds("segments: the first %d of %d are used", *limit, len(e.Segments))
		e.Segments = e.Segments[:*limit]
	}
	e.Thresholds = e.thresholds(m.Spec.Thresholds)
	return e
}

// Modes in the order of how much they do.
var modes = []v1alpha1.Mode{v1alpha1.ModePassThrough, v1alpha1.ModeSuspended, v1alpha1.ModeObserve, v1alpha1.ModeEnforce}

// lesser returns the mode that does less.
func lesser(a, b v1alpha1.Mode) v1alpha1.Mode {
	a, b = cmp.Or(a, v1alpha1.ModeEnforce), cmp.Or(b, v1alpha1.ModeEnforce)
	return modes[min(slices.Index(modes, a), slices.Index(modes, b))]
}

func (e *Effective) bound(what string, p *v1alpha1.Percent, fallback, limit v1alpha1.Percent) {
	asked := *p
	*p = cmp.Or(*p, fallback)
	if limit == "" || share(*p) <= share(limit) {
		return
	}
	*p = limit
	if asked != "" {
		e.exceeds("source.sidecar.keep.%s: %s%% is used, not %s%%", what, limit, asked)
	}
}

// thresholds leaves out the segments that the class's limit has cut, and thresholds of nothing but those.
func (e *Effective) thresholds(all []v1alpha1.Threshold) []v1alpha1.Threshold {
	kept := make([]v1alpha1.Threshold, 0, len(all))
	for _, t := range all {
		named := len(t.Segments) > 0
		t.Segments = slices.DeleteFunc(slices.Clone(t.Segments), func(name v1alpha1.ItemName) bool {
			return !slices.ContainsFunc(e.Segments, func(s v1alpha1.Segment) bool { return s.Name == name })
		})
		if named && len(t.Segments) == 0 {
			e.exceeds("thresholds: %s is left out with its segments", t.Name)
			continue
		}
		kept = append(kept, t)
	}
	return kept
}

func (e *Effective) exceeds(format string, args ...any) {
	e.Exceeded = append(e.Exceeded, fmt.Sprintf(format, args...))
}

// LimitMessage says what the class bounds.
func (e *Effective) LimitMessage() string {
	return fmt.Sprintf("the MonitorClass %q bounds what the monitor asks for: %s", e.Class.Name, strings.Join(e.Exceeded, "; "))
}

// Analyses are the analyses of the spec, or when it has none: Outliers daily, Drift daily where there is a baseline, and
// Performance weekly where labels are spoken of.
func Analyses(m *v1alpha1.ModelMonitor) []v1alpha1.Analysis {
	analyses := slices.Clone(m.Spec.Analyses)
	if len(analyses) == 0 {
		if HasBaseline(m) {
			analyses = append(analyses, v1alpha1.Analysis{Kind: v1alpha1.AnalysisDrift})
		}
		analyses = append(analyses, v1alpha1.Analysis{Kind: v1alpha1.AnalysisOutliers})
		if wantsLabels(m) {
			analyses = append(analyses, v1alpha1.Analysis{Kind: v1alpha1.AnalysisPerformance})
		}
	}
	for i := range analyses {
		defaults := defaultsOf(analyses[i].Kind)
		analyses[i].Schedule = cmp.Or(analyses[i].Schedule, defaults.Schedule)
		analyses[i].Window = cmp.Or(analyses[i].Window, defaults.Window)
	}
	return analyses
}

// defaultsOf is the schedule and the window of an analysis that says nothing of them. Labels has no window.
func defaultsOf(kind v1alpha1.AnalysisKind) v1alpha1.Analysis {
	switch kind {
	case v1alpha1.AnalysisPerformance:
		return v1alpha1.Analysis{Schedule: "H 4 * * 1", Window: "7d"}
	case v1alpha1.AnalysisLabels:
		return v1alpha1.Analysis{Schedule: "H * * * *"}
	}
	return v1alpha1.Analysis{Schedule: "H 3 * * *", Window: "24h"}
}

// wantsLabels says whether the monitor speaks of labels, or bounds what follows from them.
func wantsLabels(m *v1alpha1.ModelMonitor) bool {
	l := m.Spec.Labels
	return l.MatureAfter != "" || l.KeyTolerance != "" || l.PositiveClass != "" || len(l.Costs) > 0 ||
		slices.ContainsFunc(m.Spec.Thresholds, func(t v1alpha1.Threshold) bool { return AnalysisOf(t.Signal) == v1alpha1.AnalysisPerformance })
}

// HasBaseline says whether the monitor declares a baseline.
func HasBaseline(m *v1alpha1.ModelMonitor) bool {
	return m.Spec.Baseline.Dataset.URL != "" || m.Spec.Baseline.Trailing.Window != ""
}
