// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/prometheus"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/kstatus"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// fixture drives a Reconciler of the monitor called fraud by hand against a real API server, under the manager's generated role.
type fixture struct {
	*Reconciler
	t        *testing.T
	admin    client.WithWatch
	requests *apiserver.Requests
	recorder *events.FakeRecorder
	ns       string
	now      time.Time
	prom     *fakePrometheus
	apis     *fakeAPIs
}

type fakePrometheus struct {
	samples []monitor.Sample
	err     error
}

func (f *fakePrometheus) Thresholds(context.Context, prometheus.Server, string, string) ([]monitor.Sample, error) {
	return f.samples, f.err
}

type fakeAPIs struct {
	available bool
	err       error
}

func (f *fakeAPIs) Available(context.Context, ...schema.GroupVersionKind) (bool, error) {
	return f.available, f.err
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	server := apiserver.Get(t)
	f := &fixture{
		t: t, admin: server.Client(t, server.Config), requests: &apiserver.Requests{}, recorder: events.NewFakeRecorder(100),
		ns: server.Namespace(t, nil), now: time.Now().Truncate(time.Second), prom: &fakePrometheus{}, apis: &fakeAPIs{},
	}
	c := server.Client(t, f.requests.Observe(server.As(t, "vedette-manager", apiserver.ManagerRole(t))))
	f.Reconciler = &Reconciler{
		Client: c, Live: c, Recorder: f.recorder, APIs: f.apis, Prometheus: f.prom,
		Images: Images{Capture: "capture:test", Analyze: "analyze:test"},
		Now:    func() time.Time { return f.now },
	}
	return f
}

func (f *fixture) create(objs ...client.Object) {
	f.t.Helper()
	for _, o := range objs {
		if err := f.admin.Create(f.t.Context(), o); err != nil {
			f.t.Fatal(err)
		}
	}
}

// class makes a class of the namespace's own name, so that tests do not meet.
func (f *fixture) class() *v1alpha1.MonitorClass {
	f.t.Helper()
	c := wrappers.MakeClass(f.ns)
	f.create(c)
	f.t.Cleanup(func() { _ = f.admin.Delete(context.Background(), c) })
	return c
}

func (f *fixture) get() *v1alpha1.ModelMonitor {
	f.t.Helper()
	m := &v1alpha1.ModelMonitor{}
	if err := f.admin.Get(f.t.Context(), client.ObjectKey{Namespace: f.ns, Name: "fraud"}, m); err != nil {
		f.t.Fatal(err)
	}
	return m
}

// reconcile reconciles a monitor once and checks what others make of its conditions.
func (f *fixture) reconcile() ctrl.Result {
	f.t.Helper()
	result, err := f.Reconcile(f.t.Context(), f.get())
	if err != nil {
		f.t.Fatal(err)
	}
	m := f.get()
	kstatus.Check(f.t, m.Generation, m.Status.ObservedGeneration, m.Status.Conditions)
	return result
}

// settle reconciles until nothing is sent any more; it must not take long.
func (f *fixture) settle() *v1alpha1.ModelMonitor {
	f.t.Helper()
	for range 5 {
		f.requests.Mutating()
		f.reconcile()
		if len(f.requests.Mutating()) == 0 {
			return f.get()
		}
	}
	f.t.Fatal("five reconciliations were not enough")
	return nil
}

func (f *fixture) condition(kind string, status metav1.ConditionStatus, reason string) {
	f.t.Helper()
	for _, c := range f.get().Status.Conditions {
		if c.Type == kind {
			if c.Status != status || c.Reason != reason {
				f.t.Errorf("%s is %s %s (%s), want %s %s", kind, c.Status, c.Reason, c.Message, status, reason)
			}
			return
		}
	}
	f.t.Errorf("there is no condition %s", kind)
}

func (f *fixture) noCondition(kind string) {
	f.t.Helper()
	for _, c := range f.get().Status.Conditions {
		if c.Type == kind {
			f.t.Errorf("there is a condition %s: %s %s", kind, c.Status, c.Reason)
		}
	}
}

// finish does what Job controller and kubelet would: the Job ends, and its pod leaves a verdict.
func (f *fixture) finish(job string, v wire.Verdict) {
	f.t.Helper()
	message, err := wire.EncodeVerdict(v)
	if err != nil {
		f.t.Fatal(err)
	}
	f.finishWith(job, string(message))
}

// finishWith is finish with any termination message.
func (f *fixture) finishWith(job, message string) {
	f.t.Helper()
	ctx := f.t.Context()
	j := &batchv1.Job{}
	if err := f.admin.Get(ctx, client.ObjectKey{Namespace: f.ns, Name: job}, j); err != nil {
		f.t.Fatal(err)
	}
	at := metav1.NewTime(f.now)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: f.ns, GenerateName: job + "-", Labels: j.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(j, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec: j.Spec.Template.Spec,
	}
	f.create(pod)
	pod.Status.Phase = corev1.PodSucceeded
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: pod.Spec.Containers[0].Name, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: at, Message: message}},
	}}
	f.updateStatus(pod)
	j.Status.StartTime, j.Status.CompletionTime, j.Status.Succeeded = &at, &at, 1
	for _, kind := range []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete} {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: at, LastProbeTime: at})
	}
	f.updateStatus(j)
}

func (f *fixture) updateStatus(o client.Object) {
	f.t.Helper()
	if err := f.admin.Status().Update(f.t.Context(), o); err != nil {
		f.t.Fatal(err)
	}
}

// check finishes the check of the store that a monitor wants.
func (f *fixture) check(v wire.Verdict) {
	f.t.Helper()
	f.finish(f.job(monitor.KindCheck), v)
}

// job is the name of the only Job of a kind.
func (f *fixture) job(kind string) string {
	f.t.Helper()
	var jobs batchv1.JobList
	if err := f.admin.List(f.t.Context(), &jobs, client.InNamespace(f.ns), client.MatchingLabels{naming.LabelMonitor: "fraud", naming.LabelAnalysis: kind}); err != nil {
		f.t.Fatal(err)
	}
	if len(jobs.Items) != 1 {
		f.t.Fatalf("%d Jobs of kind %s, want one", len(jobs.Items), kind)
	}
	return jobs.Items[0].Name
}

func succeeded(kind string) wire.Verdict {
	return wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: kind, Outcome: wire.OutcomeSucceeded}}
}

func failed(kind, reason string) wire.Verdict {
	return wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: kind, Outcome: wire.OutcomeFailed, Reason: reason, Message: "it went wrong"}}
}

// pod makes a pod of the Deployment fraud, with a sidecar of the revision, or bare where it is empty, in a state.
func (f *fixture) pod(name, revision string, sidecar corev1.ContainerState) *corev1.Pod {
	f.t.Helper()
	d := wrappers.MakeDeployment(f.ns, "fraud", wrappers.Injected("fraud"))
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: name, Labels: d.Spec.Template.Labels}, Spec: d.Spec.Template.Spec}
	if revision != "" {
		p.Annotations = map[string]string{naming.AnnotationSidecar: revision}
		p.Spec.InitContainers = []corev1.Container{{Name: naming.SidecarContainer, Image: "capture:test", Args: []string{"--upstream", "127.0.0.1:8080"}, RestartPolicy: new(corev1.ContainerRestartPolicyAlways)}}
	}
	f.create(p)
	p.Status.Phase = corev1.PodRunning
	if revision != "" {
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: naming.SidecarContainer, Ready: sidecar.Running != nil, State: sidecar}}
	}
	f.updateStatus(p)
	return p
}

// config is the configuration document that sidecars get.
func (f *fixture) config() wire.Config {
	f.t.Helper()
	cm := &corev1.ConfigMap{}
	if err := f.admin.Get(f.t.Context(), client.ObjectKey{Namespace: f.ns, Name: naming.Config("fraud")}, cm); err != nil {
		f.t.Fatal(err)
	}
	c, _, err := wire.Decode([]byte(cm.Data[naming.ConfigFile]))
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// change changes the monitor.
func (f *fixture) change(with func(*v1alpha1.ModelMonitor)) {
	f.t.Helper()
	m := f.get()
	with(m)
	if err := f.admin.Update(f.t.Context(), m); err != nil {
		f.t.Fatal(err)
	}
}

// changeClass changes the monitor's class.
func (f *fixture) changeClass(with func(*v1alpha1.MonitorClassSpec)) {
	f.t.Helper()
	c := &v1alpha1.MonitorClass{}
	if err := f.admin.Get(f.t.Context(), client.ObjectKey{Name: f.ns}, c); err != nil {
		f.t.Fatal(err)
	}
	with(&c.Spec)
	if err := f.admin.Update(f.t.Context(), c); err != nil {
		f.t.Fatal(err)
	}
}
