// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

func at(seconds int64) time.Time { return time.Unix(seconds, 0) }

func encode(t *testing.T, v wire.Verdict) string {
	t.Helper()
	b, err := wire.EncodeVerdict(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func driftRun(t *testing.T, job string, finished int64, outcome wire.Outcome) Run {
	t.Helper()
	v := wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: KindDrift, Outcome: outcome, Rows: 1000, Coverage: 0.987, Config: "rev", From: at(0), To: at(100)}}
	if outcome == wire.OutcomeDrift {
		v.Thresholds = []wire.ThresholdVerdict{{Threshold: "psi", Segment: "atl", Outcome: wire.OutcomeFail, Value: 0.293}, {Threshold: "psi", Outcome: wire.OutcomePass, Value: 0.01}}
		v.Findings = []wire.Finding{{Segment: "atl", Statistic: "psi", Effect: 0.293, Drifted: true}, {Feature: "age", Statistic: "psi", Effect: 0.02}}
	}
	return Run{Kind: KindDrift, Job: job, Finished: at(finished), Message: encode(t, v)}
}

func TestRecord(t *testing.T) {
	var s v1alpha1.ModelMonitorStatus
	Record(&s, driftRun(t, "a", 1000, wire.OutcomeDrift))
	want := []v1alpha1.AnalysisStatus{{
		Kind: v1alpha1.AnalysisRunDrift, JobName: "a", Outcome: v1alpha1.AnalysisOutcomeDrift, ConclusiveOutcome: v1alpha1.AnalysisOutcomeDrift, ConclusiveRuns: 1, FinishTime: metav1.NewTime(at(1000)), LastSuccessTime: metav1.NewTime(at(1000)),
		From: metav1.NewTime(at(0)), To: metav1.NewTime(at(100)), Rows: new(int64(1000)), CoveragePercent: "98.7", ConfigRevision: "rev",
		JudgedBy: v1alpha1.JudgingRun{JobName: "a", From: metav1.NewTime(at(0)), To: metav1.NewTime(at(100)), ConfigRevision: "rev"},
		Thresholds: []v1alpha1.ThresholdVerdict{
			{Name: "psi", Segment: "atl", Outcome: v1alpha1.ThresholdFail, Value: "0.293"},
			{Name: "psi", Segment: "all", Outcome: v1alpha1.ThresholdPass, Value: "0.01"},
		},
		Worst: []v1alpha1.Finding{
			{Feature: "prediction", Segment: "atl", Statistic: "psi", Effect: "0.293"},
			{Feature: "age", Segment: "all", Statistic: "psi", Effect: "0.02"},
		},
	}}
	if diff := cmp.Diff(want, s.Analyses); diff != "" {
		t.Fatal(diff)
	}
	conclusive := s.DeepCopy()

	Record(&s, driftRun(t, "a", 1000, wire.OutcomeDrift))
	Record(&s, driftRun(t, "older", 500, wire.OutcomeStable))
	if diff := cmp.Diff(conclusive, &s); diff != "" {
		t.Errorf("a run seen again, or an older one, changed the record:\n%s", diff)
	}

	Record(&s, Run{Kind: KindDrift, Job: "b", Finished: at(2000)})
	lost := LastRun(s.Analyses, v1alpha1.AnalysisRunDrift)
	if lost.Outcome != v1alpha1.AnalysisOutcomeFailed || lost.Reason != reasonVerdictLost || !lost.LastSuccessTime.Time.Equal(at(1000)) {
		t.Errorf("a lost verdict is %+v", lost)
	}
	if got := Drifted(s.Analyses); got.Status != metav1.ConditionTrue || got.Reason != v1alpha1.ReasonRunFailed || !strings.Contains(got.Message, "the last run failed") {
		t.Errorf("a lost verdict leaves %+v, never silently the previous one", got)
	}

	Record(&s, driftRun(t, "c", 3000, wire.OutcomeInsufficient))
	if got := Drifted(s.Analyses); got.Status != metav1.ConditionTrue || got.Reason != v1alpha1.ReasonDrifted || !strings.Contains(got.Message, "could not tell") {
		t.Errorf("a run that could not tell leaves %+v, want what was concluded before", got)
	}
	unsure := LastRun(s.Analyses, v1alpha1.AnalysisRunDrift)
	if diff := cmp.Diff(want[0].Thresholds, unsure.Thresholds); diff != "" {
		t.Errorf("a run that could not tell changed the verdicts of the last conclusive one:\n%s", diff)
	}

	Record(&s, driftRun(t, "d", 4000, wire.OutcomeStable))
	if got := Drifted(s.Analyses); got.Status != metav1.ConditionFalse || got.Reason != v1alpha1.ReasonStable {
		t.Errorf("after a stable run: %+v", got)
	}
	Record(&s, Run{Kind: "nonsense", Job: "e", Finished: at(9000)})
	if len(s.Analyses) != 1 {
		t.Errorf("a Job of no kind of ours was recorded: %+v", s.Analyses)
	}
}

func TestWhatTheAPIWouldRefuseIsLeftOut(t *testing.T) {
	var s v1alpha1.ModelMonitorStatus
	Record(&s, Run{Kind: KindDrift, Job: "a", Finished: at(1), Message: encode(t, wire.Verdict{
		VerdictHeader: wire.VerdictHeader{Kind: KindDrift, Outcome: wire.OutcomeDrift, Coverage: 7},
		Thresholds:    []wire.ThresholdVerdict{{Threshold: "No Name"}, {Threshold: "psi", Segment: "no name"}, {Threshold: "psi", Feature: "_class"}, {Threshold: "psi", Value: 1e300}},
		Findings:      []wire.Finding{{Feature: "_score", Statistic: "psi"}, {Segment: "A", Statistic: "psi"}, {Effect: 1e300}, {Statistic: "psi", Effect: 1}},
	})})
	got := s.Analyses[0]
	if len(got.Thresholds) != 1 || got.Thresholds[0].Value != "" || len(got.Worst) != 1 || got.CoveragePercent != "" {
		t.Errorf("got %+v", got)
	}
}

func TestTwoRunsThatEndTogetherDoNotAlternate(t *testing.T) {
	var s v1alpha1.ModelMonitorStatus
	runs := []Run{driftRun(t, "a", 1000, wire.OutcomeStable), driftRun(t, "b", 1000, wire.OutcomeDrift)}
	for range 3 {
		for _, r := range runs {
			Record(&s, r)
		}
		if got := s.Analyses[0].JobName; got != "b" {
			t.Errorf("job %s is on record", got)
		}
	}
}

func TestMetricsOfPerformanceAreRecorded(t *testing.T) {
	run := func(job string, finished int64, outcome wire.Outcome, recall float64) Run {
		return Run{Kind: KindPerformance, Job: job, Finished: at(finished), Message: encode(t, wire.Verdict{
			VerdictHeader: wire.VerdictHeader{Kind: KindPerformance, Outcome: outcome, From: at(finished - 1), To: at(finished), Report: job + ".json"},
			Thresholds:    []wire.ThresholdVerdict{{Threshold: "recall", Outcome: wire.OutcomeFail, Value: recall}},
			Metrics: []wire.SegmentMetrics{
				{Samples: 900, Metrics: map[wire.Signal][3]float64{wire.SignalRecall: {recall, 0.3, 0.5}, wire.SignalAUC: {0.7, 0.6, 0.8}, "Nonsense": {1, 1, 1}}},
				{Segment: "atl", Version: "v2", Samples: 90, Metrics: map[wire.Signal][3]float64{wire.SignalRecall: {0.2, 0.1, 0.3}}},
				{Segment: "No Name", Metrics: map[wire.Signal][3]float64{wire.SignalRecall: {0.2, 0.1, 0.3}}},
			},
		})}
	}
	var s v1alpha1.ModelMonitorStatus
	Record(&s, run("a", 1, wire.OutcomeViolated, 0.4))
	last := LastRun(s.Analyses, v1alpha1.AnalysisRunPerformance)
	if last.Outcome != v1alpha1.AnalysisOutcomeViolated || last.ConclusiveOutcome != v1alpha1.AnalysisOutcomeViolated {
		t.Errorf("outcome %s, conclusive %s", last.Outcome, last.ConclusiveOutcome)
	}
	want := []v1alpha1.PerformanceMetric{
		{Segment: "all", Metric: v1alpha1.SignalAUC, Value: "0.7", Low: "0.6", High: "0.8", Samples: new(int64(900))},
		{Segment: "all", Metric: v1alpha1.SignalRecall, Value: "0.4", Low: "0.3", High: "0.5", Samples: new(int64(900))},
		{Segment: "atl", Version: "v2", Metric: v1alpha1.SignalRecall, Value: "0.2", Low: "0.1", High: "0.3", Samples: new(int64(90))},
	}
	if diff := cmp.Diff(want, last.Performance); diff != "" {
		t.Error(diff)
	}
	if last.Estimates == nil || *last.Estimates != 5 {
		t.Errorf("estimates %v, want the 5 that the run made", last.Estimates)
	}
	// Drift has thresholds of its own; those of both count.
	Record(&s, driftRun(t, "d", 2, wire.OutcomeDrift))
	if got := AnalysedThresholds(s.Analyses); len(got) != 3 {
		t.Errorf("thresholds %+v", got)
	}
	Record(&s, run("b", 3, wire.OutcomeInsufficient, 0.9))
	last = LastRun(s.Analyses, v1alpha1.AnalysisRunPerformance)
	if diff := cmp.Diff(want, last.Performance); diff != "" {
		t.Errorf("a run that could not tell changed the metrics of the last conclusive one:\n%s", diff)
	}
	if last.Estimates == nil || *last.Estimates != 5 {
		t.Errorf("estimates %v, want those of the run that the metrics are of", last.Estimates)
	}
	by := v1alpha1.JudgingRun{JobName: "a", From: metav1.NewTime(at(0)), To: metav1.NewTime(at(1)), Report: "a.json"}
	if diff := cmp.Diff(by, last.JudgedBy); diff != "" || last.JobName != "b" || last.Report != "b.json" {
		t.Errorf("the last run is %s, and the metrics are said to be of:\n%s", last.JobName, diff)
	}
}

func TestOutliersAreCounted(t *testing.T) {
	var s v1alpha1.ModelMonitorStatus
	Record(&s, Run{Kind: KindOutliers, Job: "a", Finished: at(1), Message: encode(t, wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: KindOutliers, Outcome: wire.OutcomeSucceeded, Outliers: 7}})})
	if s.Outliers == nil || *s.Outliers != 7 {
		t.Errorf("outliers %v, want 7", s.Outliers)
	}
	Record(&s, Run{Kind: KindOutliers, Job: "b", Finished: at(2)})
	if s.Outliers == nil || *s.Outliers != 7 {
		t.Errorf("a failed run changed the count to %v", s.Outliers)
	}
}

func TestDriftedNamesTheOffenders(t *testing.T) {
	var s v1alpha1.ModelMonitorStatus
	var unsure v1alpha1.ModelMonitorStatus
	Record(&unsure, driftRun(t, "a", 1000, wire.OutcomeInsufficient))
	if got := Drifted(unsure.Analyses); got.Status != metav1.ConditionUnknown || got.Reason != v1alpha1.ReasonInsufficientData {
		t.Errorf("before any conclusive run: %+v", got)
	}
	if got := Drifted(nil); got.Reason != v1alpha1.ReasonNotRun {
		t.Errorf("before the first run: %+v", got)
	}
	Record(&s, driftRun(t, "a", 1000, wire.OutcomeDrift))
	if got := Drifted(s.Analyses); got.Status != metav1.ConditionTrue || got.Message != "drifted: prediction in atl, age in all" {
		t.Errorf("got %+v", got)
	}
}

func TestEnded(t *testing.T) {
	stable := encode(t, wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: KindDrift, Outcome: wire.OutcomeStable}})
	job := func(name string, finished int64) batchv1.Job {
		j := batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{naming.LabelAnalysis: KindDrift}}}
		if finished > 0 {
			j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at(finished))}}
		}
		return j
	}
	pod := func(of string, finished int64, message string) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{UID: types.UID(of), Controller: new(true)}}}}
		state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
		if finished > 0 {
			state = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(at(finished)), Message: message}}
		}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: state}}
		return p
	}
	for name, tt := range map[string]struct {
		jobs []batchv1.Job
		pods []corev1.Pod
		want []Run
	}{
		"a Job that runs has no verdict": {jobs: []batchv1.Job{job("a", 0)}, pods: []corev1.Pod{pod("a", 0, "")}},
		"a Job whose pod has ended": {
			jobs: []batchv1.Job{job("a", 10)}, pods: []corev1.Pod{pod("a", 9, stable)},
			want: []Run{{KindDrift, "a", at(10), stable, ""}},
		},
		"a Job whose pod still seems to run waits for the news": {jobs: []batchv1.Job{job("a", 10)}, pods: []corev1.Pod{pod("a", 0, "")}},
		"a Job whose pod is gone has lost its verdict": {
			jobs: []batchv1.Job{job("a", 10)}, pods: []corev1.Pod{pod("b", 9, stable)},
			want: []Run{{KindDrift, "a", at(10), "", ""}},
		},
		"of several pods, a verdict counts more than a crash after it": {
			jobs: []batchv1.Job{job("a", 10)}, pods: []corev1.Pod{pod("a", 7, stable), pod("a", 9, "panic")},
			want: []Run{{KindDrift, "a", at(10), stable, ""}},
		},
		"in the order in which they ended": {
			jobs: []batchv1.Job{job("b", 20), job("a", 10)},
			want: []Run{{KindDrift, "a", at(10), "", ""}, {KindDrift, "b", at(20), "", ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Ended(tt.jobs, tt.pods)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOneOff(t *testing.T) {
	run := func(name string, outcome v1alpha1.AnalysisOutcome, finished int64) *v1alpha1.AnalysisStatus {
		return &v1alpha1.AnalysisStatus{JobName: v1alpha1.ObjectName(name), Outcome: outcome, FinishTime: metav1.NewTime(at(finished))}
	}
	missed := run("a", v1alpha1.AnalysisOutcomeFailed, 100)
	missed.Kind, missed.Reason = v1alpha1.AnalysisRunCheck, reasonBaselineMissing
	for name, tt := range map[string]struct {
		oneOff    OneOff
		wantRun   bool
		wantAfter time.Duration
	}{
		"the first":                                                 {oneOff: OneOff{Name: "a"}, wantRun: true},
		"another than the last":                                     {oneOff: OneOff{Name: "b", Last: run("a", v1alpha1.AnalysisOutcomeSucceeded, 0)}, wantRun: true},
		"one that succeeded is done":                                {oneOff: OneOff{Name: "a", Last: run("a", v1alpha1.AnalysisOutcomeSucceeded, 0), Now: at(1e6)}},
		"one that just failed waits":                                {oneOff: OneOff{Name: "a", Last: run("a", v1alpha1.AnalysisOutcomeFailed, 100), Now: at(110)}, wantAfter: 50 * time.Second},
		"one that failed a while ago runs again":                    {oneOff: OneOff{Name: "a", Last: run("a", v1alpha1.AnalysisOutcomeFailed, 100), Now: at(160)}, wantRun: true},
		"what fails for long is tried less often":                   {oneOff: OneOff{Name: "a", Last: run("a", v1alpha1.AnalysisOutcomeFailed, 700), FailingSince: at(100), Now: at(700)}, wantAfter: 10 * time.Minute},
		"a check that misses the baseline only has found the store": {oneOff: OneOff{Name: "a", Last: missed, Now: at(1e6)}},
		"nor is it repeated when the baseline cannot be computed":   {oneOff: OneOff{Name: "a", Last: missed, Baseline: run("b", v1alpha1.AnalysisOutcomeFailed, 150), Now: at(1e6)}},
		"nor for the baseline that it misses":                       {oneOff: OneOff{Name: "a", Last: missed, Baseline: run("b", v1alpha1.AnalysisOutcomeSucceeded, 99), Now: at(1e6)}},
		"it is once the baseline has been computed since":           {oneOff: OneOff{Name: "a", Last: missed, Baseline: run("b", v1alpha1.AnalysisOutcomeSucceeded, 150), Now: at(160)}, wantRun: true},
		"at the usual pace":                                         {oneOff: OneOff{Name: "a", Last: missed, Baseline: run("b", v1alpha1.AnalysisOutcomeSucceeded, 100), Now: at(110)}, wantAfter: 50 * time.Second},
		"but never less than twice an hour":                         {oneOff: OneOff{Name: "a", Last: run("a", v1alpha1.AnalysisOutcomeFailed, 1e6), FailingSince: at(100), Now: at(1e6)}, wantAfter: 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			gotRun, gotAfter := tt.oneOff.Due()
			if gotRun != tt.wantRun || gotAfter != tt.wantAfter {
				t.Errorf("run %v, after %v; want %v, %v", gotRun, gotAfter, tt.wantRun, tt.wantAfter)
			}
		})
	}
}

func TestStoreAndBaselineErrors(t *testing.T) {
	failed := func(reason string) *v1alpha1.AnalysisStatus {
		return &v1alpha1.AnalysisStatus{JobName: "a", Outcome: v1alpha1.AnalysisOutcomeFailed, Reason: reason}
	}
	for name, tt := range map[string]struct {
		last                     *v1alpha1.AnalysisStatus
		wantStalled, wantWaiting string
	}{
		"not checked yet":                               {wantWaiting: v1alpha1.ReasonStoreChecking},
		"checked, but for another configuration":        {last: &v1alpha1.AnalysisStatus{JobName: "b"}, wantWaiting: v1alpha1.ReasonStoreChecking},
		"it works":                                      {last: &v1alpha1.AnalysisStatus{JobName: "a", Outcome: v1alpha1.AnalysisOutcomeSucceeded}},
		"it works, only the baseline is missing":        {last: failed(reasonBaselineMissing)},
		"it works, only the dataset is missing":         {last: failed(reasonDatasetMissing)},
		"refused credentials need a person":             {last: failed(reasonCredentialsRefused), wantStalled: v1alpha1.ReasonCredentialsRefused},
		"so do those of the sidecars":                   {last: failed(reasonWriterRefused), wantStalled: v1alpha1.ReasonCredentialsRefused},
		"a store that does not answer may come back":    {last: failed(reasonUnreachable), wantWaiting: v1alpha1.ReasonStoreUnreachable},
		"a lost verdict says nothing good of the store": {last: failed(reasonVerdictLost), wantWaiting: v1alpha1.ReasonStoreUnreachable},
	} {
		t.Run("store: "+name, func(t *testing.T) {
			wantError(t, StoreError(Reachable(tt.last, "a", v1alpha1.StoreCredentials{SecretName: "writer"}, ""), time.Minute), tt.wantStalled, tt.wantWaiting)
		})
	}
	for name, tt := range map[string]struct {
		last                     *v1alpha1.AnalysisStatus
		wantStalled, wantWaiting string
	}{
		"not computed yet":             {wantWaiting: v1alpha1.ReasonProgressing},
		"computed":                     {last: &v1alpha1.AnalysisStatus{JobName: "a", Outcome: v1alpha1.AnalysisOutcomeSucceeded}},
		"the dataset may come":         {last: failed(reasonDatasetMissing), wantWaiting: v1alpha1.ReasonBaselineMissing},
		"the store may come back":      {last: failed(reasonUnreachable), wantWaiting: v1alpha1.ReasonRunFailed},
		"a broken dataset stays so":    {last: failed("DatasetUnusable"), wantStalled: v1alpha1.ReasonRunFailed},
		"a lost verdict is tried anew": {last: failed(reasonVerdictLost), wantWaiting: v1alpha1.ReasonRunFailed},
	} {
		t.Run("baseline: "+name, func(t *testing.T) {
			wantError(t, BaselineError(tt.last, "a", "may.parquet", time.Minute, ""), tt.wantStalled, tt.wantWaiting)
		})
	}
}

func TestRecordKeepsOneOfEachKindInOrder(t *testing.T) {
	var s v1alpha1.ModelMonitorStatus
	for i, kind := range []string{KindOutliers, KindCheck, KindDrift, KindBaseline, KindCheck} {
		Record(&s, Run{Kind: kind, Job: kind, Finished: at(int64(i + 1))})
	}
	if len(s.Analyses) != 4 || !slices.IsSortedFunc(s.Analyses, func(a, b v1alpha1.AnalysisStatus) int {
		if a.Kind < b.Kind {
			return -1
		}
		return 1
	}) {
		t.Errorf("got %+v", s.Analyses)
	}
}

func TestALostVerdictTellsWhyTheJobFailed(t *testing.T) {
	var s v1alpha1.ModelMonitorStatus
	Record(&s, Run{Kind: KindCheck, Job: "a", Finished: at(1), Failure: batchv1.JobReasonDeadlineExceeded})
	if got := s.Analyses[0]; got.Reason != reasonVerdictLost || !strings.Contains(got.Message, "DeadlineExceeded") {
		t.Errorf("got %s %q", got.Reason, got.Message)
	}
}

func TestDelay(t *testing.T) {
	job := func(change func(*batchv1.JobStatus)) *batchv1.Job {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "job", UID: "job", CreationTimestamp: metav1.NewTime(at(1000))}}
		if change != nil {
			change(&j.Status)
		}
		return j
	}
	pod := func(status corev1.PodStatus) []corev1.Pod {
		return []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{UID: "job", Controller: new(true)}}}, Status: status}}
	}
	waits := func(reason string) []corev1.Pod {
		return pod(corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}})
	}
	for name, tt := range map[string]struct {
		job       *batchv1.Job
		pods      []corev1.Pod
		now       int64
		want      string
		wantAgain time.Duration
	}{
		"a Job just made has no pod yet":      {now: 1010, wantAgain: 20 * time.Second},
		"one that gets none":                  {now: 1030, want: "FailedCreate"},
		"a pod of another Job is none":        {now: 1030, pods: []corev1.Pod{{}}, want: "FailedCreate"},
		"a container that is on its way":      {now: 1100, pods: waits("ContainerCreating")},
		"an image that cannot be pulled":      {pods: waits("ImagePullBackOff"), want: "ImagePullBackOff"},
		"the same between two attempts":       {pods: waits("ErrImagePull"), want: "ImagePullBackOff"},
		"a configuration that cannot be used": {pods: waits("CreateContainerConfigError"), want: "CreateContainerConfigError"},
		"no node for it": {
			pods: pod(corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable}}}),
			want: "Unschedulable",
		},
		"a pod that runs": {job: job(func(s *batchv1.JobStatus) { s.Ready = new(int32(1)) }), pods: waits("ImagePullBackOff")},
		"a Job that has ended": {now: 2000, job: job(func(s *batchv1.JobStatus) {
			s.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			j := tt.job
			if j == nil {
				j = job(nil)
			}
			got, again := Delay(j, tt.pods, at(tt.now))
			if !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") || again != tt.wantAgain {
				t.Errorf("%q, again after %v; want %q, %v", got, again, tt.want, tt.wantAgain)
			}
		})
	}
}

func TestBaselineRun(t *testing.T) {
	run := func(kind v1alpha1.AnalysisRunKind, finished int64, outcome v1alpha1.AnalysisOutcome, reason string) v1alpha1.AnalysisStatus {
		return v1alpha1.AnalysisStatus{Kind: kind, JobName: "check", FinishTime: metav1.NewTime(at(finished)), Outcome: outcome, Reason: reason}
	}
	baseline := run(v1alpha1.AnalysisRunBaseline, 100, v1alpha1.AnalysisOutcomeSucceeded, "")
	for name, tt := range map[string]struct {
		runs  []v1alpha1.AnalysisStatus
		check string
		want  bool
	}{
		"never computed":                   {check: "check"},
		"computed, and not looked for":     {runs: []v1alpha1.AnalysisStatus{baseline}, check: "check", want: true},
		"found":                            {runs: []v1alpha1.AnalysisStatus{baseline, run(v1alpha1.AnalysisRunCheck, 200, v1alpha1.AnalysisOutcomeSucceeded, "")}, check: "check", want: true},
		"missed before it was computed":    {runs: []v1alpha1.AnalysisStatus{baseline, run(v1alpha1.AnalysisRunCheck, 50, v1alpha1.AnalysisOutcomeFailed, reasonBaselineMissing)}, check: "check", want: true},
		"missed since":                     {runs: []v1alpha1.AnalysisStatus{baseline, run(v1alpha1.AnalysisRunCheck, 200, v1alpha1.AnalysisOutcomeFailed, reasonBaselineMissing)}, check: "check"},
		"missed with its dataset":          {runs: []v1alpha1.AnalysisStatus{baseline, run(v1alpha1.AnalysisRunCheck, 200, v1alpha1.AnalysisOutcomeFailed, reasonDatasetMissing)}, check: "check"},
		"missed in another store":          {runs: []v1alpha1.AnalysisStatus{baseline, run(v1alpha1.AnalysisRunCheck, 200, v1alpha1.AnalysisOutcomeFailed, reasonBaselineMissing)}, check: "other", want: true},
		"a run that failed keeps its pace": {runs: []v1alpha1.AnalysisStatus{run(v1alpha1.AnalysisRunBaseline, 100, v1alpha1.AnalysisOutcomeFailed, ""), run(v1alpha1.AnalysisRunCheck, 200, v1alpha1.AnalysisOutcomeFailed, reasonBaselineMissing)}, check: "check", want: true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := BaselineRun(tt.runs, tt.check) != nil; got != tt.want {
				t.Errorf("the run holds: %v, want %v", got, tt.want)
			}
		})
	}
}
