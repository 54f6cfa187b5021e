// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/naming"
)

// suspect is what why asks about: a threshold in a segment, or drift of a feature in one, and where that was seen.
type suspect struct {
	Threshold string `json:"threshold,omitempty"`
	Segment   string `json:"segment"`
	// When is the expression that makes the segment.
	When     string `json:"when,omitempty"`
	Signal   string `json:"signal,omitempty"`
	Bound    string `json:"bound,omitempty"`
	Severity string `json:"severity,omitempty"`
	// Because is what called for a run, in words, where that was no threshold.
	Because string `json:"because,omitempty"`
	// Since is when a violation was first seen; zero when there is none now.
	Since time.Time `json:"since,omitzero"`
	// Verdict, Value and Feature are those of the run that judged it; a threshold that Prometheus judges has none.
	Verdict string `json:"verdict,omitempty"`
	Value   string `json:"value,omitempty"`
	Feature string `json:"feature,omitempty"`
	// Analysis, Job and Report are of that run.
	Analysis string    `json:"analysis,omitempty"`
	Job      string    `json:"job,omitempty"`
	Report   string    `json:"report,omitempty"`
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
}

// suspects are all that could be asked about, the gravest first: what is violated now by its severity and age, what the last
// runs found out of bounds, and drift.
func suspects(m *v1alpha1.ModelMonitor) []suspect {
	var all []suspect
	for _, v := range m.Status.Violations {
		s := suspect{Threshold: string(v.ThresholdName), Segment: string(v.Segment), Since: v.StartTime.Time}
		all = append(all, s)
	}
	for i := range m.Status.Analyses {
		a := &m.Status.Analyses[i]
		for _, t := range a.Thresholds {
			j := slices.IndexFunc(all, func(s suspect) bool { return s.Threshold == string(t.Name) && s.Segment == string(t.Segment) })
			if j < 0 {
				all = append(all, suspect{Threshold: string(t.Name), Segment: string(t.Segment)})
				j = len(all) - 1
			}
			all[j].judged(a)
			all[j].Verdict, all[j].Value, all[j].Feature = string(t.Outcome), string(t.Value), string(t.Feature)
		}
	}
	for i := range m.Status.Analyses {
		if a := &m.Status.Analyses[i]; a.Kind == v1alpha1.AnalysisRunDrift && a.ConclusiveOutcome == v1alpha1.AnalysisOutcomeDrift {
			for _, f := range a.Worst {
				s := suspect{Segment: string(f.Segment), Feature: string(f.Feature), Signal: f.Statistic, Value: string(f.Effect), Verdict: string(v1alpha1.AnalysisOutcomeDrift)}
				s.judged(a)
				all = append(all, s)
			}
		}
	}
	for i := range all {
		all[i].declared(m)
	}
	slices.SortStableFunc(all, suspect.compare)
	return all
}

func (s *suspect) judged(a *v1alpha1.AnalysisStatus) {
	by := a.JudgedBy
	s.Analysis, s.Job, s.Report, s.From, s.To = string(a.Kind), string(by.JobName), by.Report, by.From.Time, by.To.Time
}

// declared adds what the monitor's spec says of it.
func (s *suspect) declared(m *v1alpha1.ModelMonitor) {
	if t := thresholdOf(m, s.Threshold); t != nil {
		s.Signal, s.Bound, s.Severity = string(t.Signal), boundOf(t), string(t.Severity)
	}
	for _, segment := range m.Spec.Segments {
		if string(segment.Name) == s.Segment {
			s.When = string(segment.When)
		}
	}
}

// compare puts the graver first. What is equally grave stays in its order.
func (s suspect) compare(o suspect) int {
	rank := func(s suspect) int {
		switch {
		case !s.Since.IsZero():
			return 0
		case s.Verdict == string(v1alpha1.ThresholdFail):
			return 1
		case s.Verdict == string(v1alpha1.AnalysisOutcomeDrift):
			return 2
		}
		return 3
	}
	severity := func(s suspect) int {
		return slices.Index([]string{string(v1alpha1.SeverityCritical), string(v1alpha1.SeverityWarning), string(v1alpha1.SeverityInfo), ""}, s.Severity)
	}
	return cmp.Or(cmp.Compare(rank(s), rank(o)), cmp.Compare(severity(s), severity(o)), s.Since.Compare(o.Since))
}

// wrong says whether something is out of bounds.
func (s suspect) wrong() bool {
	return !s.Since.IsZero() || s.Verdict == string(v1alpha1.ThresholdFail) || s.Verdict == string(v1alpha1.AnalysisOutcomeDrift)
}

// choose finds the suspect of a threshold and a segment, either of which may be empty. Nothing that is wrong leaves all traffic.
func choose(m *v1alpha1.ModelMonitor, threshold, segment string) (suspect, error) {
	all := suspects(m)
	for _, s := range all {
		if (threshold == "" && (s.wrong() || segment != "") || s.Threshold == threshold && threshold != "") && (segment == "" || s.Segment == segment) {
			return s, nil
		}
	}
	s := suspect{Threshold: threshold, Segment: cmp.Or(segment, naming.SegmentAll)}
	if threshold != "" && thresholdOf(m, threshold) == nil {
		return s, usage("%s has no threshold %q: it has %s", m.Name, threshold, cmp.Or(strings.Join(thresholdNames(m), ", "), "none"))
	}
	if segment != "" && segment != naming.SegmentAll && !slices.Contains(segmentNames(m), segment) {
		return s, usage("%s has no segment %q: it has %s", m.Name, segment, cmp.Or(strings.Join(segmentNames(m), ", "), "none"))
	}
	s.declared(m)
	return s, nil
}

func thresholdNames(m *v1alpha1.ModelMonitor) []string {
	var names []string
	for _, t := range m.Spec.Thresholds {
		names = append(names, string(t.Name))
	}
	return names
}

func segmentNames(m *v1alpha1.ModelMonitor) []string {
	var names []string
	for _, s := range m.Spec.Segments {
		names = append(names, string(s.Name))
	}
	return names
}

// rank says which predictions tell most about a signal.
func (s suspect) rank() analyze.Ranking {
	switch v1alpha1.Signal(s.Signal) {
	case v1alpha1.SignalLatencySeconds:
		return analyze.RankLatency
	case v1alpha1.SignalErrorRatio, v1alpha1.SignalTimeoutRatio:
		return analyze.RankErrors
	case v1alpha1.SignalMeanConfidence, v1alpha1.SignalMeanEntropy:
		return analyze.RankConfidence
	}
	if s.Analysis == "Performance" {
		return analyze.RankWrong
	}
	return analyze.RankRisk
}

// around is how much of the time before and after a violation was first seen is looked at.
const around = 30 * time.Minute

// window is the span of time in which it was seen: that of the run, or around the start of the violation; zero when neither
// is known, for the default of the analysis.
func (s suspect) window(now time.Time) (length time.Duration, to time.Time) {
	switch {
	case !s.From.IsZero() && s.From.Before(s.To):
		return s.To.Sub(s.From), s.To
	case !s.Since.IsZero():
		to = s.Since.Add(around)
		if to.After(now) {
			to = now
		}
		return to.Sub(s.Since.Add(-around)), to
	}
	return 0, time.Time{}
}
