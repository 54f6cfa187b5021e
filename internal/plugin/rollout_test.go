// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// The revisions of the rollout flights.
const (
	old       v1alpha1.Revision = "0123456789"
	candidate v1alpha1.Revision = "5f2c91d07e"
)

// trying is a rollout that tries a candidate.
func trying() *v1alpha1.ShadowRollout {
	r := wrappers.MakeRollout("flights", "flights").UID("uid-rollout").With(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Analysis.Criteria = []v1alpha1.Criterion{
			{Name: "errors", Signal: v1alpha1.ComparedErrorRatio, MaxDifference: "0.005"},
			{Name: "p99", Signal: v1alpha1.ComparedLatencySeconds, Quantile: "0.99", MaxRatio: "1.1"},
			{Name: "sure", Signal: v1alpha1.ComparedMeanConfidence, MaxDifference: "0.02"},
			{Name: "own", PromQL: v1alpha1.PromQLCriterion{Query: "up", Min: "1"}},
			{Name: "late", Threshold: "p99"},
		}
		s.Promotion.Policy, s.Bake.Duration = v1alpha1.PromotionManual, "1h"
	}).Obj()
	r.CreationTimestamp = ago(90 * time.Hour)
	r.Status = v1alpha1.ShadowRolloutStatus{
		PrimaryRevision: old, Replicas: new(int32(3)),
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded, Message: "the spec is in effect", LastTransitionTime: ago(80 * time.Hour)},
			{Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPrimaryAvailable, Message: "it serves", LastTransitionTime: ago(80 * time.Hour)},
			{Type: v1alpha1.ConditionCandidateFit, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonAnalysisRunning, LastTransitionTime: ago(3 * time.Hour),
				Message: "not shown yet: p99"},
			{Type: v1alpha1.ConditionProgressing, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAnalysisRunning, Message: "revision 5f2c91d07e is tried", LastTransitionTime: ago(3 * time.Hour)},
		},
		Candidate: v1alpha1.CandidateStatus{
			Revision: candidate, Attempt: now.Add(-3 * time.Hour).Unix(), StartTime: ago(3 * time.Hour), LastEvaluationTime: ago(20 * time.Second),
			Verdict: v1alpha1.VerdictInconclusive, Pairs: new(int64(4812)), Findings: []v1alpha1.RolloutFinding{
				{Criterion: "errors", Segment: "all", Verdict: v1alpha1.VerdictPass, Estimate: "0.0001", Low: "-0.0011", High: "0.0013", Samples: 4812},
				{Criterion: "errors", Segment: "atl", Verdict: v1alpha1.VerdictPass, Estimate: "0", Low: "-0.004", High: "0.004", Samples: 911},
				{Criterion: "p99", Segment: "all", Verdict: v1alpha1.VerdictInconclusive, Estimate: "1.041", Low: "0.97", High: "1.13", Samples: 4780, Need: 2600},
				{Criterion: "sure", Segment: "all", Verdict: v1alpha1.VerdictPass, Estimate: "-0.003", Low: "-0.01", High: "0.004", Samples: 4780},
				{Criterion: "own", Segment: "all", Verdict: v1alpha1.VerdictInconclusive},
				{Criterion: "late", Segment: "all", Verdict: v1alpha1.VerdictPass, Estimate: "0.11", High: "0.2", Samples: 4780},
			},
		},
	}
	return r
}

// judgedFit sets the condition CandidateFit.
func judgedFit(r *v1alpha1.ShadowRollout, status metav1.ConditionStatus, reason, message string) *v1alpha1.ShadowRollout {
	r.Status.Conditions[2] = metav1.Condition{Type: v1alpha1.ConditionCandidateFit, Status: status, Reason: reason, Message: message, LastTransitionTime: ago(5 * time.Minute)}
	return r
}

const shown = "errors: 0.0001 (from -0.0011 to 0.0013) of 4812 requests; p99: 1.02 (from 0.98 to 1.07) of 7400 requests"

// passed is a rollout whose candidate waits for its approval.
func passed() *v1alpha1.ShadowRollout {
	r := judgedFit(trying(), metav1.ConditionTrue, v1alpha1.ReasonAwaitingApproval, "revision 5f2c91d07e has passed: put it into spec.promotion.approvedRevision. "+shown)
	r.Status.Candidate.Verdict = v1alpha1.VerdictPass
	for i := range r.Status.Candidate.Findings {
		r.Status.Candidate.Findings[i].Verdict, r.Status.Candidate.Findings[i].Need = v1alpha1.VerdictPass, 0
	}
	r.Status.Decision = v1alpha1.RolloutDecision{Revision: candidate, Verdict: v1alpha1.VerdictPass, Message: shown, Time: ago(5 * time.Minute)}
	return r
}

// baking is a rollout whose candidate was promoted.
func baking() *v1alpha1.ShadowRollout {
	r := judgedFit(passed(), metav1.ConditionTrue, v1alpha1.ReasonPromoted, "revision 5f2c91d07e was promoted")
	r.Status.PrimaryRevision = candidate
	r.Status.Bake = v1alpha1.BakeStatus{Revision: candidate, PreviousRevision: old, StartTime: ago(4 * time.Minute)}
	return r
}

// ofTwoWorkloads makes it one of two workloads of the user's.
func ofTwoWorkloads(r *v1alpha1.ShadowRollout) *v1alpha1.ShadowRollout {
	r.Spec.Candidate = v1alpha1.RolloutCandidate{WorkloadRef: v1alpha1.WorkloadReference{Kind: v1alpha1.WorkloadKindStatefulSet, Name: "flights-next"}}
	r.Spec.Promotion.Policy, r.Status.Replicas = v1alpha1.PromotionAdvise, nil
	return r
}

// refused is a rollout whose candidate failed in one segment.
func refused() *v1alpha1.ShadowRollout {
	const why = "errors in segment atl: 0.08 (from 0.041 to 0.12) of 911 requests"
	r := judgedFit(trying(), metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed, "revision 5f2c91d07e is not to serve: "+why)
	r.Status.Candidate.Verdict, r.Status.Candidate.Retry = v1alpha1.VerdictFail, ""
	r.Status.Candidate.Findings[1] = v1alpha1.RolloutFinding{Criterion: "errors", Segment: "atl", Verdict: v1alpha1.VerdictFail, Estimate: "0.08", Low: "0.041", High: "0.12", Samples: 911}
	r.Status.Decision = v1alpha1.RolloutDecision{Revision: candidate, Verdict: v1alpha1.VerdictFail, Message: why, Time: ago(5 * time.Minute)}
	r.Status.Rejected = []v1alpha1.RejectedRevision{{Revision: candidate, Reason: v1alpha1.ReasonAnalysisFailed, Message: why, Time: ago(5 * time.Minute)}}
	return r
}

func TestTheStateOfARollout(t *testing.T) {
	back := judgedFit(refused(), metav1.ConditionFalse, v1alpha1.ReasonBakeFailed, "revision 5f2c91d07e is not to serve: it does not hold in service")
	back.Status.Rejected[0].Reason, back.Status.Rejected[0].Message = v1alpha1.ReasonBakeFailed, "it does not hold in service: it violates p99"
	back.Status.Bake = v1alpha1.BakeStatus{Revision: candidate, PreviousRevision: old, StartTime: ago(time.Hour)}
	idle := judgedFit(trying(), metav1.ConditionUnknown, v1alpha1.ReasonNoCandidate, "the template is what serves")
	idle.Status.Candidate = v1alpha1.CandidateStatus{}
	young := wrappers.MakeRollout("flights", "flights").Obj()
	advised := judgedFit(passed(), metav1.ConditionTrue, v1alpha1.ReasonAdvised, "revision 5f2c91d07e has passed: "+shown)
	ofTwoWorkloads(advised)
	for name, r := range map[string]*v1alpha1.ShadowRollout{
		"that tries a candidate": trying(), "that waits for approval": passed(), "that watches a promotion": baking(), "that rejected": refused(),
		"that rolled back": back, "with nothing to try": idle, "nothing is known of": young,
		"that advises about a workload": advised,
	} {
		t.Run(name, func(t *testing.T) {
			golden.File(t, "rollout status, one "+name+".txt", []byte(newFixture(t, r).must("rollout", "status", "flights")))
		})
	}
	golden.File(t, "rollout status as JSON.txt", []byte(newFixture(t, refused()).must("rollout", "status", "flights", "-o", "json")))
}

func TestManyFindingsAreCut(t *testing.T) {
	r := trying()
	for i := range 80 {
		r.Status.Candidate.Findings = append(r.Status.Candidate.Findings, v1alpha1.RolloutFinding{Criterion: "errors", Segment: v1alpha1.ItemName(fmt.Sprint("s", i)), Verdict: v1alpha1.VerdictPass})
	}
	r.Status.Candidate.Findings = append(r.Status.Candidate.Findings, v1alpha1.RolloutFinding{Criterion: "errors", Segment: "worst", Verdict: v1alpha1.VerdictFail})
	f := newFixture(t, r)
	page := f.must("rollout", "status", "flights")
	if head, _, _ := strings.Cut(page, "STILL NEEDED\n"); !strings.HasPrefix(page[len(head)+len("STILL NEEDED\n"):], "errors     worst") || !strings.Contains(page, "and 27 more, which -o json has") {
		t.Errorf("what failed does not come first, or nothing says that there is more:\n%s", page)
	}
	if all := f.must("rollout", "status", "flights", "-o", "json"); strings.Count(all, `"criterion"`) != 87 {
		t.Error("programs are not told all")
	}
}

func TestStepsAnnotateTheRollout(t *testing.T) {
	name := string(candidate)
	for title, c := range map[string]struct {
		rollout *v1alpha1.ShadowRollout
		has     map[string]string
		step    string
		want    map[string]string
	}{
		"a candidate that has passed is promoted":   {passed(), nil, "promote", map[string]string{naming.AnnotationPromote: name}},
		"a candidate is rejected while it is tried": {trying(), map[string]string{"theirs": "stays"}, "reject", map[string]string{"theirs": "stays", naming.AnnotationReject: name}},
		"what was promoted is taken back":           {baking(), nil, "reject", map[string]string{naming.AnnotationReject: name}},
		"a trial ends":                              {trying(), nil, "abort", map[string]string{naming.AnnotationAbort: name}},
		"a trial is paused":                         {trying(), map[string]string{naming.AnnotationPause: "an older one"}, "pause", map[string]string{naming.AnnotationPause: name}},
		"a trial goes on":                           {trying(), map[string]string{naming.AnnotationPause: name}, "resume", nil},
		"what was rejected is tried again":          {refused(), nil, "retry", map[string]string{naming.AnnotationRetry: name}},
		"and once more":                             {refused(), map[string]string{naming.AnnotationRetry: name}, "retry", map[string]string{naming.AnnotationRetry: name + "/2"}},
		"and again":                                 {refused(), map[string]string{naming.AnnotationRetry: name + "/2"}, "retry", map[string]string{naming.AnnotationRetry: name}},
		"what was said of the last try is not for the next": {refused(), map[string]string{
			naming.AnnotationReject: name, naming.AnnotationPromote: name, naming.AnnotationAbort: "an older one",
		}, "retry", map[string]string{naming.AnnotationRetry: name, naming.AnnotationAbort: "an older one"}},
	} {
		t.Run(title, func(t *testing.T) {
			c.rollout.Annotations = c.has
			f := newFixture(t, c.rollout)
			if said := f.must("rollout", c.step, "flights", name); !strings.HasPrefix(said, "shadowrollout.vedette.dev/flights: "+c.step+" "+name) {
				t.Errorf("it says %q", said)
			}
			got := &v1alpha1.ShadowRollout{}
			if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(c.rollout), got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
	golden.File(t, "rollout promote as JSON.txt", []byte(newFixture(t, passed()).must("rollout", "promote", "flights", name, "-o", "json")))
}

// TestARetryHasAValueThatWasNeverUsed: the operator takes each value once.
func TestARetryHasAValueThatWasNeverUsed(t *testing.T) {
	r := refused()
	r.Status.Candidate.Retry = string(candidate)
	r.Status.Rejected[0].Retry = string(candidate) + "/2"
	if got := another(r, string(candidate)); got != string(candidate)+"/3" {
		t.Errorf("the value is %s", got)
	}
}

func TestStepsThatCannotBeTaken(t *testing.T) {
	advise, late, empty, idle := advising(passed()), overdue(), trying(), trying()
	empty.Status.Candidate.Pairs = nil
	idle.Status.Candidate = v1alpha1.CandidateStatus{}
	outdated := passed()
	outdated.Status.Decision.Analysis = "0123456789"
	for title, c := range map[string]struct {
		rollout  *v1alpha1.ShadowRollout
		step     string
		revision v1alpha1.Revision
		code     int
		says     []string
	}{
		"an older candidate": {passed(), "promote", "0000000000", exitUsage, []string{"not the candidate of flights: that is 5f2c91d07e"}},
		"what serves":        {passed(), "reject", old, exitUsage, []string{"not the candidate"}},
		"no candidate":       {idle, "promote", candidate, exitFailed, []string{"flights has no candidate: what serves is 0123456789"}},
		"no verdict yet": {trying(), "promote", candidate, exitFailed, []string{
			"has not passed yet", "of 4812 requests it is not shown that it holds p99 in all, own in all", "about 2600 more must be compared", "spec.mirror.percent",
		}},
		"passed by another analysis":    {outdated, "promote", candidate, exitFailed, []string{"what it takes from the ModelMonitor, was changed since", "judged anew"}},
		"nothing compared yet":          {empty, "promote", candidate, exitFailed, []string{"no request has been compared yet"}},
		"no verdict in time":            {late, "promote", candidate, exitFailed, []string{"had no verdict in its time", "rollout retry flights 5f2c91d07e"}},
		"rejected":                      {refused(), "promote", candidate, exitFailed, []string{"was rejected (AnalysisFailed): errors in segment atl", "rollout retry flights 5f2c91d07e"}},
		"promoted already":              {baking(), "promote", candidate, exitFailed, []string{"serves already"}},
		"nothing is promoted":           {advise, "promote", candidate, exitFailed, []string{"by the policy Advise"}},
		"a workload that is not ours":   {ofTwoWorkloads(passed()), "promote", candidate, exitFailed, []string{"only advises", `the StatefulSet "flights-next" where you roll it out`}},
		"a pause of what serves":        {baking(), "pause", candidate, exitFailed, []string{"serves already", "rollout reject flights"}},
		"a retry of what serves":        {baking(), "retry", candidate, exitFailed, []string{"there is nothing to try"}},
		"nothing is paused":             {trying(), "resume", candidate, exitFailed, []string{"is not paused"}},
		"a revision that was not named": {passed(), "promote", "", exitUsage, []string{"a NAME and the REVISION of its candidate"}},
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t, c.rollout)
			args := []string{"rollout", c.step, "flights", string(c.revision)}
			if c.revision == "" {
				args = args[:3]
			}
			code, _, stderr := f.run(args...)
			missing := func(s string) bool { return !strings.Contains(stderr, s) }
			if code != c.code || slices.ContainsFunc(c.says, missing) {
				t.Errorf("exit code %d, %q; want %d, %q", code, stderr, c.code, c.says)
			}
			got := &v1alpha1.ShadowRollout{}
			if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(c.rollout), got); err != nil || len(got.Annotations) > 0 {
				t.Errorf("it has the annotations %v (%v)", got.Annotations, err)
			}
		})
	}
	if code, _, stderr := newFixture(t).run("rollout", "status", "gone"); code != exitFailed || !strings.Contains(stderr, `no ShadowRollout "gone"`) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestRolloutsAreCompleted(t *testing.T) {
	r := trying()
	r.Status.Rejected = []v1alpha1.RejectedRevision{{Revision: before, Reason: v1alpha1.ReasonRejected}, {Revision: candidate, Reason: v1alpha1.ReasonRejected}}
	f := newFixture(t, r, flights())
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"rollout", "status", ""}, "flights\n:4\n"},
		{[]string{"rollout", "status", "flights", ""}, ":4\n"},
		{[]string{"rollout", "promote", ""}, "flights\n:4\n"},
		{[]string{"rollout", "promote", "flights", ""}, "5f2c91d07e\n:4\n"},
		{[]string{"rollout", "retry", "flights", ""}, "5f2c91d07e\n77aa00bb11\n:4\n"},
		{[]string{"export", ""}, "flights\n:4\n"},
		{[]string{"why", "flights", "--revision", ""}, "serving\n0123456789\n5f2c91d07e\n:4\n"},
	} {
		if got := f.must(append([]string{"__complete"}, c.args...)...); got != c.want {
			t.Errorf("%v is completed by %q, want %q", c.args, got, c.want)
		}
	}
}
