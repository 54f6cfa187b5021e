// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// injected is a pod with a sidecar of a revision that works.
func injected(name, revision string) Pod {
	return Pod{Name: name, Inject: "fraud", Sidecar: true, Revision: revision, Upstream: 8080, Started: true}
}

func toService(name string, target intstr.IntOrString) corev1.Service {
	return corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "fraud"}, Ports: []corev1.ServicePort{{Port: 80, TargetPort: target}}},
	}
}

// policies is one NetworkPolicy, which lets in the ports, or all of them.
func policies(ports ...networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicy {
	return []networkingv1.NetworkPolicy{{
		ObjectMeta: metav1.ObjectMeta{Name: "p0"},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "fraud"}},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{{Ports: ports}},
		},
	}}
}

func numbered(n int32) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Port: new(intstr.FromInt32(n))}
}

func named(name string) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Port: new(intstr.FromString(name))}
}

func TestJudgeInjection(t *testing.T) {
	for name, tt := range map[string]struct {
		change       func(*Injection)
		wantStatus   metav1.ConditionStatus
		wantReason   string
		wantMessages []string
	}{
		"every pod carries the current sidecar": {wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonInjected},
		"no pods": {
			change:     func(in *Injection) { in.Pods = nil },
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonNoPods,
		},
		"the template does not ask": {
			change:     func(in *Injection) { delete(in.Template.Labels, naming.LabelInject) },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonTemplateNotLabelled,
			wantMessages: []string{"{spec: {template: {metadata: {labels: {vedette.dev/inject: fraud}}}}}"},
		},
		"the template asks for another monitor": {
			change:     func(in *Injection) { in.Template.Labels[naming.LabelInject] = "churn" },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonTemplateNotLabelled,
		},
		"selected pods do not ask": {
			change:     func(in *Injection) { in.Template, in.Pods = nil, []Pod{{Name: "a"}} },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonTemplateNotLabelled,
		},
		"a pod that came while injection was down": {
			change:     func(in *Injection) { in.Pods = append(in.Pods, Pod{Name: "b", Inject: "fraud"}) },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonPodsNotInjected,
			wantMessages: []string{"kubectl -n payments rollout restart deployment/fraud"},
		},
		"a pod of an older sidecar": {
			change:     func(in *Injection) { in.Pods = append(in.Pods, injected("b", "old")) },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonPodsOutdated,
			wantMessages: []string{"rollout restart"},
		},
		"a Service that uses the port's name passes the sidecar": {
			change:     func(in *Injection) { in.Services = []corev1.Service{toService("a", intstr.FromString("http"))} },
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonInjected,
		},
		"a Service that uses the number goes past it": {
			change:     func(in *Injection) { in.Services = []corev1.Service{toService("a", intstr.FromInt32(8080))} },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonPortBypassed,
			wantMessages: []string{"the Service a ", "{spec: {ports: [{port: 80, targetPort: http}]}}"},
		},
		"a Service of other pods does not matter": {
			change: func(in *Injection) {
				s := toService("a", intstr.FromInt32(8080))
				s.Spec.Selector["app"] = "churn"
				in.Services = []corev1.Service{s}
			},
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonInjected,
		},
		"a port of the host goes past it": {
			change:     func(in *Injection) { in.Port.HostPort = 80 },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonPortBypassed,
			wantMessages: []string{"Remove hostPort"},
		},
		"a NetworkPolicy that lets in the number blocks it": {
			change:     func(in *Injection) { in.Policies = policies(numbered(8080)) },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonPortBlocked,
			wantMessages: []string{"the NetworkPolicy p0 ", "{spec: {ingress: [{ports: [{port: http}, {port: 15290}]}]}}"},
		},
		"a NetworkPolicy that lets in the name does not": {
			change:     func(in *Injection) { in.Policies = policies(named("http")) },
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonInjected,
		},
		"nor does one that lets in every port": {
			change:     func(in *Injection) { in.Policies = policies() },
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonInjected,
		},
		"nor does one beside another that lets in the sidecar": {
			change: func(in *Injection) {
				ports := numbered(15000)
				ports.EndPort = new(int32(16000))
				in.Policies = append(policies(numbered(8080)), policies(ports)...)
			},
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonInjected,
		},
		"nor does one of other pods, or of what leaves them": {
			change: func(in *Injection) {
				in.Policies = append(policies(numbered(8080)), policies(numbered(8080))...)
				in.Policies[0].Spec.PodSelector.MatchLabels["app"] = "churn"
				in.Policies[1].Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
			},
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonInjected,
		},
		"hostNetwork and the like": {
			change:     func(in *Injection) { in.Refused = "Set hostNetwork: false in the pod template." },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonPortBypassed,
			wantMessages: []string{"hostNetwork: false"},
		},
		"the monitor names another port than the sidecars know": {
			change:     func(in *Injection) { in.Port.ContainerPort = 9000 },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonPortMismatch,
		},
		"a tripped breaker comes first, and bare pods are no news then": {
			change: func(in *Injection) {
				in.Tripped = Trip{in.Revision, time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
				in.Pods = append(in.Pods, Pod{Name: "b", Inject: "fraud"})
			},
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonInjectionTripped,
			wantMessages: []string{
				"kubectl -n payments annotate modelmonitor fraud vedette.dev/rearm=now/2026-05-04T03:02:01Z --overwrite",
				"until they are replaced: kubectl -n payments rollout restart deployment/fraud",
			},
		},
		"all problems are told": {
			change: func(in *Injection) {
				in.Services = []corev1.Service{toService("b", intstr.FromInt32(8080)), toService("a", intstr.FromInt32(8080))}
				in.Pods = append(in.Pods, injected("b", "old"))
			},
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonPortBypassed,
			wantMessages: []string{"the Service a ", "the Service b ", "older sidecar"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := Injection{
				Monitor:  wrappers.MakeMonitor("payments", "fraud").Obj(),
				Pods:     []Pod{injected("a", "now")},
				Template: &wrappers.MakeDeployment("payments", "fraud", wrappers.Injected("fraud")).Spec.Template,
				Port:     corev1.ContainerPort{Name: "http", ContainerPort: 8080},
				Revision: "now",
			}
			if tt.change != nil {
				tt.change(&in)
			}
			got := in.Judge()
			if got.Status != tt.wantStatus || got.Reason != tt.wantReason {
				t.Errorf("got %s %s (%s), want %s %s", got.Status, got.Reason, got.Message, tt.wantStatus, tt.wantReason)
			}
			for _, m := range tt.wantMessages {
				if !strings.Contains(got.Message, m) {
					t.Errorf("no %q in %q", m, got.Message)
				}
			}
		})
	}
}

func TestBypassNamesFewServicesInAFixedOrder(t *testing.T) {
	in := Injection{
		Monitor:  wrappers.MakeMonitor("payments", "fraud").Obj(),
		Template: &wrappers.MakeDeployment("payments", "fraud", wrappers.Injected("fraud")).Spec.Template,
		Port:     corev1.ContainerPort{Name: "http", ContainerPort: 8080},
	}
	for i := range 9 {
		in.Services = append(in.Services, toService(fmt.Sprintf("s%d", 8-i), intstr.FromInt32(8080)))
	}
	got := in.bypassed()
	if !strings.HasPrefix(got, "the Service s0 ") || !strings.HasSuffix(got, "4 more do so") {
		t.Errorf("got %q", got)
	}
}

// podOf is a live pod as the cache keeps it, with the sidecar before port 8080, whose name it has taken over.
func podOf(change func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "a", Labels: map[string]string{"app": "fraud", naming.LabelInject: "fraud"}, Annotations: map[string]string{naming.AnnotationSidecar: "now"},
		},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{
				Name: naming.SidecarContainer, Args: []string{"--upstream", "127.0.0.1:8080"},
				Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: naming.CapturePort}, {Name: naming.MetricsPortName, ContainerPort: naming.MetricsPort}},
			}},
			Containers: []corev1.Container{{Name: "model", Image: "model:1", Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}},
		},
	}
	if change != nil {
		change(&p)
	}
	StripPod(&p)
	return p
}

func TestJudgeInjectionOfSelectedPods(t *testing.T) {
	for name, tt := range map[string]struct {
		change     func(*corev1.Pod)
		services   []corev1.Service
		policies   []networkingv1.NetworkPolicy
		wantReason string
		wantOnce   string
	}{
		"nothing goes past the sidecar":  {wantReason: v1alpha1.ReasonInjected},
		"a Service uses the port's name": {services: []corev1.Service{toService("s", intstr.FromString("http"))}, wantReason: v1alpha1.ReasonInjected},
		"a Service uses the port's number": {
			services:   []corev1.Service{toService("s", intstr.FromInt32(8080))},
			wantReason: v1alpha1.ReasonPortBypassed, wantOnce: "{spec: {ports: [{port: 80, targetPort: http}]}}",
		},
		"a Service of other pods uses the number": {
			change:     func(p *corev1.Pod) { p.Labels["app"] = "churn" },
			services:   []corev1.Service{toService("s", intstr.FromInt32(8080))},
			wantReason: v1alpha1.ReasonInjected,
		},
		"a port of the node leads to the model": {
			change:     func(p *corev1.Pod) { p.Spec.Containers[0].Ports[0].HostPort = 80 },
			wantReason: v1alpha1.ReasonPortBypassed, wantOnce: "the hostPort 80 of the port http",
		},
		"a port of the node leads elsewhere": {
			change: func(p *corev1.Pod) {
				p.Spec.Containers[0].Ports = append(p.Spec.Containers[0].Ports, corev1.ContainerPort{ContainerPort: 9, HostPort: 9})
			},
			wantReason: v1alpha1.ReasonInjected,
		},
		"a NetworkPolicy lets in the number": {
			policies:   policies(numbered(8080)),
			wantReason: v1alpha1.ReasonPortBlocked, wantOnce: "the NetworkPolicy p0 lets in number 8080 only",
		},
		"a NetworkPolicy lets in the name": {policies: policies(named("http")), wantReason: v1alpha1.ReasonInjected},
		"a pod without the sidecar is told of for itself": {
			change:     func(p *corev1.Pod) { p.Spec.InitContainers = nil },
			services:   []corev1.Service{toService("s", intstr.FromInt32(8080))},
			wantReason: v1alpha1.ReasonPodsNotInjected,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := wrappers.MakeMonitor("payments", "fraud").Obj()
			m.Spec.Target = v1alpha1.Target{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "fraud"}}}
			first, second := podOf(tt.change), podOf(tt.change)
			second.Name = "b"
			in := Injection{Monitor: m, Pods: Pods([]corev1.Pod{first, second}), Services: tt.services, Policies: tt.policies, Revision: "now"}
			got := in.Judge()
			if got.Reason != tt.wantReason {
				t.Errorf("got %s (%s), want %s", got.Reason, got.Message, tt.wantReason)
			}
			if tt.wantOnce != "" && strings.Count(got.Message, tt.wantOnce) != 1 {
				t.Errorf("not once %q in %q", tt.wantOnce, got.Message)
			}
		})
	}
}

func TestStripPodKeepsNothingOfPodsWithoutASidecar(t *testing.T) {
	p := podOf(func(p *corev1.Pod) { p.Spec.InitContainers[0].Name = "fetch" })
	if len(p.Spec.InitContainers)+len(p.Spec.Containers) != 0 {
		t.Errorf("got %+v", p.Spec)
	}
}

func TestPods(t *testing.T) {
	waiting := func(reason string) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{
			{Name: "other", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}},
			{Name: naming.SidecarContainer, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}},
		}
	}
	now := metav1.Now()
	pods := []corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Name: "c-pull"}, Status: corev1.PodStatus{InitContainerStatuses: waiting("ImagePullBackOff")}},
		{ObjectMeta: metav1.ObjectMeta{Name: "b-starting"}, Status: corev1.PodStatus{InitContainerStatuses: waiting("PodInitializing")}},
		{ObjectMeta: metav1.ObjectMeta{Name: "a-gone"}, Status: corev1.PodStatus{Phase: corev1.PodFailed}},
		{ObjectMeta: metav1.ObjectMeta{Name: "d-going", DeletionTimestamp: &now}},
	}
	got := Pods(pods)
	if len(got) != 2 || got[0].Name != "b-starting" || got[0].Failing != "" || got[1].Failing != "ImagePullBackOff" {
		t.Errorf("got %+v", got)
	}
}

func TestBreaker(t *testing.T) {
	now := time.Unix(10000, 0)
	old, fresh := metav1.NewTime(now.Add(-2*time.Minute)), metav1.NewTime(now.Add(-10*time.Second))
	trip := Trip{"now", now.Add(-time.Minute)}
	failing := func(created metav1.Time, n int) (pods []Pod) {
		for range n {
			pods = append(pods, Pod{Sidecar: true, Revision: "now", Failing: "CrashLoopBackOff", CreationTimestamp: created})
		}
		return pods
	}
	working := func(n int) (pods []Pod) {
		for range n {
			pods = append(pods, injected("w", "now"))
		}
		return pods
	}
	for name, tt := range map[string]struct {
		breaker Breaker
		want    string
	}{
		"nothing fails":                                    {breaker: Breaker{Pods: working(2)}},
		"no pods":                                          {},
		"three that fail trip at once":                     {breaker: Breaker{Pods: failing(fresh, 3)}, want: "now"},
		"three of many may be one bad node":                {breaker: Breaker{Pods: append(failing(old, 3), working(10)...)}},
		"one that has just begun to fail may recover":      {breaker: Breaker{Pods: failing(fresh, 1)}},
		"one that fails for long and none that works trip": {breaker: Breaker{Pods: failing(old, 1)}, want: "now"},
		"one that fails beside one that works does not":    {breaker: Breaker{Pods: append(failing(old, 1), working(1)...)}},
		"pods of an older sidecar do not count": {breaker: Breaker{Pods: []Pod{
			{Sidecar: true, Revision: "old", Failing: "CrashLoopBackOff", CreationTimestamp: old},
			{Sidecar: true, Revision: "old", Failing: "CrashLoopBackOff", CreationTimestamp: old},
			{Sidecar: true, Revision: "old", Failing: "CrashLoopBackOff", CreationTimestamp: old},
		}}},
		"a quota that refuses every pod trips":                       {breaker: Breaker{CreationRefused: old.Time}, want: "now"},
		"a refusal that has just begun may pass":                     {breaker: Breaker{CreationRefused: fresh.Time}},
		"a quota that refuses more pods than work does not":          {breaker: Breaker{CreationRefused: old.Time, Pods: working(1)}},
		"once tripped, it stays so though no pod fails any more":     {breaker: Breaker{Tripped: trip}, want: "now"},
		"a new sidecar starts afresh":                                {breaker: Breaker{Tripped: Trip{"old", trip.Time}, Pods: working(1)}},
		"a person re-arms it, and what failed before counts no more": {breaker: Breaker{Tripped: trip, Rearmed: trip.Token(), Pods: failing(old, 3), CreationRefused: old.Time}},
		"it stays re-armed once the trip is off the record":          {breaker: Breaker{Rearmed: trip.Token(), Pods: failing(old, 3)}},
		"re-armed, it trips again for what fails since":              {breaker: Breaker{Rearmed: trip.Token(), Pods: failing(fresh, 3)}, want: "now"},
		"the token of an earlier trip does not re-arm a later one":   {breaker: Breaker{Tripped: trip, Rearmed: Trip{"now", trip.Time.Add(-time.Hour)}.Token()}, want: "now"},
		"a token of the future hides nothing":                        {breaker: Breaker{Rearmed: Trip{"now", now.Add(time.Hour)}.Token(), Pods: failing(fresh, 3)}, want: "now"},
		"re-arming another revision does nothing":                    {breaker: Breaker{Tripped: trip, Rearmed: Trip{"old", trip.Time}.Token()}, want: "now"},
		"the revision alone is no token":                             {breaker: Breaker{Tripped: trip, Rearmed: "now"}, want: "now"},
	} {
		t.Run(name, func(t *testing.T) {
			b := tt.breaker
			b.Revision, b.Now = "now", now
			if got := b.Decide(); got.Revision != tt.want {
				t.Errorf("tripped %q, want %q", got.Revision, tt.want)
			}
		})
	}
	if got := (Breaker{Revision: "now", Now: now, Pods: failing(fresh, 1)}).Recheck(); got <= 0 {
		t.Error("a pod that fails is not looked at again")
	}
	if got := (Breaker{Revision: "now", Now: now, Pods: working(1)}).Recheck(); got != 0 {
		t.Errorf("pods that work are looked at every %v", got)
	}
}

func TestCreationRefused(t *testing.T) {
	at := metav1.NewTime(time.Unix(1000, 0))
	d := wrappers.MakeDeployment("ns", "fraud", wrappers.Injected("fraud"))
	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, LastTransitionTime: at}}
	if got := CreationRefused(d, "fraud"); !got.Equal(at.Time) {
		t.Errorf("since %v, want %v", got, at)
	}
	if got := CreationRefused(d, "churn"); !got.IsZero() {
		t.Error("pods that do not ask for our sidecar are refused for no fault of ours")
	}
	if got := CreationRefused(nil, "fraud"); !got.IsZero() {
		t.Error("a StatefulSet has no such condition")
	}
}
