// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/test/harness"
)

const (
	// noImage is no valid reference of an image: its container never runs, and nobody waits for a registry.
	noImage = "vedette.invalid/NONE"

	systemNamespace = "vedette-system"
	operatorDir     = "test/demo/manifests/operator"
	samplesDir      = "config/samples/flights"

	// setupTimeout bounds what comes before the tests; building everything from nothing takes the most of it.
	setupTimeout = 35 * time.Minute
	// startTimeout is how long pods may take to start; on a busy machine that is long.
	startTimeout = 3 * time.Minute
	// reloadTimeout is how long a change of configuration may take to reach a sidecar: Kubernetes renews a mounted
	// ConfigMap within about a minute and a half.
	reloadTimeout = 2 * time.Minute
	// reconcileTimeout is how long the operator may take to say what it sees.
	reconcileTimeout = time.Minute
)

var managerKey = types.NamespacedName{Namespace: systemNamespace, Name: "vedette-manager"}

var (
	// cluster is what the tests run on.
	cluster *harness.Cluster
	// api sends requests as the cluster's administrator. Tests reach Services and pods through the API server's proxy,
	// which finds a Service's endpoints as every client does, and needs no connection that could outlive a pod.
	api http.RoundTripper
)

func TestMain(m *testing.M) {
	flag.Parse()
	quiet := logr.FromSlogHandler(slog.DiscardHandler)
	ctrllog.SetLogger(quiet)
	klog.SetLogger(quiet)

	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	err := setUp(ctx, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		if cluster != nil {
			cluster.Diagnose(context.Background(), os.Stderr, systemNamespace)
		}
		os.Exit(1)
	}
	code := m.Run()
	if err := tearDown(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// setUp brings a cluster with the operator. The operator stays when the tests are over, as after the demo.
func setUp(ctx context.Context, out io.Writer) (err error) {
	if cluster, err = harness.New(ctx, out); err != nil {
		return err
	}
	if err := cluster.Up(ctx); err != nil {
		return err
	}
	if api, err = rest.TransportFor(cluster.Config); err != nil {
		return err
	}
	if err := cluster.Load(ctx, "manager", "capture", "analyze", "modelserver", "versitygw"); err != nil {
		return err
	}
	if err := applyDefinitions(ctx); err != nil {
		return err
	}
	objects, err := cluster.Kustomize(ctx, operatorDir)
	if err != nil {
		return err
	}
	if err := cluster.Apply(ctx, objects); err != nil {
		return err
	}
	if cluster.Local {
		// A manager that runs already may be older than the images.
		if err := restart(ctx, managerKey); err != nil {
			return err
		}
	}
	if err := cluster.Rolled(ctx, startTimeout, managerKey); err != nil {
		return err
	}
	return setUpStore(ctx)
}

// restart does what "kubectl rollout restart" does to a Deployment.
func restart(ctx context.Context, deployment types.NamespacedName) error {
	patch := fmt.Appendf(nil, `{"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": %q}}}}}`, time.Now().Format(time.RFC3339))
	err := cluster.Patch(ctx, &appsv1.Deployment{ObjectMeta: objectMeta(deployment.Namespace, deployment.Name)}, client.RawPatch(types.MergePatchType, patch))
	if err != nil {
		return fmt.Errorf("restarting Deployment %s: %w", deployment, err)
	}
	return nil
}

// applyDefinitions makes ServiceMonitors and PrometheusRules known to a cluster that does not know them. No Prometheus
// is needed here: what it makes of them is the demo's to show.
func applyDefinitions(ctx context.Context) error {
	var present apiextensionsv1.CustomResourceDefinition
	err := cluster.Get(ctx, types.NamespacedName{Name: "servicemonitors.monitoring.coreos.com"}, &present)
	if !apierrors.IsNotFound(err) {
		return err
	}
	objects, err := cluster.ReadModule(ctx, "hack/cluster/modules/prometheus", "github.com/prometheus-operator/prometheus-operator",
		"example/prometheus-operator-crd/*.yaml")
	if err != nil {
		return err
	}
	return cluster.Apply(ctx, objects)
}

// tearDown removes what the tests made, and finds out whether the manager came through them without a restart.
func tearDown(ctx context.Context) error {
	restarts, err := managerRestarts(ctx)
	if err == nil && restarts > 0 {
		err = fmt.Errorf("the manager restarted %d times: no input may end it", restarts)
		cluster.Diagnose(ctx, os.Stderr, systemNamespace)
	}
	return errors.Join(err, client.IgnoreNotFound(cluster.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: objectMeta("", storeNamespace)})))
}

// managerRestarts counts the restarts of the manager's containers.
func managerRestarts(ctx context.Context) (int32, error) {
	var pods corev1.PodList
	if err := cluster.List(ctx, &pods, client.InNamespace(systemNamespace), client.MatchingLabels{"app.kubernetes.io/component": "manager"}); err != nil {
		return 0, fmt.Errorf("listing the manager's pods: %w", err)
	}
	var n int32
	for _, pod := range pods.Items {
		for _, s := range pod.Status.ContainerStatuses {
			n += s.RestartCount
		}
	}
	return n, nil
}
