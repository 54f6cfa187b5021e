// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

// next is the user's second workload.
const next = "fraud-next"

// beside makes the user's two Deployments, and a rollout that compares them.
func (f *fixture) beside(change ...func(d *appsv1.Deployment)) {
	f.t.Helper()
	d := wrappers.MakeDeployment(f.ns, next, nil)
	d.Spec.Template.Spec.Containers[0].Image = "model:2"
	d.Spec.Template.Spec.Containers[0].Ports[0].Name = ""
	for _, c := range change {
		c(d)
	}
	f.create(wrappers.MakeDeployment(f.ns, "fraud", wrappers.Injected("fraud")), d)
	f.compares(v1alpha1.WorkloadKindDeployment)
	f.pods = []string{"fraud", next}
}

// compares makes a rollout of the second workload.
func (f *fixture) compares(kind v1alpha1.WorkloadKind) {
	f.t.Helper()
	f.create(wrappers.MakeRollout(f.ns, "fraud").With(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Candidate = v1alpha1.RolloutCandidate{WorkloadRef: v1alpha1.WorkloadReference{Kind: kind, Name: next}}
		s.Promotion.Policy = v1alpha1.PromotionAdvise
	}).Obj())
}

// change changes a Deployment of the user's.
func (f *fixture) change(name string, change func(d *appsv1.Deployment)) {
	f.t.Helper()
	d := &appsv1.Deployment{}
	f.read(name, d)
	change(d)
	if err := f.admin.Update(f.t.Context(), d); err != nil {
		f.t.Fatal(err)
	}
}

func runs(image string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = image }
}

// mirrors is what the sidecars are told; nil when that is nothing.
func (f *fixture) mirrors() *wire.Mirror {
	f.t.Helper()
	document := &corev1.ConfigMap{}
	if !f.read(naming.Mirror("fraud"), document) {
		return nil
	}
	m, _, err := wire.DecodeMirror([]byte(document.Data[naming.MirrorFile]))
	if err != nil {
		f.t.Fatal(err)
	}
	return &m
}

// TestAdviceAboutTwoWorkloadsOfTheUsers: both are compared and none is written. What was found is advice, and holds until one of them
// changes.
func TestAdviceAboutTwoWorkloadsOfTheUsers(t *testing.T) {
	f := newFixture(t)
	f.beside()
	r := f.settle()
	primary, candidate := r.Status.PrimaryRevision, r.Status.Candidate.Revision
	if primary == "" || candidate == "" || primary == candidate || r.Status.Replicas != nil || r.Status.Selector != "" || len(r.Finalizers) > 0 {
		t.Fatalf("finalizers %v, status %+v", r.Finalizers, r.Status)
	}
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonInsufficientTraffic)
	if m := f.condition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPrimaryAvailable); !strings.Contains(m, `Deployment "fraud" serves revision `+string(primary)) {
		t.Errorf("what serves: %s", m)
	}
	service := &corev1.Service{}
	if !f.read(naming.Shadow("fraud"), service) || service.Spec.Selector["app"] != next || service.Spec.Ports[0].TargetPort.IntValue() != 8080 {
		t.Errorf("copies go to %+v", service.Spec)
	}
	m := f.mirrors()
	if m == nil || !m.AllPods || m.Primary != string(primary) || m.Candidate != string(candidate) || !strings.HasPrefix(m.Address, service.Spec.ClusterIP) {
		t.Errorf("the sidecars are told %+v", m)
	}

	f.counted.evidence[string(candidate)] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAdvised)
	f.annotate(naming.AnnotationPromote, string(candidate))
	f.settle()

	// Another version serves: nothing is known beside that, and nothing is copied while pods of both answer.
	f.change("fraud", runs("model:1b"))
	f.pods = nil
	f.later(time.Minute)
	r = f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonPrimaryNotAvailable)
	if r.Status.PrimaryRevision == primary || r.Status.Candidate.Revision != "" || r.Status.Decision.Revision != "" || f.mirrors() != nil {
		t.Fatalf("while another version rolls out: %+v", r.Status)
	}
	f.pods = []string{"fraud", next}
	f.counted.evidence[string(candidate)] = answers(10, 0, "")
	r = f.settle()
	if again := f.mirrors(); again == nil || again.Attempt == m.Attempt || again.Primary != string(r.Status.PrimaryRevision) {
		t.Errorf("the next trial is %+v, after %+v", again, m)
	}
	f.counted.evidence[string(candidate)] = answers(5000, 500, "")
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed)
	if f.mirrors() != nil || f.read(naming.Shadow("fraud"), service) {
		t.Error("copies go on to what was rejected")
	}

	// A better one is tried, until somebody has it serve.
	f.change(next, func(d *appsv1.Deployment) {
		c := &d.Spec.Template.Spec.Containers[0]
		c.Image, c.Ports[0].Name = "model:3", "http"
	})
	f.later(time.Minute)
	if r = f.settle(); r.Status.Candidate.Revision == candidate || len(r.Status.Rejected) != 1 || f.mirrors() == nil {
		t.Errorf("another candidate: %+v", r.Status)
	}
	f.change("fraud", runs("model:3"))
	r = f.settle()
	if m := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonNoCandidate); !strings.Contains(m, next) || f.mirrors() != nil || r.Status.Candidate.Revision != "" {
		t.Errorf("after somebody has promoted it: %s, %+v", m, r.Status)
	}

	for _, list := range []client.ObjectList{&appsv1.ControllerRevisionList{}, &appsv1.DeploymentList{}} {
		if err := f.admin.List(t.Context(), list, client.InNamespace(f.ns), client.MatchingLabels{naming.LabelRollout: "fraud"}); err != nil {
			t.Fatal(err)
		}
		if meta.LenList(list) > 0 {
			t.Errorf("something was made that runs: %+v", list)
		}
	}
	for _, name := range []string{"fraud", next} {
		d := &appsv1.Deployment{}
		f.read(name, d)
		if slices.ContainsFunc(d.ManagedFields, func(m metav1.ManagedFieldsEntry) bool { return m.Manager == naming.ManagedBy }) {
			t.Errorf("the user's Deployment %s was written", name)
		}
	}
	if err := f.admin.Delete(t.Context(), f.get()); err != nil {
		t.Fatal(err)
	}
	if f.read("fraud", r) {
		t.Error("something holds the deleted rollout")
	}
}

// TestAWorkloadThatItsOwnerScales is tried on, as it goes on answering; while it does not, nothing is copied.
func TestAWorkloadThatItsOwnerScales(t *testing.T) {
	f := newFixture(t)
	f.beside()
	before := f.settle().Status.Candidate
	told := f.mirrors()
	f.pods = nil
	f.change(next, func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(3)) })
	f.settle()
	if m := f.mirrors(); m == nil || m.Revision != told.Revision {
		t.Errorf("while it is scaled the sidecars are told %+v", m)
	}
	d := &appsv1.Deployment{}
	f.read(next, d)
	d.Status.AvailableReplicas, d.Status.ReadyReplicas = 0, 0
	if err := f.admin.Status().Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonShadowNotAvailable)
	if f.mirrors() != nil {
		t.Error("copies are sent to nobody")
	}
	f.pods = []string{next}
	if r := f.settle(); r.Status.Candidate.Attempt != before.Attempt || f.mirrors() == nil {
		t.Errorf("once it is up: %+v", r.Status)
	}
	f.read(next, d)
	if err := f.admin.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonCandidateNotFound)
	if f.mirrors() != nil {
		t.Error("copies are sent to what was deleted")
	}
}

func TestTwoStatefulSets(t *testing.T) {
	f := newFixture(t)
	set := func(name, image string, labels map[string]string) *appsv1.StatefulSet {
		d := wrappers.MakeDeployment(f.ns, name, labels)
		d.Spec.Template.Spec.Containers[0].Image = image
		return &appsv1.StatefulSet{ObjectMeta: d.ObjectMeta, Spec: appsv1.StatefulSetSpec{Selector: d.Spec.Selector, Template: d.Spec.Template, ServiceName: name}}
	}
	for _, s := range []*appsv1.StatefulSet{set("fraud", "model:1", wrappers.Injected("fraud")), set(next, "model:2", nil)} {
		f.create(s)
		s.Status = appsv1.StatefulSetStatus{ObservedGeneration: s.Generation, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1}
		if err := f.admin.Status().Update(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	m.Spec.Target.WorkloadRef.Kind = v1alpha1.WorkloadKindStatefulSet
	if err := f.admin.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	f.compares(v1alpha1.WorkloadKindStatefulSet)
	f.settle()
	f.condition(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPrimaryAvailable)
	if f.mirrors() == nil {
		t.Error("nothing is copied")
	}
}

// TestWorkloadsThatWouldBeMixedUp: what would send real requests to the candidate with those of what serves, or copies to what serves,
// is refused, and says what to do.
func TestWorkloadsThatWouldBeMixedUp(t *testing.T) {
	label := func(key, value string) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) { d.Spec.Template.Labels[key] = value }
	}
	for name, tt := range map[string]struct {
		candidate func(*appsv1.Deployment)
		other     func(f *fixture)
		reason    string
		says      string
	}{
		"its pods carry the sidecar":                          {candidate: label(naming.LabelInject, "fraud"), reason: v1alpha1.ReasonShadowInjected, says: "take the label " + naming.LabelInject},
		"a sidecar of another monitor stands in nobody's way": {candidate: label(naming.LabelInject, "other")},
		"its selector is none that a Service has": {
			candidate: func(d *appsv1.Deployment) {
				d.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpExists}}
			},
			reason: v1alpha1.ReasonSelectorUnsupported, says: "matchLabels alone",
		},
		"its selector selects what serves": {
			candidate: func(d *appsv1.Deployment) {
				d.Spec.Selector.MatchLabels, d.Spec.Template.Labels["app"] = map[string]string{"app": "fraud"}, "fraud"
			},
			reason: v1alpha1.ReasonCandidateServes, says: "selectors of their own",
		},
		"a Service sends requests to both": {
			candidate: label("team", "risk"),
			other: func(f *fixture) {
				f.change("fraud", label("team", "risk"))
				f.create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "greedy"}, Spec: corev1.ServiceSpec{
					Selector: map[string]string{"team": "risk"}, Ports: []corev1.ServicePort{{Port: 80}},
				}})
			},
			reason: v1alpha1.ReasonShadowWouldServe, says: `the Service "greedy"`,
		},
		"a Service of its own is its owner's": {
			other: func(f *fixture) {
				f.create(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: next}, Spec: corev1.ServiceSpec{
					Selector: map[string]string{"app": next}, Ports: []corev1.ServicePort{{Port: 80}},
				}})
			},
		},
		"nobody says at which port it answers": {
			candidate: func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Ports = nil }, reason: "NoSuchPort", says: naming.AnnotationPort,
		},
		"the target asks for no sidecar": {
			other: func(f *fixture) {
				f.change("fraud", func(d *appsv1.Deployment) { delete(d.Spec.Template.Labels, naming.LabelInject) })
			},
			reason: v1alpha1.ReasonTemplateNotLabelled, says: `the Deployment "fraud", which serves`,
		},
		"the target is a selector of pods": {
			other: func(f *fixture) {
				f.monitor(func(m *v1alpha1.ModelMonitorSpec) {
					m.Target = v1alpha1.Target{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "fraud"}}}
				})
			},
			reason: v1alpha1.ReasonTargetUnsupported, says: "spec.target.workloadRef",
		},
		"the target is the candidate": {
			candidate: label(naming.LabelInject, "fraud"),
			other: func(f *fixture) {
				f.monitor(func(m *v1alpha1.ModelMonitorSpec) { m.Target.WorkloadRef.Name = next })
			},
			reason: v1alpha1.ReasonCandidateServes, says: "name the second workload",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			if tt.candidate == nil {
				tt.candidate = func(*appsv1.Deployment) {}
			}
			f.beside(tt.candidate)
			if tt.other != nil {
				tt.other(f)
			}
			f.settle()
			if tt.reason == "" {
				f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
				if f.mirrors() == nil {
					t.Error("nothing is copied")
				}
				return
			}
			if m := f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, tt.reason); !strings.Contains(m, tt.says) {
				t.Errorf("it says %q, want %q", m, tt.says)
			}
			if f.mirrors() != nil {
				t.Error("copies are sent all the same")
			}
		})
	}
}

// TestWhatIsNotThereYet is waited for.
func TestWhatIsNotThereYet(t *testing.T) {
	f := newFixture(t)
	f.compares(v1alpha1.WorkloadKindDeployment)
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound)
	f.condition(v1alpha1.ConditionAvailable, metav1.ConditionFalse, v1alpha1.ReasonPrimaryNotAvailable)
	f.create(wrappers.MakeDeployment(f.ns, "fraud", wrappers.Injected("fraud")))
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonCandidateNotFound)
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonCandidateNotFound)
}

// monitor changes the monitor.
func (f *fixture) monitor(change func(*v1alpha1.ModelMonitorSpec)) {
	f.t.Helper()
	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	change(&m.Spec)
	if err := f.admin.Update(f.t.Context(), m); err != nil {
		f.t.Fatal(err)
	}
}

// TestNothingIsTakenUp: what an earlier rollout of the name has left may be what serves by now, and is not written either.
func TestNothingIsTakenUp(t *testing.T) {
	f := newFixture(t)
	d := wrappers.MakeDeployment(f.ns, naming.Primary("fraud"), nil)
	d.Labels = map[string]string{naming.LabelManagedBy: naming.ManagedBy, naming.LabelRollout: "fraud", naming.LabelRevision: "0123456789"}
	f.create(d)
	f.beside()
	f.settle()
	if f.read(d.Name, d); len(d.OwnerReferences) > 0 {
		t.Errorf("it is owned by %+v", d.OwnerReferences)
	}
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
}

// TestWhoseWorkloadItIs: a change of either workload wakes the rollout that compares them, and a change of another wakes none.
func TestWhoseWorkloadItIs(t *testing.T) {
	f := newFixture(t)
	f.beside()
	second := wrappers.MakeMonitor(f.ns, "churn").Class(f.ns).Binary().Obj()
	f.create(second, wrappers.MakeRollout(f.ns, "churn").Obj())
	for name, want := range map[string]string{"fraud": "fraud", next: "fraud", "churn": "churn", "other": ""} {
		got := ""
		for _, req := range f.ofWorkload(v1alpha1.WorkloadKindDeployment)(t.Context(), wrappers.MakeDeployment(f.ns, name, nil)) {
			got += req.Name
		}
		if got != want {
			t.Errorf("the Deployment %s wakes %q, want %q", name, got, want)
		}
	}
	if reqs := f.ofWorkload(v1alpha1.WorkloadKindStatefulSet)(t.Context(), wrappers.MakeDeployment(f.ns, next, nil)); len(reqs) > 0 {
		t.Errorf("a workload of another kind wakes %v", reqs)
	}
}
