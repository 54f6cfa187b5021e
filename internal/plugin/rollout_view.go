// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// rolloutView is what is said about a rollout.
type rolloutView struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Monitor   string `json:"monitor"`
	// Template is the Deployment whose pod template is wanted, Workload the workload of the user's that runs the candidate: one of
	// the two.
	Template string `json:"template,omitempty"`
	Workload string `json:"workload,omitempty"`
	Policy   string `json:"policy"`
	// Primary is the revision that serves.
	Primary  string `json:"primary,omitempty"`
	Replicas *int32 `json:"replicas,omitempty"`
	// Wanted is the revision of the template where status tells it: the candidate's, or one that was rejected.
	Wanted     string          `json:"wanted,omitempty"`
	Candidate  *candidateView  `json:"candidate,omitempty"`
	Decision   *decisionView   `json:"decision,omitempty"`
	Bake       *bakeView       `json:"bake,omitempty"`
	Conditions []conditionView `json:"conditions,omitempty"`
	Rejected   []rejectedView  `json:"rejected,omitempty"`
	// flags are those by which the cluster was named.
	flags string
}

// candidateView is what is tried, or was last.
type candidateView struct {
	Revision  string              `json:"revision"`
	Attempt   int64               `json:"attempt,omitempty"`
	Started   time.Time           `json:"started,omitzero"`
	Evaluated time.Time           `json:"evaluated,omitzero"`
	Verdict   string              `json:"verdict,omitempty"`
	Errors    int32               `json:"errors,omitempty"`
	Pairs     *int64              `json:"pairs,omitempty"`
	Findings  []comparisonFinding `json:"findings,omitempty"`
}

// comparisonFinding is what was found by one criterion in one segment, beside what it asks for.
type comparisonFinding struct {
	Criterion string `json:"criterion"`
	Segment   string `json:"segment"`
	Verdict   string `json:"verdict"`
	Estimate  string `json:"estimate,omitempty"`
	Low       string `json:"low,omitempty"`
	High      string `json:"high,omitempty"`
	Bound     string `json:"bound,omitempty"`
	Samples   int64  `json:"samples,omitempty"`
	Need      int64  `json:"need,omitempty"`
}

type decisionView struct {
	Revision string    `json:"revision"`
	Verdict  string    `json:"verdict"`
	Message  string    `json:"message,omitempty"`
	Time     time.Time `json:"time"`
}

type bakeView struct {
	Revision string    `json:"revision"`
	Previous string    `json:"previous,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Duration string    `json:"duration,omitempty"`
}

type rejectedView struct {
	Revision string    `json:"revision"`
	Reason   string    `json:"reason"`
	Message  string    `json:"message,omitempty"`
	Time     time.Time `json:"time"`
}

func rolloutViewOf(r *v1alpha1.ShadowRollout) rolloutView {
	s := &r.Status
	v := rolloutView{
		Namespace: r.Namespace, Name: r.Name, Monitor: string(r.Spec.MonitorRef.Name), Policy: string(policyOf(r)),
		Primary: string(s.PrimaryRevision), Replicas: s.Replicas, Wanted: wanted(r),
	}
	if c := r.Spec.Candidate; rollout.Theirs(r) {
		v.Workload = string(c.WorkloadRef.Kind) + "/" + string(c.WorkloadRef.Name)
	} else {
		v.Template = string(c.TemplateRef.Kind) + "/" + string(c.TemplateRef.Name)
	}
	for _, c := range s.Conditions {
		v.Conditions = append(v.Conditions, conditionView{c.Type, string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time})
	}
	if c := s.Candidate; c.Revision != "" {
		v.Candidate = &candidateView{
			Revision: string(c.Revision), Attempt: c.Attempt, Started: c.StartTime.Time, Evaluated: c.LastEvaluationTime.Time,
			Verdict: string(c.Verdict), Errors: c.Errors, Pairs: c.Pairs, Findings: comparisons(r),
		}
	}
	if d := s.Decision; d.Revision != "" {
		v.Decision = &decisionView{string(d.Revision), string(d.Verdict), d.Message, d.Time.Time}
	}
	if b := s.Bake; b.Revision != "" {
		v.Bake = &bakeView{string(b.Revision), string(b.PreviousRevision), b.StartTime.Time, string(cmp.Or(r.Spec.Bake.Duration, "1h"))}
	}
	for _, x := range s.Rejected {
		v.Rejected = append(v.Rejected, rejectedView{string(x.Revision), x.Reason, x.Message, x.Time.Time})
	}
	return v
}

// comparisons are what was found, those first that stand in the way.
func comparisons(r *v1alpha1.ShadowRollout) []comparisonFinding {
	bounds := map[v1alpha1.ItemName]string{}
	for _, c := range r.Spec.Analysis.Criteria {
		bounds[c.Name] = comparedBound(c)
	}
	var all []comparisonFinding
	for _, f := range r.Status.Candidate.Findings {
		all = append(all, comparisonFinding{
			string(f.Criterion), string(f.Segment), string(f.Verdict), string(f.Estimate), string(f.Low), string(f.High), bounds[f.Criterion], f.Samples, f.Need,
		})
	}
	rank := func(f comparisonFinding) int {
		return slices.Index([]string{string(v1alpha1.VerdictFail), string(v1alpha1.VerdictError), string(v1alpha1.VerdictInconclusive), string(v1alpha1.VerdictPass)}, f.Verdict)
	}
	slices.SortStableFunc(all, func(a, b comparisonFinding) int { return rank(a) - rank(b) })
	return all
}

// comparedBound is what a criterion asks for, in short.
func comparedBound(c v1alpha1.Criterion) string {
	switch {
	case c.Threshold != "":
		return "threshold " + string(c.Threshold)
	case c.PromQL.Query != "":
		return boundOf(&v1alpha1.Threshold{Min: c.PromQL.Min, Max: c.PromQL.Max})
	case c.MaxRatio != "":
		return "≤ " + string(c.MaxRatio) + "×"
	case c.Signal == v1alpha1.ComparedMeanConfidence || c.Signal == v1alpha1.ComparedMeanEntropy:
		return "± " + string(c.MaxDifference)
	}
	return "≤ " + string(c.MaxDifference)
}
