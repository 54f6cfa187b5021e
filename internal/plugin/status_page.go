// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// statusPage is all that was found about one monitor.
func (p *Plugin) statusPage(v *monitorView) *page {
	now, out := p.Now(), &page{}
	out.rows([][]string{
		{"Model", v.Namespace + "/" + v.Name},
		{"Target", v.Target + injected(v.Pods)},
		{"Class", v.Class},
		{"Mode", v.Mode},
		{"Outliers", number(v.Outliers)},
	})
	v.conditions(out, now)
	v.violations(out, now)
	v.analyses(out, now)
	v.performance(out)
	v.verdicts(out)
	v.retraining(out, now)
	v.queues(out)
	return out
}

func injected(p *podsView) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf(", %d pods, %d of them with a sidecar, %d with the current one", p.Pods, p.Injected, p.Current)
}

// conditions shows the conditions, and below them what those say that ask for attention.
func (v *monitorView) conditions(out *page, now time.Time) {
	rows := [][]string{{"CONDITION", "STATUS", "REASON", "SINCE"}}
	for _, c := range v.Conditions {
		rows = append(rows, []string{c.Type, c.Status, c.Reason, age(now, c.Since)})
	}
	out.table(rows)
	told := map[string]bool{}
	for _, c := range v.Conditions {
		if !c.fine() && c.Message != "" && !told[c.Message] {
			told[c.Message] = true
			out.text(2, c.Type+": "+c.Message)
		}
	}
}

func (v *monitorView) violations(out *page, now time.Time) {
	rows := [][]string{{"VIOLATED", "SEGMENT", "SIGNAL", "HEALTHY", "SEVERITY", "SINCE"}}
	for _, x := range v.Violations {
		rows = append(rows, []string{x.Threshold, x.Segment, x.Signal, x.Bound, x.Severity, age(now, x.Since)})
	}
	out.table(rows)
}

func (v *monitorView) analyses(out *page, now time.Time) {
	rows := [][]string{{"ANALYSIS", "OUTCOME", "AGO", "WINDOW", "ROWS", "COVERED", "JOB"}}
	for _, a := range v.Analyses {
		covered := ""
		if a.Coverage != "" {
			covered = a.Coverage + " %"
		}
		rows = append(rows, []string{a.Kind, a.Outcome, age(now, a.Finished), span(a.From, a.To), number(a.Rows), covered, a.Job})
	}
	out.table(rows)
	for _, a := range v.Analyses {
		if text := cmp.Or(a.Message, a.Reason); text != "" {
			out.text(2, a.Kind+": "+text)
		}
		if by := a.JudgedBy; by != nil && by.Job != a.Job {
			out.text(2, fmt.Sprintf("%s: the figures below are of the last run that could tell, %s over %s", a.Kind, by.Job, cmp.Or(span(by.From, by.To), "an unknown window")))
		}
	}
}

// performance shows how good the answers were, as far as labels tell.
func (v *monitorView) performance(out *page) {
	rows := [][]string{{"SEGMENT", "VERSION", "METRIC", "VALUE", "95 % CI", "SAMPLES"}}
	var cut []string
	for _, a := range v.Analyses {
		for _, x := range a.Performance {
			rows = append(rows, []string{x.Segment, clip(cmp.Or(x.Version, "all"), 24), x.Metric, x.Value, x.Low + " to " + x.High, number(x.Samples)})
		}
		if a.Estimates != nil && *a.Estimates > int64(len(a.Performance)) {
			cut = append(cut, fmt.Sprintf("%d of %d figures shown; the rest: %s in the monitor's folder of the store", len(a.Performance), *a.Estimates, a.report()))
		}
	}
	out.table(rows)
	for _, text := range cut {
		out.text(2, text)
	}
}

// report is that of the run that the figures are of.
func (a *analysisView) report() string {
	if a.JudgedBy != nil {
		return cmp.Or(a.JudgedBy.Report, "the report")
	}
	return cmp.Or(a.Report, "the report")
}

func (v *monitorView) retraining(out *page, now time.Time) {
	rows := [][]string{{"RETRAINING", "STATE", "AGO", "DATASET", "VERSION", "BECAUSE"}}
	for _, r := range v.Retraining {
		rows = append(rows, []string{r.Name, r.State, age(now, r.Requested), clip(r.Dataset, 13), clip(r.Version, 16), r.Reason})
	}
	fit(rows)
	out.table(rows)
	for _, r := range v.Retraining {
		if r.Message != "" {
			out.text(2, r.Name+": "+r.Message)
		}
	}
}

func (v *monitorView) queues(out *page) {
	rows := [][]string{{"QUEUE", "READY", "REASON", "ADDRESS"}}
	for _, q := range v.Queues {
		rows = append(rows, []string{q.Name, q.Ready, q.Reason, q.Address})
	}
	fit(rows)
	out.table(rows)
}

// verdicts shows what the last conclusive runs said of thresholds, and what stands out.
func (v *monitorView) verdicts(out *page) {
	rows := [][]string{{"THRESHOLD", "SEGMENT", "VERDICT", "VALUE", "FEATURE"}}
	var worst []string
	for _, a := range v.Analyses {
		for _, t := range a.Thresholds {
			rows = append(rows, []string{t.Threshold, t.Segment, t.Outcome, t.Value, t.Feature})
		}
		if a.Kind == "Drift" {
			for _, f := range a.Worst {
				worst = append(worst, fmt.Sprintf("%s in %s (%s %s)", f.Feature, f.Segment, f.Statistic, f.Effect))
			}
		}
	}
	out.table(rows)
	if len(worst) > 0 {
		out.gap()
		out.text(0, "Stands out: "+strings.Join(worst, ", "))
	}
}
