// SPDX-License-Identifier: Apache-2.0

// Package apiserver runs tests against a real API server, with the CustomResourceDefinitions of the repository. There is
// no controller-manager beside it: no garbage collection, no rollouts, no pods that run.
//
// A package that uses it hands its TestMain over to Main; the server starts with the first test that calls Get.
package apiserver

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
)

// awaitLimit bounds how long a test waits for a change that does not come.
const awaitLimit = time.Minute

// startLimit bounds how long the API server may take to start: envtest's own 20 s are not enough on a busy machine.
const startLimit = 3 * time.Minute

// Assets names the folder with kube-apiserver and etcd.
const Assets = "KUBEBUILDER_ASSETS"

// Server is a running API server.
type Server struct {
	// Config is the configuration of a client with all permissions.
	Config *rest.Config
	// Scheme holds the built-in kinds, CustomResourceDefinitions and ours.
	Scheme *kruntime.Scheme

	env        *envtest.Environment
	namespaces atomic.Int64
}

var (
	started *Server
	start   = sync.OnceValues(run)
)

// Main runs the tests of a package and stops the server, if one was started.
func Main(m *testing.M) {
	code := m.Run()
	if started != nil {
		if err := started.env.Stop(); err != nil {
			fmt.Fprintf(os.Stderr, "stopping the API server: %v\n", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// Get returns the package's API server. Without binaries it skips the test, but fails it in CI.
func Get(t *testing.T) *Server {
	t.Helper()
	if os.Getenv(Assets) == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set: run the tests with make test", Assets)
		}
		t.Skipf("%s is not set: run the tests with make test", Assets)
	}
	s, err := start()
	if err != nil {
		t.Fatalf("starting the API server: %v", err)
	}
	return s
}

func run() (*Server, error) {
	s := &Server{Scheme: kruntime.NewScheme()}
	for _, add := range []func(*kruntime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, vedettev1alpha1.AddToScheme} {
		if err := add(s.Scheme); err != nil {
			return nil, err
		}
	}
	s.env = &envtest.Environment{
		Scheme:                s.Scheme,
		CRDDirectoryPaths:     []string{File("config/crd/bases")},
		ErrorIfCRDPathMissing: true,

		ControlPlaneStartTimeout: startLimit,
	}
	started = s // also when starting fails half-way: Main then stops what runs
	cfg, err := s.env.Start()
	if err != nil {
		return nil, err
	}
	cfg.QPS = -1 // tests measure what is sent, not how fast
	s.Config = cfg
	return s, nil
}

// File is the path of a file of the repository, whatever package the test is in.
func File(path string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..", path)
}

// Client returns a client without a cache.
func (s *Server) Client(t *testing.T, cfg *rest.Config) client.WithWatch {
	t.Helper()
	c, err := client.NewWithWatch(cfg, client.Options{Scheme: s.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Namespace makes a namespace of its own for a test.
func (s *Server) Namespace(t *testing.T, labels map[string]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("test-%d", s.namespaces.Add(1)), Labels: labels}}
	if err := s.Client(t, s.Config).Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	return ns.Name
}

// ManagerRole is the generated role of the manager: a test that runs under it finds missing markers.
func ManagerRole(t *testing.T) *rbacv1.ClusterRole {
	t.Helper()
	return Role(t, "config/rbac/role.yaml", "vedette-manager")
}

// Role is a ClusterRole that we ship, by its file and its name.
func Role(t *testing.T, file, name string) *rbacv1.ClusterRole {
	t.Helper()
	b, err := os.ReadFile(File(file))
	if err != nil {
		t.Fatal(err)
	}
	for document := range bytes.SplitSeq(b, []byte("---\n")) {
		role := &rbacv1.ClusterRole{}
		if err := yaml.UnmarshalStrict(document, role); err != nil {
			t.Fatal(err)
		}
		if role.Kind == "ClusterRole" && role.Name == name {
			return role
		}
	}
	t.Fatalf("%s holds no ClusterRole %s", file, name)
	return nil
}

// Await waits until done holds for the object that is named like obj, and leaves it in obj. It wakes with every change of
// the object and ends with the test's context.
func Await[T client.Object](t *testing.T, c client.WithWatch, obj T, list client.ObjectList, done func(T) bool) {
	t.Helper()
	changes(t, c, obj, list, func(ctx context.Context, event watch.Event) bool {
		got, ok := event.Object.(T)
		if !ok || event.Type == watch.Deleted || !done(got) {
			return false
		}
		if err := c.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			t.Fatal(err)
		}
		return true
	})
}

// AwaitGone waits until there is no object that is named like obj.
func AwaitGone[T client.Object](t *testing.T, c client.WithWatch, obj T, list client.ObjectList) {
	t.Helper()
	changes(t, c, obj, list, func(ctx context.Context, _ watch.Event) bool {
		err := c.Get(ctx, client.ObjectKeyFromObject(obj), obj)
		if client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		return apierrors.IsNotFound(err)
	})
}

// changes shows how the object that is named like obj is, by an empty event, and then each of its changes, until one is what is
// awaited.
func changes(t *testing.T, c client.WithWatch, obj client.Object, list client.ObjectList, awaited func(context.Context, watch.Event) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), awaitLimit)
	defer cancel()
	key := client.ObjectKeyFromObject(obj)
	w, err := c.Watch(ctx, list, client.InNamespace(key.Namespace), client.MatchingFields{"metadata.name": key.Name})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if awaited(ctx, watch.Event{}) { // The watch has begun: what changes afterwards is told.
		return
	}
	for event := range w.ResultChan() {
		if awaited(ctx, event) {
			return
		}
	}
	_ = c.Get(t.Context(), key, obj) // for the message: what it is instead
	t.Fatalf("%T %s did not become what was awaited: %+v", obj, key, obj)
}

// Requests counts the requests of a client, as the server sees them.
type Requests struct {
	mu       sync.Mutex
	mutating []string
}

// Observe makes cfg count into r, and returns it.
func (r *Requests) Observe(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodGet {
				r.mu.Lock()
				r.mutating = append(r.mutating, req.Method+" "+req.URL.Path)
				r.mu.Unlock()
			}
			return next.RoundTrip(req)
		})
	})
	return cfg
}

// Mutating returns the requests since the last call that could change something.
func (r *Requests) Mutating() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.mutating
	r.mutating = nil
	return m
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
