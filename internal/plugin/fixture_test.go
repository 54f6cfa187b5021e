// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

var now = time.Date(2001, 6, 30, 12, 10, 0, 0, time.UTC)

// fixture runs commands against a cluster of objects.
type fixture struct {
	t      *testing.T
	client client.WithWatch
	// printed is what the pods of Jobs print.
	printed string
	// answers are those of Services, by service:port/path.
	answers map[string]string
	// forbids is why rollouts may not be listed; nil when they may.
	forbids error
}

// known are the kinds, which are registered once for all fixtures.
var known = sync.OnceValues(kinds)

func newFixture(t *testing.T, objs ...client.Object) *fixture {
	t.Helper()
	s, err := known()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t}
	f.client = fake.NewClientBuilder().WithScheme(s).WithObjects(objs...).WithStatusSubresource(objs...).
		WithIndex(&batchv1.Job{}, "metadata.name", func(o client.Object) []string { return []string{o.GetName()} }).
		WithInterceptorFuncs(interceptor.Funcs{List: f.list}).Build()
	return f
}

func (f *fixture) list(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*v1alpha1.ShadowRolloutList); ok && f.forbids != nil {
		return f.forbids
	}
	return c.List(ctx, list, opts...)
}

func (f *fixture) plugin(stdout, stderr io.Writer) *Plugin {
	return &Plugin{Stdout: stdout, Stderr: stderr, Now: func() time.Time { return now }, connect: func(flags *clusterFlags) (*cluster, error) {
		c := &cluster{client: f.client, namespace: "flights",
			logs: func(context.Context, string, string) (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader(f.printed)), nil
			},
			proxied: func(_ context.Context, _, service, port, path string) ([]byte, error) {
				if a, ok := f.answers[service+":"+port+"/"+path]; ok {
					return []byte(a), nil
				}
				return nil, errors.New("the server could not find the requested resource")
			},
		}
		if n := flags.overrides.Context.Namespace; n != "" {
			c.namespace = n
		}
		return c, nil
	}}
}

// run runs a command, and holds its output to the width of a terminal.
func (f *fixture) run(args ...string) (code int, stdout, stderr string) {
	f.t.Helper()
	var out, errs bytes.Buffer
	code = f.plugin(&out, &errs).Run(f.t.Context(), args)
	for line := range strings.Lines(out.String()) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > width && !strings.Contains(strings.Join(args, " "), "json") {
			f.t.Errorf("a line is wider than %d columns: %q", width, line)
		}
	}
	return code, out.String(), errs.String()
}

// must runs a command that is to succeed.
func (f *fixture) must(args ...string) string {
	f.t.Helper()
	code, stdout, stderr := f.run(args...)
	if code != exitDone {
		f.t.Fatalf("kubectl vedette %s: exit code %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

// flights is a monitor whose model regresses in one segment.
func flights() *v1alpha1.ModelMonitor {
	m := wrappers.MakeMonitor("flights", "flights").UID("uid-flights").Class("standard").Binary().
		Segment("atl", "f.origin == 'ATL'").Segment("lax", "f.origin == 'LAX'").Dataset("baselines/may.parquet").
		Threshold(v1alpha1.Threshold{Name: "score-drift", Signal: v1alpha1.SignalPredictionDrift, Max: "0.2", Severity: v1alpha1.SeverityCritical}).
		Threshold(v1alpha1.Threshold{Name: "p99", Signal: v1alpha1.SignalLatencySeconds, Quantile: "0.99", Max: "0.25", Severity: v1alpha1.SeverityWarning}).Obj()
	m.CreationTimestamp = ago(50 * time.Hour)
	m.Status = v1alpha1.ModelMonitorStatus{
		Target: "Deployment/flights", ClassName: "standard", Mode: v1alpha1.ModeEnforce, Outliers: new(int64(205)),
		Capture: v1alpha1.CaptureStatus{Pods: new(int32(3)), InjectedPods: new(int32(3)), CurrentPods: new(int32(2))},
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded, LastTransitionTime: ago(49 * time.Hour)},
			{Type: v1alpha1.ConditionCaptureInjected, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonPodsOutdated, LastTransitionTime: ago(3 * time.Minute),
				Message: "1 of 3 pods runs an older sidecar: restart them when it suits you, with kubectl -n flights rollout restart deployment/flights"},
			{Type: v1alpha1.ConditionWithinThresholds, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonViolated, LastTransitionTime: ago(10 * time.Minute),
				Message: "violated: score-drift in atl"},
			{Type: v1alpha1.ConditionDriftDetected, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonDrifted, LastTransitionTime: ago(10 * time.Minute),
				Message: "drifted: delay in atl, prediction in atl"},
			{Type: v1alpha1.ConditionStoreReachable, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReachable, LastTransitionTime: ago(49 * time.Hour)},
		},
		Violations: []v1alpha1.Violation{{ThresholdName: "score-drift", Segment: "atl", StartTime: ago(9 * time.Minute)}},
		Analyses: []v1alpha1.AnalysisStatus{
			{
				Kind: v1alpha1.AnalysisRunDrift, JobName: "flights-drift-16537690", Outcome: v1alpha1.AnalysisOutcomeDrift, FinishTime: ago(10 * time.Minute), LastSuccessTime: ago(10 * time.Minute),
				From: ago(70 * time.Minute), To: ago(10 * time.Minute), Rows: new(int64(48000)), CoveragePercent: "100", Report: "reports/drift/w/r/report.json",
				ConclusiveOutcome: v1alpha1.AnalysisOutcomeDrift,
				JudgedBy:          v1alpha1.JudgingRun{JobName: "flights-drift-16537690", From: ago(70 * time.Minute), To: ago(10 * time.Minute), Report: "reports/drift/w/r/report.json"},
				Thresholds: []v1alpha1.ThresholdVerdict{
					{Name: "score-drift", Segment: "atl", Outcome: v1alpha1.ThresholdFail, Value: "0.2464"},
					{Name: "score-drift", Segment: "all", Outcome: v1alpha1.ThresholdPass, Value: "0.06313"},
				},
				Worst: []v1alpha1.Finding{
					{Feature: "delay", Segment: "atl", Statistic: "psi", Effect: "0.4228"},
					{Feature: "prediction", Segment: "atl", Statistic: "psi", Effect: "0.2464"},
				},
			},
			{
				Kind: v1alpha1.AnalysisRunOutliers, JobName: "flights-outliers-16537690", Outcome: v1alpha1.AnalysisOutcomeFailed, Reason: "Unreachable",
				Message: "the store did not answer: dial tcp 192.0.2.1:9000: i/o timeout", FinishTime: ago(20 * time.Minute),
			},
		},
	}
	return m
}

// young is a monitor that nothing is known of yet.
func young() *v1alpha1.ModelMonitor {
	m := wrappers.MakeMonitor("flights", "young").UID("uid-young").Obj()
	m.CreationTimestamp = ago(30 * time.Second)
	return m
}

// cronOf is the CronJob of an analysis of a monitor.
func cronOf(m *v1alpha1.ModelMonitor, kind string) *batchv1.CronJob {
	labels := map[string]string{naming.LabelMonitor: m.Name, naming.LabelRole: naming.RoleAnalysis, naming.LabelAnalysis: kind, naming.LabelManagedBy: naming.ManagedBy}
	return &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: m.Namespace, Name: naming.CronJob(m.Name, kind), UID: types.UID("uid-" + kind), Labels: labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(m, v1alpha1.GroupVersion.WithKind("ModelMonitor"))},
		},
		Spec: batchv1.CronJobSpec{Schedule: "7 3 * * *", Suspend: new(false), JobTemplate: batchv1.JobTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec: batchv1.JobSpec{BackoffLimit: new(int32(2)), Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{
					Name: "analyze", Image: "analyze:test",
					Args: []string{kind, "--config", "/etc/vedette/config/config.v1.json", "--credentials", "/etc/vedette/store", "--verdict-file", "/dev/termination-log"},
				}}},
			}},
		}},
	}
}

// finishing ends every Job that is made with a verdict, and yields the Jobs.
func (f *fixture) finishing(v wire.Verdict) <-chan *batchv1.Job {
	f.t.Helper()
	message, err := wire.EncodeVerdict(v)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.ending(string(message))
}

// ending ends every Job that is made, as Job controller and kubelet would, with a termination message.
func (f *fixture) ending(message string) <-chan *batchv1.Job {
	f.t.Helper()
	w, err := f.client.Watch(f.t.Context(), &batchv1.JobList{})
	if err != nil {
		f.t.Fatal(err)
	}
	made, done := make(chan *batchv1.Job, 8), make(chan struct{})
	f.t.Cleanup(func() { w.Stop(); <-done })
	go func() {
		defer close(done)
		for event := range w.ResultChan() {
			if j, ok := event.Object.(*batchv1.Job); ok && event.Type == watch.Added {
				made <- j.DeepCopy()
				finish(f.t, f.client, j.DeepCopy(), message)
			}
		}
	}()
	return made
}

// finish ends a Job with what its container left behind.
func finish(t *testing.T, c client.Client, j *batchv1.Job, message string) {
	ctx := t.Context()
	labels := map[string]string{batchv1.JobNameLabel: j.Name}
	maps.Copy(labels, j.Spec.Template.Labels)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.Namespace, Name: j.Name + "-x", Labels: labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(j, batchv1.SchemeGroupVersion.WithKind("Job"))}},
		Spec: j.Spec.Template.Spec,
	}
	pod.Spec.NodeName = nodeOf(j.Namespace)
	if err := c.Create(ctx, pod); err != nil {
		t.Errorf("making a pod: %v", err)
		return
	}
	at := metav1.NewTime(now)
	pod.Status = corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "analyze", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: at, Message: message}},
	}}}
	if err := c.Status().Update(ctx, pod); err != nil {
		t.Errorf("ending a pod: %v", err)
	}
	j.Status = batchv1.JobStatus{StartTime: &at, CompletionTime: &at, Succeeded: 1, Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue, LastTransitionTime: at, LastProbeTime: at},
		{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: at, LastProbeTime: at},
	}}
	if err := c.Status().Update(ctx, j); err != nil {
		t.Errorf("ending a Job: %v", err)
	}
}
