// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/harness"
)

// modelName names the sample's monitor, Deployment, Service and model.
const modelName = "flights"

// scene is the sample of config/samples in a namespace, with a class and a folder of the store of its own. Nothing but
// the namespace and the Secret is in the cluster until the test says so; until then the test may change what it likes.
type scene struct {
	*testing.T
	namespace  string
	class      *v1alpha1.MonitorClass
	monitor    *v1alpha1.ModelMonitor
	deployment *appsv1.Deployment
	service    *corev1.Service
}

// newScene makes a scene. What the sample watches with Prometheus and against a baseline is left out: tests that need
// it put it back.
func newScene(t *testing.T, name string) *scene {
	t.Helper()
	s := &scene{T: t, namespace: "e2e-" + name + "-" + rand.String(5)}
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace, Labels: map[string]string{"ml": "true"}}})
	t.Cleanup(s.remove)
	for _, o := range s.samples() {
		switch o.GetKind() {
		case "MonitorClass":
			s.class = typed[v1alpha1.MonitorClass](t, o)
		case "ModelMonitor":
			s.monitor = typed[v1alpha1.ModelMonitor](t, o)
		case "Deployment":
			s.deployment = typed[appsv1.Deployment](t, o)
		case "Service":
			s.service = typed[corev1.Service](t, o)
		case "Secret":
			s.create(typed[corev1.Secret](t, o))
		}
	}
	s.class.Spec.Prometheus = v1alpha1.PrometheusSpec{}
	s.class.Spec.Flush = "5s"
	spec := &s.monitor.Spec
	spec.Baseline, spec.Drift = v1alpha1.Baseline{}, v1alpha1.Drift{}
	spec.Thresholds, spec.Analyses, spec.Labels = nil, nil, v1alpha1.Labels{}
	s.deployment.Spec.Replicas = new(int32(1))
	return s
}

// samples renders the sample as it is for this scene: in the scene's namespace, with a class of the namespace's name,
// and with the tests' S3 server.
func (s *scene) samples() []*unstructured.Unstructured {
	s.Helper()
	rendered, err := renderSamples()
	if err != nil {
		s.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for _, o := range rendered {
		o := o.DeepCopy()
		objects = append(objects, o)
		switch o.GetKind() {
		case "Namespace":
			o.SetName(s.namespace)
		case "MonitorClass":
			o.SetName(s.namespace)
			s.set(o, s.namespace, "spec", "clusterName")
			s.set(o, storeURL("s3."+storeNamespace), "spec", "store", "url")
		case "ModelMonitor":
			s.set(o, s.namespace, "spec", "className")
		}
		if o.GetNamespace() != "" {
			o.SetNamespace(s.namespace)
		}
	}
	return objects
}

// renderSamples renders the sample once for all tests.
var renderSamples = sync.OnceValues(func() ([]*unstructured.Unstructured, error) {
	return cluster.Kustomize(context.Background(), samplesDir)
})

func (s *scene) set(o *unstructured.Unstructured, value string, path ...string) {
	s.Helper()
	if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
		s.Fatal(err)
	}
}

func typed[T any](t *testing.T, o *unstructured.Unstructured) *T {
	t.Helper()
	out := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// remove removes the scene, after it has said what explains a failure.
func (s *scene) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if s.Failed() {
		cluster.Diagnose(ctx, s.Output(), s.namespace, systemNamespace)
		s.Logf("the monitor: %s", describeStatus(ctx, client.ObjectKey{Namespace: s.namespace, Name: modelName}))
		if os.Getenv("E2E_KEEP") != "" {
			s.Logf("namespace %s stays", s.namespace)
			return
		}
	}
	objects := []client.Object{&corev1.Namespace{ObjectMeta: objectMeta("", s.namespace)}}
	if s.class != nil {
		objects = append(objects, &v1alpha1.MonitorClass{ObjectMeta: objectMeta("", s.class.Name)})
	}
	for _, o := range objects {
		if err := client.IgnoreNotFound(cluster.Client.Delete(ctx, o)); err != nil {
			s.Errorf("removing %s: %v", o.GetName(), err)
		}
	}
}

func objectMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// create creates objects in the cluster.
func (s *scene) create(objects ...client.Object) {
	s.Helper()
	for _, o := range objects {
		if err := cluster.Create(s.Context(), o); err != nil {
			s.Fatalf("creating %T %s: %v", o, o.GetName(), err)
		}
	}
}

// change changes an object in the cluster, whatever else has changed in it meanwhile.
func change[T client.Object](s *scene, o T, how func(T)) {
	s.Helper()
	if err := cluster.Get(s.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		s.Fatal(err)
	}
	before := o.DeepCopyObject().(T)
	how(o)
	if err := cluster.Patch(s.Context(), o, client.MergeFrom(before)); err != nil {
		s.Fatalf("changing %T %s: %v", o, o.GetName(), err)
	}
}

// start brings class, monitor and model, in this order, and waits until the sidecars capture.
func (s *scene) start() {
	s.Helper()
	s.create(s.class, s.monitor)
	s.startModel()
	s.waitCaptures()
}

// startModel brings the model and waits until it serves.
func (s *scene) startModel() {
	s.Helper()
	s.create(s.service, s.deployment)
	if err := cluster.Rolled(s.Context(), startTimeout, client.ObjectKeyFromObject(s.deployment)); err != nil {
		s.Fatal(err)
	}
}

// until waits for what observe reports.
func (s *scene) until(timeout time.Duration, what string, observe func(context.Context) (done bool, saw string, err error)) {
	s.Helper()
	if err := harness.Until(s.Context(), timeout, what, observe); err != nil {
		s.Fatal(err)
	}
}

// readMonitor reads the monitor.
func (s *scene) readMonitor(ctx context.Context) (*v1alpha1.ModelMonitor, error) {
	m := new(v1alpha1.ModelMonitor)
	return m, cluster.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: modelName}, m)
}

// waitCondition waits until a condition of the monitor has a status and a reason, and returns its message, which must
// contain all of the given texts.
func (s *scene) waitCondition(timeout time.Duration, kind string, status metav1.ConditionStatus, reason string, texts ...string) {
	s.Helper()
	s.until(timeout, fmt.Sprintf("%s to be %s (%s)", kind, status, reason), func(ctx context.Context) (bool, string, error) {
		m, err := s.readMonitor(ctx)
		if err != nil {
			return false, "", err
		}
		c := meta.FindStatusCondition(m.Status.Conditions, kind)
		if c == nil {
			return false, "it is not there", nil
		}
		if c.Status != status || c.Reason != reason || c.ObservedGeneration != m.Generation {
			return false, fmt.Sprintf("it is %s (%s: %s) for generation %d of %d", c.Status, c.Reason, c.Message, c.ObservedGeneration, m.Generation), nil
		}
		for _, text := range texts {
			if !strings.Contains(c.Message, text) {
				return false, fmt.Sprintf("its message lacks %q: %s", text, c.Message), nil
			}
		}
		return true, "", nil
	})
}

// describeStatus says what the conditions of a monitor are.
func describeStatus(ctx context.Context, key client.ObjectKey) string {
	var m v1alpha1.ModelMonitor
	if err := cluster.Get(ctx, key, &m); err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, c := range m.Status.Conditions {
		fmt.Fprintf(&b, "\n  %s %s (%s): %s", c.Type, c.Status, c.Reason, c.Message)
	}
	for _, a := range m.Status.Analyses {
		fmt.Fprintf(&b, "\n  %s %s: %s (%s: %s)", a.Kind, a.JobName, a.Outcome, a.Reason, a.Message)
	}
	return b.String()
}

// pods lists the model's pods, those that end apart.
func (s *scene) pods(ctx context.Context) ([]corev1.Pod, error) {
	var list corev1.PodList
	if err := cluster.List(ctx, &list, client.InNamespace(s.namespace), client.MatchingLabels(s.deployment.Spec.Selector.MatchLabels)); err != nil {
		return nil, err
	}
	var pods []corev1.Pod
	for _, pod := range list.Items {
		if pod.DeletionTimestamp == nil {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}

// pod returns the model's only pod.
func (s *scene) pod() *corev1.Pod {
	s.Helper()
	pods, err := s.pods(s.Context())
	if err != nil || len(pods) != 1 {
		s.Fatalf("got %d pods (%v), want 1", len(pods), err)
	}
	return &pods[0]
}

// sidecarOf returns a pod's capture sidecar; nil when it has none.
func sidecarOf(pod *corev1.Pod) *corev1.Container {
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == naming.SidecarContainer {
			return &pod.Spec.InitContainers[i]
		}
	}
	return nil
}

// layout is where in the store the scene's objects are.
func (s *scene) layout() store.Layout {
	return store.Layout{Cluster: string(s.class.Spec.ClusterName), Namespace: s.namespace, Monitor: modelName}
}
