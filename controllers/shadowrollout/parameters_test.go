// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// fromRuns makes a rollout take its model from retraining runs.
func fromRuns(s *v1alpha1.ShadowRolloutSpec) {
	s.Candidate.Parameters = []v1alpha1.CandidateParameter{{Name: "model", From: v1alpha1.ParameterSourceURI, Env: v1alpha1.ParameterEnv{Container: "model", Name: "MODEL"}}}
}

// trained makes these all the runs that the monitor knows of: each has made the model of its name.
func (f *fixture) trained(names ...string) {
	f.t.Helper()
	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	m.Status.Retraining.Runs = nil
	for _, name := range names {
		m.Status.Retraining.Runs = append(m.Status.Retraining.Runs, v1alpha1.RetrainingRun{
			Name: v1alpha1.ObjectName(name), Trigger: v1alpha1.RetrainingTriggerSchedule, Reason: "it was time", State: v1alpha1.RetrainingSucceeded,
			RequestTime: metav1.NewTime(f.now), URI: "s3://" + name,
		})
	}
	if err := f.admin.Status().Update(f.t.Context(), m); err != nil {
		f.t.Fatal(err)
	}
}

// runs fails unless the primary and the shadow have these images and models; "" stands for no shadow.
func (f *fixture) runs(primary, shadow string) {
	f.t.Helper()
	for name, want := range map[string]string{naming.Primary("fraud"): primary, naming.Shadow("fraud"): shadow} {
		d, got := &appsv1.Deployment{}, ""
		if f.read(name, d) {
			got = d.Spec.Template.Spec.Containers[0].Image
			for _, v := range d.Spec.Template.Spec.Containers[0].Env {
				got += " " + v.Value
			}
		}
		if got != want {
			f.t.Fatalf("%s runs %q, want %q: %+v", name, got, want, f.get().Status)
		}
	}
}

// judged makes so many of the candidate's answers fail, and lets that be found; a good one then also serves for its bake.
func (f *fixture) judged(failed int64) (candidate string) {
	f.t.Helper()
	candidate = string(f.get().Status.Candidate.Revision)
	f.counted.evidence[candidate] = answers(5000, failed, "")
	f.later(time.Minute)
	f.settle()
	f.later(time.Hour)
	f.settle()
	return candidate
}

// servesARun is a fixture whose primary has what a run has made, and no candidate.
func servesARun(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.trained("first")
	f.template()
	f.automatic(fromRuns)
	f.settle()
	f.runs("model:1", "model:1 s3://first") // a model that nobody has tried does not serve, even as the first
	f.judged(0)
	f.runs("model:1 s3://first", "")
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonNoCandidate)
	return f
}

func TestWhatARunMadeOutlivesItsMonitor(t *testing.T) {
	f := servesARun(t)
	f.trained() // the monitor was made anew
	f.settle()
	f.runs("model:1 s3://first", "")
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonNoCandidate)

	f.push("model:2")
	f.settle()
	f.runs("model:1 s3://first", "model:2 s3://first")
	f.judged(0)
	f.push("model:3")
	f.settle()
	f.runs("model:2 s3://first", "model:3 s3://first")
	f.trained("second")
	f.settle()
	f.runs("model:2 s3://first", "model:3 s3://second")

	r := f.get()
	r.Spec.Candidate.Parameters = nil
	if err := f.admin.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.runs("model:2 s3://first", "model:3") // the template as it is
}

func TestARejectedModelGivesWayToTheOneThatServes(t *testing.T) {
	f := servesARun(t)
	f.trained("first", "second")
	f.settle()
	f.runs("model:1 s3://first", "model:1 s3://second")
	rejected := f.judged(500)
	f.runs("model:1 s3://first", "")
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed)

	// A person may want it tried once more.
	f.counted.evidence[rejected] = answers(10, 0, "")
	f.annotate(naming.AnnotationRetry, rejected)
	f.settle()
	f.runs("model:1 s3://first", "model:1 s3://second")
	f.judged(500)
	f.runs("model:1 s3://first", "")

	// A change of the code is tried with the model that serves, also when the run is forgotten; a new run makes a new candidate.
	f.push("model:2")
	f.settle()
	f.runs("model:1 s3://first", "model:2 s3://first")
	f.judged(0)
	f.runs("model:2 s3://first", "")
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonNoCandidate)
	f.trained("first", "second", "third")
	f.settle()
	f.runs("model:2 s3://first", "model:2 s3://third")
}

func TestAModelThatCameWithANewTemplate(t *testing.T) {
	f := servesARun(t)
	f.trained("first", "second")
	f.push("model:2")
	f.settle()
	f.runs("model:1 s3://first", "model:2 s3://second")
	both := f.judged(500)
	f.runs("model:1 s3://first", "model:2 s3://first") // is it the code, or the model?

	f.counted.evidence[both] = answers(10, 0, "")
	f.annotate(naming.AnnotationRetry, both)
	f.settle()
	f.runs("model:1 s3://first", "model:2 s3://second")
	f.judged(500)
	f.runs("model:1 s3://first", "model:2 s3://first")
	f.judged(500)
	f.runs("model:1 s3://first", "")
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed)
	if r := f.get(); len(r.Status.Rejected) != 2 {
		t.Errorf("rejected are %+v", r.Status.Rejected)
	}
}

// TestARejectedModelIsNotForgottenWithItsRevision: many changes later, it is still the one that was rejected.
func TestARejectedModelIsNotForgottenWithItsRevision(t *testing.T) {
	f := servesARun(t)
	f.trained("first", "second")
	f.settle()
	f.judged(500)
	for n := range maxRevisions + 2 {
		f.push(imageOf(n + 2))
		f.settle()
		f.judged(0)
		f.runs(imageOf(n+2)+" s3://first", "")
	}
}
