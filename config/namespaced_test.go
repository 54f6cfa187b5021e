// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
)

// TestNamespaced runs the manager's program with the flags and the permissions of the overlay for one namespace, which
// are none in others. It must work there, and must stop when told to.
func TestNamespaced(t *testing.T) {
	server := apiserver.Get(t)
	c := server.Client(t, server.Config)
	binary := filepath.Join(t.TempDir(), "manager")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../internal/cmd/manager").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	models := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "models"}}
	if err := c.Create(t.Context(), models); err != nil {
		t.Fatal(err)
	}
	// Another test may have given the manager the whole cluster.
	everywhere := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "vedette-manager"}}
	if err := client.IgnoreNotFound(c.Delete(t.Context(), everywhere)); err != nil {
		t.Fatal(err)
	}
	objects := slices.DeleteFunc(build(t, "overlays/namespaced"), func(o *unstructured.Unstructured) bool {
		return o.GetKind() == "CustomResourceDefinition" // the server has them
	})
	for _, o := range objects {
		if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("test")); err != nil {
			t.Fatal(err)
		}
	}

	args := append(manager(t, objects).Spec.Template.Spec.Containers[0].Args,
		"--injection=Disabled", "--metrics-bind-address=0", "--health-probe-bind-address=0")
	for i := range args {
		args[i] = strings.NewReplacer("$(POD_NAMESPACE)", "vedette-system", "$(CAPTURE_IMAGE)", "capture:1", "$(ANALYZE_IMAGE)", "analyze:1", "$(REVIEW_IMAGE)", "review:1").Replace(args[i])
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(cmd.Environ(), "KUBECONFIG="+kubeconfig(t, server.Config, "system:serviceaccount:vedette-system:vedette-manager"))
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the manager ended with %v", err)
		}
		if strings.Contains(log.String(), "forbidden") || t.Failed() {
			t.Errorf("the manager said:\n%s", log.String())
		}
	}()

	class := &vedettev1alpha1.MonitorClass{
		ObjectMeta: metav1.ObjectMeta{Name: "namespaced"},
		Spec:       vedettev1alpha1.MonitorClassSpec{Store: vedettev1alpha1.StoreSpec{URL: "s3://bucket"}},
	}
	inside, outside := fraud("models"), fraud(server.Namespace(t, nil))
	for _, obj := range []client.Object{class, outside, inside} {
		if err := c.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	apiserver.Await(t, c, inside, &vedettev1alpha1.ModelMonitorList{}, func(m *vedettev1alpha1.ModelMonitor) bool {
		return m.Status.ConfigRevision != ""
	})
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(outside), outside); err != nil {
		t.Fatal(err)
	}
	if len(outside.Status.Conditions) > 0 {
		t.Errorf("a monitor of another namespace was reconciled")
	}
}

func fraud(namespace string) *vedettev1alpha1.ModelMonitor {
	return &vedettev1alpha1.ModelMonitor{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "fraud"},
		Spec: vedettev1alpha1.ModelMonitorSpec{
			ClassName: "namespaced",
			Target:    vedettev1alpha1.Target{WorkloadRef: vedettev1alpha1.WorkloadReference{Kind: "Deployment", Name: "fraud"}},
		},
	}
}

// kubeconfig writes a kubeconfig for a ServiceAccount.
func kubeconfig(t *testing.T, cfg *rest.Config, user string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: "test",
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "test"}},
		Clusters:       map[string]*clientcmdapi.Cluster{"test": {Server: cfg.Host, CertificateAuthorityData: cfg.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"test": {
			ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData,
			Impersonate: user, ImpersonateGroups: []string{"system:serviceaccounts", "system:authenticated"},
		}},
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
