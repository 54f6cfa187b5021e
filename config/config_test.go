// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/golden"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// overlays are the kustomizations that a person may apply.
var overlays = []string{"default", "overlays/certmanager", "overlays/dev", "overlays/namespaced", "overlays/verdicts"}

// TestOverlays holds every overlay to a list of its objects, each of which must be one that its kind's type knows.
func TestOverlays(t *testing.T) {
	scheme := scheme(t)
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			var list strings.Builder
			for _, o := range build(t, overlay) {
				fmt.Fprintln(&list, strings.TrimSpace(o.GetKind()+" "+o.GetNamespace()), o.GetName())
				if scheme.Recognizes(o.GroupVersionKind()) {
					strict(t, scheme, o)
				} else if o.GroupVersionKind().Group != "cert-manager.io" {
					t.Errorf("the kind of %s %s is unknown", o.GetKind(), o.GetName())
				}
			}
			golden.File(t, strings.ReplaceAll(overlay, "/", "-")+".txt", []byte(list.String()))
		})
	}
}

func TestImages(t *testing.T) {
	for overlay, want := range map[string][]string{
		"default":      {"ghcr.io/vedette-dev/manager:v0.1.0", "ghcr.io/vedette-dev/capture:v0.1.0", "ghcr.io/vedette-dev/analyze:v0.1.0", "ghcr.io/vedette-dev/review:v0.1.0"},
		"overlays/dev": {"vedette.dev/manager:dev", "vedette.dev/capture:dev", "vedette.dev/analyze:dev", "vedette.dev/review:dev"},
	} {
		c := manager(t, build(t, overlay)).Spec.Template.Spec.Containers[0]
		got := []string{c.Image}
		for _, e := range c.Env {
			if strings.HasSuffix(e.Name, "_IMAGE") {
				got = append(got, e.Value)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: images %q, want %q", overlay, got, want)
		}
	}
}

// TestNetworkPolicies keeps every policy away from pods that are not ours: a policy that selects a user's pod cuts off
// what it does not allow.
func TestNetworkPolicies(t *testing.T) {
	objects := build(t, "overlays/verdicts")
	ours := manager(t, objects)
	for _, o := range objects {
		if o.GetKind() != "NetworkPolicy" {
			continue
		}
		policy := &networkingv1.NetworkPolicy{}
		convert(t, o, policy)
		s, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err != nil {
			t.Fatal(err)
		}
		if policy.Namespace != ours.Namespace || !s.Matches(labels.Set(ours.Spec.Template.Labels)) {
			t.Errorf("policy %s does not select the manager", policy.Name)
		}
		if s.Empty() || s.Matches(labels.Set{"app.kubernetes.io/name": "vedette"}) {
			t.Errorf("policy %s selects more than the manager", policy.Name)
		}
	}
}

// TestApply applies the operator to a real API server, twice: the second time changes nothing. A pod of the manager must
// then be one that the namespace, which enforces the restricted Pod Security Standard, admits.
func TestApply(t *testing.T) {
	server := apiserver.Get(t)
	c := server.Client(t, server.Config)
	objects := slices.DeleteFunc(build(t, "default"), func(o *unstructured.Unstructured) bool {
		return o.GetKind() == "CustomResourceDefinition" // the server has them
	})
	applyTwice(t, c, objects)

	template := manager(t, objects).Spec.Template
	template.Spec.ServiceAccountName = "default"
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vedette-system", Name: "manager", Labels: template.Labels},
		Spec:       template.Spec,
	}
	if err := c.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Error(err)
	}
}

// applyTwice applies objects server-side, as people do, and wants the second time to change nothing.
func applyTwice(t *testing.T, c client.Client, objects []*unstructured.Unstructured) {
	t.Helper()
	// Namespaces first; kustomize sorts so, samples in files do not.
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int {
		return strings.Compare(rank(a), rank(b))
	})
	for _, o := range objects {
		var versions [2]string
		for i := range versions {
			applied := o.DeepCopy()
			if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("test")); err != nil {
				t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
			}
			versions[i] = applied.GetResourceVersion()
		}
		if versions[0] != versions[1] {
			t.Errorf("applying %s %s again changed it", o.GetKind(), o.GetName())
		}
	}
}

func rank(o *unstructured.Unstructured) string {
	if o.GetKind() == "Namespace" {
		return "0"
	}
	return "1"
}

// build renders a kustomization.
func build(t *testing.T, dir string) []*unstructured.Unstructured {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../hack/tools/go.mod", "kustomize", "build", dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("kustomize build config/%s: %v: %s", dir, err, stderr.String())
	}
	return parse(t, stdout.Bytes())
}

func parse(t *testing.T, manifests []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
			return objects
		} else if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

// read parses a file of manifests.
func read(t *testing.T, path string) []*unstructured.Unstructured {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, b)
}

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, vedettev1alpha1.AddToScheme, monitoringv1.AddToScheme,
	} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// strict parses o into its type; an unknown or repeated field fails the test.
func strict(t *testing.T, s *runtime.Scheme, o *unstructured.Unstructured) {
	t.Helper()
	typed, err := s.New(o.GroupVersionKind())
	if err != nil {
		t.Fatal(err)
	}
	convert(t, o, typed)
}

func convert(t *testing.T, o *unstructured.Unstructured, typed any) {
	t.Helper()
	b, err := yaml.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(b, typed); err != nil {
		t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
	}
}

// manager is the manager's Deployment.
func manager(t *testing.T, objects []*unstructured.Unstructured) *appsv1.Deployment {
	t.Helper()
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Deployment" })
	if i < 0 {
		t.Fatal("there is no Deployment")
	}
	d := &appsv1.Deployment{}
	convert(t, objects[i], d)
	return d
}
