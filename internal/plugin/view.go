// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// monitorView is what status says about a monitor.
type monitorView struct {
	Namespace  string          `json:"namespace"`
	Name       string          `json:"name"`
	Created    time.Time       `json:"created,omitzero"`
	Target     string          `json:"target,omitempty"`
	Class      string          `json:"class,omitempty"`
	Mode       string          `json:"mode,omitempty"`
	Pods       *podsView       `json:"pods,omitempty"`
	Conditions []conditionView `json:"conditions,omitempty"`
	Violations []violationView `json:"violations,omitempty"`
	Analyses   []analysisView  `json:"analyses,omitempty"`
	Outliers   *int64          `json:"outliers,omitempty"`
	// Retraining are the retraining runs, the latest first.
	Retraining []runOfRetraining `json:"retraining,omitempty"`
	// Queues are the AnnotationQueues that the monitor feeds, in the view of one monitor.
	Queues []queueView `json:"queues,omitempty"`
}

type podsView struct {
	Pods     int32 `json:"pods"`
	Injected int32 `json:"injected"`
	Current  int32 `json:"current"`
}

type conditionView struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

// violationView is a threshold that is violated now, beside what it says.
type violationView struct {
	Threshold string    `json:"threshold"`
	Segment   string    `json:"segment"`
	Signal    string    `json:"signal,omitempty"`
	Bound     string    `json:"bound,omitempty"`
	Severity  string    `json:"severity,omitempty"`
	Since     time.Time `json:"since,omitzero"`
}

type analysisView struct {
	Kind        string    `json:"kind"`
	Outcome     string    `json:"outcome"`
	Reason      string    `json:"reason,omitempty"`
	Message     string    `json:"message,omitempty"`
	Finished    time.Time `json:"finished,omitzero"`
	LastSuccess time.Time `json:"lastSuccess,omitzero"`
	From        time.Time `json:"from,omitzero"`
	To          time.Time `json:"to,omitzero"`
	Rows        *int64    `json:"rows,omitempty"`
	Coverage    string    `json:"coveragePercent,omitempty"`
	Job         string    `json:"job,omitempty"`
	Report      string    `json:"report,omitempty"`
	// JudgedBy is the run that the figures below are of; the fields above are those of the last one.
	JudgedBy    *judgingView    `json:"judgedBy,omitempty"`
	Thresholds  []thresholdView `json:"thresholds,omitempty"`
	Worst       []findingView   `json:"worst,omitempty"`
	Performance []metricView    `json:"performance,omitempty"`
	// Estimates is how many figures the run made in all; its report has those that performance does not hold.
	Estimates *int64 `json:"estimates,omitempty"`
}

// judgingView is the last conclusive run.
type judgingView struct {
	Job    string    `json:"job"`
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	Report string    `json:"report,omitempty"`
}

// metricView is one figure of a Performance run.
type metricView struct {
	Segment string `json:"segment"`
	Version string `json:"version,omitempty"`
	Metric  string `json:"metric"`
	Value   string `json:"value"`
	Low     string `json:"low"`
	High    string `json:"high"`
	Samples *int64 `json:"samples,omitempty"`
}

type thresholdView struct {
	Threshold string `json:"threshold"`
	Segment   string `json:"segment"`
	Outcome   string `json:"outcome"`
	Value     string `json:"value,omitempty"`
	Feature   string `json:"feature,omitempty"`
}

type findingView struct {
	Feature   string `json:"feature"`
	Segment   string `json:"segment"`
	Statistic string `json:"statistic"`
	Effect    string `json:"effect"`
}

func viewOf(m *v1alpha1.ModelMonitor) monitorView {
	s := &m.Status
	v := monitorView{
		Namespace: m.Namespace, Name: m.Name, Created: m.CreationTimestamp.Time,
		Target: s.Target, Class: string(s.ClassName), Mode: string(cmp.Or(s.Mode, m.Spec.Mode)), Outliers: s.Outliers,
	}
	if c := s.Capture; c.Pods != nil {
		v.Pods = &podsView{Pods: *c.Pods, Injected: count(c.InjectedPods), Current: count(c.CurrentPods)}
	}
	for _, c := range s.Conditions {
		v.Conditions = append(v.Conditions, conditionView{c.Type, string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time})
	}
	for _, x := range s.Violations {
		v.Violations = append(v.Violations, violationOf(m, x))
	}
	for i := range s.Analyses {
		v.Analyses = append(v.Analyses, analysisOf(&s.Analyses[i]))
	}
	for i := len(s.Retraining.Runs) - 1; i >= 0; i-- {
		v.Retraining = append(v.Retraining, retrainingRun(&s.Retraining.Runs[i]))
	}
	return v
}

func count(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

func violationOf(m *v1alpha1.ModelMonitor, x v1alpha1.Violation) violationView {
	v := violationView{Threshold: string(x.ThresholdName), Segment: string(x.Segment), Since: x.StartTime.Time}
	if t := thresholdOf(m, v.Threshold); t != nil {
		v.Signal, v.Bound, v.Severity = string(t.Signal), boundOf(t), string(t.Severity)
	}
	return v
}

// thresholdOf is the declared threshold of a name; nil when it is no longer there.
func thresholdOf(m *v1alpha1.ModelMonitor, name string) *v1alpha1.Threshold {
	i := slices.IndexFunc(m.Spec.Thresholds, func(t v1alpha1.Threshold) bool { return string(t.Name) == name })
	if i < 0 {
		return nil
	}
	return &m.Spec.Thresholds[i]
}

// boundOf is what a threshold asks for, in short.
func boundOf(t *v1alpha1.Threshold) string {
	switch {
	case t.Min == "":
		return "≤ " + string(t.Max)
	case t.Max == "":
		return "≥ " + string(t.Min)
	}
	return string(t.Min) + " to " + string(t.Max)
}

func analysisOf(a *v1alpha1.AnalysisStatus) analysisView {
	v := analysisView{
		Kind: string(a.Kind), Outcome: string(a.Outcome), Reason: a.Reason, Message: a.Message,
		Finished: a.FinishTime.Time, LastSuccess: a.LastSuccessTime.Time, From: a.From.Time, To: a.To.Time,
		Rows: a.Rows, Coverage: string(a.CoveragePercent), Job: string(a.JobName), Report: a.Report, Estimates: a.Estimates,
	}
	if by := a.JudgedBy; by.JobName != "" {
		v.JudgedBy = &judgingView{string(by.JobName), by.From.Time, by.To.Time, by.Report}
	}
	for _, t := range a.Thresholds {
		v.Thresholds = append(v.Thresholds, thresholdView{string(t.Name), string(t.Segment), string(t.Outcome), string(t.Value), string(t.Feature)})
	}
	for _, f := range a.Worst {
		v.Worst = append(v.Worst, findingView{string(f.Feature), string(f.Segment), f.Statistic, string(f.Effect)})
	}
	for _, x := range a.Performance {
		v.Performance = append(v.Performance, metricView{
			Segment: string(x.Segment), Version: x.Version, Metric: string(x.Metric), Value: string(x.Value), Low: string(x.Low), High: string(x.High), Samples: x.Samples,
		})
	}
	return v
}

// condition is the condition of a type; empty when it is not there.
func (v *monitorView) condition(kind string) conditionView {
	for _, c := range v.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return conditionView{}
}

// fine says whether a condition asks for nobody's attention.
func (c conditionView) fine() bool {
	switch c.Type {
	case v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionInjectionBlocked, v1alpha1.ConditionLimitExceeded,
		v1alpha1.ConditionDriftDetected:
		return c.Status == string(metav1.ConditionFalse)
	}
	return c.Status == string(metav1.ConditionTrue)
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}
