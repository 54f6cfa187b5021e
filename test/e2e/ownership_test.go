// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// children are the kinds of objects that a monitor may own.
var children = []schema.GroupVersionKind{
	{Version: "v1", Kind: "ConfigMap"},
	{Version: "v1", Kind: "Service"},
	{Group: "batch", Version: "v1", Kind: "CronJob"},
	{Group: "batch", Version: "v1", Kind: "Job"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"},
	{Group: "monitoring.coreos.com", Version: "v1", Kind: "PrometheusRule"},
}

// TestSamplesAreOwnedByTheirOwner applies config/samples, every file of it, and looks at who has written what.
func TestSamplesAreOwnedByTheirOwner(t *testing.T) {
	t.Parallel()
	s := newScene(t, "samples")
	// The namespace and the Secret are there already, from another writer.
	samples := s.samples()
	if err := cluster.Apply(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Rolled(t.Context(), startTimeout, client.ObjectKeyFromObject(s.deployment)); err != nil {
		t.Fatal(err)
	}
	s.waitCondition(reloadTimeout, v1alpha1.ConditionCaptureInjected, metav1.ConditionTrue, v1alpha1.ReasonInjected)
	s.waitCondition(reloadTimeout, v1alpha1.ConditionStoreReachable, metav1.ConditionTrue, v1alpha1.ReasonReachable)

	first := s.asApplied(samples)
	if err := cluster.Apply(t.Context(), samples); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, s.asApplied(samples)); diff != "" {
		t.Errorf("the second apply changes what the first one left (-first +second):\n%s", diff)
	}

	t.Run("children carry the monitor's label", func(t *testing.T) {
		got := s.children(t.Context())
		for _, want := range []string{
			"ConfigMap " + naming.Config(modelName), "Service " + naming.Metrics(modelName), "ServiceMonitor " + naming.Metrics(modelName),
			"PrometheusRule " + naming.Rules(modelName), "CronJob " + naming.CronJob(modelName, "drift"), "CronJob " + naming.CronJob(modelName, "outliers"),
			"NetworkPolicy " + naming.NetworkPolicy(modelName),
		} {
			if !slices.Contains(got, want) {
				t.Errorf("%s is not among what carries %s=%s: %v", want, naming.LabelMonitor, modelName, got)
			}
		}
	})

	t.Run("the user's objects have no field of ours", func(t *testing.T) {
		for _, o := range samples {
			if o.GetKind() == "MonitorClass" || o.GetKind() == "ModelMonitor" || o.GetKind() == "AnnotationQueue" {
				continue
			}
			s.checkUnwritten(t, s.read(o))
		}
		pods, err := s.pods(t.Context())
		if err != nil || len(pods) == 0 {
			t.Fatalf("got %d pods: %v", len(pods), err)
		}
		for i := range pods {
			s.checkUnwritten(t, &pods[i])
		}
	})

	t.Run("the monitor's spec is its owner's", func(t *testing.T) {
		m, err := s.readMonitor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range m.ManagedFields {
			if f.Subresource == "" && strings.Contains(f.FieldsV1.String(), "f:spec") && f.Manager != "vedette-harness" {
				t.Errorf("%s has written to the spec: %s", f.Manager, f.FieldsV1)
			}
		}
	})

	t.Run("a change writes only what it concerns", func(t *testing.T) {
		before := s.versions(t.Context())
		change(s, &v1alpha1.ModelMonitor{ObjectMeta: objectMeta(s.namespace, modelName)}, func(m *v1alpha1.ModelMonitor) {
			m.Spec.Alerting.RunbookURL = "https://runbooks.example/flights"
		})
		rules := "PrometheusRule " + naming.Rules(modelName)
		s.until(reconcileTimeout, "the rules to change", func(ctx context.Context) (bool, string, error) {
			m, err := s.readMonitor(ctx)
			now := s.versions(ctx)
			return now[rules] != before[rules] && err == nil && m.Status.Conditions[0].ObservedGeneration == m.Generation, "", err
		})
		after := s.versions(t.Context())
		// Jobs report how far they are.
		aside := func(name, _ string) bool { return name == rules || strings.HasPrefix(name, "Job ") }
		maps.DeleteFunc(before, aside)
		maps.DeleteFunc(after, aside)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("resource versions (-before +after):\n%s", diff)
		}
	})

	t.Run("without the monitor the pods go on serving", func(t *testing.T) {
		before, err := s.pods(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := cluster.Client.Delete(t.Context(), &v1alpha1.ModelMonitor{ObjectMeta: objectMeta(s.namespace, modelName)}); err != nil {
			t.Fatal(err)
		}
		s.until(reloadTimeout, "the children to be gone", func(ctx context.Context) (bool, string, error) {
			left := s.children(ctx)
			return len(left) == 0, fmt.Sprintf("left are %v", left), nil
		})
		s.post(infer)
		after, err := s.pods(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(podsOf(before), podsOf(after)); diff != "" {
			t.Errorf("the pods have changed (-before +after):\n%s", diff)
		}
	})
}

// read reads an object as it is in the cluster.
func (s *scene) read(o *unstructured.Unstructured) *unstructured.Unstructured {
	s.Helper()
	now := o.DeepCopy()
	if err := cluster.Get(s.Context(), client.ObjectKeyFromObject(o), now); err != nil {
		s.Fatal(err)
	}
	return now
}

// asApplied reads what an apply can change of objects: all but what controllers report as status. The time at which an
// applier last changed something is part of it.
func (s *scene) asApplied(objects []*unstructured.Unstructured) []map[string]any {
	s.Helper()
	var out []map[string]any
	for _, o := range objects {
		now := s.read(o)
		now.SetResourceVersion("")
		now.SetManagedFields(slices.DeleteFunc(now.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool { return f.Manager != "vedette-harness" }))
		unstructured.RemoveNestedField(now.Object, "status")
		annotations := now.GetAnnotations()
		delete(annotations, "deployment.kubernetes.io/revision")
		now.SetAnnotations(annotations)
		out = append(out, now.Object)
	}
	return out
}

// children names what carries the monitor's label.
func (s *scene) children(ctx context.Context) []string {
	return slices.Sorted(maps.Keys(s.versions(ctx)))
}

// versions lists what carries the monitor's label, with the resource versions.
func (s *scene) versions(ctx context.Context) map[string]string {
	found := map[string]string{}
	for _, kind := range children {
		list := new(unstructured.UnstructuredList)
		list.SetGroupVersionKind(kind)
		if err := cluster.List(ctx, list, client.InNamespace(s.namespace), client.MatchingLabels{naming.LabelMonitor: modelName}); err != nil {
			s.Error(err)
		}
		for _, o := range list.Items {
			found[o.GetKind()+" "+o.GetName()] = o.GetResourceVersion()
		}
	}
	return found
}

// checkUnwritten fails if we have written to an object. A webhook's changes belong to whoever creates the object.
func (s *scene) checkUnwritten(t *testing.T, o client.Object) {
	t.Helper()
	for _, f := range o.GetManagedFields() {
		if f.Manager == naming.ManagedBy || f.Manager == "manager" || f.Manager == "capture" || f.Manager == "analyze" {
			t.Errorf("%T %s: %s has written to it", o, o.GetName(), f.Manager)
		}
	}
}

// podsOf says which containers run in which pods, and how often they were started.
func podsOf(pods []corev1.Pod) map[string][]int32 {
	m := map[string][]int32{}
	for _, p := range pods {
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			m[string(p.UID)] = append(m[string(p.UID)], c.RestartCount)
		}
	}
	return m
}
