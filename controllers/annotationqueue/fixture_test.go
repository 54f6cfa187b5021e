// SPDX-License-Identifier: Apache-2.0

package annotationqueue

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/kstatus"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// fixture drives a Reconciler of the queue called desk by hand against a real API server, under the manager's generated role.
type fixture struct {
	*Reconciler
	t        *testing.T
	admin    client.WithWatch
	requests *apiserver.Requests
	recorder *events.FakeRecorder
	ns       string
	now      time.Time
	apis     *fakeAPIs
}

// fakeAPIs has the kinds that it names.
type fakeAPIs struct{ kinds []string }

func (f *fakeAPIs) Available(_ context.Context, kinds ...schema.GroupVersionKind) (bool, error) {
	for _, k := range kinds {
		if !slices.Contains(f.kinds, k.Kind) {
			return false, nil
		}
	}
	return true, nil
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	server := apiserver.Get(t)
	f := &fixture{
		t: t, admin: server.Client(t, server.Config), requests: &apiserver.Requests{}, recorder: events.NewFakeRecorder(100),
		ns: server.Namespace(t, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}), now: time.Now().Truncate(time.Second), apis: &fakeAPIs{},
	}
	c := server.Client(t, f.requests.Observe(server.As(t, "vedette-manager", apiserver.ManagerRole(t))))
	f.Reconciler = &Reconciler{
		Client: c, Live: c, Recorder: f.recorder, APIs: f.apis, Image: "review:test",
		Now: func() time.Time { return f.now },
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

// fraud makes a monitor with its class, which has the namespace's own name, so that tests do not meet.
func (f *fixture) fraud() {
	f.t.Helper()
	class := wrappers.MakeClass(f.ns)
	f.create(class, wrappers.MakeMonitor(f.ns, "fraud").Class(f.ns).Binary().Obj())
	f.t.Cleanup(func() { _ = f.admin.Delete(context.Background(), class) })
}

func (f *fixture) get() *v1alpha1.AnnotationQueue {
	f.t.Helper()
	q := &v1alpha1.AnnotationQueue{}
	if err := f.admin.Get(f.t.Context(), client.ObjectKey{Namespace: f.ns, Name: "desk"}, q); err != nil {
		f.t.Fatal(err)
	}
	return q
}

// reconcile reconciles the queue once and checks what others make of its conditions.
func (f *fixture) reconcile() ctrl.Result {
	f.t.Helper()
	result, err := f.Reconcile(f.t.Context(), f.get())
	if err != nil {
		f.t.Fatal(err)
	}
	q := f.get()
	kstatus.Check(f.t, q.Generation, q.Status.ObservedGeneration, q.Status.Conditions)
	return result
}

// settle reconciles until nothing is sent any more: two times must do.
func (f *fixture) settle() *v1alpha1.AnnotationQueue {
	f.t.Helper()
	f.reconcile()
	f.requests.Mutating()
	before := f.get()
	f.reconcile()
	if sent := f.requests.Mutating(); len(sent) > 0 {
		f.t.Fatalf("the second reconciliation sent %v:\n%s", sent, cmp.Diff(before.Status, f.get().Status))
	}
	return f.get()
}

func (f *fixture) condition(kind string, status metav1.ConditionStatus, reason string) {
	f.t.Helper()
	c := meta.FindStatusCondition(f.get().Status.Conditions, kind)
	if c == nil {
		f.t.Errorf("there is no condition %s", kind)
		return
	}
	if c.Status != status || c.Reason != reason {
		f.t.Errorf("%s is %s %s (%s), want %s %s", kind, c.Status, c.Reason, c.Message, status, reason)
	}
}

func (f *fixture) noCondition(kind string) {
	f.t.Helper()
	if c := meta.FindStatusCondition(f.get().Status.Conditions, kind); c != nil {
		f.t.Errorf("there is a condition %s: %s %s", kind, c.Status, c.Reason)
	}
}

// change changes the queue.
func (f *fixture) change(with func(*v1alpha1.AnnotationQueueSpec)) {
	f.t.Helper()
	q := f.get()
	with(&q.Spec)
	if err := f.admin.Update(f.t.Context(), q); err != nil {
		f.t.Fatal(err)
	}
}

// child reads the queue's object of a kind; false when there is none.
func (f *fixture) child(into client.Object) bool {
	f.t.Helper()
	err := f.admin.Get(f.t.Context(), client.ObjectKey{Namespace: f.ns, Name: naming.Review("desk")}, into)
	if client.IgnoreNotFound(err) != nil {
		f.t.Fatal(err)
	}
	return err == nil
}

// children are the kinds of all that the queue has, of those that the API server knows by itself; each must be its own.
func (f *fixture) children() []string {
	f.t.Helper()
	q := f.get()
	var kinds []string
	for kind, list := range map[string]client.ObjectList{
		"ConfigMap": &corev1.ConfigMapList{}, "Service": &corev1.ServiceList{}, "PersistentVolumeClaim": &corev1.PersistentVolumeClaimList{},
		"Deployment": &appsv1.DeploymentList{}, "NetworkPolicy": &networkingv1.NetworkPolicyList{}, "Ingress": &networkingv1.IngressList{},
		"PodDisruptionBudget": &policyv1.PodDisruptionBudgetList{},
	} {
		if err := f.admin.List(f.t.Context(), list, client.InNamespace(f.ns), client.MatchingLabels{naming.LabelQueue: "desk"}); err != nil {
			f.t.Fatal(err)
		}
		err := meta.EachListItem(list, func(o kruntime.Object) error {
			kinds = append(kinds, kind)
			if obj := o.(client.Object); !metav1.IsControlledBy(obj, q) {
				f.t.Errorf("the %s %s is not controlled by the queue, and would outlive it", kind, obj.GetName())
			}
			return nil
		})
		if err != nil {
			f.t.Fatal(err)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// serve does what the controllers of the cluster would: the Deployment has so many pods that are available.
func (f *fixture) serve(available int32) {
	f.t.Helper()
	d := &appsv1.Deployment{}
	if !f.child(d) {
		f.t.Fatal("there is no Deployment")
	}
	d.Status.ObservedGeneration = d.Generation
	d.Status.Replicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = available, available, available
	if err := f.admin.Status().Update(f.t.Context(), d); err != nil {
		f.t.Fatal(err)
	}
}

// document is what review reads.
func (f *fixture) document() wire.Review {
	f.t.Helper()
	cm := &corev1.ConfigMap{}
	if !f.child(cm) {
		f.t.Fatal("there is no configuration")
	}
	d, unknown, err := wire.DecodeReview([]byte(cm.Data[naming.ReviewFile]))
	if err != nil || unknown {
		f.t.Fatalf("unknown keys %v, %v", unknown, err)
	}
	return d
}
