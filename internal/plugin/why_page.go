// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/naming"
)

// whyPage is the whole story on one screen: from what is wrong to the version that is to mend it, and what became of that.
func (p *Plugin) whyPage(v *whyView) *page {
	out := &page{}
	s, e := &v.Suspect, v.Evidence
	if e == nil {
		out.rows([][]string{{"MODEL", v.Namespace + "/" + v.Monitor}})
		v.rollouts(out, p.Now())
		return out
	}
	rows := [][]string{{"MODEL", v.Namespace + "/" + v.Monitor}, {"ALERT", s.alert(age(p.Now(), s.Since))}}
	if s.Job != "" {
		rows = append(rows, []string{"FOUND BY", s.foundBy()})
	}
	rows = append(rows, []string{"SEGMENT", s.segment()})
	out.rows(rows)
	out.gap()
	out.text(0, counted(e))
	v.records(out)
	v.labels(out)
	v.datasets(out)
	v.runs(out)
	v.rollouts(out, p.Now())
	out.damaged(e.Damaged)
	return out
}

func (s *suspect) alert(since string) string {
	switch {
	case s.Because != "":
		return "no threshold: " + s.Because
	case s.Threshold == "" && s.Feature != "":
		return fmt.Sprintf("drift of %s: %s %s", s.Feature, s.Signal, s.Value)
	case s.Threshold == "":
		return "none: no threshold is violated, and no drift was found"
	}
	text := s.Threshold
	if s.Signal != "" {
		text += fmt.Sprintf(": %s, healthy is %s", s.Signal, s.Bound)
	}
	switch {
	case s.Value != "" && s.Feature != "":
		text += fmt.Sprintf(", was %s (%s)", s.Value, s.Feature)
	case s.Value != "":
		text += ", was " + s.Value
	}
	switch {
	case since != "":
		text += "; violated for " + since
	case s.Verdict != "":
		text += "; " + s.Verdict
	default:
		text += "; not violated now"
	}
	if s.Severity != "" {
		text += " (" + s.Severity + ")"
	}
	return text
}

func (s *suspect) foundBy() string {
	return fmt.Sprintf("%s run %s over %s", s.Analysis, s.Job, cmp.Or(span(s.From, s.To), "an unknown window"))
}

func (s *suspect) segment() string {
	if s.Segment == naming.SegmentAll {
		return "all traffic"
	}
	return clip(s.Segment+": "+cmp.Or(s.When, "it is declared no more"), width-12)
}

// told is how rankings are told to a person.
var told = map[analyze.Ranking]string{
	analyze.RankRisk: "the riskiest", analyze.RankLatency: "the slowest", analyze.RankErrors: "those that failed",
	analyze.RankConfidence: "the least sure", analyze.RankWrong: "those that were wrong",
}

// counted says how many predictions there are, and which of them are shown.
func counted(e *analyze.WhyReport) string {
	text := fmt.Sprintf("%d predictions in %s", e.Rows, cmp.Or(span(e.From, e.To), "the window"))
	if e.Labelled > 0 {
		text += fmt.Sprintf(", %d labelled, %d of these wrong", e.Labelled, e.Wrong)
	}
	if len(e.Records) == 0 && e.Rank == analyze.RankWrong && e.Wrong > 0 {
		return text + "; none of them are in the store any more"
	}
	if len(e.Records) == 0 {
		return text + "; none of them are " + told[e.Rank]
	}
	return fmt.Sprintf("%s; %s:", text, told[e.Rank])
}

func (v *whyView) records(out *page) {
	head, measure := measureOf(v.Evidence.Rank)
	rows := [][]string{{"#", "TIME", "VERSION", "PREDICTION", "SCORE", head, "LABEL", "TRACE", "WHY"}}
	for i := range v.Evidence.Records {
		r := &v.Evidence.Records[i]
		rows = append(rows, []string{
			strconv.Itoa(i + 1), r.Time.UTC().Format("01-02 15:04:05"), clip(r.ModelVersion, 10), clip(r.Prediction, 10), r.Score.String(), measure(r),
			clip(labelled(r.Labels), 12), r.TraceID, strings.Join(r.Reasons, " "),
		})
	}
	fit(rows)
	out.table(rows)
	for i := range v.Evidence.Records {
		r := &v.Evidence.Records[i]
		if values := beside(r.Features, r.Reasons); values != "" {
			out.text(2, fmt.Sprintf("#%d: %s", i+1, values))
		}
	}
}

// measureOf is the column of what the records were chosen by.
func measureOf(rank analyze.Ranking) (head string, of func(*analyze.WhyRecord) string) {
	switch rank {
	case analyze.RankLatency:
		return "MS", func(r *analyze.WhyRecord) string { return r.LatencyMS.String() }
	case analyze.RankErrors:
		return "STATUS", func(r *analyze.WhyRecord) string { return strconv.Itoa(int(r.Status)) }
	case analyze.RankConfidence:
		return "SURE", func(r *analyze.WhyRecord) string { return r.Confidence.String() }
	}
	return "RISK", func(r *analyze.WhyRecord) string { return r.OutlierScore.String() }
}

// labelled is what labels say, in short: what was right first, then what came of it.
func labelled(labels []analyze.WhyLabel) string {
	var said []string
	for _, l := range labels {
		if text := l.What(); !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	return strings.Join(said, ",")
}

// labels says who the labels of the records are from.
func (v *whyView) labels(out *page) {
	from := map[string]int{}
	n := 0
	for i := range v.Evidence.Records {
		for _, l := range v.Evidence.Records[i].Labels {
			source := l.Source
			if l.Queue != "" {
				source += " " + l.Queue
			}
			if len(l.Annotators) > 0 {
				source += " (" + strings.Join(l.Annotators, ", ") + ")"
			}
			from[source]++
		}
		if len(v.Evidence.Records[i].Labels) > 0 {
			n++
		}
	}
	out.gap()
	if n == 0 {
		out.text(0, "LABELS: none of them has one yet")
		return
	}
	var parts []string
	for _, source := range slices.Sorted(maps.Keys(from)) {
		parts = append(parts, fmt.Sprintf("%d from %s", from[source], source))
	}
	out.text(0, fmt.Sprintf("LABELS: %d of the %d have some: %s", n, len(v.Evidence.Records), strings.Join(parts, ", ")))
}

func (v *whyView) datasets(out *page) {
	rows := [][]string{{"DATASET", "BUILT", "ROWS", "OF THESE", "BASE VERSION", "FOR"}}
	for _, d := range v.Evidence.Datasets {
		built := ""
		if !d.Created.IsZero() {
			built = d.Created.UTC().Format("2006-01-02 15:04Z")
		}
		rows = append(rows, []string{clip(d.Digest, 17), built, strconv.FormatInt(d.Rows, 10), strconv.Itoa(d.Records), clip(d.BaseVersion, 20), clip(cmp.Or(d.Problem, d.For), 40)})
	}
	out.table(rows)
	for _, d := range v.Evidence.Datasets {
		if d.RestatedAs != "" {
			out.text(2, fmt.Sprintf("%s was restated by an erasure, without %d of its rows: it is now %s", clip(d.Digest, 17), d.Erased, d.RestatedAs))
		}
	}
}

func (v *whyView) runs(out *page) {
	rows := [][]string{{"RUN", "STATE", "DATASET", "VERSION", "BECAUSE"}}
	for _, r := range v.Runs {
		if r.Name == "" {
			continue
		}
		rows = append(rows, []string{r.Name, r.State, clip(r.Dataset, 13), clip(r.Version, 16), r.Reason})
	}
	fit(rows)
	out.table(rows)
	for _, r := range v.Runs {
		if r.Message != "" {
			out.text(2, r.Name+": "+r.Message)
		}
		if r.URI != "" {
			out.text(2, r.Name+": the version "+r.Version+" is at "+r.URI)
		}
	}
}
