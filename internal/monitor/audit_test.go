// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/wire"
)

// enter is one reconciliation: what changes, and what is entered for it.
func enter(m *v1alpha1.ModelMonitor, change func(*v1alpha1.ModelMonitor), recorded ...monitor.Run) []string {
	before := m.Status.DeepCopy()
	if change != nil {
		change(m)
	}
	n := len(m.Status.Audit.Pending)
	monitor.Audit{Monitor: m, Before: *before, Recorded: recorded, Now: noon}.Enter()
	var kinds []string
	for _, p := range m.Status.Audit.Pending[n:] {
		kinds = append(kinds, p.Kind)
	}
	return kinds
}

func TestEveryChangeIsEnteredOnce(t *testing.T) {
	m := retrained(nil)
	drift := func(outcome v1alpha1.AnalysisOutcome) func(*v1alpha1.ModelMonitor) {
		return func(m *v1alpha1.ModelMonitor) {
			m.Status.Analyses = []v1alpha1.AnalysisStatus{{Kind: v1alpha1.AnalysisRunDrift, ConclusiveOutcome: outcome, JobName: "later", JudgedBy: v1alpha1.JudgingRun{JobName: "j"}}}
		}
	}
	violated := func(segments ...v1alpha1.ItemName) func(*v1alpha1.ModelMonitor) {
		return func(m *v1alpha1.ModelMonitor) {
			m.Status.Violations = nil
			for _, s := range segments {
				m.Status.Violations = append(m.Status.Violations, v1alpha1.Violation{ThresholdName: "recall", Segment: s, StartTime: metav1.NewTime(noon)})
			}
		}
	}
	run := func(change func(*v1alpha1.RetrainingRun)) func(*v1alpha1.ModelMonitor) {
		return func(m *v1alpha1.ModelMonitor) {
			if len(m.Status.Retraining.Runs) == 0 {
				m.Status.Retraining.Runs = []v1alpha1.RetrainingRun{{Name: "r", Trigger: "Threshold", Threshold: "recall", Segment: "atl", State: v1alpha1.RetrainingBuildingDataset, RequestTime: metav1.NewTime(noon)}}
			}
			change(&m.Status.Retraining.Runs[0])
		}
	}
	verdict, err := wire.EncodeVerdict(wire.Verdict{VerdictHeader: wire.VerdictHeader{
		Kind: "dataset", Outcome: wire.OutcomeSucceeded, Dataset: strings.Repeat("a", 64), DatasetURI: "s3://b/d/", Rows: 7,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name     string
		change   func(*v1alpha1.ModelMonitor)
		recorded []monitor.Run
		want     []string
	}{
		{"first sight tells the thresholds", nil, nil, []string{"ThresholdsChanged"}},
		{"nothing happens", nil, nil, nil},
		{"a threshold is declared", func(m *v1alpha1.ModelMonitor) {
			m.Spec.Thresholds = []v1alpha1.Threshold{{Name: "recall", Signal: v1alpha1.SignalErrorRatio, Max: "0.1"}}
		}, nil, []string{"ThresholdsChanged"}},
		{"its description is all that changed", func(m *v1alpha1.ModelMonitor) { m.Generation++ }, nil, nil},
		{"nothing drifts", drift(v1alpha1.AnalysisOutcomeStable), nil, nil},
		{"drift is found", drift(v1alpha1.AnalysisOutcomeDrift), nil, []string{"DriftFound"}},
		{"and found again", drift(v1alpha1.AnalysisOutcomeDrift), nil, nil},
		{"drift is over", drift(v1alpha1.AnalysisOutcomeStable), nil, []string{"DriftCleared"}},
		{"two segments are violated", violated("atl", "lax"), nil, []string{"ThresholdViolated", "ThresholdViolated"}},
		{"one is left, one is new", violated("lax", "jfk"), nil, []string{"ThresholdViolated", "ThresholdCleared"}},
		{"all are over", violated(), nil, []string{"ThresholdCleared", "ThresholdCleared"}},
		{"a run is asked for", run(func(*v1alpha1.RetrainingRun) {}), nil, []string{"RetrainingRequested"}},
		{
			"its dataset is built", run(func(r *v1alpha1.RetrainingRun) {
				r.State, r.Dataset.Digest = v1alpha1.RetrainingTraining, strings.Repeat("a", 64)
			}),
			[]monitor.Run{{Kind: "dataset", Job: "d", Message: string(verdict)}}, []string{"DatasetBuilt"},
		},
		{"it starts", run(func(r *v1alpha1.RetrainingRun) { r.StartTime = metav1.NewTime(noon) }), nil, []string{"RetrainingStarted"}},
		{"it ends", run(func(r *v1alpha1.RetrainingRun) {
			r.State, r.FinishTime, r.Version = v1alpha1.RetrainingSucceeded, metav1.NewTime(noon), "v8"
		}), nil, []string{"RetrainingFinished"}},
		{"a dataset that could not be built is none", nil, []monitor.Run{{Kind: "dataset", Job: "d2"}}, nil},
		{"subjects are erased, and old objects removed", nil, []monitor.Run{{Kind: "erase", Job: "e"}, {Kind: "retention", Job: "t"}}, []string{"Erased", "RetentionRun"}},
		{"a check is of no interest", nil, []monitor.Run{{Kind: "check", Job: "c"}}, nil},
	} {
		if diff := cmp.Diff(step.want, enter(m, step.change, step.recorded...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if again := enter(m, nil); again != nil {
			t.Errorf("%s: and then, of nothing, %v", step.name, again)
		}
	}
	for i, p := range m.Status.Audit.Pending {
		if p.Sequence != int64(i+1) || !json.Valid([]byte(p.Grounds)) || p.Actor == "" {
			t.Errorf("entry %d is %+v", i, p)
		}
	}
	last := m.Status.Audit.Pending[len(m.Status.Audit.Pending)-3]
	for _, want := range []string{`"version":"v8"`, `"dataset":"` + strings.Repeat("a", 64), `"run":"r"`, `"threshold":"recall"`, `"segment":"atl"`} {
		if !strings.Contains(last.Grounds, want) {
			t.Errorf("that the run ended is entered without %s: %s", want, last.Grounds)
		}
	}
}

// TestWhatIsNotLookedAtForAWhileIsEnteredOnce: violations that are forgotten while a monitor cannot be reconciled come back.
func TestWhatIsNotLookedAtForAWhileIsEnteredOnce(t *testing.T) {
	m := retrained(nil)
	enter(m, func(m *v1alpha1.ModelMonitor) {
		m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "recall", Segment: "atl"}}
	})
	held := m.Status.Violations
	m.Status.Violations = nil // no class: nothing is entered in such a pass
	if got := enter(m, func(m *v1alpha1.ModelMonitor) { m.Status.Violations = held }); got != nil {
		t.Errorf("entered %v, want nothing", got)
	}
}

func TestALogOutOfReachBoundsWhatWaits(t *testing.T) {
	m := retrained(nil)
	for i := range 100 {
		enter(m, func(m *v1alpha1.ModelMonitor) {
			m.Spec.Thresholds = []v1alpha1.Threshold{{Name: "x", Signal: v1alpha1.SignalErrorRatio, Max: v1alpha1.Decimal(fmt.Sprint(i))}}
		})
	}
	pending := m.Status.Audit.Pending
	if n := len(pending); n != 32 || pending[n-1].Kind != string(audit.KindEntriesLost) || pending[n-1].Grounds != `{"lost":69}` {
		t.Errorf("%d wait, the last is %+v", n, pending[n-1])
	}
	m.Status.Audit.Pending = nil // the log is back
	if got := enter(m, func(m *v1alpha1.ModelMonitor) { m.Spec.Thresholds = nil }); len(got) != 1 || m.Status.Audit.Pending[0].Sequence != 33 {
		t.Errorf("then %v with %+v", got, m.Status.Audit.Pending)
	}
}

func TestGroundsAreBounded(t *testing.T) {
	m := retrained(func(m *v1alpha1.ModelMonitor) {
		for i := range 64 {
			m.Spec.Thresholds = append(m.Spec.Thresholds, v1alpha1.Threshold{
				Name: v1alpha1.ItemName(strings.Repeat("n", 60) + fmt.Sprint(i)), Signal: v1alpha1.SignalErrorRatio, Max: "0.123456789",
			})
		}
	})
	enter(m, nil)
	if g := m.Status.Audit.Pending[0].Grounds; len(g) > 4096 || !json.Valid([]byte(g)) || !strings.Contains(g, "sha256") {
		t.Errorf("grounds of %d bytes: %.100s", len(g), g)
	}
}

func TestTheSubjectOfEntries(t *testing.T) {
	q := monitor.AuditQueue(retrained(nil))
	if got := q.Subject() + " " + q.ID(v1alpha1.PendingAuditEntry{Sequence: 7}); got != "ModelMonitor/payments/fraud uid/7" {
		t.Errorf("subject and ID %q", got)
	}
}
