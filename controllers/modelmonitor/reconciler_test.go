// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/kstatus"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

// fraud makes a monitor with a baseline, its class and its Deployment.
func (f *fixture) fraud() *wrappers.Monitor {
	f.t.Helper()
	f.class()
	f.create(wrappers.MakeDeployment(f.ns, "fraud", wrappers.Injected("fraud")))
	return wrappers.MakeMonitor(f.ns, "fraud").Class(f.ns).Binary().Dataset("may.parquet").Segment("young", "f.age < 30.0").
		Threshold(v1alpha1.Threshold{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.01"}).
		Threshold(v1alpha1.Threshold{Name: "drift", Signal: v1alpha1.SignalPredictionDrift, Max: "0.2"})
}

// children are all kinds of children that the API server knows by itself.
func (f *fixture) children() []client.Object {
	f.t.Helper()
	var all []client.Object
	keep := func(o client.Object) {
		if o.GetLabels()[naming.LabelMonitor] != "" {
			all = append(all, o)
		}
	}
	in := client.InNamespace(f.ns)
	var configs corev1.ConfigMapList
	var services corev1.ServiceList
	var policies networkingv1.NetworkPolicyList
	var crons batchv1.CronJobList
	var jobs batchv1.JobList
	for _, l := range []client.ObjectList{&configs, &services, &policies, &crons, &jobs} {
		if err := f.admin.List(f.t.Context(), l, in); err != nil {
			f.t.Fatal(err)
		}
	}
	for i := range configs.Items {
		keep(&configs.Items[i])
	}
	for i := range services.Items {
		keep(&services.Items[i])
	}
	for i := range policies.Items {
		keep(&policies.Items[i])
	}
	for i := range crons.Items {
		keep(&crons.Items[i])
	}
	for i := range jobs.Items {
		keep(&jobs.Items[i])
	}
	return all
}

func names(objs []client.Object) []string {
	var all []string
	for _, o := range objs {
		all = append(all, o.GetName())
	}
	slices.Sort(all)
	return all
}

func TestFromFirstSightToReady(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())

	f.reconcile()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonStoreChecking)
	f.condition(v1alpha1.ConditionStoreReachable, metav1.ConditionUnknown, v1alpha1.ReasonStoreChecking)
	f.condition(v1alpha1.ConditionPrometheusAvailable, metav1.ConditionFalse, v1alpha1.ReasonDependencyMissing)
	f.condition(v1alpha1.ConditionDriftDetected, metav1.ConditionUnknown, v1alpha1.ReasonNotRun)
	f.settle()

	f.check(failed(monitor.KindCheck, "BaselineMissing"))
	f.settle()
	f.condition(v1alpha1.ConditionStoreReachable, metav1.ConditionTrue, v1alpha1.ReasonReachable)
	f.condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonProgressing)

	f.finish(f.job(monitor.KindBaseline), succeeded(monitor.KindBaseline))
	m := f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	if got := kstatus.Of(m.Generation, m.Status.ObservedGeneration, m.Status.Conditions); got != kstatus.Current {
		t.Errorf("kstatus %s, want Current", got)
	}
	if m.Status.Target != "Deployment/fraud" || string(m.Status.ClassName) != f.ns || m.Status.Mode != v1alpha1.ModeEnforce || m.Status.ConfigRevision == "" {
		t.Errorf("status %+v", m.Status)
	}

	children := f.children()
	var jobs int
	for _, c := range children {
		ref := metav1.GetControllerOf(c)
		if ref == nil || ref.UID != m.UID {
			t.Errorf("%T %s is not controlled by the monitor, and would outlive it", c, c.GetName())
		}
		if _, ok := c.(*batchv1.Job); ok {
			jobs++
		}
	}
	if got := names(children); jobs != 2 || len(got) != 9 || !slices.Contains(got, "fraud-drift") || !slices.Contains(got, "fraud-outliers") {
		t.Errorf("children %v", got)
	}
}

func TestUserObjectsAreNeverWritten(t *testing.T) {
	f := newFixture(t)
	m := f.fraud()
	users := []client.Object{
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "fraud"}, Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "fraud"}, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
		}},
		f.pod("fraud-1", "", corev1.ContainerState{}),
	}
	f.create(users[0], m.Obj())
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "fraud"}}
	users = append(users, deployment)
	versions := map[client.Object]string{}
	for _, o := range users {
		if err := f.admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
		versions[o] = o.GetResourceVersion()
	}
	f.settle()
	f.condition(v1alpha1.ConditionCaptureInjected, metav1.ConditionFalse, v1alpha1.ReasonPortBypassed)
	if err := f.admin.Delete(t.Context(), f.get()); err != nil {
		t.Fatal(err)
	}
	for _, o := range users {
		if err := f.admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatalf("after the monitor is deleted: %v", err)
		}
		if o.GetResourceVersion() != versions[o] {
			t.Errorf("%T %s was written", o, o.GetName())
		}
		for _, field := range o.GetManagedFields() {
			if field.Manager == naming.ManagedBy {
				t.Errorf("%T %s has fields of ours", o, o.GetName())
			}
		}
	}
}

func TestWhatOthersChangeIsRestoredAndWhatTheyAddIsLeft(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.settle()
	key := client.ObjectKey{Namespace: f.ns, Name: naming.Metrics("fraud")}

	service := &corev1.Service{}
	if err := f.admin.Get(t.Context(), key, service); err != nil {
		t.Fatal(err)
	}
	service.Labels["team"] = "payments"
	if err := f.admin.Update(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	f.reconcile()
	if got := f.requests.Mutating(); len(got) > 0 {
		t.Errorf("a label that somebody added made us send %v", got)
	}

	if err := f.admin.Get(t.Context(), key, service); err != nil {
		t.Fatal(err)
	}
	service.Spec.Selector = map[string]string{"app": "fraud"}
	if err := f.admin.Update(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	f.settle()
	if err := f.admin.Get(t.Context(), key, service); err != nil {
		t.Fatal(err)
	}
	if got := service.Spec.Selector[naming.LabelInject]; got != "fraud" || service.Labels["team"] != "payments" {
		t.Errorf("selector %v, labels %v", service.Spec.Selector, service.Labels)
	}
}

func TestANameThatIsTakenIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: naming.Config("fraud")}, Data: map[string]string{"mine": "yes"}}
	f.create(theirs, f.fraud().Obj())
	m := f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)
	if got := kstatus.Of(m.Generation, m.Status.ObservedGeneration, m.Status.Conditions); got != kstatus.Failed {
		t.Errorf("kstatus %s, want Failed", got)
	}
	got := &corev1.ConfigMap{}
	if err := f.admin.Get(t.Context(), client.ObjectKeyFromObject(theirs), got); err != nil || got.ResourceVersion != theirs.ResourceVersion {
		t.Errorf("the ConfigMap of somebody else was written: %v", err)
	}
	if err := f.admin.Delete(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.noCondition(v1alpha1.ConditionStalled)
}

func TestAStaleReadLosesNothing(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	stale := f.get()
	f.settle()
	before := f.get()
	f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 1}}
	result, err := f.Reconcile(t.Context(), stale)
	if err != nil {
		t.Fatalf("a conflict is reported as an error: %v", err)
	}
	if result.RequeueAfter == 0 {
		t.Error("after a conflict nobody looks again")
	}
	if got := f.get(); got.ResourceVersion != before.ResourceVersion {
		t.Error("a stale read wrote status")
	}
}

func TestModes(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.settle()
	f.check(succeeded(monitor.KindCheck))
	f.settle()
	f.finish(f.job(monitor.KindBaseline), succeeded(monitor.KindBaseline))
	f.settle()
	suspended := func(kind string) bool {
		cron := &batchv1.CronJob{}
		if err := f.admin.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: "fraud-" + kind}, cron); err != nil {
			t.Fatal(err)
		}
		return *cron.Spec.Suspend
	}
	for _, tt := range []struct {
		mode          v1alpha1.Mode
		wantConfig    wire.Mode
		wantSuspended bool
		wantReason    string
	}{
		{v1alpha1.ModePassThrough, wire.ModePassThrough, true, v1alpha1.ReasonSucceeded},
		{v1alpha1.ModeObserve, wire.ModeObserve, false, v1alpha1.ReasonSucceeded},
		// Suspended leaves the configuration as it is.
		{v1alpha1.ModeSuspended, wire.ModeObserve, true, v1alpha1.ReasonSuspended},
		{v1alpha1.ModeEnforce, wire.ModeEnforce, false, v1alpha1.ReasonSucceeded},
	} {
		f.change(func(m *v1alpha1.ModelMonitor) { m.Spec.Mode = tt.mode })
		f.settle()
		if got := f.config().Mode; got != tt.wantConfig {
			t.Errorf("%s: the configuration says %s, want %s", tt.mode, got, tt.wantConfig)
		}
		if got := suspended(monitor.KindDrift); got != tt.wantSuspended {
			t.Errorf("%s: the drift analysis is suspended: %v, want %v", tt.mode, got, tt.wantSuspended)
		}
		// What is stored is kept for a defined time, whether or not more is captured.
		for _, kind := range []string{monitor.KindRetention, monitor.KindCompact} {
			if got := suspended(kind); got != (tt.mode == v1alpha1.ModeSuspended) {
				t.Errorf("%s: %s is suspended: %v", tt.mode, kind, got)
			}
		}
		f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, tt.wantReason)
	}
}

func TestWhatIsNoLongerWantedIsRemoved(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.settle()
	theirs := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "theirs", Labels: map[string]string{naming.LabelMonitor: "fraud"}}}
	theirs.Spec.Schedule = "0 0 * * *"
	theirs.Spec.JobTemplate.Spec.Template.Spec = corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "c", Image: "i"}}}
	f.create(theirs)
	f.change(func(m *v1alpha1.ModelMonitor) {
		m.Spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisOutliers}}
		m.Spec.Thresholds = nil // one on drift would want the analysis
	})
	f.settle()
	got := names(f.children())
	if slices.Contains(got, "fraud-drift") {
		t.Error("the CronJob of an analysis that is gone stays")
	}
	if !slices.Contains(got, "theirs") {
		t.Error("a CronJob that is not ours was deleted for its label")
	}
	f.noCondition(v1alpha1.ConditionDriftDetected)
}

func TestReferencesThatComeLater(t *testing.T) {
	f := newFixture(t)
	f.create(wrappers.MakeMonitor(f.ns, "fraud").Class(f.ns).Obj())
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonClassNotFound)
	f.class()
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound)
	if !slices.Contains(names(f.children()), naming.Config("fraud")) {
		t.Error("the configuration waits for the target: pods would start without it")
	}
	f.create(wrappers.MakeDeployment(f.ns, "fraud", nil))
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonTemplateNotLabelled)
}

func TestBadInputIsACondition(t *testing.T) {
	f := newFixture(t)
	m := f.fraud()
	m.Spec.Segments[0].When = "f.height < 3.0"
	f.create(m.Obj())
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInvalidExpression)
	if got := f.children(); len(got) != 0 {
		t.Errorf("children of an invalid monitor: %v", names(got))
	}
}

func TestRefusedCredentialsAreTriedAgain(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.settle()
	f.check(failed(monitor.KindCheck, "CredentialsRefused"))
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonCredentialsRefused)
	f.condition(v1alpha1.ConditionStoreReachable, metav1.ConditionFalse, v1alpha1.ReasonCredentialsRefused)
	if result := f.reconcile(); result.RequeueAfter == 0 || result.RequeueAfter > time.Minute {
		t.Errorf("looks again after %v, want within a minute: no watch tells of Secrets", result.RequeueAfter)
	}

	f.now = f.now.Add(2 * time.Minute)
	f.settle() // deletes the Job that has failed, and makes it anew
	f.check(succeeded(monitor.KindCheck))
	f.settle()
	f.noCondition(v1alpha1.ConditionStalled)
	f.condition(v1alpha1.ConditionStoreReachable, metav1.ConditionTrue, v1alpha1.ReasonReachable)
}
