// SPDX-License-Identifier: Apache-2.0

package monitorclass

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/prometheus"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/kstatus"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// answers is a Prometheus that can be asked.
type answers struct{}

func (answers) Check(context.Context, prometheus.Server) error { return nil }

// TestCredentials has the manager read a Secret of its namespace, with the permissions that we ship, to ask a Prometheus that wants
// a token and a tenant.
func TestCredentials(t *testing.T) {
	server := apiserver.Get(t)
	admin := server.Client(t, server.Config)
	system := server.Namespace(t, nil)
	requests := &apiserver.Requests{}
	manager := server.Client(t, requests.Observe(server.As(t, "vedette-manager", apiserver.ManagerRole(t))))
	letRead(t, server, admin, system)

	var token atomic.Value
	token.Store("first")
	metrics := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token.Load().(string) || r.Header.Get("X-Scope-OrgID") != "ml" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
	}))
	defer metrics.Close()
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: metrics.Certificate().Raw}))

	now := time.Unix(1e9, 0)
	clock := func() time.Time { return now }
	r := &Reconciler{Client: manager, Prometheus: prometheus.NewClient(manager, system, clock), Now: clock}
	class := wrappers.MakeClass("with-credentials")
	class.Spec.Prometheus = v1alpha1.PrometheusSpec{
		URL: metrics.URL, Credentials: v1alpha1.PrometheusCredentials{SecretName: "vedette-prometheus"},
		Tenant: v1alpha1.PrometheusTenant{Value: "ml"}, // by the header that is the default
	}
	if err := admin.Create(t.Context(), class); err != nil {
		t.Fatal(err)
	}
	hold := func(items map[string]string) func() {
		return func() {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "vedette-prometheus"}, StringData: items}
			err := admin.Update(t.Context(), secret)
			if apierrors.IsNotFound(err) {
				err = admin.Create(t.Context(), secret)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, step := range []struct {
		name   string
		change func()
		reason string // none where it can be asked
		says   string
	}{
		{"there is no Secret", func() {}, v1alpha1.ReasonPrometheusSecretUnusable, "the Secret vedette-prometheus in the namespace " + system + " is missing"},
		{"it says not for whom it is", hold(map[string]string{"token": "first"}), v1alpha1.ReasonPrometheusSecretUnusable, "its item url is missing"},
		{"it is for somebody else", hold(map[string]string{"token": "first", "url": "https://prometheus"}), v1alpha1.ReasonPrometheusSecretUnusable, "its item url must be the same as spec.prometheus.url"},
		{"nobody vouches for the server", hold(map[string]string{"token": "first", "url": metrics.URL}), v1alpha1.ReasonPrometheusUntrusted, "item ca.crt"},
		{"it works", hold(map[string]string{"token": "first", "url": metrics.URL, "ca.crt": authority}), "", ""},
		{"the server takes another token", func() { token.Store("second") }, v1alpha1.ReasonPrometheusRefused, "spec.prometheus.tenant"},
		{"the token is rotated", hold(map[string]string{"token": "second", "url": metrics.URL, "ca.crt": authority}), "", ""},
		{"another Secret is named", func() { rename(t, admin, class, "vedette-webhook-certificate") }, v1alpha1.ReasonPrometheusSecretUnusable, "add its name to the resourceNames of the Role vedette-prometheus"},
		{"the first one is", func() { rename(t, admin, class, "vedette-prometheus") }, "", ""},
		{"the server is gone", metrics.Close, v1alpha1.ReasonPrometheusUnreachable, "does not answer"},
		{"none is asked", func() { rename(t, admin, class, "") }, "", ""},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.change()
			now = now.Add(checkPeriod)
			for range 2 {
				requests.Mutating()
				if err := admin.Get(t.Context(), client.ObjectKeyFromObject(class), class); err != nil {
					t.Fatal(err)
				}
				result, err := r.Reconcile(t.Context(), class)
				if want := class.Spec.Prometheus.URL != ""; err != nil || (result.RequeueAfter == checkPeriod) != want {
					t.Fatalf("%+v, %v; want to look again: %v", result, err, want)
				}
			}
			if got := requests.Mutating(); len(got) > 0 {
				t.Errorf("the second reconciliation sent %v", got)
			}
			kstatus.Check(t, class.Generation, class.Status.ObservedGeneration, class.Status.Conditions)
			if !meta.IsStatusConditionTrue(class.Status.Conditions, v1alpha1.ConditionReady) {
				t.Error("models are watched without it: the class is ready")
			}
			c := meta.FindStatusCondition(class.Status.Conditions, v1alpha1.ConditionMetricsUnavailable)
			switch {
			case step.reason == "" && c != nil:
				t.Errorf("the condition is %+v", c)
			case step.reason != "" && (c == nil || c.Reason != step.reason || !strings.Contains(c.Message, step.says)):
				t.Errorf("the condition is %+v, want %s %q", c, step.reason, step.says)
			}
		})
	}
}

// rename makes the class name another Secret, or no Prometheus at all.
func rename(t *testing.T, admin client.Client, class *v1alpha1.MonitorClass, secret v1alpha1.ObjectName) {
	t.Helper()
	before := class.DeepCopy()
	class.Spec.Prometheus.Credentials.SecretName = secret
	if secret == "" {
		class.Spec.Prometheus = v1alpha1.PrometheusSpec{}
	}
	if err := admin.Patch(t.Context(), class, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// letRead gives the manager the Role that we ship for its Secrets, in a namespace of the test, and waits until it holds.
func letRead(t *testing.T, server *apiserver.Server, admin client.Client, namespace string) {
	t.Helper()
	b, err := os.ReadFile(apiserver.File("config/rbac/role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for document := range bytes.SplitSeq(b, []byte("---\n")) {
		role := &rbacv1.Role{}
		if err := yaml.UnmarshalStrict(document, role); err != nil {
			t.Fatal(err)
		}
		if role.Kind != "Role" || role.Name != "vedette-prometheus" {
			continue
		}
		role.Namespace = namespace
		binding := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "vedette-manager"}},
		}
		if err := errors.Join(admin.Create(t.Context(), role), admin.Create(t.Context(), binding)); err != nil {
			t.Fatal(err)
		}
		server.AwaitAllowed(t, "vedette-manager", namespace, role.Rules)
		return
	}
	t.Fatal("the Role vedette-prometheus is not shipped")
}
