// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestLocal(t *testing.T) {
	cases := map[string]struct {
		kubeconfig string
		want       bool
	}{
		"no KUBECONFIG":                      {"", true},
		"our own cluster's kubeconfig":       {"/var/lib/vedette/kubeconfig", true},
		"the same, not in its shortest form": {"/var/lib//vedette/./kubeconfig", true},
		"another cluster's":                  {"/root/.kube/config", false},
		"ours beside another's":              {"/var/lib/vedette/kubeconfig:/root/.kube/config", false},
	}
	for name, c := range cases {
		if got := local(c.kubeconfig); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
}

func TestUntilSaysWhatItSaw(t *testing.T) {
	failure := errors.New("no route")
	cases := map[string]struct {
		observe func(n int) (bool, string, error)
		want    string
	}{
		"done at the third look": {
			observe: func(n int) (bool, string, error) { return n == 3, "not yet", nil },
		},
		"an error that mends itself": {
			observe: func(n int) (bool, string, error) {
				if n < 3 {
					return false, "", failure
				}
				return true, "", nil
			},
		},
		"never": {
			observe: func(int) (bool, string, error) { return false, "1 of 2", nil },
			want:    "waiting up to 5s for tea: 1 of 2",
		},
		"an error after something was seen": {
			observe: func(n int) (bool, string, error) {
				if n < 3 {
					return false, "1 of 2", nil
				}
				return false, "", failure
			},
			want: "waiting up to 5s for tea: 1 of 2; then no route",
		},
		"done, but with an error": {
			observe: func(int) (bool, string, error) { return true, "", failure },
			want:    "waiting up to 5s for tea: no route",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				err := Until(t.Context(), 5*time.Second, "tea", func(context.Context) (bool, string, error) {
					n++
					return c.observe(n)
				})
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestTargetPort(t *testing.T) {
	service := corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{
		{Name: "named", TargetPort: intstr.FromString("http")},
		{Name: "numbered", TargetPort: intstr.FromInt32(8080)},
	}}}
	pod := corev1.Pod{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 15280}}}},
		Containers:     []corev1.Container{{Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}},
	}}
	for port, want := range map[string]int32{"named": 15280, "numbered": 8080, "absent": 0} {
		if got := targetPort(service, port, pod); got != want {
			t.Errorf("port %s goes to %d, want %d", port, got, want)
		}
	}
	pod.Spec.Containers[0].Ports[0].Name = "http"
	if got := targetPort(service, "named", pod); got != 8080 {
		t.Errorf("got %d, want the container's 8080 before the sidecar's", got)
	}
}

func TestRenderShowsWhatKubectlShows(t *testing.T) {
	table := metav1.Table{
		ColumnDefinitions: []metav1.TableColumnDefinition{{Name: "Name"}, {Name: "Ready"}, {Name: "Wide", Priority: 1}},
		Rows: []metav1.TableRow{
			{Cells: []any{"flights", "True", "x"}, Object: runtime.RawExtension{Raw: []byte(`{"metadata":{"namespace":"a"}}`)}},
			{Cells: []any{"fraud", nil, "x"}, Object: runtime.RawExtension{Raw: []byte(`{"metadata":{"namespace":"bb"}}`)}},
		},
	}
	for namespaces, want := range map[bool]string{
		true:  "NAMESPACE NAME READY|a flights True|bb fraud",
		false: "NAME READY|flights True|fraud",
	} {
		out, err := render(table, namespaces)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(out) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		if got := strings.Join(lines, "|"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDecodeSkipsEmptyDocuments(t *testing.T) {
	objects, err := decode([]byte("---\n# nothing\n---\nkind: A\n---\nkind: B\n"))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, o := range objects {
		kinds = append(kinds, o.GetKind())
	}
	if diff := cmp.Diff([]string{"A", "B"}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestQuery(t *testing.T) {
	cases := map[string]struct {
		answer string
		want   []Sample
		err    string
	}{
		"a vector": {
			answer: `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2.5"]}]}}`,
			want:   []Sample{{Labels: map[string]string{"a": "b"}, Value: 2.5}},
		},
		"nothing": {
			answer: `{"status":"success","data":{"resultType":"vector","result":[]}}`,
			want:   []Sample{},
		},
		"a scalar": {
			answer: `{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}`,
			want:   []Sample{{Value: 3}},
		},
		"a mistake":     {answer: `{"status":"error","error":"parse error"}`, err: "parse error"},
		"no Prometheus": {answer: `<html>`, err: "status 200"},
		"a matrix":      {answer: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"]]}]}}`, err: "no string"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/v1/query" || r.FormValue("query") != "up" {
					t.Errorf("got request %s", r.URL)
				}
				_, _ = w.Write([]byte(c.answer))
			}))
			defer server.Close()
			got, err := Prometheus{URL: server.URL}.Query(t.Context(), "up")
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("got error %v, want %q", err, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
