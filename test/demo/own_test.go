// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vedette-dev/vedette/test/harness"
)

// rendered is a part of what the demo makes.
func rendered() []*unstructured.Unstructured {
	objects := []*unstructured.Unstructured{
		object("v1", "ConfigMap", systemNamespace, "dashboards"),
		object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "modelmonitors.vedette.dev"),
		object("v1", "Namespace", "", systemNamespace),
	}
	mark(objects)
	return objects
}

func object(version, kind, namespace, name string) *unstructured.Unstructured {
	o := new(unstructured.Unstructured)
	o.SetAPIVersion(version)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetLabels(map[string]string{"app.kubernetes.io/name": "vedette"})
	return o
}

// production is the same as somebody else installed it.
func production() []client.Object {
	var objects []client.Object
	for _, o := range rendered() {
		labels := o.GetLabels()
		delete(labels, demoLabel)
		o.SetLabels(labels)
		objects = append(objects, o)
	}
	return objects
}

func ours() []client.Object {
	var objects []client.Object
	for _, o := range rendered() {
		objects = append(objects, o)
	}
	return objects
}

func clusterWith(t *testing.T, get func(kind string) error, objects ...client.Object) *harness.Cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	return &harness.Cluster{Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if get != nil {
				if err := get(o.GetObjectKind().GroupVersionKind().Kind); err != nil {
					return err
				}
			}
			return c.Get(ctx, key, o, opts...)
		},
	}).Build()}
}

func TestTheDemoRequiresThatWhatIsThereIsItsOwn(t *testing.T) {
	cases := map[string]struct {
		there []client.Object
		get   func(kind string) error
		local bool
		want  []string
	}{
		"an empty cluster":          {},
		"what an earlier demo left": {there: ours()},
		"an operator that was there before": {
			there: production(),
			want: []string{
				"without the label vedette.dev/demo",
				"Namespace vedette-system, CustomResourceDefinition modelmonitors.vedette.dev, ConfigMap vedette-system/dashboards;",
				"KUBECONFIG",
			},
		},
		"only its definition is left": {
			there: production()[1:2],
			want:  []string{": CustomResourceDefinition modelmonitors.vedette.dev;"},
		},
		"our own cluster may have been used for tests": {there: production(), local: true},
		"a kind that is not served": {
			get: func(string) error { return &meta.NoKindMatchError{} },
		},
		"no answer is no permission": {
			get:  func(string) error { return errors.New("no route") },
			want: []string{"looking for ConfigMap vedette-system/dashboards: no route"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d := &demo{cluster: clusterWith(t, c.get, c.there...)}
			d.cluster.Local = c.local
			err := d.requireOwn(t.Context(), rendered())
			if (err != nil) != (c.want != nil) {
				t.Fatalf("got error %v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got error %v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestDownRemovesOnlyWhatTheDemoMade(t *testing.T) {
	cases := map[string]struct {
		there []client.Object
		stay  bool
		said  string
	}{
		"what the demo made":                {there: ours()},
		"nothing is there":                  {},
		"an operator that was there before": {there: production(), stay: true, said: "left alone, for want of the label vedette.dev/demo: Namespace vedette-system"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			d := &demo{out: &out, cluster: clusterWith(t, nil, c.there...)}
			if err := d.remove(t.Context(), time.Minute, rendered()); err != nil {
				t.Fatal(err)
			}
			for _, o := range []client.Object{
				&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: systemNamespace}},
				&apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "modelmonitors.vedette.dev"}},
				&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "dashboards"}},
			} {
				err := d.cluster.Get(t.Context(), client.ObjectKeyFromObject(o), o)
				if c.stay && err != nil || !c.stay && !apierrors.IsNotFound(err) {
					t.Errorf("%T: got error %v, want it to stay: %t", o, err, c.stay)
				}
			}
			if !strings.Contains(out.String(), c.said) || c.said == "" && out.Len() > 0 {
				t.Errorf("said %q, want %q", out.String(), c.said)
			}
		})
	}
}

func TestMarkKeepsLabels(t *testing.T) {
	bare := new(unstructured.Unstructured)
	named := object("v1", "Namespace", "", "x")
	mark([]*unstructured.Unstructured{bare, named})
	if bare.GetLabels()[demoLabel] == "" || named.GetLabels()[demoLabel] == "" || named.GetLabels()["app.kubernetes.io/name"] != "vedette" {
		t.Errorf("got labels %v and %v", bare.GetLabels(), named.GetLabels())
	}
}

func TestListIsShort(t *testing.T) {
	var objects []*unstructured.Unstructured
	for range 40 {
		objects = append(objects, object("v1", "ConfigMap", "a", "b"))
	}
	got := list(append(objects, object("v1", "Namespace", "", "n")))
	want := "Namespace n, " + strings.Repeat("ConfigMap a/b, ", 5) + "and 35 more"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
