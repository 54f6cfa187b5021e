// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/golden"
)

// chained is a fixture whose rollout serves what a run has made, in place of what was in Git.
func chained(t *testing.T, r *v1alpha1.ShadowRollout, run *v1alpha1.RetrainingRun) *fixture {
	t.Helper()
	f := asking(t, retrained(), evidence())
	for _, o := range []client.Object{r, keptOf(t, r, old, nil), keptOf(t, r, candidate, run)} {
		if err := f.client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestWhyFromAnAlertToWhatServesAndBack(t *testing.T) {
	run := &retrained().Status.Retraining.Runs[1]
	for name, args := range map[string][]string{
		"to what serves":            nil,
		"from what serves":          {"--revision", "serving"},
		"from the version of a run": {"--version", "v2"},
		"from what serves, as JSON": {"--revision", "serving", "-o", "json"},
		"from what was in Git":      {"--revision", string(old)},
	} {
		t.Run(name, func(t *testing.T) {
			f := chained(t, fromRun(nil), run)
			args := append([]string{"why", "flights"}, args...)
			if strings.Contains(name, "Git") { // there is nothing that the store could tell
				golden.File(t, "why "+name+".txt", []byte(f.must(args...)))
				return
			}
			stdout, told := asked(f, args...)
			golden.File(t, "why "+name+".txt", []byte(stdout))
			if name != "to what serves" && !slices.Contains(told, digest) {
				t.Errorf("asked %v", told)
			}
		})
	}
}

func TestARevisionIsToldWithWhatBecameOfIt(t *testing.T) {
	run := &retrained().Status.Retraining.Runs[1]
	rejected := refused()
	rejected.Spec.Candidate.Parameters = parameters()
	forgotten := fromRun(func(r *v1alpha1.ShadowRollout) {
		r.Status.Decision, r.Status.Candidate = v1alpha1.RolloutDecision{}, v1alpha1.CandidateStatus{}
	})
	for name, c := range map[string]struct {
		rollout *v1alpha1.ShadowRollout
		says    []string
	}{
		"rejected":         {rejected, []string{"5f2c91d07e  Rejected  flights-retrain-6f7a8b9c0d  Fail     5m", "errors in segment atl: 0.08"}},
		"decided long ago": {forgotten, []string{"5f2c91d07e  Serves  flights-retrain-6f7a8b9c0d  -        -", "the audit log does"}},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, _ := asked(chained(t, c.rollout, run), "why", "flights", "--run", string(run.Name))
			for _, want := range c.says {
				if !strings.Contains(stdout, want) {
					t.Errorf("%s\nwant %q", stdout, want)
				}
			}
		})
	}
}

// TestOfWorkloadsOfTheUsersNothingIsKept: their revisions are told all the same, by what status knows.
func TestOfWorkloadsOfTheUsersNothingIsKept(t *testing.T) {
	f := asking(t, retrained(), evidence())
	if err := f.client.Create(t.Context(), ofTwoWorkloads(passed())); err != nil {
		t.Fatal(err)
	}
	stdout, _ := asked(f, "why", "flights")
	for _, want := range []string{"0123456789  Serves", "5f2c91d07e  Candidate"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%s\nwant %q", stdout, want)
		}
	}
	if code, _, stderr := f.run("why", "flights", "--revision", "0000000000"); code != exitFailed || !strings.Contains(stderr, "nothing is known of revision 0000000000") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestWhyFromWhatIsNotThere(t *testing.T) {
	run := &retrained().Status.Retraining.Runs[1]
	for name, c := range map[string]struct {
		rollout *v1alpha1.ShadowRollout
		args    []string
		code    int
		says    string
	}{
		"a revision that is not kept": {fromRun(nil), []string{"--revision", "0000000000"}, exitFailed, "nothing is kept of revision 0000000000"},
		"a version":                   {fromRun(nil), []string{"--version", "v9"}, exitUsage, `made the version "v9": they made v2`},
		"what serves, of nothing":     {fromRun(func(r *v1alpha1.ShadowRollout) { r.Status.PrimaryRevision = "" }), []string{"--revision", "serving"}, exitFailed, "nothing of the ShadowRollout flights serves yet"},
		"a revision of no rollout":    {fromRun(func(r *v1alpha1.ShadowRollout) { r.Spec.MonitorRef.Name = "fraud" }), []string{"--revision", "serving"}, exitUsage, "no ShadowRollout uses the ModelMonitor flights"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := chained(t, c.rollout, run).run(append([]string{"why", "flights"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d, %q; want %d, %q", code, stderr, c.code, c.says)
			}
		})
	}
}

// TestWhoMayNotReadRolloutsIsToldTheRest: the rollout is one part of the story.
func TestWhoMayNotReadRolloutsIsToldTheRest(t *testing.T) {
	f := chained(t, fromRun(nil), &retrained().Status.Retraining.Runs[1])
	f.forbids = errors.New("shadowrollouts is forbidden")
	f.finishing(succeeded("why"))
	code, stdout, stderr := f.run("why", "flights")
	if code != exitDone || strings.Contains(stdout, "ROLLOUT") || !strings.Contains(stdout, "ALERT") || !strings.Contains(stderr, "the rollout is left out: listing ShadowRollouts: shadowrollouts is forbidden") {
		t.Errorf("exit code %d, %s\n%s", code, stdout, stderr)
	}
}
