// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/auditlog"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/prometheus"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/kstatus"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// fixture drives a Reconciler of the rollout called fraud by hand against a real API server, under the manager's generated role, and
// does what the controllers of the cluster would.
type fixture struct {
	*Reconciler
	t        *testing.T
	admin    client.WithWatch
	requests *apiserver.Requests
	recorder *events.FakeRecorder
	ns       string
	now      time.Time
	counted  *counted
	// audits says whether the class keeps an audit log.
	audits bool
	// pods are the names of the Deployments whose pods come up.
	pods []string
}

// counted is a Prometheus that holds what a test says.
type counted struct {
	evidence map[string]criteria.Evidence // by candidate
	value    float64
	err      error
	asked    []prometheus.Try
}

func (c *counted) Evidence(_ context.Context, _ prometheus.Server, t prometheus.Try) (criteria.Evidence, error) {
	c.asked = append(c.asked, t)
	return c.evidence[t.Candidate], c.err
}

func (c *counted) Value(context.Context, prometheus.Server, string) (float64, error) {
	return c.value, c.err
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	server := apiserver.Get(t)
	f := &fixture{
		t: t, admin: server.Client(t, server.Config), requests: &apiserver.Requests{}, recorder: events.NewFakeRecorder(1000),
		ns: server.Namespace(t, nil), now: time.Now().Truncate(time.Second), counted: &counted{evidence: map[string]criteria.Evidence{}},
		pods: []string{naming.Primary("fraud"), naming.Shadow("fraud")},
	}
	c := server.Client(t, f.requests.Observe(server.As(t, "vedette-manager", apiserver.ManagerRole(t))))
	f.Reconciler = f.with(c)
	class := wrappers.MakeClass(f.ns)
	f.create(class, wrappers.MakeMonitor(f.ns, "fraud").Class(f.ns).Binary().Segment("big", "f.amount > 100.0").Obj())
	t.Cleanup(func() { _ = f.admin.Delete(context.Background(), class) })
	return f
}

// with is a Reconciler that uses the client, as another process of the manager would.
func (f *fixture) with(c client.Client) *Reconciler {
	r := &Reconciler{Client: c, Live: c, Recorder: f.recorder, Prometheus: f.counted, Now: func() time.Time { return f.now }}
	if f.audits {
		r.Audit = &auditlog.Recorder{Sinks: &audit.Sinks{}}
	}
	return r
}

func (f *fixture) create(objs ...client.Object) {
	f.t.Helper()
	for _, o := range objs {
		if err := f.admin.Create(f.t.Context(), o); err != nil {
			f.t.Fatal(err)
		}
	}
}

// template makes the user's Deployment, with no pods of its own.
func (f *fixture) template(change ...func(*corev1.PodTemplateSpec)) {
	f.t.Helper()
	d := wrappers.MakeDeployment(f.ns, "fraud", wrappers.Injected("fraud"))
	d.Spec.Replicas = new(int32(0))
	for _, c := range change {
		c(&d.Spec.Template)
	}
	f.create(d)
}

// push changes the template, as a push to Git does.
func (f *fixture) push(image string) {
	f.t.Helper()
	d := &appsv1.Deployment{}
	f.read("fraud", d)
	d.Spec.Template.Spec.Containers[0].Image = image
	if err := f.admin.Update(f.t.Context(), d); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) read(name string, into client.Object) bool {
	f.t.Helper()
	err := f.admin.Get(f.t.Context(), client.ObjectKey{Namespace: f.ns, Name: name}, into)
	if client.IgnoreNotFound(err) != nil {
		f.t.Fatal(err)
	}
	return err == nil
}

func (f *fixture) get() *v1alpha1.ShadowRollout {
	f.t.Helper()
	r := &v1alpha1.ShadowRollout{}
	if !f.read("fraud", r) {
		f.t.Fatal("there is no rollout")
	}
	return r
}

// reconcile reconciles once and checks what others make of the conditions.
func (f *fixture) reconcile() {
	f.t.Helper()
	if _, err := f.Reconcile(f.t.Context(), f.get()); err != nil {
		f.t.Fatal(err)
	}
	r := f.get()
	kstatus.Check(f.t, r.Generation, r.Status.ObservedGeneration, r.Status.Conditions)
}

// settle reconciles, with pods that come up at once, until nothing is sent any more.
func (f *fixture) settle() *v1alpha1.ShadowRollout {
	f.t.Helper()
	for range 12 {
		f.requests.Mutating()
		before := f.get()
		f.reconcile()
		sent := f.requests.Mutating()
		moved := f.workloads()
		if len(sent) == 0 && !moved {
			return f.get()
		}
		f.t.Logf("sent %v: %s", sent, cmp.Diff(before.Status, f.get().Status))
	}
	f.t.Fatalf("it does not come to rest: %+v", f.get().Status)
	return nil
}

// workloads does what the controllers of the cluster would: all pods come up. It says whether that changed anything.
func (f *fixture) workloads() (moved bool) {
	f.t.Helper()
	for _, name := range f.pods {
		d := &appsv1.Deployment{}
		if !f.read(name, d) || d.Status.ObservedGeneration == d.Generation {
			continue
		}
		n := *d.Spec.Replicas
		d.Status = appsv1.DeploymentStatus{
			ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
			Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue}},
		}
		if err := f.admin.Status().Update(f.t.Context(), d); apierrors.IsConflict(err) {
			moved = true
			continue
		} else if err != nil {
			f.t.Fatal(err)
		}
		moved = true
	}
	return moved
}

// later lets time pass.
func (f *fixture) later(d time.Duration) { f.now = f.now.Add(d) }

// serving is the image that the primary runs.
func (f *fixture) serving() string {
	f.t.Helper()
	d := &appsv1.Deployment{}
	if !f.read(naming.Primary("fraud"), d) {
		return ""
	}
	return d.Spec.Template.Spec.Containers[0].Image
}

func (f *fixture) condition(kind string, status metav1.ConditionStatus, reason string) string {
	f.t.Helper()
	c := meta.FindStatusCondition(f.get().Status.Conditions, kind)
	if c == nil {
		f.t.Errorf("there is no condition %s", kind)
		return ""
	}
	if c.Status != status || c.Reason != reason {
		f.t.Errorf("%s is %s %s (%s), want %s %s", kind, c.Status, c.Reason, c.Message, status, reason)
	}
	return c.Message
}

// answers is the evidence of so many pairs, of which so many of the shadow's answers failed, in the segment, or in all where it is "".
func answers(pairs, failed int64, segment string) criteria.Evidence {
	e := criteria.Evidence{}
	for _, s := range []string{criteria.Everything, "big"} {
		bad := int64(0)
		if segment == s || segment == "" {
			bad = failed
		}
		c := criteria.Counts{Outcomes: map[string]int64{"compared": pairs - bad, "shadow_error": bad}, Same: pairs - bad}
		c.Status[criteria.OK][criteria.OK] = pairs - bad
		c.Status[criteria.OK][criteria.Failed] = bad
		e[s] = c
	}
	return e
}
