// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/wire"
)

func driftVerdict(outcome wire.Outcome) wire.Verdict {
	return wire.Verdict{
		VerdictHeader: wire.VerdictHeader{Kind: "drift", Run: "r", Outcome: outcome, From: now.Add(-wire.Seconds(3600)), To: now, Rows: 48000, Coverage: 0.998, Report: "reports/drift/report.json"},
		Thresholds:    []wire.ThresholdVerdict{{Threshold: "score-drift", Segment: "atl", Outcome: wire.OutcomeFail, Value: 0.2464}},
		Findings:      []wire.Finding{{Feature: "delay", Segment: "atl", Statistic: "psi", Effect: 0.4228, P: 0.001, Drifted: true}},
	}
}

func TestARunIsAJobOfTheSchedules(t *testing.T) {
	m := flights()
	f := newFixture(t, m, cronOf(m, "drift"))
	golden.File(t, "run.txt", []byte(f.must("run", "Drift", "flights")))
	job := &batchv1.Job{}
	if err := f.client.Get(t.Context(), client.ObjectKey{Namespace: "flights", Name: "flights-drift-993903000"}, job); err != nil {
		t.Fatal(err)
	}
	job.ResourceVersion = ""
	golden.Object(t, "run job", job, &batchv1.Job{})
}

func TestARunThatIsWaitedForEndsAsAnalyzeDoes(t *testing.T) {
	for name, c := range map[string]struct {
		outcome wire.Outcome
		code    int
	}{
		"drift":          {wire.OutcomeDrift, exitDrift},
		"stable":         {wire.OutcomeStable, exitDone},
		"could not tell": {wire.OutcomeInsufficient, exitInsufficient},
		"failed":         {wire.OutcomeFailed, exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, flights(), cronOf(flights(), "drift"))
			f.finishing(driftVerdict(c.outcome))
			code, stdout, stderr := f.run("run", "drift", "flights", "--wait")
			if code != c.code {
				t.Errorf("exit code %d (%s), want %d", code, stderr, c.code)
			}
			golden.File(t, "run --wait, "+name+".txt", []byte(stdout))
		})
	}
	t.Run("as JSON", func(t *testing.T) {
		f := newFixture(t, flights(), cronOf(flights(), "drift"))
		f.finishing(driftVerdict(wire.OutcomeStable))
		golden.File(t, "run --wait, as JSON.txt", []byte(f.must("run", "drift", "flights", "--wait", "-o", "json")))
	})
}

func TestARunThatTakesTooLongIsLeftToItself(t *testing.T) {
	f := newFixture(t, flights(), cronOf(flights(), "drift"))
	code, _, stderr := f.run("run", "drift", "flights", "--wait", "--timeout", "1ms")
	if code != exitFailed || !strings.Contains(stderr, "it goes on") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestNothingRunsWhileTheMonitorIsSuspended(t *testing.T) {
	cron := cronOf(flights(), "drift")
	cron.Spec.Suspend = new(true)
	code, _, stderr := newFixture(t, flights(), cron).run("run", "drift", "flights")
	if code != exitFailed || !strings.Contains(stderr, "while its mode is") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestACronJobThatOnlyBearsTheLabelsIsNotTheMonitors(t *testing.T) {
	cron := cronOf(flights(), "drift")
	cron.OwnerReferences = nil
	code, _, stderr := newFixture(t, flights(), cron).run("run", "drift", "flights")
	if code != exitFailed || !strings.Contains(stderr, "no analysis of flights is scheduled yet") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
