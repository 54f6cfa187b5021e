// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	dto "github.com/prometheus/client_model/go"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/freeport"
	"github.com/vedette-dev/vedette/internal/webhook"
)

// install does what config/ does, as far as the API server is concerned: it installs the webhook, whose Service leads to
// port on this machine, and the empty Secret.
func install(t *testing.T, c client.Client, port int) {
	t.Helper()
	configuration := &admissionv1.MutatingWebhookConfiguration{}
	load(t, "config/webhook/manifests.yaml", configuration)
	configuration.Webhooks[0].ClientConfig.Service.Port = new(int32(port))
	configuration.Webhooks[0].TimeoutSeconds = new(int32(30)) // a pod is admitted without a sidecar after that: a busy machine may take long
	secret := &corev1.Secret{}
	load(t, "config/webhook/secret.yaml", secret)
	for _, obj := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: system}},
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: webhook.ServiceName},
			Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeExternalName, ExternalName: "localhost",
				Ports: []corev1.ServicePort{{Port: int32(port)}},
			},
		},
		secret, configuration,
	} {
		if err := c.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
}

// start runs the manager until the end of the test. What the kubelet would do, mount the Secret, is done here.
func start(t *testing.T, server *apiserver.Server, c client.WithWatch, port int) {
	t.Helper()
	o, err := parse([]string{
		"--capture-image=capture:test", "--metrics-bind-address=0", "--leader-elect=false",
		"--health-probe-bind-address=" + freeport.Address(t), fmt.Sprintf("--webhook-port=%d", port), "--cert-dir=" + t.TempDir(),
	}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	cfg := as(t, server, c)
	logger := funcr.New(func(prefix, args string) {
		if strings.Contains(args, "forbidden") {
			t.Errorf("a permission is missing: %s %s", prefix, args)
		}
	}, funcr.Options{})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // the test's own ends before its cleanups run
	mgr, err := newManager(cfg, o, logger)
	if err != nil {
		t.Fatal(err)
	}
	if err := addWebhook(mgr, o, logger); err != nil {
		t.Fatal(err)
	}
	if err := addControllers(t.Context(), mgr, o); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the manager ended with an error: %v", err)
		}
	})

	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: webhook.CertificateSecret}}
	apiserver.Await(t, c, secret, &corev1.SecretList{}, func(s *corev1.Secret) bool { return len(s.Data["tls.crt"]) > 0 })
	for name, content := range secret.Data {
		if err := os.WriteFile(filepath.Join(o.certDir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	poll(t, "the manager to be ready", func(ctx context.Context) (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.healthAddress+"/readyz", nil)
		if err != nil {
			return false, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, nil //nolint:nilerr // nobody listens yet
		}
		return res.StatusCode == http.StatusOK, res.Body.Close()
	})
}

// awaitInjection waits until the API server calls the webhook: it, too, learns of changes by watching.
func awaitInjection(t *testing.T, c client.Client, ns string) {
	t.Helper()
	poll(t, "the first injection", func(ctx context.Context) (bool, error) {
		p := pod(ns, "probe")
		err := c.Create(ctx, p, client.DryRunAll)
		return len(p.Spec.InitContainers) == 1, err
	})
}

func poll(t *testing.T, what string, done wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, done); err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

// pod is a pod that asks for the sidecar.
func pod(namespace, name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{naming.LabelInject: "fraud"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "model", Image: "model:1", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		}}},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func wantSidecar(t *testing.T, p *corev1.Pod, image string) {
	t.Helper()
	if len(p.Spec.InitContainers) == 0 || p.Spec.InitContainers[0].Name != naming.SidecarContainer {
		t.Fatalf("pod %s has no sidecar as its first init container", p.Name)
	}
	if got := p.Spec.InitContainers[0].Image; got != image {
		t.Errorf("the sidecar's image is %q, want %q", got, image)
	}
	if p.Annotations[naming.AnnotationSidecar] == "" {
		t.Errorf("pod %s does not say which revision it has", p.Name)
	}
}

// owners makes a Deployment and its ReplicaSet: there is no controller-manager here that would.
func owners(t *testing.T, c client.Client, ns string) (*appsv1.ReplicaSet, *appsv1.Deployment) {
	t.Helper()
	labels := map[string]string{"app": "fraud", naming.LabelInject: "fraud"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod(ns, "").Spec}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "fraud"}}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "fraud"},
		Spec:       appsv1.DeploymentSpec{Selector: selector, Template: template},
	}
	if err := c.Create(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ns, Name: "fraud-1", Labels: labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template},
	}
	if err := c.Create(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	return rs, d
}

// injections is the counter's value.
func injections(t *testing.T, result, reason string) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"result": result, "reason": reason}
	for _, f := range families {
		if f.GetName() != naming.MetricInjections {
			continue
		}
		for _, m := range f.GetMetric() {
			if matches(m.GetLabel(), want) {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func matches(labels []*dto.LabelPair, want map[string]string) bool {
	for _, l := range labels {
		if want[l.GetName()] != l.GetValue() {
			return false
		}
	}
	return true
}

// randomPod draws a pod that an API server mostly accepts, from what injection has to get along with.
func randomPod(r *rand.Rand, ns, name string) *corev1.Pod {
	p := pod(ns, name, func(p *corev1.Pod) { p.Spec.Containers = nil })
	pick := func(share float64) bool { return r.Float64() < share }
	names := []string{"http", "grpc", "admin", ""}
	container := func(i int) corev1.Container {
		c := corev1.Container{Name: fmt.Sprintf("c%d", i), Image: "model:1"}
		for _, n := range r.Perm(len(names))[:r.IntN(3)] {
			port := corev1.ContainerPort{Name: names[n], ContainerPort: int32(8000 + 10*i + n)}
			switch {
			case pick(0.03):
				port.ContainerPort = naming.CapturePort
			case pick(0.03):
				port.Name = naming.MetricsPortName
			}
			c.Ports = append(c.Ports, port)
		}
		if len(c.Ports) > 0 && c.Ports[0].Name != "" && pick(0.7) {
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString(c.Ports[0].Name)}}}
		}
		amount := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")}
		if pick(0.7) {
			c.Resources.Limits = amount
		}
		if pick(0.2) {
			c.Resources.Requests = amount
		}
		return c
	}
	for i := range 1 + r.IntN(4) {
		p.Spec.Containers = append(p.Spec.Containers, container(i))
	}
	for i := range r.IntN(3) {
		c := container(5 + i)
		if c.ReadinessProbe = nil; pick(0.5) {
			c.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
		}
		p.Spec.InitContainers = append(p.Spec.InitContainers, c)
	}
	if pick(0.3) {
		p.Spec.Volumes = []corev1.Volume{{Name: "scratch"}}
	}
	if pick(0.05) {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: naming.SpoolVolume})
	}
	if pick(0.8) {
		p.Annotations = map[string]string{naming.AnnotationPort: []string{"http", "grpc", "8000", "nonsense"}[r.IntN(4)]}
	}
	if pick(0.2) {
		p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
	}
	if pick(0.2) {
		p.Spec.Resources = &corev1.ResourceRequirements{Limits: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Gi"),
		}}
	}
	if pick(0.1) {
		p.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
	}
	if pick(0.2) {
		p.Spec.RestartPolicy = corev1.RestartPolicyNever
	}
	return p
}

// load reads the only object of a manifest.
func load(t *testing.T, path string, obj any) {
	t.Helper()
	b, err := os.ReadFile(apiserver.File(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(b, obj); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
