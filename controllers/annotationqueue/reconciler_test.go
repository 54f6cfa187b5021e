// SPDX-License-Identifier: Apache-2.0

package annotationqueue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/kstatus"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

var onSQLite = []string{"ConfigMap", "Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service"}

func TestFromFirstSightToReady(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	f.create(wrappers.MakeQueue(f.ns, "desk", "fraud").Obj())
	q := f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonProgressing)
	f.condition(v1alpha1.ConditionServing, metav1.ConditionUnknown, v1alpha1.ReasonStarting)
	f.condition(v1alpha1.ConditionPrometheusAvailable, metav1.ConditionFalse, v1alpha1.ReasonDependencyMissing)
	f.noCondition(v1alpha1.ConditionExposed)
	if diff := cmp.Diff(onSQLite, f.children()); diff != "" {
		t.Error(diff)
	}
	if *q.Status.Monitors != 1 || string(q.Status.ClassName) != f.ns || q.Status.Address != "http://desk-review."+f.ns+".svc" {
		t.Errorf("status %+v", q.Status)
	}
	if d := f.document(); len(d.Monitors) != 1 || d.Monitors[0].Name != "fraud" || len(d.Monitors[0].Schema.Features) != 2 {
		t.Errorf("monitors %+v", d.Monitors)
	}

	f.serve(1)
	q = f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	f.condition(v1alpha1.ConditionServing, metav1.ConditionTrue, v1alpha1.ReasonServing)
	if got := kstatus.Of(q.Generation, q.Status.ObservedGeneration, q.Status.Conditions); got != kstatus.Current {
		t.Errorf("kstatus %s, want Current", got)
	}

	f.serve(0)
	f.now = f.now.Add(time.Hour)
	f.settle()
	f.condition(v1alpha1.ConditionServing, metav1.ConditionFalse, v1alpha1.ReasonUnavailable)
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonUnavailable)
	var told bool
	for len(f.recorder.Events) > 0 {
		e := <-f.recorder.Events
		told = told || strings.HasPrefix(e, "Warning Unavailable") && strings.Contains(e, "desk-users")
	}
	if !told {
		t.Error("no event tells that the page is not served, and which Secret it needs")
	}
}

// TestPodsAreAdmitted has the pods of both kinds admitted by a namespace that enforces the restricted Pod Security Standard.
func TestPodsAreAdmitted(t *testing.T) {
	for name, q := range map[string]*wrappers.Queue{"sqlite": wrappers.MakeQueue("", "desk", "fraud"), "postgres": wrappers.MakeQueue("", "desk", "fraud").Postgres("db")} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.fraud()
			q.Namespace = f.ns
			f.create(q.Obj())
			f.settle()
			d := &appsv1.Deployment{}
			f.child(d)
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "pod", Labels: d.Spec.Template.Labels}, Spec: d.Spec.Template.Spec}
			if err := f.admin.Create(t.Context(), pod, client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStorageChangesAndTheVolumeStays(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	f.create(wrappers.MakeQueue(f.ns, "desk", "fraud").Obj())
	f.settle()
	strategy := func() (appsv1.DeploymentStrategyType, int32) {
		d := &appsv1.Deployment{}
		f.child(d)
		return d.Spec.Strategy.Type, *d.Spec.Replicas
	}
	if kind, replicas := strategy(); kind != appsv1.RecreateDeploymentStrategyType || replicas != 1 {
		t.Errorf("on SQLite: %s of %d pods", kind, replicas)
	}

	f.change(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Storage = v1alpha1.QueueStorage{Postgres: v1alpha1.PostgresStorage{SecretName: "db", Replicas: 3}}
	})
	f.settle()
	if kind, replicas := strategy(); kind != appsv1.RollingUpdateDeploymentStrategyType || replicas != 3 {
		t.Errorf("on Postgres: %s of %d pods", kind, replicas)
	}
	if !f.child(&corev1.PersistentVolumeClaim{}) || !f.child(&policyv1.PodDisruptionBudget{}) {
		t.Error("on Postgres: the volume is gone, or there is no disruption budget")
	}

	f.change(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Storage = v1alpha1.QueueStorage{SQLite: v1alpha1.SQLiteStorage{Size: new(resource.MustParse("1Gi"))}}
	})
	f.settle()
	if kind, replicas := strategy(); kind != appsv1.RecreateDeploymentStrategyType || replicas != 1 {
		t.Errorf("back on SQLite: %s of %d pods", kind, replicas)
	}
	if f.child(&policyv1.PodDisruptionBudget{}) {
		t.Error("back on SQLite: a disruption budget for one pod keeps nodes from being drained")
	}
	claim := &corev1.PersistentVolumeClaim{}
	f.child(claim)
	if got := claim.Spec.Resources.Requests[corev1.ResourceStorage]; got.String() != "5Gi" {
		t.Errorf("the volume has %s, want what it had", got.String())
	}

	f.change(func(s *v1alpha1.AnnotationQueueSpec) { s.Mode = v1alpha1.QueueModeSuspended })
	f.settle()
	if _, replicas := strategy(); replicas != 0 {
		t.Errorf("suspended: %d pods", replicas)
	}
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	f.condition(v1alpha1.ConditionServing, metav1.ConditionFalse, v1alpha1.ReasonSuspended)
	if !f.child(claim) {
		t.Error("suspended: the volume is gone")
	}
}

func TestWhatMayChangeRestartsNothing(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	f.create(wrappers.MakeQueue(f.ns, "desk", "fraud").Obj())
	f.settle()
	generation := func() int64 {
		d := &appsv1.Deployment{}
		f.child(d)
		return d.Generation
	}
	before, revision := generation(), f.document().Revision
	f.change(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Budget.ItemsPerDay, s.Overlap, s.Question.Text, s.Redact.Features = 10, 2, "Which?", []v1alpha1.FeatureName{"age"}
	})
	f.settle()
	if d := f.document(); d.Revision == revision || d.Budget.ItemsPerDay != 10 {
		t.Errorf("the configuration stays at revision %s", d.Revision)
	}
	if generation() != before {
		t.Error("the pods restart for what they read again")
	}
	f.change(func(s *v1alpha1.AnnotationQueueSpec) { s.Access.URL = "https://desk.example.com" })
	f.settle()
	if generation() == before {
		t.Error("the pods do not restart for what they read once")
	}
}

func TestMonitorsThatComeAndGo(t *testing.T) {
	f := newFixture(t)
	f.create(wrappers.MakeQueue(f.ns, "desk", "fraud", "churn").Obj())
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMonitorNotFound)
	if got := f.children(); len(got) != 0 {
		t.Errorf("children of a queue that nothing feeds: %v", got)
	}

	f.fraud()
	q := f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMonitorNotFound)
	if *q.Status.Monitors != 1 || !slices.Equal(f.children(), onSQLite) {
		t.Errorf("one of two monitors is there: %d feed the queue, which has %v", *q.Status.Monitors, f.children())
	}

	other := wrappers.MakeClass(f.ns + "-other")
	churn := wrappers.MakeMonitor(f.ns, "churn").Class(other.Name).Obj()
	f.create(other, churn)
	before := f.document()
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonClassMismatch)
	if diff := cmp.Diff(before, f.document()); diff != "" {
		t.Errorf("a queue that is stalled goes on as it was:\n%s", diff)
	}

	churn.Spec.ClassName = v1alpha1.ObjectName(f.ns)
	if err := f.admin.Update(t.Context(), churn); err != nil {
		t.Fatal(err)
	}
	f.serve(1)
	q = f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	if len(f.document().Monitors) != 2 || *q.Status.Monitors != 2 {
		t.Errorf("%d monitors feed the queue", *q.Status.Monitors)
	}

	fraud := &v1alpha1.ModelMonitor{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "fraud"}}
	for _, m := range []client.Object{fraud, churn} {
		if err := f.admin.Delete(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMonitorNotFound)
	f.condition(v1alpha1.ConditionServing, metav1.ConditionTrue, v1alpha1.ReasonServing)
	if !slices.Equal(f.children(), onSQLite) {
		t.Errorf("the page went with the monitors, and with it what people have not finished: %v", f.children())
	}
}

func TestWhatIsInvalidChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	f.create(wrappers.MakeQueue(f.ns, "desk", "fraud").Obj())
	f.settle()
	before := f.document()
	f.change(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Overlap, s.Redact.Features = 2, []v1alpha1.FeatureName{"county"}
	})
	q := f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonUnknownFeature)
	if got := kstatus.Of(q.Generation, q.Status.ObservedGeneration, q.Status.Conditions); got != kstatus.Failed {
		t.Errorf("kstatus %s, want Failed", got)
	}
	if diff := cmp.Diff(before, f.document()); diff != "" {
		t.Error(diff)
	}
}

func TestANameThatIsTakenIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	theirs := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: naming.Review("desk")}}
	theirs.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	theirs.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	f.create(theirs, wrappers.MakeQueue(f.ns, "desk", "fraud").Obj())
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNameConflict)
	if c := f.get().Status.Conditions; !slices.ContainsFunc(c, func(c metav1.Condition) bool {
		return strings.Contains(c.Message, `the PersistentVolumeClaim "desk-review"`) && strings.Contains(c.Message, "rename the AnnotationQueue")
	}) {
		t.Errorf("nothing says what to do: %+v", c)
	}
	got := &corev1.PersistentVolumeClaim{}
	if f.child(got); got.ResourceVersion != theirs.ResourceVersion {
		t.Error("the claim of somebody else was written")
	}
	if err := f.admin.Delete(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	held := &corev1.PersistentVolumeClaim{}
	if f.child(held) { // the API server protects claims until a controller that is not here lets go
		held.Finalizers = nil
		if err := f.admin.Update(t.Context(), held); err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	f.settle()
	f.noCondition(v1alpha1.ConditionStalled)
}

func TestUserObjectsAreNeverWritten(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "desk-users"}, StringData: map[string]string{"users": "alice"}}
	f.create(secret, wrappers.MakeQueue(f.ns, "desk", "fraud").Obj())
	f.settle()
	if err := f.Client.Get(t.Context(), client.ObjectKeyFromObject(secret), &corev1.Secret{}); !apierrors.IsForbidden(err) {
		t.Errorf("the manager may read Secrets: %v", err)
	}
	for _, o := range []client.Object{secret, &v1alpha1.ModelMonitor{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "fraud"}}} {
		if err := f.admin.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
		for _, field := range o.GetManagedFields() {
			if field.Manager == naming.ManagedBy {
				t.Errorf("%T %s has fields of ours", o, o.GetName())
			}
		}
	}
}

func TestExposed(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	f.create(wrappers.MakeQueue(f.ns, "desk", "fraud").With(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Access = v1alpha1.QueueAccess{URL: "https://desk.example.com", Ingress: &v1alpha1.QueueIngress{ClassName: "nginx"}}
	}).Obj())
	q := f.settle()
	f.condition(v1alpha1.ConditionExposed, metav1.ConditionTrue, v1alpha1.ReasonExposed)
	ingress := &networkingv1.Ingress{}
	if !f.child(ingress) || ingress.Spec.Rules[0].Host != "desk.example.com" || q.Status.Address != "https://desk.example.com" {
		t.Errorf("ingress %+v, address %q", ingress.Spec, q.Status.Address)
	}

	f.change(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Access.Ingress = nil
		s.Access.HTTPRoute.ParentRefs = []v1alpha1.GatewayReference{{Name: "public"}}
	})
	f.settle()
	f.condition(v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonDependencyMissing)
	if f.child(ingress) {
		t.Error("an Ingress that nobody wants any more stays")
	}
	if result := f.reconcile(); result.RequeueAfter == 0 || result.RequeueAfter > absentPeriod {
		t.Errorf("the Gateway API is looked for again after %v", result.RequeueAfter)
	}

	f.change(func(s *v1alpha1.AnnotationQueueSpec) { s.Access = v1alpha1.QueueAccess{} })
	f.settle()
	f.noCondition(v1alpha1.ConditionExposed)
}

func TestWhatOthersChangeIsRestoredAndWhatTheyAddIsLeft(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	f.create(wrappers.MakeQueue(f.ns, "desk", "fraud").Obj())
	f.settle()
	d := &appsv1.Deployment{}
	f.child(d)
	d.Labels["team"] = "payments"
	if err := f.admin.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	f.requests.Mutating()
	f.reconcile()
	if got := f.requests.Mutating(); len(got) > 0 {
		t.Errorf("a label that somebody added made us send %v", got)
	}
	f.child(d)
	d.Spec.Replicas = new(int32(3)) // a second writer on one file
	if err := f.admin.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	f.settle()
	if f.child(d); *d.Spec.Replicas != 1 || d.Labels["team"] != "payments" {
		t.Errorf("%d replicas, labels %v", *d.Spec.Replicas, d.Labels)
	}
}

func TestAStaleReadLosesNothing(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	f.create(wrappers.MakeQueue(f.ns, "desk", "fraud").Obj())
	stale := f.get()
	before := f.settle()
	f.serve(1)
	result, err := f.Reconcile(t.Context(), stale)
	if err != nil || result.RequeueAfter == 0 {
		t.Errorf("a conflict gives %+v, %v; want to come again without an error", result, err)
	}
	if got := f.get(); got.ResourceVersion != before.ResourceVersion {
		t.Error("a stale read wrote status")
	}
}

func TestADeletedQueueIsForgotten(t *testing.T) {
	f := newFixture(t)
	f.fraud()
	q := wrappers.MakeQueue(f.ns, "desk", "fraud").Obj()
	q.Finalizers = []string{"test.vedette.dev/hold"}
	f.create(q)
	if err := f.admin.Delete(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	f.requests.Mutating()
	if _, err := f.Reconcile(t.Context(), f.get()); err != nil {
		t.Fatal(err)
	}
	if got := f.requests.Mutating(); len(got) > 0 {
		t.Errorf("a queue that is being deleted made us send %v", got)
	}
	held := f.get()
	held.Finalizers = nil
	if err := f.admin.Update(t.Context(), held); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}
