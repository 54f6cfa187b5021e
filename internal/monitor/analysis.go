// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Reasons that analyze gives for a failed run.
const (
	reasonCredentialsRefused = "CredentialsRefused"
	reasonWriterRefused      = "WriterRefused"
	reasonUnreachable        = "Unreachable"
	reasonBaselineMissing    = "BaselineMissing"
	reasonDatasetMissing     = "DatasetMissing"
	reasonVerdictLost        = "VerdictLost"
)

// Kinds of runs, as the label of their Job, the command of analyze and its verdict name them.
const (
	KindDrift       = "drift"
	KindOutliers    = "outliers"
	KindPerformance = "performance"
	KindLabels      = "labels"
	KindBaseline    = "baseline"
	KindDataset     = "dataset"
	KindCheck       = "check"
	KindRetention   = "retention"
	KindCompact     = "compact"
	KindErase       = "erase"
)

var runKinds = map[string]v1alpha1.AnalysisRunKind{
	KindDrift:       v1alpha1.AnalysisRunDrift,
	KindOutliers:    v1alpha1.AnalysisRunOutliers,
	KindPerformance: v1alpha1.AnalysisRunPerformance,
	KindLabels:      v1alpha1.AnalysisRunLabels,
	KindBaseline:    v1alpha1.AnalysisRunBaseline,
	KindDataset:     v1alpha1.AnalysisRunDataset,
	KindCheck:       v1alpha1.AnalysisRunCheck,
	KindRetention:   v1alpha1.AnalysisRunRetention,
	KindCompact:     v1alpha1.AnalysisRunCompact,
	KindErase:       v1alpha1.AnalysisRunErase,
}

// Run is a Job that has ended.
type Run struct {
	// Kind is the value of the Job's label, Job its name.
	Kind, Job string
	// Finished is when it ended.
	Finished time.Time
	// Message is the termination message of its last container; empty when the pod is gone.
	Message string
	// Failure is why the Job failed, such as DeadlineExceeded; empty when it did not.
	Failure string
}

// Record adds a run to the last runs in status, and says whether it did. A run that is older than the one on record, or is that
// one, changes nothing.
func Record(status *v1alpha1.ModelMonitorStatus, r Run) bool {
	kind, ok := runKinds[r.Kind]
	if !ok {
		return false
	}
	last := LastRun(status.Analyses, kind)
	if recorded(last, r.Job, r.Finished) {
		return false
	}
	next := record(last, kind, r)
	if v, err := wire.DecodeVerdict(r.Message); err == nil && kind == v1alpha1.AnalysisRunOutliers && v.Outcome == wire.OutcomeSucceeded {
		status.Outliers = new(max(v.Outliers, 0))
	}
	runs := slices.DeleteFunc(slices.Clone(status.Analyses), func(s v1alpha1.AnalysisStatus) bool { return s.Kind == kind })
	runs = append(runs, next)
	slices.SortFunc(runs, func(a, b v1alpha1.AnalysisStatus) int { return cmp.Compare(a.Kind, b.Kind) })
	status.Analyses = runs
	return true
}

// LastRun is the last run of a kind; nil when there was none.
func LastRun(runs []v1alpha1.AnalysisStatus, kind v1alpha1.AnalysisRunKind) *v1alpha1.AnalysisStatus {
	for i := range runs {
		if runs[i].Kind == kind {
			return &runs[i]
		}
	}
	return nil
}

// recorded says whether a Job that ended is the run on record, or is older.
func recorded(last *v1alpha1.AnalysisStatus, job string, finished time.Time) bool {
	return last != nil && cmp.Or(finished.Compare(last.FinishTime.Time), cmp.Compare(job, string(last.JobName))) <= 0
}

func record(last *v1alpha1.AnalysisStatus, kind v1alpha1.AnalysisRunKind, r Run) v1alpha1.AnalysisStatus {
	s := v1alpha1.AnalysisStatus{Kind: kind, JobName: v1alpha1.ObjectName(r.Job), FinishTime: metav1.NewTime(r.Finished)}
	if last != nil {
		s.LastSuccessTime = last.LastSuccessTime
		s.ConclusiveOutcome, s.Thresholds, s.Worst, s.Performance = last.ConclusiveOutcome, last.Thresholds, last.Worst, last.Performance
		s.Estimates, s.LabelledPairs = last.Estimates, last.LabelledPairs
		s.ConclusiveRuns, s.JudgedBy, s.Labels, s.LabelsSince = last.ConclusiveRuns, last.JudgedBy, last.Labels, last.LabelsSince
	}
	v, err := wire.DecodeVerdict(r.Message)
	if err != nil {
		// A verdict that is lost is unknown, never silently the previous one.
		s.Outcome, s.Reason, s.Message = v1alpha1.AnalysisOutcomeFailed, reasonVerdictLost, "the run ended without a verdict: look at the logs of its Job"
		if r.Failure != "" {
			s.Message = truncate("the run ended without a verdict ("+r.Failure+"): look at the logs and events of its Job", 512)
		}
		return s
	}
	s.Outcome = outcome(v.Outcome)
	s.Reason, s.Message = truncate(v.Reason, 64), truncate(v.Message, 512)
	s.ConfigRevision, s.Report = truncate(v.Config, 63), truncate(v.Report, 512)
	s.From, s.To = second(v.From), second(v.To)
	if v.Rows > 0 {
		s.Rows = &v.Rows
	}
	if v.Coverage > 0 && v.Coverage <= 1 {
		s.CoveragePercent = v1alpha1.Percent(decimal(float64(int(v.Coverage*1000)) / 10))
	}
	if s.Outcome == v1alpha1.AnalysisOutcomeFailed {
		return s
	}
	if v.Labels > 0 {
		s.Labels, s.LabelsSince = &v.Labels, second(v.LabelsSince)
	}
	s.Dataset = builtDataset(v)
	if pairs := labelledPairs(v); pairs.Attempt > 0 { // A trial may pause while the run goes on: what was counted stays until there is more.
		s.LabelledPairs = pairs
	}
	s.LastSuccessTime = s.FinishTime
	if slices.Contains([]v1alpha1.AnalysisOutcome{v1alpha1.AnalysisOutcomeStable, v1alpha1.AnalysisOutcomeDrift, v1alpha1.AnalysisOutcomeViolated}, s.Outcome) {
		if s.ConclusiveOutcome != s.Outcome {
			s.ConclusiveRuns = 0
		}
		s.ConclusiveOutcome = s.Outcome
		s.ConclusiveRuns = min(s.ConclusiveRuns, math.MaxInt32-1) + 1
		s.JudgedBy = v1alpha1.JudgingRun{JobName: s.JobName, From: s.From, To: s.To, ConfigRevision: s.ConfigRevision, Report: s.Report}
	}
	if s.Outcome != v1alpha1.AnalysisOutcomeInsufficient {
		s.Thresholds, s.Worst, s.Performance = thresholdVerdicts(v.Thresholds), findings(v.Findings), performance(v.Metrics)
		s.Estimates = nil
		if v.Estimates > 0 {
			s.Estimates = new(int64(v.Estimates))
		}
	}
	return s
}

func outcome(o wire.Outcome) v1alpha1.AnalysisOutcome {
	known := []wire.Outcome{wire.OutcomeStable, wire.OutcomeDrift, wire.OutcomeViolated, wire.OutcomeInsufficient, wire.OutcomeSucceeded}
	if slices.Contains(known, o) {
		return v1alpha1.AnalysisOutcome(o)
	}
	return v1alpha1.AnalysisOutcomeFailed
}

func thresholdVerdicts(all []wire.ThresholdVerdict) []v1alpha1.ThresholdVerdict {
	var out []v1alpha1.ThresholdVerdict
	for _, t := range all[:min(len(all), 64)] {
		segment := cmp.Or(t.Segment, naming.SegmentAll)
		if !itemName.MatchString(t.Threshold) || !itemName.MatchString(segment) || t.Feature != "" && !featureName.MatchString(t.Feature) {
			continue
		}
		o := v1alpha1.ThresholdOutcome(t.Outcome)
		if !slices.Contains([]v1alpha1.ThresholdOutcome{v1alpha1.ThresholdPass, v1alpha1.ThresholdFail}, o) {
			o = v1alpha1.ThresholdInconclusive
		}
		out = append(out, v1alpha1.ThresholdVerdict{
			Name:    v1alpha1.ItemName(t.Threshold),
			Segment: v1alpha1.ItemName(segment),
			Outcome: o,
			Feature: v1alpha1.FeatureName(t.Feature),
			Value:   decimal(t.Value),
		})
	}
	return out
}

func findings(all []wire.Finding) []v1alpha1.Finding {
	var out []v1alpha1.Finding
	for _, f := range all[:min(len(all), 10)] {
		effect, segment, feature := decimal(f.Effect), cmp.Or(f.Segment, naming.SegmentAll), cmp.Or(f.Feature, "prediction")
		if effect == "" || !itemName.MatchString(segment) || !featureName.MatchString(feature) {
			continue
		}
		out = append(out, v1alpha1.Finding{
			Feature:   v1alpha1.FeatureName(feature),
			Segment:   v1alpha1.ItemName(segment),
			Statistic: truncate(cmp.Or(f.Statistic, "effect"), 32),
			Effect:    effect,
		})
	}
	return out
}

// performance are the metrics that the API has names for.
func performance(all []wire.SegmentMetrics) []v1alpha1.PerformanceMetric {
	var out []v1alpha1.PerformanceMetric
	for _, g := range all {
		segment := cmp.Or(g.Segment, naming.SegmentAll)
		if !itemName.MatchString(segment) || g.Samples < 0 {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(g.Metrics)) {
			value, low, high := decimal(g.Metrics[name][0]), decimal(g.Metrics[name][1]), decimal(g.Metrics[name][2])
			if AnalysisOf(v1alpha1.Signal(name)) != v1alpha1.AnalysisPerformance || value == "" || low == "" || high == "" || len(out) == maxPerformance {
				continue
			}
			out = append(out, v1alpha1.PerformanceMetric{
				Segment: v1alpha1.ItemName(segment), Version: truncate(g.Version, 128), Metric: v1alpha1.Signal(name),
				Value: value, Low: low, High: high, Samples: new(g.Samples),
			})
		}
	}
	return out
}

// maxPerformance bounds the list in status.
const maxPerformance = 256

// AnalysedThresholds are the verdicts of the last conclusive runs of the analyses that evaluate thresholds.
func AnalysedThresholds(runs []v1alpha1.AnalysisStatus) []v1alpha1.ThresholdVerdict {
	var verdicts []v1alpha1.ThresholdVerdict
	for _, kind := range []v1alpha1.AnalysisRunKind{v1alpha1.AnalysisRunDrift, v1alpha1.AnalysisRunPerformance} {
		if run := LastRun(runs, kind); run != nil {
			verdicts = append(verdicts, run.Thresholds...)
		}
	}
	return verdicts
}

// truncate cuts s to at most n bytes without splitting a rune.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

func second(t time.Time) metav1.Time {
	if t.IsZero() {
		return metav1.Time{}
	}
	return metav1.NewTime(t.Truncate(time.Second))
}

// Drifted says what the last conclusive drift run found; the condition is absent where no drift is looked for. A run that
// fails or cannot tell is told, and changes nothing.
func Drifted(runs []v1alpha1.AnalysisStatus) Finding {
	last := LastRun(runs, v1alpha1.AnalysisRunDrift)
	if last == nil {
		return Finding{metav1.ConditionUnknown, v1alpha1.ReasonNotRun, "there was no drift run yet"}
	}
	var f Finding
	switch last.ConclusiveOutcome {
	case v1alpha1.AnalysisOutcomeDrift:
		f = Finding{metav1.ConditionTrue, v1alpha1.ReasonDrifted, "drifted: " + offenders(last.Worst)}
	case v1alpha1.AnalysisOutcomeStable:
		f = Finding{metav1.ConditionFalse, v1alpha1.ReasonStable, "the last conclusive run found no drift"}
	default:
		f = Finding{metav1.ConditionUnknown, v1alpha1.ReasonInsufficientData, "there was no conclusive run yet"}
	}
	switch last.Outcome {
	case v1alpha1.AnalysisOutcomeStable, v1alpha1.AnalysisOutcomeDrift:
	case v1alpha1.AnalysisOutcomeInsufficient:
		f.Message += "; the last run could not tell: " + cmp.Or(last.Message, last.Reason, "there was too little data")
	default:
		f.Reason = v1alpha1.ReasonRunFailed
		f.Message += "; the last run failed: " + cmp.Or(last.Message, last.Reason)
	}
	return f
}

// offenders lists what stands out, worst first, without the numbers, which the reports hold.
func offenders(worst []v1alpha1.Finding) string {
	var texts []string
	for _, f := range worst {
		if t := string(f.Feature) + " in " + string(f.Segment); !slices.Contains(texts, t) {
			texts = append(texts, t)
		}
	}
	if len(texts) == 0 {
		return "see the report"
	}
	return strings.Join(texts[:min(len(texts), 5)], ", ")
}
