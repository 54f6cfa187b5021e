// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"errors"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// TestAdviceFollowsTheTrial asks, after each step of two trials, what others are told.
func TestAdviceFollowsTheTrial(t *testing.T) {
	f := newFixture(t)
	told := func(asked string, want v1alpha1.Verdict, about string) {
		t.Helper()
		if a := rollout.Advise(f.get(), v1alpha1.Revision(asked)); a.Verdict != want || string(a.Revision) != about {
			t.Errorf("asked about %q, the advice is %+v, want %s on %q", asked, a, want, about)
		}
	}
	first := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Promotion.Policy = v1alpha1.PromotionAdvise })
	told("", v1alpha1.VerdictInconclusive, first)

	f.counted.err = errors.New("nobody answers")
	f.later(time.Minute)
	f.reconcile()
	told("", v1alpha1.VerdictError, first)

	f.counted.err = nil
	f.counted.evidence[first] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	told("", v1alpha1.VerdictPass, first)
	told(first, v1alpha1.VerdictPass, first)

	f.push("model:3")
	f.reconcile()
	second := string(f.get().Status.Candidate.Revision)
	if second == first {
		t.Fatal("the new template is no candidate")
	}
	told("", v1alpha1.VerdictInconclusive, second)
	told(first, v1alpha1.VerdictInconclusive, first)

	f.settle()
	f.counted.evidence[second] = answers(5000, 400, "big")
	f.later(time.Minute)
	f.settle()
	told("", v1alpha1.VerdictFail, second)
	told(first, v1alpha1.VerdictInconclusive, first)
	if f.serving() != "model:1" {
		t.Errorf("%q serves", f.serving())
	}
}
