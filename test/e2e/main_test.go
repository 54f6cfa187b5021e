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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/hack/cluster/node"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/postgres"
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
	code := 1
	err := setUp(ctx, os.Stderr)
	if err == nil {
		code = m.Run()
		postgres.Stop()
	} else if cluster != nil && cluster.Client != nil {
		cluster.Diagnose(context.Background(), os.Stderr, systemNamespace, storeNamespace)
	}
	if err := errors.Join(err, tearDown(context.Background())); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// brought is what setUp has installed on a cluster that is not ours.
var brought []*unstructured.Unstructured

// setUp brings a cluster with the operator. On a cluster of our own the operator stays when the tests are over, as after
// the demo.
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
	if cluster.Local {
		// Pods of our own cluster reach a Postgres on this machine.
		if err := postgres.Listen(node.HostIP, node.PodCIDR); err != nil {
			return err
		}
	}
	if err := cluster.Load(ctx, "manager", "capture", "analyze", "review", "modelserver", "retrain", "prometheus", "versitygw"); err != nil {
		return err
	}
	if err := install(ctx, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: objectMeta("", "servicemonitors.monitoring.coreos.com")}, definitions); err != nil {
		return err
	}
	earlier := cluster.Get(ctx, managerKey, new(appsv1.Deployment)) == nil
	if err := install(ctx, &appsv1.Deployment{ObjectMeta: objectMeta(managerKey.Namespace, managerKey.Name)}, operator); err != nil {
		return err
	}
	if earlier && cluster.Local {
		// Its image may be newer than its pods.
		if err := cluster.Restart(ctx, managerKey); err != nil {
			return err
		}
	}
	if err := cluster.Rolled(ctx, startTimeout, managerKey); err != nil {
		return err
	}
	if err := setUpStore(ctx); err != nil {
		return err
	}
	return awaitWebhook(ctx)
}

// awaitWebhook waits until a pod that is only tried out is injected: that the manager's pods are ready does not mean that
// every API server knows the way to them already.
func awaitWebhook(ctx context.Context) error {
	return harness.Until(ctx, startTimeout, "the injection webhook", func(ctx context.Context) (bool, string, error) {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: storeNamespace, Name: "trial", Labels: map[string]string{naming.LabelInject: modelName}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "model", Image: noImage, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			}}},
		}
		err := cluster.Create(ctx, pod, client.DryRunAll)
		return sidecarOf(pod) != nil, "a pod was admitted as it was", err
	})
}

// definitions make ServiceMonitors and PrometheusRules known to a cluster that does not know them. No Prometheus is
// needed here: what it makes of them is the demo's to show.
func definitions(ctx context.Context) ([]*unstructured.Unstructured, error) {
	return cluster.ReadModule(ctx, "hack/cluster/modules/prometheus", "github.com/prometheus-operator/prometheus-operator",
		"example/prometheus-operator-crd/*.yaml")
}

func operator(ctx context.Context) ([]*unstructured.Unstructured, error) {
	return cluster.Kustomize(ctx, operatorDir)
}

// install applies what is not there, by the sign of one object. On a cluster of our own, what is there is brought up to
// date; on another it is somebody's.
func install(ctx context.Context, sign client.Object, objects func(context.Context) ([]*unstructured.Unstructured, error)) error {
	err := cluster.Get(ctx, client.ObjectKeyFromObject(sign), sign)
	present := err == nil
	if client.IgnoreNotFound(err) != nil || present && !cluster.Local {
		return err
	}
	all, err := objects(ctx)
	if err != nil {
		return err
	}
	if !present && !cluster.Local {
		brought = append(brought, all...)
	}
	return cluster.Apply(ctx, all)
}

// managerKills is how often a test has killed a manager: so many restarts are no fault of its own.
var managerKills int32

// tearDown removes what the tests made, and finds out whether the manager came through them without a restart of its own.
func tearDown(ctx context.Context) error {
	if cluster == nil || cluster.Client == nil {
		return nil
	}
	restarts, err := managerRestarts(ctx)
	if err == nil && restarts != managerKills {
		err = fmt.Errorf("the manager restarted %d times, and was killed %d times: no input may end it", restarts, managerKills)
		cluster.Diagnose(ctx, os.Stderr, systemNamespace)
	}
	return errors.Join(err,
		client.IgnoreNotFound(cluster.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: objectMeta("", storeNamespace)})),
		cluster.Delete(ctx, startTimeout, brought))
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
