// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
	"github.com/vedette-dev/vedette/internal/testing/golden"
)

// no begins what is said of a step that is refused.
const no = "no: "

// TestWhatFollowsFromEachStep holds each step in each state to what it says, and what it says to the rules by which the operator decides:
// a step that is taken changes what they come to, and one that is refused would not have.
func TestWhatFollowsFromEachStep(t *testing.T) {
	const (
		rejected = no + "revision 5f2c91d07e was rejected (AnalysisFailed): errors in segment atl"
		back     = no + "revision 5f2c91d07e is being taken back, so that 0123456789 serves again"
		asked    = no + "a person has asked by vedette.dev/reject that revision 5f2c91d07e does not serve"
		gone     = no + `the pod template of the Deployment "flights" is of revision 77aa00bb11 now, which was rejected`
		nobody   = no + "flights has no candidate: what serves is 0123456789"
		unpaused = no + "revision 5f2c91d07e is not paused"
		advises  = no + "nothing is promoted by the policy Advise"
		ends     = "its trial ends, and it is on record as not to serve"
		told     = ends + ". By the policy Advise nothing is taken back here: others are told that it has failed"
		serving  = no + `revision 5f2c91d07e serves, and is not watched after a promotion: set the pod template of the Deployment "flights" back to an earlier version`
	)
	approved := func() *v1alpha1.ShadowRollout {
		return with(passed(), func(r *v1alpha1.ShadowRollout) { r.Spec.Promotion.ApprovedRevision = candidate })
	}
	automatic := func() *v1alpha1.ShadowRollout {
		return with(passed(), func(r *v1alpha1.ShadowRollout) { r.Spec.Promotion.Policy = v1alpha1.PromotionAutomatic })
	}
	for name, c := range map[string]struct {
		rollout func() *v1alpha1.ShadowRollout
		// template is the revision of the template; the candidate's where it is empty.
		template v1alpha1.Revision
		stands   standing
		// what is said of promote, reject, abort, pause, resume, and retry without and with --restart
		says [7]string
		// hides says that a pause would only hide what is so.
		hides bool
	}{
		"it is tried": {rollout: trying, stands: standsTried, says: [7]string{
			no + "revision 5f2c91d07e has not passed yet", ends, ends, "nothing is decided until it is resumed; its deadline runs on", unpaused,
			no + "revision 5f2c91d07e is being tried: 4812 requests are compared, which a retry would throw away; --restart does it",
			"its trial begins anew: what was found on 4812 requests is dropped",
		}},
		"it is tried, for advice": {rollout: func() *v1alpha1.ShadowRollout { return advising(trying()) }, stands: standsTried, says: [7]string{
			advises, told, told, "nothing is decided, and others are told of no verdict, until it is resumed", unpaused, no + "revision 5f2c91d07e is being tried", "its trial begins anew",
		}},
		"it is paused": {rollout: func() *v1alpha1.ShadowRollout { return annotated(trying(), naming.AnnotationPause) }, stands: standsPaused, says: [7]string{
			no + "revision 5f2c91d07e is paused, and is not promoted while it is: kubectl vedette rollout resume flights 5f2c91d07e", ends, ends,
			no + "revision 5f2c91d07e is paused already: kubectl vedette rollout resume", "it goes on",
			no + "revision 5f2c91d07e is paused: 4812 requests are compared, which a retry would throw away, and it would end the pause", "its trial begins anew",
		}},
		"it has passed, and is paused": {rollout: func() *v1alpha1.ShadowRollout { return annotated(passed(), naming.AnnotationPause) }, stands: standsPaused, says: [7]string{
			no + "revision 5f2c91d07e is paused", ends, ends, no + "revision 5f2c91d07e is paused already", "it has passed, and waits for its approval",
			no + "revision 5f2c91d07e is paused", "its trial begins anew: what was found on 4812 requests is dropped, and with it that it has passed",
		}},
		"it has passed and is approved, and is paused": {rollout: func() *v1alpha1.ShadowRollout { return annotated(approved(), naming.AnnotationPause) }, stands: standsPaused, says: [7]string{
			no + "revision 5f2c91d07e is paused", ends, ends, no + "revision 5f2c91d07e is paused already",
			"it has passed, and takes over from what serves, as spec.promotion.approvedRevision names it", no + "revision 5f2c91d07e is paused", "its trial begins anew",
		}},
		"its time is over, and it is paused": {rollout: func() *v1alpha1.ShadowRollout { return annotated(overdue(), naming.AnnotationPause) }, stands: standsPaused, says: [7]string{
			no + "revision 5f2c91d07e is paused", ends, ends, no + "revision 5f2c91d07e is paused already",
			"its time is over, so that it is not tried any more: kubectl vedette rollout retry flights 5f2c91d07e", no + "revision 5f2c91d07e is paused", "its trial begins anew",
		}},
		"it waits for its approval": {rollout: passed, stands: standsPassed, says: [7]string{
			"it takes over from what serves", ends, ends, "it has passed, and is not promoted until it is resumed", unpaused,
			no + "revision 5f2c91d07e has passed: 4812 requests are compared, which a retry would throw away. kubectl vedette rollout promote flights 5f2c91d07e lets it take over; --restart does it",
			"its trial begins anew: what was found on 4812 requests is dropped, and with it that it has passed",
		}},
		"it is approved": {rollout: approved, stands: standsPromoting, says: [7]string{
			no + "revision 5f2c91d07e takes over already, as spec.promotion.approvedRevision names it", "it is on record as not to serve, and taken back if it has taken over by then",
			"it is on record as not to serve, and taken back", "it has passed, and is not promoted until it is resumed, unless that has begun by then", unpaused,
			no + "revision 5f2c91d07e has passed, and takes over, as spec.promotion.approvedRevision names it", "its trial begins anew",
		}},
		"it takes over by itself": {rollout: automatic, stands: standsPromoting, says: [7]string{
			no + "revision 5f2c91d07e takes over already, by the policy Automatic", "it is on record", "it is on record", "it has passed", unpaused,
			no + "revision 5f2c91d07e has passed, and takes over, by the policy Automatic", "its trial begins anew",
		}},
		"it has passed, for advice": {rollout: func() *v1alpha1.ShadowRollout { return advising(passed()) }, stands: standsAdvised, says: [7]string{
			advises, told, told, "it has passed, and others are told of no verdict until it is resumed", unpaused,
			no + "revision 5f2c91d07e has passed, and others are told so: 4812 requests are compared", "its trial begins anew",
		}},
		"its time is over": {rollout: overdue, stands: standsLate, hides: true, says: [7]string{
			no + "revision 5f2c91d07e had no verdict in its time", "its trial was over already, and it is on record", "its trial was over already, and it is on record",
			no + "revision 5f2c91d07e had no verdict in its time, and nothing goes on that could be held", unpaused,
			"it is tried again, with evidence from now on: what was found on 4812 requests does not count", "it is tried again",
		}},
		"it was rejected": {rollout: refused, stands: standsRejected, says: [7]string{
			rejected, rejected, rejected, rejected, unpaused, "it is tried again, with evidence from now on", "it is tried again, with evidence from now on",
		}},
		"it was rejected, and the template is another": {rollout: reverted, stands: standsRejected, says: [7]string{
			rejected, rejected, rejected, rejected, unpaused,
			`it is tried again, as soon as the pod template of the Deployment "flights" is of that revision`, "it is tried again, as soon as",
		}},
		"it was rejected, and is the template again": {rollout: setAgain, stands: standsRejected, says: [7]string{
			rejected, rejected, rejected, rejected, unpaused, "it is tried again, with evidence from now on", "it is tried again, with evidence from now on",
		}},
		"the template has gone back to a rejected one": {rollout: goneBack, template: before, stands: standsReplaced, says: [7]string{gone, gone, gone, gone, unpaused, gone, gone}},
		"it is to be rejected": {rollout: func() *v1alpha1.ShadowRollout { return annotated(trying(), naming.AnnotationReject) }, stands: standsStopping, says: [7]string{
			asked, asked, asked, asked, unpaused, no + "revision 5f2c91d07e is to be rejected, by vedette.dev/reject: 4812 requests", "its trial begins anew",
		}},
		"it serves, and is watched": {rollout: baking, stands: standsBaking, says: [7]string{
			no + "revision 5f2c91d07e serves already", "it is taken back, and 0123456789 serves again", "it is taken back, and 0123456789 serves again",
			no + "revision 5f2c91d07e serves already, and no pause holds the watch over it", unpaused, no + "revision 5f2c91d07e serves already", no + "revision 5f2c91d07e serves already",
		}},
		"it is being taken back": {rollout: takenBack, stands: standsLeaving, says: [7]string{back, back, back, back, unpaused, no + "revision 5f2c91d07e is being taken back", no + "revision"}},
		"it serves": {rollout: served, stands: standsServing, says: [7]string{
			no + "revision 5f2c91d07e serves already", serving, serving, no + "revision 5f2c91d07e serves already: there is nothing to hold", unpaused,
			no + "revision 5f2c91d07e serves already", no + "revision 5f2c91d07e serves already",
		}},
		"nothing is known of it": {rollout: unwanted, template: old, stands: standsUnknown, says: [7]string{nobody, nobody, nobody, nobody, nobody, nobody, nobody}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := standingOf(c.rollout(), string(candidate), now); got != c.stands {
				t.Errorf("it stands as %s, want %s", got, c.stands)
			}
			for i, step := range []string{"promote", "reject", "abort", "pause", "resume", "retry", "retry --restart"} {
				r := c.rollout()
				r.Namespace = "flights"
				f := newFixture(t, r)
				name, flag, _ := strings.Cut(step, " ")
				args := []string{"rollout", name, "flights", string(candidate)}
				if flag != "" {
					args = append(args, flag)
				}
				code, stdout, stderr := f.run(args...)
				said, taken := no+strings.TrimPrefix(stderr, "kubectl vedette: "), code == exitDone
				if taken {
					said = strings.TrimPrefix(unwrapped(stdout), "shadowrollout.vedette.dev/flights: "+name+" 5f2c91d07e: ")
				}
				if !strings.HasPrefix(said, c.says[i]) {
					t.Errorf("%s: it says %q, want %q", step, said, c.says[i])
				}
				then := &v1alpha1.ShadowRollout{}
				if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(r), then); err != nil {
					t.Fatal(err)
				}
				if changed := !maps.Equal(r.Annotations, then.Annotations); changed != taken {
					t.Errorf("%s: its annotations were %v, and are %v", step, r.Annotations, then.Annotations)
				}
				follows := decisionOn(r, c.template) != decisionOn(wished(r, name), c.template)
				if step == "retry" && !taken || name == "pause" && c.hides {
					continue // it is refused for what it would do
				}
				if follows != taken {
					t.Errorf("%s is taken: %t; by the rules something follows: %t", step, taken, follows)
				}
			}
		})
	}
}

// unwrapped is what is said, on one line.
func unwrapped(s string) string { return strings.Join(strings.Fields(s), " ") }

// wished is a rollout as it would be if the step were taken, whatever is said of it.
func wished(r *v1alpha1.ShadowRollout, name string) *v1alpha1.ShadowRollout {
	s := steps[slices.IndexFunc(steps, func(s step) bool { return s.name == name })]
	r = r.DeepCopy()
	for _, key := range s.clears {
		if r.Annotations[key] == string(candidate) {
			delete(r.Annotations, key)
		}
	}
	if s.annotation != "" {
		metav1.SetMetaDataAnnotation(&r.ObjectMeta, s.annotation, another(r, string(candidate)))
	}
	return r
}

// decisionOn is what the operator does next with a rollout whose template is of a revision, by default the candidate's, and all of whose pods are up.
func decisionOn(r *v1alpha1.ShadowRollout, template v1alpha1.Revision) string {
	s, revision := &r.Status, string(candidate)
	if template != "" {
		revision = string(template)
	}
	o := rollout.Observed{
		Template: revision, Primary: string(s.PrimaryRevision), Shadow: string(s.Candidate.Revision), PrimarySettled: true, ShadowAvailable: true, Now: now,
		Record: rollout.Record{
			Candidate: string(s.Candidate.Revision), Start: s.Candidate.StartTime.Time,
			Baking: string(s.Bake.Revision), Previous: string(s.Bake.PreviousRevision), BakeStart: s.Bake.StartTime.Time,
		},
		Asked: rollout.Asked{
			Approved: string(r.Spec.Promotion.ApprovedRevision), Reject: r.Annotations[naming.AnnotationReject],
			Abort: r.Annotations[naming.AnnotationAbort], Paused: r.Annotations[naming.AnnotationPause],
		},
	}
	if p := r.Annotations[naming.AnnotationPromote]; p == revision {
		o.Approved = p
	}
	if s.Decision.Verdict == v1alpha1.VerdictPass {
		o.Passed, o.Outdated = string(s.Decision.Revision), rollout.Outdated(r)
	}
	o.Retry, _, _ = strings.Cut(r.Annotations[naming.AnnotationRetry], "/")
	for _, x := range s.Rejected {
		o.Rejected = append(o.Rejected, string(x.Revision))
	}
	action, because := rollout.Decide(o, rollout.Policy{
		Automatic: r.Spec.Promotion.Policy == v1alpha1.PromotionAutomatic, Advise: r.Spec.Promotion.Policy == v1alpha1.PromotionAdvise,
		Deadline: rollout.Deadline(r), Bake: time.Hour, AutomaticRollBack: true,
	})
	return string(action) + ": " + because
}

func TestARetryTakesAwayWhatWasMeantForTheLastTry(t *testing.T) {
	r := annotated(trying(), naming.AnnotationPause)
	f := newFixture(t, r)
	said := f.must("rollout", "retry", "flights", string(candidate), "--restart")
	if want := "taken away, as it was meant for the last try: vedette.dev/pause\n"; !strings.HasSuffix(said, want) {
		t.Errorf("it says %q, which should end with %q", said, want)
	}
	got := &v1alpha1.ShadowRollout{}
	if err := f.client.Get(t.Context(), client.ObjectKeyFromObject(r), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{naming.AnnotationRetry: string(candidate)}, got.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

// TestARetryOfWhatHasNoEvidence: there is nothing to throw away but time.
func TestARetryOfWhatHasNoEvidence(t *testing.T) {
	r := with(trying(), func(r *v1alpha1.ShadowRollout) { r.Status.Candidate.Pairs = nil })
	_, _, said := newFixture(t, r).run("rollout", "retry", "flights", string(candidate))
	if want := "no request is compared yet, and a retry would only begin its time anew; --restart does it"; !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q", said, want)
	}
	said = unwrapped(newFixture(t, r).must("rollout", "retry", "flights", string(candidate), "--restart"))
	if want := "its trial begins anew: the time since its trial began, in which no request was compared, is dropped"; !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q", said, want)
	}
}

func TestALeftOverPauseIsTakenAway(t *testing.T) {
	said := unwrapped(newFixture(t, annotated(refused(), naming.AnnotationPause)).must("rollout", "resume", "flights", string(candidate)))
	if want := "the annotation is taken away, and nothing goes on by that: revision 5f2c91d07e was rejected"; !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q", said, want)
	}
}

func TestWhatIsRejectedIsTriedOnceTheWatchIsOver(t *testing.T) {
	r := with(baking(), func(r *v1alpha1.ShadowRollout) {
		r.Status.Rejected = []v1alpha1.RejectedRevision{{Revision: before, Reason: v1alpha1.ReasonAborted, Message: "by annotation", Time: ago(time.Hour)}}
	})
	said := unwrapped(newFixture(t, r).must("rollout", "retry", "flights", string(before)))
	if want := "it is tried again, once the watch over revision 5f2c91d07e has ended, and as soon as the pod template"; !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q", said, want)
	}
}

// TestOnlyOneRetryWaits: the annotation has one value.
func TestOnlyOneRetryWaits(t *testing.T) {
	r := with(reverted(), func(r *v1alpha1.ShadowRollout) {
		r.Status.Rejected = append(r.Status.Rejected, v1alpha1.RejectedRevision{Revision: before, Reason: v1alpha1.ReasonAborted, Message: "by annotation", Time: ago(time.Hour)})
		r.Annotations = map[string]string{naming.AnnotationRetry: string(before)}
	})
	want := "revision 77aa00bb11, of which another try was asked for and has not begun, is not any more"
	if said := unwrapped(newFixture(t, r).must("rollout", "retry", "flights", string(candidate))); !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q", said, want)
	}
	r.Status.Rejected[1].Retry = string(before) // it was tried for that, and rejected again
	if said := unwrapped(newFixture(t, r).must("rollout", "retry", "flights", string(candidate))); strings.Contains(said, want) {
		t.Errorf("it says %q", said)
	}
}

func TestAStepSaysThatTheRolloutIsNotReady(t *testing.T) {
	said := unwrapped(newFixture(t, servedUntried()).must("rollout", "reject", "flights", string(candidate)))
	if want := "the rollout is not Ready, and what follows may have to wait for that: the Deployment"; !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q", said, want)
	}
}

// TestCommandsThatArePrintedNameTheNamespace: one that is copied from the screen must find the same rollout.
func TestCommandsThatArePrintedNameTheNamespace(t *testing.T) {
	f := newFixture(t, refused())
	if page := f.must("rollout", "status", "flights", "-n", "flights"); !strings.HasSuffix(page, "kubectl vedette rollout retry flights 5f2c91d07e -n flights\n") {
		t.Errorf("the page does not end with a command that works:\n%s", page)
	}
	if _, _, said := f.run("rollout", "promote", "flights", string(candidate), "-n", "flights"); !strings.Contains(said, "retry flights 5f2c91d07e -n flights tries it again") {
		t.Errorf("it says %q", said)
	}
}

func TestTheStateOfATemplateThatWasRejected(t *testing.T) {
	for name, r := range map[string]*v1alpha1.ShadowRollout{
		"whose template was rejected before": setAgain(), "whose template has gone back to what was rejected": goneBack(), "whose template serves untried": servedUntried(),
	} {
		t.Run(name, func(t *testing.T) {
			golden.File(t, "rollout status, one "+name+".txt", []byte(newFixture(t, r).must("rollout", "status", "flights")))
		})
	}
}
