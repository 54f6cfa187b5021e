// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// retrained makes a monitor that is to be retrained.
func retrained(change func(*v1alpha1.ModelMonitor)) *v1alpha1.ModelMonitor {
	m := wrappers.MakeMonitor("payments", "fraud").UID("uid").Obj()
	m.Generation = 3
	m.Spec.Retraining = v1alpha1.Retraining{
		TemplateRef: v1alpha1.RetrainingTemplateReference{Name: "train"}, ServiceAccountName: "trainer",
		Triggers: v1alpha1.RetrainingTriggers{NewLabels: 100, Thresholds: []v1alpha1.ItemName{"recall"}, DriftPersists: 3},
	}
	m.Status.Retraining.ScheduleSince = metav1.NewTime(noon.Add(-time.Hour))
	if change != nil {
		change(m)
	}
	return m
}

func labels(n int64, at time.Time) v1alpha1.AnalysisStatus {
	return v1alpha1.AnalysisStatus{Kind: v1alpha1.AnalysisRunDataset, Labels: &n, LastSuccessTime: metav1.NewTime(at)}
}

func ranAt(t time.Time, state v1alpha1.RetrainingState) v1alpha1.RetrainingRun {
	return v1alpha1.RetrainingRun{Name: v1alpha1.ObjectName("fraud-retrain-" + t.Format("150405.000")), State: state, RequestTime: metav1.NewTime(t)}
}

func TestWhenARunIsDue(t *testing.T) {
	drift := func(outcome v1alpha1.AnalysisOutcome, runs int32) v1alpha1.AnalysisStatus {
		return v1alpha1.AnalysisStatus{Kind: v1alpha1.AnalysisRunDrift, ConclusiveOutcome: outcome, ConclusiveRuns: runs,
			Worst: []v1alpha1.Finding{{Feature: "age", Segment: "all"}}}
	}
	for name, tc := range map[string]struct {
		monitor func(*v1alpha1.ModelMonitor)
		mode    v1alpha1.Mode
		want    v1alpha1.RetrainingTrigger
		reason  string
		because string // the threshold and the segment
		after   time.Duration
	}{
		"nothing happened": {},
		"enough labels are new": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Analyses = []v1alpha1.AnalysisStatus{labels(100, noon)}
			},
			want: v1alpha1.RetrainingTriggerNewLabels, reason: "100 labels are new",
		},
		"one label is missing": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Analyses = []v1alpha1.AnalysisStatus{labels(99, noon)}
			},
		},
		"enough labels are new since the last success, while old ones went": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Retraining.TrainedTime = metav1.NewTime(noon.Add(-time.Hour))
				m.Status.Analyses = []v1alpha1.AnalysisStatus{labels(100, noon)}
				m.Status.Analyses[0].LabelsSince = metav1.NewTime(noon.Add(-time.Hour))
			},
			want: v1alpha1.RetrainingTriggerNewLabels, reason: "100 labels are new",
		},
		"labels were counted before the last success": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Retraining.TrainedTime = metav1.NewTime(noon.Add(-time.Hour))
				m.Status.Analyses = []v1alpha1.AnalysisStatus{labels(500, noon)}
			},
		},
		"a threshold that counts is violated": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "errors", Segment: "all"}, {ThresholdName: "recall", Segment: "atl"}}
			},
			want: v1alpha1.RetrainingTriggerThreshold, reason: "threshold recall is violated in segment atl", because: "recall atl",
		},
		"another threshold is violated": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "errors", Segment: "all"}}
			},
		},
		"drift persists": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Analyses = []v1alpha1.AnalysisStatus{drift(v1alpha1.AnalysisOutcomeDrift, 3)}
			},
			want: v1alpha1.RetrainingTriggerDrift, reason: "drift was found by 3 runs in a row: age in all",
		},
		"drift does not persist yet": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Analyses = []v1alpha1.AnalysisStatus{drift(v1alpha1.AnalysisOutcomeDrift, 2)}
			},
		},
		"what persists is that nothing drifts": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Analyses = []v1alpha1.AnalysisStatus{drift(v1alpha1.AnalysisOutcomeStable, 30)}
			},
		},
		"it is time": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Spec.Retraining.Triggers = v1alpha1.RetrainingTriggers{Schedule: "30 11 * * *"}
			},
			want: v1alpha1.RetrainingTriggerSchedule, reason: "it is time: 2026-11-26T11:30:00Z",
		},
		"it is not time yet": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Spec.Retraining.Triggers = v1alpha1.RetrainingTriggers{Schedule: "30 13 * * *"}
			},
			after: 90 * time.Minute,
		},
		"a schedule that is new does not count what lies before it": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Spec.Retraining.Triggers = v1alpha1.RetrainingTriggers{Schedule: "30 11 * * *"}
				m.Status.Retraining.ScheduleSince = metav1.Time{}
			},
			after: 23*time.Hour + 30*time.Minute,
		},
		"the last run was a while ago, but not long enough": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "recall", Segment: "atl"}}
				m.Status.Retraining.Runs = []v1alpha1.RetrainingRun{ranAt(noon.Add(-23*time.Hour), v1alpha1.RetrainingFailed)}
			},
			after: time.Hour,
		},
		"the last run was long enough ago": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "recall", Segment: "atl"}}
				m.Status.Retraining.Runs = []v1alpha1.RetrainingRun{ranAt(noon.Add(-24*time.Hour), v1alpha1.RetrainingSucceeded)}
			},
			want: v1alpha1.RetrainingTriggerThreshold, reason: "threshold recall is violated in segment atl", because: "recall atl",
		},
		"there were enough runs today": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Spec.Retraining.Cooldown, m.Spec.Retraining.MaxPerDay = "1h", 2
				m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "recall", Segment: "atl"}}
				m.Status.Retraining.Runs = []v1alpha1.RetrainingRun{
					ranAt(noon.Add(-20*time.Hour), v1alpha1.RetrainingSucceeded), ranAt(noon.Add(-10*time.Hour), v1alpha1.RetrainingSucceeded),
				}
			},
			after: 4 * time.Hour,
		},
		"one is under way": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "recall", Segment: "atl"}}
				m.Status.Retraining.Runs = []v1alpha1.RetrainingRun{ranAt(noon.Add(-48*time.Hour), v1alpha1.RetrainingTraining)}
			},
		},
		"the monitor only observes": {
			monitor: func(m *v1alpha1.ModelMonitor) {
				m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "recall", Segment: "atl"}}
			},
			mode: v1alpha1.ModeObserve,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := retrained(tc.monitor)
			if tc.mode == "" {
				tc.mode = v1alpha1.ModeEnforce
			}
			run, after := monitor.Retrain{Monitor: m, Mode: tc.mode, Now: noon}.Due()
			if run == nil {
				run = &v1alpha1.RetrainingRun{}
			}
			if run.Trigger != tc.want || run.Reason != tc.reason || after != tc.after {
				t.Errorf("%q %q, again after %s; want %q %q, after %s", run.Trigger, run.Reason, after, tc.want, tc.reason, tc.after)
			}
			if because := strings.TrimSpace(string(run.Threshold + " " + run.Segment)); because != tc.because {
				t.Errorf("because of %q, want %q", because, tc.because)
			}
			if run.Trigger != "" && (run.State != v1alpha1.RetrainingBuildingDataset || run.Generation != 3 || len(run.Name) > 63) {
				t.Errorf("run %+v", run)
			}
		})
	}
}

func TestEveryRunHasANameOfItsOwn(t *testing.T) {
	m := retrained(func(m *v1alpha1.ModelMonitor) {
		m.Spec.Retraining.Cooldown, m.Spec.Retraining.MaxPerDay = "1s", 8
		m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "recall", Segment: "atl"}}
	})
	seen := map[v1alpha1.ObjectName]bool{}
	for i := range 30 {
		now := noon.Add(time.Duration(i) * 24 * time.Hour)
		run, _ := monitor.Retrain{Monitor: m, Mode: v1alpha1.ModeEnforce, Now: now}.Due()
		again, _ := monitor.Retrain{Monitor: m, Mode: v1alpha1.ModeEnforce, Now: now}.Due()
		if run == nil || again == nil || run.Name != again.Name || seen[run.Name] {
			t.Fatalf("run %d is %+v, and again %+v", i, run, again)
		}
		seen[run.Name] = true
		if job := monitor.DatasetJob(run, m.Name); !strings.HasPrefix(job, "fraud-dataset-") || seen[v1alpha1.ObjectName(job)] {
			t.Errorf("the dataset's Job is %s", job)
		}
		monitor.StartRun(&m.Status.Retraining, *run)
		monitor.FinishRun(&m.Status.Retraining, v1alpha1.RetrainingSucceeded, "", now)
	}
	if s := m.Status.Retraining; len(s.Runs) != 10 || s.StartedRuns != 30 || s.SucceededRuns != 30 || monitor.Active(s) != nil {
		t.Errorf("status tells of %d runs, %d started, %d succeeded", len(s.Runs), s.StartedRuns, s.SucceededRuns)
	}
}

// However many runs fail, the last that succeeded is known: rollouts take their parameters from it.
func TestTheLastRunThatSucceededIsKept(t *testing.T) {
	var status v1alpha1.RetrainingStatus
	for i := range 30 {
		state := v1alpha1.RetrainingFailed
		if i < 4 {
			state = v1alpha1.RetrainingSucceeded
		}
		monitor.StartRun(&status, v1alpha1.RetrainingRun{Name: v1alpha1.ObjectName(fmt.Sprint("run-", i)), State: state})
	}
	if n := len(status.Runs); n != 10 || status.Runs[0].Name != "run-3" || status.Runs[1].Name != "run-21" || status.Runs[9].Name != "run-29" {
		t.Errorf("%d runs, from %s and %s to %s", n, status.Runs[0].Name, status.Runs[1].Name, status.Runs[n-1].Name)
	}
}

func TestDatasetEnded(t *testing.T) {
	const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	verdict := func(v wire.Verdict) string {
		b, err := wire.EncodeVerdict(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, tc := range map[string]struct {
		message string
		state   v1alpha1.RetrainingState
		says    string
	}{
		"it was built": {
			verdict(wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: "dataset", Outcome: wire.OutcomeSucceeded, Dataset: digest, DatasetURI: "s3://b/x/"}}),
			v1alpha1.RetrainingTraining, "",
		},
		"there are no labels": {
			verdict(wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: "dataset", Outcome: wire.OutcomeFailed, Reason: "NoLabelledRows", Message: "none"}}),
			v1alpha1.RetrainingFailed, "could not be built: none",
		},
		"the verdict is lost":   {"", v1alpha1.RetrainingFailed, "without a verdict"},
		"it names no digest":    {verdict(wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: "dataset", Outcome: wire.OutcomeSucceeded}}), v1alpha1.RetrainingFailed, "does not say why"},
		"the digest is no hash": {verdict(wire.Verdict{VerdictHeader: wire.VerdictHeader{Outcome: wire.OutcomeSucceeded, Dataset: "../x"}}), v1alpha1.RetrainingFailed, "does not say why"},
	} {
		t.Run(name, func(t *testing.T) {
			s := v1alpha1.RetrainingStatus{Runs: []v1alpha1.RetrainingRun{ranAt(noon, v1alpha1.RetrainingBuildingDataset)}}
			monitor.DatasetEnded(&s, monitor.Run{Job: "j", Message: tc.message}, noon)
			if run := s.Runs[0]; run.State != tc.state || !strings.Contains(run.Message, tc.says) || (run.Dataset.Digest == digest) != (tc.state == v1alpha1.RetrainingTraining) {
				t.Errorf("run %+v", run)
			}
		})
	}
}

func TestTrainingEnded(t *testing.T) {
	job := func(kind batchv1.JobConditionType, reason string) *batchv1.Job {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "train", UID: "job"}}
		j.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: metav1.NewTime(noon)}}
		return j
	}
	pod := func(states ...corev1.ContainerState) corev1.Pod {
		p := corev1.Pod{}
		p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job("", ""), batchv1.SchemeGroupVersion.WithKind("Job"))}
		for _, s := range states {
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{State: s})
		}
		return p
	}
	end := func(message string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message, FinishedAt: metav1.NewTime(noon)}}
	}
	complete := job(batchv1.JobComplete, "")
	for name, tc := range map[string]struct {
		job     *batchv1.Job
		pods    []corev1.Pod
		state   v1alpha1.RetrainingState
		version string
		uri     string
		says    string
	}{
		"it names a version": {
			complete, []corev1.Pod{pod(end("log"), end(`{"version":"v8","uri":"s3://models/v8"}`))}, v1alpha1.RetrainingSucceeded, "v8", "s3://models/v8", "",
		},
		"it names none":          {complete, []corev1.Pod{pod(end("done"))}, v1alpha1.RetrainingSucceeded, "", "", "named no version"},
		"its pods are gone":      {complete, nil, v1alpha1.RetrainingSucceeded, "", "", "named no version"},
		"one container runs yet": {complete, []corev1.Pod{pod(end(`{"version":"v8"}`), corev1.ContainerState{})}, v1alpha1.RetrainingTraining, "", "", ""},
		"what it names is a command": {
			complete, []corev1.Pod{pod(end(`{"version":"v8; rm -rf /","uri":"x"}`))}, v1alpha1.RetrainingSucceeded, "", "", "named no version",
		},
		"the URI is none":         {complete, []corev1.Pod{pod(end(`{"version":"v8","uri":"a b"}`))}, v1alpha1.RetrainingSucceeded, "v8", "", ""},
		"it failed":               {job(batchv1.JobFailed, "BackoffLimitExceeded"), nil, v1alpha1.RetrainingFailed, "", "", "BackoffLimitExceeded"},
		"it is not over":          {job(batchv1.JobSuspended, ""), nil, v1alpha1.RetrainingTraining, "", "", ""},
		"another's pod says some": {complete, []corev1.Pod{{Status: pod(end(`{"version":"v8"}`)).Status}}, v1alpha1.RetrainingSucceeded, "", "", "named no version"},
	} {
		t.Run(name, func(t *testing.T) {
			s := v1alpha1.RetrainingStatus{Runs: []v1alpha1.RetrainingRun{ranAt(noon, v1alpha1.RetrainingTraining)}}
			monitor.TrainingEnded(&s, tc.job, tc.pods)
			if trained := s.TrainedTime.Time.Equal(noon); trained != (tc.state == v1alpha1.RetrainingSucceeded) {
				t.Errorf("trained at %s", s.TrainedTime)
			}
			if run := s.Runs[0]; run.State != tc.state || run.Version != tc.version || run.URI != tc.uri || !strings.Contains(run.Message, tc.says) {
				t.Errorf("run %+v", run)
			}
		})
	}
}

func TestCheckTemplate(t *testing.T) {
	m := retrained(nil)
	template := func(annotation, account string) *batchv1.CronJob {
		c := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "train", Annotations: map[string]string{naming.AnnotationRetrainingFor: annotation}}}
		c.Spec.JobTemplate.Spec.Template.Spec.ServiceAccountName = account
		return c
	}
	for name, tc := range map[string]struct {
		template *batchv1.CronJob
		want     string
	}{
		"it names the monitor":           {template("fraud", "trainer"), ""},
		"it names several":               {template("churn, fraud", "trainer"), ""},
		"it names all":                   {template("*", "trainer"), ""},
		"there is none":                  {nil, v1alpha1.ReasonTemplateNotFound},
		"it names another":               {template("fraud-2", "trainer"), v1alpha1.ReasonTemplateNotAllowed},
		"it names nobody":                {template("", "trainer"), v1alpha1.ReasonTemplateNotAllowed},
		"it runs as somebody else":       {template("fraud", "admin"), v1alpha1.ReasonServiceAccountMismatch},
		"it runs as the default account": {template("fraud", ""), v1alpha1.ReasonServiceAccountMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			if got := reconcileerr.Reason(monitor.CheckTemplate(m, tc.template)); got != tc.want {
				t.Errorf("reason %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRetrained(t *testing.T) {
	status := func(s v1alpha1.RetrainingState) v1alpha1.RetrainingStatus {
		return v1alpha1.RetrainingStatus{Runs: []v1alpha1.RetrainingRun{{Name: "r", State: s, Version: "v8", Message: "so"}}}
	}
	for want, s := range map[string]v1alpha1.RetrainingStatus{
		v1alpha1.ReasonRetrainingNotRun:    {},
		v1alpha1.ReasonRetrainingUnderWay:  status(v1alpha1.RetrainingTraining),
		v1alpha1.ReasonRetrainingSucceeded: status(v1alpha1.RetrainingSucceeded),
		v1alpha1.ReasonRetrainingFailed:    status(v1alpha1.RetrainingFailed),
	} {
		if got := monitor.Retrained(s); got.Reason != want {
			t.Errorf("%+v is %s, want %s", s, got.Reason, want)
		}
	}
}
