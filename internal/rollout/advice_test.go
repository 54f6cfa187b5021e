// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// The revisions: what serves, what is tried, and two others.
const (
	serves = v1alpha1.Revision("aaaaaaaaaa")
	tried  = v1alpha1.Revision("bbbbbbbbbb")
	before = v1alpha1.Revision("cccccccccc")
	never  = v1alpha1.Revision("dddddddddd")
)

// reported is a rollout as the controller leaves it after a pass that saw and did what is given.
func reported(o Observed, action Action, change ...func(*v1alpha1.ShadowRollout)) *v1alpha1.ShadowRollout {
	r := wrappers.MakeRollout("payments", "fraud").Obj()
	r.Generation = 3
	r.Spec.Promotion.Policy = v1alpha1.PromotionAdvise
	r.Status.PrimaryRevision = serves
	r.Status.Candidate = v1alpha1.CandidateStatus{Revision: tried, LastEvaluationTime: metav1.NewTime(start), Verdict: v1alpha1.VerdictInconclusive}
	for _, f := range change {
		f(r)
	}
	Report{Rollout: r, Observed: o, Action: action}.Conditions(conditions.Writer{Conditions: &r.Status.Conditions, Generation: r.Generation, Now: start})
	return r
}

func pass(r *v1alpha1.ShadowRollout) {
	r.Status.Candidate.Verdict = v1alpha1.VerdictPass
	r.Status.Decision = v1alpha1.RolloutDecision{Revision: tried, Verdict: v1alpha1.VerdictPass, Message: "errors: 0.001", Time: metav1.NewTime(start)}
}

func reject(revision v1alpha1.Revision, reason, message string) func(*v1alpha1.ShadowRollout) {
	return func(r *v1alpha1.ShadowRollout) {
		r.Status.Rejected = append(r.Status.Rejected, v1alpha1.RejectedRevision{Revision: revision, Reason: reason, Message: message, Time: metav1.NewTime(start)})
	}
}

func TestAdvise(t *testing.T) {
	trial := Observed{Primary: string(serves), PrimarySettled: true, Template: string(tried), Record: Record{Candidate: string(tried), Start: start}}
	fit := trial
	fit.Passed = string(tried)
	outdated := fit
	outdated.Outdated = true
	paused := fit
	paused.Paused = string(tried)
	back := trial
	back.Template = string(before)
	promoted := Observed{Primary: string(tried), PrimarySettled: true, Template: string(tried), Record: Record{Baking: string(tried), Previous: string(serves)}}

	for name, tt := range map[string]struct {
		r     *v1alpha1.ShadowRollout
		asked v1alpha1.Revision
		want  Advice
	}{
		"a rollout that nobody has looked at": {r: wrappers.MakeRollout("payments", "fraud").Obj(), want: Advice{Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonProgressing}},
		"one that was changed since it has passed": {
			r:    func() *v1alpha1.ShadowRollout { r := reported(fit, AwaitApproval, pass); r.Generation++; return r }(),
			want: Advice{Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonProgressing},
		},
		"nothing is tried": {
			r: reported(Observed{Primary: string(serves), Template: string(serves)}, Idle, func(r *v1alpha1.ShadowRollout) { r.Status.Candidate = v1alpha1.CandidateStatus{} }),
			want: Advice{
				Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonNoCandidate,
			},
		},
		"evidence is gathered": {
			r: reported(trial, Evaluate), want: Advice{Revision: tried, Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonInsufficientTraffic, Time: start},
		},
		"Prometheus does not answer": {
			r: reported(trial, Evaluate, func(r *v1alpha1.ShadowRollout) {
				r.Status.Candidate.Verdict, r.Status.Candidate.Errors = v1alpha1.VerdictError, 9
			}),
			want: Advice{Revision: tried, Verdict: v1alpha1.VerdictError, Reason: v1alpha1.ReasonMetricsUnavailable, Time: start},
		},
		"it has passed": {
			r: reported(fit, AwaitApproval, pass), want: Advice{Revision: tried, Verdict: v1alpha1.VerdictPass, Reason: v1alpha1.ReasonAdvised, Time: start},
		},
		"it has passed by an analysis that was changed since": {
			r: reported(outdated, Evaluate, pass, func(r *v1alpha1.ShadowRollout) {
				r.Status.Decision.Analysis, r.Status.Candidate.Pairs = "0123456789", new(int64(9))
			}),
			want: Advice{Revision: tried, Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonAnalysisRunning, Time: start},
		},
		"and people are told still that it has passed": {
			r: reported(fit, AwaitApproval, pass, func(r *v1alpha1.ShadowRollout) { r.Status.Decision.Analysis = "0123456789" }), asked: tried,
			want: Advice{Revision: tried, Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonAdvised, Time: start},
		},
		"it has passed, and is paused": {
			r: reported(paused, Wait, pass), asked: tried,
			want: Advice{Revision: tried, Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonPaused, Time: start},
		},
		"the template cannot be read any more": {
			r:    reported(Observed{Primary: string(serves)}, Wait, pass),
			want: Advice{Revision: tried, Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonProgressingWithRetry, Time: start},
		},
		"it has failed": {
			r:    reported(trial, Shelve, reject(tried, v1alpha1.ReasonAnalysisFailed, "errors: 0.2")),
			want: Advice{Revision: tried, Verdict: v1alpha1.VerdictFail, Reason: v1alpha1.ReasonAnalysisFailed, Time: start},
		},
		"the template went back to one that was rejected before one that has passed": {
			r:    reported(back, Shelve, pass, reject(never, v1alpha1.ReasonRejected, "by annotation"), reject(before, v1alpha1.ReasonRejected, "by annotation")),
			want: Advice{Revision: before, Verdict: v1alpha1.VerdictFail, Reason: v1alpha1.ReasonRejected, Time: start},
		},
		"and the one that has passed is asked about": {
			r: reported(back, Shelve, pass, reject(before, v1alpha1.ReasonRejected, "by annotation")), asked: tried,
			want: Advice{Revision: tried, Verdict: v1alpha1.VerdictInconclusive, Reason: ReasonOtherRevision},
		},
		"its time is over": {
			r: reported(trial, Shelve), want: Advice{Revision: tried, Verdict: v1alpha1.VerdictInconclusive, Reason: v1alpha1.ReasonDeadlineExceeded, Time: start},
		},
		"it serves, and is watched": {
			r: reported(promoted, Bake, pass, func(r *v1alpha1.ShadowRollout) {
				r.Status.Bake = v1alpha1.BakeStatus{Revision: tried, PreviousRevision: serves, PromotionTime: metav1.NewTime(start.Add(time.Minute))}
			}),
			want: Advice{Revision: tried, Verdict: v1alpha1.VerdictPass, Reason: v1alpha1.ReasonPromoted, Time: start.Add(time.Minute)},
		},
		"one that has passed is asked about by its name": {
			r: reported(fit, AwaitApproval, pass), asked: tried,
			want: Advice{Revision: tried, Verdict: v1alpha1.VerdictPass, Reason: v1alpha1.ReasonAdvised, Time: start},
		},
		"another than the one that has passed is asked about": {
			r: reported(fit, AwaitApproval, pass), asked: never,
			want: Advice{Revision: never, Verdict: v1alpha1.VerdictInconclusive, Reason: ReasonOtherRevision},
		},
		"one that was rejected is asked about while another passes": {
			r: reported(fit, AwaitApproval, pass, reject(before, v1alpha1.ReasonBakeFailed, "it violates errors")), asked: before,
			want: Advice{Revision: before, Verdict: v1alpha1.VerdictFail, Reason: v1alpha1.ReasonBakeFailed, Time: start},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Advise(tt.r, tt.asked)
			if got.Message == "" {
				t.Error("it does not say why")
			}
			if got.Verdict == v1alpha1.VerdictFail && !strings.Contains(got.Message, string(got.Revision)) {
				t.Errorf("the message is about another revision than %s: %s", got.Revision, got.Message)
			}
			if got.Message = ""; got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// A revision gets Pass only where it is the one on record as having passed, and people are told so.
func TestAdviceIsAboutWhatWasVetted(t *testing.T) {
	revisions := []v1alpha1.Revision{serves, tried, before, never}
	actions := []Action{Wait, Idle, Shelve, StartShadow, Evaluate, AwaitApproval, RecordPromotion, Promote, RecordRejection, Bake, RollBack, FinishBake}
	for _, template := range append(revisions, "") {
		for _, decided := range revisions {
			for _, verdict := range []v1alpha1.Verdict{v1alpha1.VerdictPass, v1alpha1.VerdictFail} {
				for _, action := range actions {
					o := Observed{Primary: string(serves), PrimarySettled: true, Template: string(template), Record: Record{Candidate: string(tried), Start: start}}
					if verdict == v1alpha1.VerdictPass {
						o.Passed = string(decided)
					}
					if action == AwaitApproval && !o.fit() {
						continue // it is never decided so
					}
					r := reported(o, action, func(r *v1alpha1.ShadowRollout) {
						r.Status.Decision = v1alpha1.RolloutDecision{Revision: decided, Verdict: verdict, Time: metav1.NewTime(start)}
					})
					for _, asked := range append(revisions, "") {
						a := Advise(r, asked)
						if a.Verdict == v1alpha1.VerdictPass && (verdict != v1alpha1.VerdictPass || a.Revision != decided || template != decided || asked != "" && asked != decided) {
							t.Fatalf("template %q, decision %s on %s, action %s: asked about %q, the advice is %+v", template, verdict, decided, action, asked, a)
						}
					}
				}
			}
		}
	}
}
