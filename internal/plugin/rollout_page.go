// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// page is all that is said about a rollout.
func (v *rolloutView) page(now time.Time) *page {
	out := &page{}
	serves := v.Primary
	if v.Primary != "" && v.Replicas != nil {
		serves += fmt.Sprintf(", %d pods", *v.Replicas)
	}
	source := []string{"Template", v.Template}
	if v.Workload != "" {
		source = []string{"Workload", v.Workload}
	}
	rows := [][]string{
		{"Rollout", v.Namespace + "/" + v.Name},
		{"Monitor", v.Monitor},
		source,
		{"Policy", v.Policy},
		{"Serves", serves},
		{"Candidate", v.candidate(now)},
		{"Decision", v.decided(now)},
		{"Bake", v.watched(now)},
	}
	if c := v.Candidate; c != nil && c.Revision != v.Wanted {
		rows = slices.Insert(rows, 6, []string{"Tried last", c.told(now)}) // whose findings are below
	}
	out.rows(rows)
	v.conditions(out, now)
	v.findings(out)
	v.rejected(out, now)
	if next := v.next(); next != "" {
		out.gap()
		out.text(0, next)
	}
	return out
}

// candidate is what the template has, and what became of it.
func (v *rolloutView) candidate(now time.Time) string {
	c := v.Candidate
	switch {
	case v.Wanted == "":
		return ""
	case v.Wanted == v.Primary:
		return v.Wanted + ", which serves"
	case c == nil || c.Revision != v.Wanted:
		return v.Wanted + ", which was rejected, and is not tried"
	case v.isRejected(c.Revision):
		return c.Revision + ", which was rejected" + c.compared()
	}
	return c.told(now)
}

// told is how a trial goes.
func (c *candidateView) told(now time.Time) string {
	text := c.Revision
	if !c.Started.IsZero() {
		text += ", tried for " + age(now, c.Started)
	}
	return text + c.compared()
}

func (c *candidateView) compared() string {
	text := ""
	if c.Pairs != nil {
		text += fmt.Sprintf(", %d requests compared", *c.Pairs)
	}
	if c.Verdict != "" {
		text += ": " + c.Verdict
	}
	return text
}

func (v *rolloutView) decided(now time.Time) string {
	if v.Decision == nil {
		return ""
	}
	return fmt.Sprintf("%s of %s, %s ago", v.Decision.Verdict, v.Decision.Revision, age(now, v.Decision.Time))
}

func (v *rolloutView) watched(now time.Time) string {
	b := v.Bake
	switch {
	case b == nil:
		return ""
	case b.Revision != v.Primary && b.Previous == v.Primary && v.isRejected(b.Revision):
		return fmt.Sprintf("%s was rolled back", b.Revision)
	case b.Started.IsZero():
		return fmt.Sprintf("%s rolls out, in place of %s", b.Revision, b.Previous)
	}
	return fmt.Sprintf("%s is watched for %s of %s, in place of %s", b.Revision, age(now, b.Started), b.Duration, b.Previous)
}

func (v *rolloutView) isRejected(revision string) bool {
	return slices.ContainsFunc(v.Rejected, func(x rejectedView) bool { return x.Revision == revision })
}

// conditions shows the conditions, and below them what those say that tell the story or ask for attention.
func (v *rolloutView) conditions(out *page, now time.Time) {
	rows := [][]string{{"CONDITION", "STATUS", "REASON", "SINCE"}}
	for _, c := range v.Conditions {
		rows = append(rows, []string{c.Type, c.Status, c.Reason, age(now, c.Since)})
	}
	out.table(rows)
	told := map[string]bool{}
	for _, c := range v.Conditions {
		healthy := c.Status == string(metav1.ConditionTrue) && (c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionAvailable)
		if healthy || c.Type == v1alpha1.ConditionProgressing || c.Message == "" || told[c.Message] {
			continue
		}
		told[c.Message] = true
		out.text(2, c.Type+": "+c.Message)
	}
}

// maxFindings bounds the findings of a page. Programs are told all.
const maxFindings = 60

func (v *rolloutView) findings(out *page) {
	if v.Candidate == nil {
		return
	}
	all := v.Candidate.Findings
	rows := [][]string{{"CRITERION", "SEGMENT", "VERDICT", "ESTIMATE", "LOW", "HIGH", "HEALTHY", "SAMPLES", "STILL NEEDED"}}
	for _, f := range all[:min(len(all), maxFindings)] {
		need := ""
		if f.Need > 0 {
			need = "about " + strconv.FormatInt(f.Need, 10)
		}
		rows = append(rows, []string{
			clip(f.Criterion, 20), clip(f.Segment, 16), f.Verdict, f.Estimate, f.Low, f.High, clip(f.Bound, 18), strconv.FormatInt(f.Samples, 10), need,
		})
	}
	fit(rows)
	out.table(rows)
	if n := len(all) - maxFindings; n > 0 {
		out.text(2, fmt.Sprintf("and %d more, which -o json has", n))
	}
}

func (v *rolloutView) rejected(out *page, now time.Time) {
	rows := [][]string{{"REJECTED", "REASON", "AGO", "BECAUSE"}}
	for _, x := range v.Rejected {
		rows = append(rows, []string{x.Revision, x.Reason, age(now, x.Time), x.Message})
	}
	fit(rows)
	out.table(rows)
}

// next says what a person may do now.
func (v *rolloutView) next() string {
	if v.Wanted == "" {
		return ""
	}
	fit := conditionView{}
	for _, x := range v.Conditions {
		if x.Type == v1alpha1.ConditionCandidateFit {
			fit = x
		}
	}
	command := func(name string) string {
		return "kubectl vedette rollout " + name + " " + v.Name + " " + v.Wanted + v.flags
	}
	switch fit.Reason {
	case v1alpha1.ReasonAwaitingApproval:
		return "To promote it: spec.promotion.approvedRevision: " + v.Wanted + " in Git, or " + command("promote")
	case v1alpha1.ReasonPaused:
		return "To go on: " + command("resume")
	case v1alpha1.ReasonPromoted:
		return "To take it back while it is watched: " + command("reject")
	case v1alpha1.ReasonDeadlineExceeded, v1alpha1.ReasonAnalysisFailed, v1alpha1.ReasonRejected, v1alpha1.ReasonAborted, v1alpha1.ReasonBakeFailed:
		return "To try it again: " + command("retry")
	}
	return ""
}
