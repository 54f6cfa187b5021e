// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gomodules.xyz/jsonpatch/v2"
	evanphx "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/golden"
)

// pod is a pod that gets the sidecar; each test changes what it is about.
func pod(change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{naming.LabelInject: "fraud", "app": "fraud"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name:  "model",
			Image: "registry.example/fraud:1",
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
		}}},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func ports(ports ...corev1.ContainerPort) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Containers[0].Ports = ports }
}

func annotated(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { metav1.SetMetaDataAnnotation(&p.ObjectMeta, key, value) }
}

// apply applies a patch as the API server does.
func apply(t testing.TB, raw []byte, ops []jsonpatch.Operation) []byte {
	t.Helper()
	encoded, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := evanphx.DecodePatch(encoded)
	if err != nil {
		t.Fatal(err)
	}
	out, err := decoded.Apply(raw)
	if err != nil {
		t.Fatalf("patch %s does not apply: %v", encoded, err)
	}
	return out
}

// patched is the pod after the patch of r, which must have one.
func patched(t testing.TB, r Request) *corev1.Pod {
	t.Helper()
	res := Into(r)
	if res.Skip != "" {
		t.Fatalf("skipped: %s", res.Skip)
	}
	raw, err := json.Marshal(r.Pod)
	if err != nil {
		t.Fatal(err)
	}
	out := &corev1.Pod{}
	if err := json.Unmarshal(apply(t, raw, res.Patch), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGolden(t *testing.T) {
	for name, r := range map[string]Request{
		"bare": {Pod: pod()},
		"full": {
			Pod: pod(annotated("git-sha", "4711"), func(p *corev1.Pod) {
				p.Spec.InitContainers = []corev1.Container{{Name: "fetch", Image: "registry.example/fetch:1"}}
				p.Spec.Volumes = []corev1.Volume{{Name: "model"}}
				p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "shared"}}
				p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromString("http")},
				}}
			}),
			Class: &vedettev1alpha1.MonitorClassSpec{
				Store: vedettev1alpha1.StoreSpec{Credentials: vedettev1alpha1.StoreCredentials{SecretName: "writer"}},
				Sidecar: vedettev1alpha1.SidecarSpec{
					Image: "registry.example/capture:2", PullSecrets: []vedettev1alpha1.ObjectName{"shared", "ours"},
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r.Image = "vedette.dev/capture:dev"
			res := Into(r)
			b, err := yaml.Marshal(res.Patch)
			if err != nil {
				t.Fatal(err)
			}
			golden.File(t, name+".patch.yaml", b)
			golden.Object(t, name+".pod", patched(t, r), &corev1.Pod{})
		})
	}
}

func TestSkip(t *testing.T) {
	for name, tt := range map[string]struct {
		pod  *corev1.Pod
		port vedettev1alpha1.Port
		want Skip
	}{
		"the only port of the first container is taken": {pod: pod()},
		"the monitor's port wins over the annotation":   {pod: pod(annotated(naming.AnnotationPort, "none")), port: vedettev1alpha1.Port{Name: "http"}},
		"the annotation names a port":                   {pod: pod(annotated(naming.AnnotationPort, "http"))},
		"the annotation gives a number":                 {pod: pod(annotated(naming.AnnotationPort, "8080"))},
		"a UDP port beside it does not matter":          {pod: pod(ports(corev1.ContainerPort{Name: "udp", ContainerPort: 1, Protocol: corev1.ProtocolUDP}, corev1.ContainerPort{Name: "http", ContainerPort: 8080}))},

		"injected already": {pod: pod(func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: naming.SidecarContainer}}
		}), want: SkipAlreadyInjected},
		"a container has the sidecar's name": {pod: pod(func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: naming.SidecarContainer})
		}), want: SkipAlreadyInjected},
		"the label is empty":                    {pod: pod(func(p *corev1.Pod) { p.Labels[naming.LabelInject] = "" }), want: SkipInvalidLabel},
		"the label holds no name":               {pod: pod(func(p *corev1.Pod) { p.Labels[naming.LabelInject] = "Fraud_1" }), want: SkipInvalidLabel},
		"the label is longer than a name":       {pod: pod(func(p *corev1.Pod) { p.Labels[naming.LabelInject] = strings.Repeat("a", 41) }), want: SkipInvalidLabel},
		"a static pod":                          {pod: pod(annotated(corev1.MirrorPodAnnotationKey, "x")), want: SkipStaticPod},
		"a Windows pod":                         {pod: pod(func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} }), want: SkipUnsupportedOS},
		"a pod for Windows nodes":               {pod: pod(func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{corev1.LabelOSStable: "windows"} }), want: SkipUnsupportedOS},
		"the node's network":                    {pod: pod(func(p *corev1.Pod) { p.Spec.HostNetwork = true }), want: SkipHostNetwork},
		"no port at all":                        {pod: pod(ports()), want: SkipNoSuchPort},
		"several ports and none is named":       {pod: pod(ports(corev1.ContainerPort{Name: "a", ContainerPort: 1}, corev1.ContainerPort{Name: "b", ContainerPort: 2})), want: SkipNoSuchPort},
		"the monitor's port is not declared":    {pod: pod(), port: vedettev1alpha1.Port{Name: "grpc"}, want: SkipNoSuchPort},
		"the monitor's number is not declared":  {pod: pod(), port: vedettev1alpha1.Port{Number: 9000}, want: SkipNoSuchPort},
		"the annotation's port is not declared": {pod: pod(annotated(naming.AnnotationPort, "9000")), want: SkipNoSuchPort},
		"the port is one of UDP":                {pod: pod(ports(corev1.ContainerPort{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolUDP})), port: vedettev1alpha1.Port{Name: "http"}, want: SkipNoSuchPort},
		"the only port has no name":             {pod: pod(ports(corev1.ContainerPort{ContainerPort: 8080})), want: SkipPortUnnamed},
		"the port of the number has no name":    {pod: pod(ports(corev1.ContainerPort{ContainerPort: 8080})), port: vedettev1alpha1.Port{Number: 8080}, want: SkipPortUnnamed},
		"the model listens on the sidecar's port": {pod: pod(ports(corev1.ContainerPort{Name: "http", ContainerPort: naming.CapturePort})),
			want: SkipPortClash},
		"a helper listens on the metrics port": {pod: pod(func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "b", Ports: []corev1.ContainerPort{{ContainerPort: naming.MetricsPort}}})
		}), want: SkipPortClash},
		"a port has the name of the metrics port": {pod: pod(ports(corev1.ContainerPort{Name: naming.MetricsPortName, ContainerPort: 9000})), want: SkipPortClash},
		"a volume has the name of ours":           {pod: pod(func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: naming.SpoolVolume}} }), want: SkipVolumeClash},
	} {
		t.Run(name, func(t *testing.T) {
			before := tt.pod.DeepCopy()
			got := Into(Request{Pod: tt.pod, Port: tt.port})
			if got.Skip != tt.want {
				t.Fatalf("skip %q, want %q", got.Skip, tt.want)
			}
			if (len(got.Patch) == 0) != (tt.want != "") {
				t.Errorf("skip %q with a patch of %d operations", got.Skip, len(got.Patch))
			}
			if diff := cmp.Diff(before, tt.pod); diff != "" {
				t.Errorf("the pod was changed:\n%s", diff)
			}
		})
	}
}

func TestEverySkipHasARemedy(t *testing.T) {
	for s := range remedies {
		// Events hold notes of at most 1,024 characters.
		if n := len(s.Remedy()); n == 0 || n > 400 {
			t.Errorf("the remedy of %s has %d characters", s, n)
		}
	}
	if len(remedies) != 11 {
		t.Errorf("%d reasons have a remedy, want all 11", len(remedies))
	}
}

func TestTripped(t *testing.T) {
	r := Request{Pod: pod(), Image: "capture:bad"}
	r.TrippedRevision = Into(r).Revision
	if got := Into(r).Skip; got != SkipTripped {
		t.Errorf("the tripped revision: skip %q, want %q", got, SkipTripped)
	}
	r.Image = "capture:good"
	if got := Into(r).Skip; got != "" {
		t.Errorf("another revision than the tripped one: skip %q, want none", got)
	}
}

func TestPortName(t *testing.T) {
	named := func(name string) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromString(name)}}}
	}
	p := pod(func(p *corev1.Pod) {
		c := &p.Spec.Containers[0]
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: "admin", ContainerPort: 9000})
		c.LivenessProbe, c.ReadinessProbe = named("http"), named("admin")
		c.StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("http")}}}
		c.Lifecycle = &corev1.Lifecycle{
			PostStart: &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromString("http")}},
			PreStop:   &corev1.LifecycleHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("http")}},
		}
		p.Spec.Containers = append(p.Spec.Containers,
			corev1.Container{Name: "second", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8081}}, LivenessProbe: named("http")},
			corev1.Container{Name: "third", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8082, Protocol: corev1.ProtocolUDP}}},
		)
	})
	got := patched(t, Request{Pod: p, Port: vedettev1alpha1.Port{Name: "http"}}).Spec

	number := func(n int32) intstr.IntOrString { return intstr.FromInt32(n) }
	model, second := got.Containers[0], got.Containers[1]
	for place, ports := range map[string][2]intstr.IntOrString{
		"liveness probe":          {model.LivenessProbe.HTTPGet.Port, number(8080)},
		"probe of another name":   {model.ReadinessProbe.HTTPGet.Port, intstr.FromString("admin")},
		"startup probe":           {model.StartupProbe.TCPSocket.Port, number(8080)},
		"hook after start":        {model.Lifecycle.PostStart.HTTPGet.Port, number(8080)},
		"hook before stop":        {model.Lifecycle.PreStop.TCPSocket.Port, number(8080)},
		"probe of the second one": {second.LivenessProbe.HTTPGet.Port, number(8081)},
	} {
		if ports[0] != ports[1] {
			t.Errorf("%s: port %v, want %v", place, ports[0], ports[1])
		}
	}
	var names []string
	for _, c := range got.Containers {
		for _, p := range c.Ports {
			names = append(names, p.Name)
		}
	}
	if diff := cmp.Diff([]string{"", "admin", "", "http"}, names); diff != "" {
		t.Errorf("port names; the last is one of UDP, which no sidecar takes over:\n%s", diff)
	}
	if p := got.InitContainers[0].Ports[0]; p.Name != "http" || p.ContainerPort != naming.CapturePort {
		t.Errorf("the sidecar's port is %s %d", p.Name, p.ContainerPort)
	}
	if args := got.InitContainers[0].Args; !slices.Contains(args, "127.0.0.1:8080") {
		t.Errorf("the sidecar does not forward to the first container's port: %q", args)
	}
}

func TestUnknownFieldsSurvive(t *testing.T) {
	raw := []byte(`{"metadata":{"labels":{"vedette.dev/inject":"fraud"},"new":1},"spec":{"future":{"a":[1,2]},
		"initContainers":[{"name":"fetch","future":"first"}],
		"containers":[{"name":"model","future":true,"ports":[{"name":"http","containerPort":8080,"future":2}],
			"readinessProbe":{"httpGet":{"port":"http","future":3}}}]}}`)
	p := &corev1.Pod{}
	if err := json.Unmarshal(raw, p); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Metadata struct{ New int }
		Spec     struct {
			Future         struct{ A []int }
			InitContainers []struct{ Name, Future string }
			Containers     []struct {
				Future bool
				Ports  []struct {
					Name   string
					Future int
				}
				ReadinessProbe struct{ HTTPGet struct{ Port, Future int } }
			}
		}
	}
	if err := json.Unmarshal(apply(t, raw, Into(Request{Pod: p}).Patch), &got); err != nil {
		t.Fatal(err)
	}
	c := got.Spec.Containers[0]
	if got.Metadata.New != 1 || len(got.Spec.Future.A) != 2 || !c.Future || c.Ports[0].Future != 2 || c.ReadinessProbe.HTTPGet.Future != 3 {
		t.Errorf("a field was lost: %+v", got)
	}
	if i := got.Spec.InitContainers; i[0].Name != naming.SidecarContainer || i[0].Future != "" || i[1].Future != "first" {
		t.Errorf("a field of an init container moved to another: %+v", i)
	}
}

func TestResources(t *testing.T) {
	limits := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	with := func(r corev1.ResourceRequirements) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.Containers[0].Resources = r }
	}
	for name, tt := range map[string]struct {
		pod            *corev1.Pod
		wantGuaranteed bool
		wantNone       bool
	}{
		"no resources":            {pod: pod()},
		"limits alone guarantee":  {pod: pod(with(corev1.ResourceRequirements{Limits: limits})), wantGuaranteed: true},
		"requests equal limits":   {pod: pod(with(corev1.ResourceRequirements{Limits: limits, Requests: limits})), wantGuaranteed: true},
		"requests below limits":   {pod: pod(with(corev1.ResourceRequirements{Limits: limits, Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}))},
		"no limit of memory":      {pod: pod(with(corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}))},
		"an init container lacks": {pod: pod(with(corev1.ResourceRequirements{Limits: limits}), func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{{Name: "i"}} })},
		"resources of the pod as a whole": {pod: pod(func(p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Limits: limits}
		}), wantNone: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := patched(t, Request{Pod: tt.pod})
			if g := guaranteed(got); g != tt.wantGuaranteed {
				t.Errorf("after injection guaranteed is %t, want %t", g, tt.wantGuaranteed)
			}
			r := got.Spec.InitContainers[0].Resources
			if none := len(r.Limits)+len(r.Requests) == 0; none != tt.wantNone {
				t.Errorf("the sidecar's resources are %v", r)
			}
		})
	}
}
