// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

var seen = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// enter is one reconciliation: what changes, and what is entered for it.
func enter(r *v1alpha1.ShadowRollout, change func(*v1alpha1.ShadowRolloutStatus)) []string {
	before := r.Status.DeepCopy()
	if change != nil {
		change(&r.Status)
	}
	n := len(r.Status.Audit.Pending)
	rollout.Audit{Rollout: r, Before: *before, Run: "fraud-retrain-1", Now: seen}.Enter()
	var kinds []string
	for _, p := range r.Status.Audit.Pending[n:] {
		kinds = append(kinds, p.Kind+" by "+p.Actor)
	}
	return kinds
}

func TestEveryStepOfARolloutIsEnteredOnce(t *testing.T) {
	const manager = " by vedette-manager"
	r := wrappers.MakeRollout("payments", "fraud").UID("uid").Obj()
	r.Generation = 7
	r.Annotations = map[string]string{naming.AnnotationPause: "b"}
	tried := func(revision v1alpha1.Revision, attempt int64, retry string) func(*v1alpha1.ShadowRolloutStatus) {
		return func(s *v1alpha1.ShadowRolloutStatus) {
			s.Candidate = v1alpha1.CandidateStatus{Revision: revision, Attempt: attempt, Retry: retry}
			s.Decision, s.Rejected, s.Bake = v1alpha1.RolloutDecision{}, nil, v1alpha1.BakeStatus{}
		}
	}
	decided := func(verdict v1alpha1.Verdict, reason string) func(*v1alpha1.ShadowRolloutStatus) {
		return func(s *v1alpha1.ShadowRolloutStatus) {
			s.Decision = v1alpha1.RolloutDecision{Revision: s.Candidate.Revision, Verdict: verdict, Time: metav1.NewTime(seen)}
			if reason != "" {
				s.Rejected = []v1alpha1.RejectedRevision{{Revision: s.Candidate.Revision, Reason: reason, Message: "why"}}
			}
		}
	}
	promotion := func(s *v1alpha1.ShadowRolloutStatus) {
		s.Bake = v1alpha1.BakeStatus{Revision: s.Candidate.Revision, PreviousRevision: s.PrimaryRevision}
	}
	fit := func(reason string) func(*v1alpha1.ShadowRolloutStatus) {
		return func(s *v1alpha1.ShadowRolloutStatus) {
			s.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionCandidateFit, Status: metav1.ConditionUnknown, Reason: reason, Message: "open"}}
		}
	}
	serves := func(revision v1alpha1.Revision) func(*v1alpha1.ShadowRolloutStatus) {
		return func(s *v1alpha1.ShadowRolloutStatus) { s.PrimaryRevision = revision }
	}
	for _, step := range []struct {
		name   string
		change func(*v1alpha1.ShadowRolloutStatus)
		want   []string
	}{
		{"the first primary", serves("a"), []string{"RolloutBootstrapped" + manager}},
		{"a candidate", tried("b", 1, ""), []string{"RolloutStarted" + manager}},
		{"it is looked at", func(s *v1alpha1.ShadowRolloutStatus) {
			s.Candidate.Verdict, s.Candidate.Pairs = "Inconclusive", new(int64(9))
			fit(v1alpha1.ReasonAnalysisRunning)(s)
		}, nil},
		{"a person pauses it", fit(v1alpha1.ReasonPaused), []string{"RolloutPaused by annotation vedette.dev/pause"}},
		{"its monitor is gone for a moment", fit(v1alpha1.ReasonMonitorNotFound), nil},
		{"and is back", fit(v1alpha1.ReasonPaused), []string{"RolloutPaused by annotation vedette.dev/pause"}},
		{"a person lets it go on", func(s *v1alpha1.ShadowRolloutStatus) {
			delete(r.Annotations, naming.AnnotationPause)
			fit(v1alpha1.ReasonAnalysisRunning)(s)
		}, []string{"RolloutResumed by annotation vedette.dev/pause"}},
		{"its time is over", fit(v1alpha1.ReasonDeadlineExceeded), []string{"RolloutExpired" + manager}},
		{"it fails", decided("Fail", v1alpha1.ReasonAnalysisFailed), []string{"RolloutDecided" + manager}},
		{"a person wants it again", tried("b", 2, "b"), []string{"RolloutRetried by annotation vedette.dev/retry"}},
		{"a person wants it to end", decided("Fail", v1alpha1.ReasonAborted), []string{"RolloutRejected by annotation vedette.dev/abort"}},
		{"and again", tried("b", 3, "b/2"), []string{"RolloutRetried by annotation vedette.dev/retry"}},
		{"it passes", decided("Pass", ""), []string{"RolloutDecided" + manager}},
		{"a commit approves it", promotion, []string{"RolloutApproved by author of generation 7"}},
		{"it takes over", serves("b"), []string{"RolloutPromoted" + manager}},
		{"it has held", func(s *v1alpha1.ShadowRolloutStatus) {
			s.Bake, s.Candidate = v1alpha1.BakeStatus{}, v1alpha1.CandidateStatus{}
		}, []string{"RolloutBaked" + manager}},
		{"the next candidate", tried("c", 4, ""), []string{"RolloutStarted" + manager}},
		{"it passes, too", decided("Pass", ""), []string{"RolloutDecided" + manager}},
		{"a person promotes it", func(s *v1alpha1.ShadowRolloutStatus) { r.Annotations[naming.AnnotationPromote] = "c"; promotion(s) }, []string{"RolloutApproved by annotation vedette.dev/promote"}},
		{"it takes over, too", serves("c"), []string{"RolloutPromoted" + manager}},
		{"it violates a threshold", decided("Fail", v1alpha1.ReasonBakeFailed), []string{"RolloutRejected" + manager}},
		{"what served before comes back", serves("b"), []string{"RolloutRolledBack" + manager}},
	} {
		if diff := cmp.Diff(step.want, enter(r, step.change)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if again := enter(r, nil); again != nil {
			t.Errorf("%s: and then, of nothing, %v", step.name, again)
		}
	}
	for i, want := range map[int]string{
		1:  `{"attempt":1,"revision":"b","run":"fraud-retrain-1","serves":"a"}`,
		2:  `{"attempt":1,"revision":"b"}`,
		5:  `{"attempt":1,"message":"open","revision":"b"}`,
		7:  `{"attempt":2,"reason":"AnalysisFailed","retry":"b","revision":"b","run":"fraud-retrain-1","serves":"a"}`,
		11: `{"attempt":3,"by":"spec.promotion.approvedRevision","decided":"2026-11-27T12:00:00Z","previous":"a","revision":"b"}`,
		19: `{"message":"why","previous":"c","reason":"BakeFailed","revision":"b"}`,
	} {
		if diff := cmp.Diff(want, r.Status.Audit.Pending[i].Grounds); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s", i, diff)
		}
	}
}

// TestTrialsBesideWhatOthersRun: another version that serves is nothing that the rollout did, and the trial that begins anew beside it
// is nothing that a person asked for.
func TestTrialsBesideWhatOthersRun(t *testing.T) {
	r := wrappers.MakeRollout("payments", "fraud").UID("uid").With(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Candidate = v1alpha1.RolloutCandidate{WorkloadRef: v1alpha1.WorkloadReference{Kind: v1alpha1.WorkloadKindDeployment, Name: "fraud-next"}}
		s.Promotion.Policy = v1alpha1.PromotionAdvise
	}).Obj()
	tried := func(primary v1alpha1.Revision, attempt int64) func(*v1alpha1.ShadowRolloutStatus) {
		return func(s *v1alpha1.ShadowRolloutStatus) {
			s.PrimaryRevision, s.Candidate = primary, v1alpha1.CandidateStatus{Revision: "b", Attempt: attempt}
		}
	}
	want := []string{"RolloutStarted by vedette-manager"}
	for n, primary := range []v1alpha1.Revision{"a", "c"} {
		if diff := cmp.Diff(want, enter(r, tried(primary, int64(n+1)))); diff != "" {
			t.Errorf("beside %s (-want +got):\n%s", primary, diff)
		}
	}
	if want := `{"attempt":2,"revision":"b","run":"fraud-retrain-1","serves":"c"}`; r.Status.Audit.Pending[1].Grounds != want {
		t.Errorf("the second says %s, want %s", r.Status.Audit.Pending[1].Grounds, want)
	}
}

// TestAPrimaryThatWasTakenUp went into service before the rollout was made. One that the manager made, and died before it said so,
// did not.
func TestAPrimaryThatWasTakenUp(t *testing.T) {
	for name, tt := range map[string]struct {
		since time.Time
		want  string
	}{
		"there was none":                   {want: "RolloutBootstrapped"},
		"an earlier rollout has left it":   {since: seen.Add(-time.Second), want: "RolloutTakenUp"},
		"made by a manager that died then": {since: seen, want: "RolloutBootstrapped"},
	} {
		t.Run(name, func(t *testing.T) {
			r := wrappers.MakeRollout("payments", "fraud").UID("uid").Obj()
			r.CreationTimestamp, r.Status.PrimaryRevision = metav1.NewTime(seen), "a"
			rollout.Audit{Rollout: r, PrimarySince: tt.since, Now: seen.Add(time.Minute)}.Enter()
			if p := r.Status.Audit.Pending; len(p) != 1 || p[0].Kind != tt.want || p[0].Grounds != `{"revision":"a"}` {
				t.Errorf("entered are %+v, want %s", p, tt.want)
			}
		})
	}
}

// TestWhatDecidedIsEnteredFirst: of a thousand findings an entry has room for few.
func TestWhatDecidedIsEnteredFirst(t *testing.T) {
	r := wrappers.MakeRollout("payments", "fraud").UID("uid").Obj()
	enter(r, func(s *v1alpha1.ShadowRolloutStatus) {
		s.Candidate = v1alpha1.CandidateStatus{Revision: "b", Attempt: 1, Pairs: new(int64(5000))}
		for i := range 1056 {
			f := v1alpha1.RolloutFinding{Criterion: "same", Segment: v1alpha1.ItemName(strings.Repeat("s", 55) + fmt.Sprint(i)), Verdict: v1alpha1.VerdictPass, Samples: 100, Need: 3}
			if i == 1000 {
				f.Verdict = v1alpha1.VerdictFail
			}
			s.Candidate.Findings = append(s.Candidate.Findings, f)
		}
		s.Decision = v1alpha1.RolloutDecision{Revision: "b", Verdict: v1alpha1.VerdictFail, Message: strings.Repeat("text ", 800), Time: metav1.NewTime(seen)}
		s.Rejected = []v1alpha1.RejectedRevision{{Revision: "b", Reason: v1alpha1.ReasonAnalysisFailed}}
	})
	text := r.Status.Audit.Pending[1].Grounds
	var g struct {
		Findings []v1alpha1.RolloutFinding
		More     int
	}
	if err := json.Unmarshal([]byte(text), &g); err != nil || len(text) > 4096 {
		t.Fatalf("%d bytes: %v", len(text), err)
	}
	if len(g.Findings)+g.More != 1056 || len(g.Findings) < 8 || g.Findings[0].Verdict != v1alpha1.VerdictFail || g.Findings[0].Need != 0 {
		t.Errorf("%d findings, %d more; the first is %+v", len(g.Findings), g.More, g.Findings[0])
	}
}
