// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// judged is a rollout in a trial that has a criterion on labels, beside its monitor.
func judged() (*v1alpha1.ShadowRollout, *v1alpha1.ModelMonitor, monitor.Effective) {
	r := wrappers.MakeRollout("ns", "fraud").With(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Analysis.Criteria = append(s.Analysis.Criteria, v1alpha1.Criterion{Name: "right", Signal: v1alpha1.ComparedAccuracy, MaxDifference: "0.02"})
	}).Obj()
	r.Status.Candidate = v1alpha1.CandidateStatus{Revision: "abcdef0123", Attempt: 1764230400}
	m := wrappers.MakeMonitor("ns", "fraud").Binary().Segment("big", "f.age > 60.0").Obj()
	m.Spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisPerformance}}
	m.Status.Analyses = []v1alpha1.AnalysisStatus{{Kind: v1alpha1.AnalysisRunPerformance, LabelledPairs: v1alpha1.LabelledPairs{
		RolloutName: "fraud", Revision: "abcdef0123", Attempt: 1764230400,
		Segments: []v1alpha1.SegmentPairs{whoWasRight("all", 4000, 20, 40, 200), whoWasRight("big", 900, 5, 8, 40)},
	}}}
	return r, m, monitor.Bound(m, wrappers.MakeClass("class"))
}

func whoWasRight(segment v1alpha1.ItemName, both, primary, shadow, neither int64) v1alpha1.SegmentPairs {
	return v1alpha1.SegmentPairs{Segment: segment, BothCorrect: &both, OnlyPrimaryCorrect: &primary, OnlyShadowCorrect: &shadow, NeitherCorrect: &neither}
}

// withoutErrors is the evidence of pairs of which nothing failed.
func withoutErrors() criteria.Evidence {
	c := criteria.Counts{Same: 5000}
	c.Status[criteria.OK][criteria.OK] = 5000
	return criteria.Evidence{criteria.Everything: c, "big": c}
}

func TestLabelsOfThisTrialAloneAreEvidence(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *v1alpha1.LabelledPairs, m *v1alpha1.ModelMonitor)
		want   v1alpha1.Verdict
	}{
		"as often right": {func(*v1alpha1.LabelledPairs, *v1alpha1.ModelMonitor) {}, v1alpha1.VerdictPass},
		"less often right in a segment": {func(p *v1alpha1.LabelledPairs, _ *v1alpha1.ModelMonitor) {
			p.Segments[1] = whoWasRight("big", 700, 200, 8, 40)
		}, v1alpha1.VerdictFail},
		"of another candidate": {func(p *v1alpha1.LabelledPairs, _ *v1alpha1.ModelMonitor) { p.Revision = "0000000000" }, v1alpha1.VerdictInconclusive},
		"of a trial before":    {func(p *v1alpha1.LabelledPairs, _ *v1alpha1.ModelMonitor) { p.Attempt-- }, v1alpha1.VerdictInconclusive},
		"of another rollout":   {func(p *v1alpha1.LabelledPairs, _ *v1alpha1.ModelMonitor) { p.RolloutName = "other" }, v1alpha1.VerdictInconclusive},
		"that a verdict had no room for": {func(p *v1alpha1.LabelledPairs, _ *v1alpha1.ModelMonitor) {
			p.Segments = p.Segments[:1]
		}, v1alpha1.VerdictInconclusive},
		"of a run that never was": {func(_ *v1alpha1.LabelledPairs, m *v1alpha1.ModelMonitor) { m.Status.Analyses = nil }, v1alpha1.VerdictInconclusive},
		"that cannot be": {func(p *v1alpha1.LabelledPairs, _ *v1alpha1.ModelMonitor) {
			p.Segments[0] = whoWasRight("all", 4000, -1, 40, 200)
		}, v1alpha1.VerdictError},
	} {
		t.Run(name, func(t *testing.T) {
			r, m, e := judged()
			c.change(&m.Status.Analyses[0].LabelledPairs, m)
			evidence := withoutErrors()
			j := Judge(r, m, e, evidence, nil)
			if j.Verdict != c.want {
				t.Errorf("%s, want %s: %+v", j.Verdict, c.want, j.Findings)
			}
			if diff := cmp.Diff(withoutErrors(), evidence); diff != "" {
				t.Errorf("what was read has changed: %s", diff)
			}
		})
	}
}

func TestNoLabelsAreToldOf(t *testing.T) {
	r, m, e := judged()
	m.Status.Analyses = nil
	j := Judge(r, m, e, withoutErrors(), nil)
	for _, f := range j.Findings {
		if f.Criterion == "right" && (f.Verdict != v1alpha1.VerdictInconclusive || f.Samples != 0 || f.Need != 0) {
			t.Errorf("without labels: %+v", f)
		}
	}
	r.Status.Candidate.Pairs, r.Status.Candidate.Findings = &j.Pairs, j.Findings
	if got := (Report{Rollout: r}).open(); !strings.Contains(got, "right in segment big; labels are missing for right: ") {
		t.Error(got)
	}
	_, m, _ = judged()
	r.Status.Candidate.Findings = Judge(r, m, e, withoutErrors(), nil).Findings
	if got := (Report{Rollout: r}).open(); strings.Contains(got, "labels are missing") {
		t.Error(got)
	}
}

func TestACriterionOnLabelsFitsItsMonitor(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*v1alpha1.ShadowRollout, *v1alpha1.ModelMonitor)
		want   string
	}{
		"as it is": {func(*v1alpha1.ShadowRollout, *v1alpha1.ModelMonitor) {}, ""},
		"a regression": {func(_ *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor) {
			m.Spec.Schema.Prediction.Kind = v1alpha1.PredictionRegression
		}, "only a classification"},
		"no analysis": {func(_ *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor) {
			m.Spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisOutliers}}
		}, "Performance analysis"},
		"a sample of the predictions": {func(_ *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor) {
			m.Spec.Source.Sidecar.Keep.Predictions = "99.5"
		}, "keep.predictions of the ModelMonitor is 99.5"},
		"labels after the deadline": {func(_ *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor) { m.Spec.Labels.MatureAfter = "3d" }, "labels.matureAfter"},
		"labels after the shadow":   {func(r *v1alpha1.ShadowRollout, _ *v1alpha1.ModelMonitor) { r.Spec.Shadow.MaxLifetime = "24h" }, "shadow.maxLifetime"},
		"a segment that is not there": {func(r *v1alpha1.ShadowRollout, _ *v1alpha1.ModelMonitor) {
			r.Spec.Analysis.Criteria[1].Segments = []v1alpha1.ItemName{"small"}
		}, `segment "small"`},
	} {
		t.Run(name, func(t *testing.T) {
			r, m, _ := judged()
			c.change(r, m)
			got := Validate(r, m, monitor.Bound(m, wrappers.MakeClass("class")))
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Each run counts the whole trial again, so that what it counts must still be there: for three days of a trial, and one of labels.
func TestWhatIsCountedAgainMustBeKept(t *testing.T) {
	for name, c := range map[string]struct {
		retention v1alpha1.Retention
		want      string
	}{
		"by default":               {},
		"as long as it takes":      {retention: v1alpha1.Retention{Predictions: "4d", Labels: "4d"}},
		"predictions are deleted":  {retention: v1alpha1.Retention{Predictions: "3d"}, want: `retention.predictions of the MonitorClass "class" is shorter than 3d (analysis.deadline) and labels.matureAfter (24h)`},
		"labels are deleted":       {retention: v1alpha1.Retention{Labels: "3d"}, want: "retention.labels"},
		"features are not counted": {retention: v1alpha1.Retention{Features: "1d"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, m, _ := judged()
			class := wrappers.MakeClass("class")
			class.Spec.Retention = c.retention
			got := Validate(r, m, monitor.Bound(m, class))
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Only of two classes is there one score, the probability of one of them.
func TestADistributionIsThatOfAProbability(t *testing.T) {
	for kind, fits := range map[v1alpha1.PredictionKind]bool{
		v1alpha1.PredictionBinaryClassification: true, v1alpha1.PredictionMulticlassClassification: false, v1alpha1.PredictionRegression: false, "": false,
	} {
		r, m, e := judged()
		r.Spec.Analysis.Criteria = []v1alpha1.Criterion{{Name: "spread", Signal: v1alpha1.ComparedScoreDistribution, MaxDifference: "0.02"}}
		m.Spec.Schema.Prediction.Kind = kind
		if got := Validate(r, m, e); (got == "") != fits || !fits && !strings.Contains(got, `criterion "spread" is about ScoreDistribution`) {
			t.Errorf("of a %q: %q", kind, got)
		}
	}
}

func TestLabelsAreCountedWhereACriterionAsksForThem(t *testing.T) {
	r, _, e := judged()
	if got := Mirror(r, Place{}, e).LabelSegments; !slices.Equal(got, []string{"all", "big"}) {
		t.Errorf("by default in %q", got)
	}
	r.Spec.Analysis.Criteria[1].Segments = []v1alpha1.ItemName{"big"}
	if got := Mirror(r, Place{}, e).LabelSegments; !slices.Equal(got, []string{"big"}) {
		t.Errorf("of big alone in %q", got)
	}
	r.Spec.Analysis.Criteria = r.Spec.Analysis.Criteria[:1]
	if got := Mirror(r, Place{}, e).LabelSegments; len(got) > 0 {
		t.Errorf("where nobody asks in %q", got)
	}
}
