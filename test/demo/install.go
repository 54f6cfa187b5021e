// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/test/harness"
)

// startTimeout is how long pods may take to start; on a busy machine that is long.
const startTimeout = 3 * time.Minute

// The module that pins the Prometheus operator, and where in it the definitions are.
const (
	prometheusModule = "hack/cluster/modules/prometheus"
	operatorModule   = "github.com/prometheus-operator/prometheus-operator"
	definitions      = "example/prometheus-operator-crd/*.yaml"
	// prometheusOperator is the name of its Deployment in the demo's manifests.
	prometheusOperator = "prometheus-operator"
)

func (d *demo) startCluster(ctx context.Context) error {
	if err := d.cluster.Up(ctx); err != nil {
		return err
	}
	if !d.cluster.Local {
		if err := d.requireUnused(ctx); err != nil {
			return err
		}
		d.sayf("the cluster of KUBECONFIG; it must be able to get the images vedette.dev/{manager,capture,analyze,review,modelserver,replay}:dev")
	}
	return d.cluster.Load(ctx, "manager", "capture", "analyze", "review", "modelserver", "replay",
		"prometheus", "prometheus-operator", "prometheus-config-reloader", "versitygw")
}

// requireUnused is an error if the cluster has anything that the demo makes and did not make.
func (d *demo) requireUnused(ctx context.Context) error {
	var all []*unstructured.Unstructured
	for _, dir := range []string{operatorDir, samplesDir, registryDir} {
		objects, err := d.cluster.Kustomize(ctx, dir)
		if err != nil {
			return err
		}
		all = append(all, objects...)
	}
	return d.requireOwn(ctx, all)
}

// applySurroundings brings Prometheus and S3. A cluster with a Prometheus operator keeps its own.
func (d *demo) applySurroundings(ctx context.Context) error {
	objects, err := d.surroundings(ctx)
	if err != nil {
		return err
	}
	present, err := d.hasOperator(ctx)
	if err != nil {
		return err
	}
	if present {
		d.sayf("the cluster has a Prometheus operator, which is used")
		objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
			return o.GetKind() == "Deployment" && o.GetName() == prometheusOperator
		})
	} else if err := d.applyDefinitions(ctx); err != nil {
		return err
	}
	if err := d.cluster.Apply(ctx, objects); err != nil {
		return err
	}
	if err := d.cluster.Rolled(ctx, startTimeout, s3Key); err != nil {
		return err
	}
	return d.openStore(ctx)
}

// surroundings renders what stands around Vedette.
func (d *demo) surroundings(ctx context.Context) ([]*unstructured.Unstructured, error) {
	dir := surroundingsDir
	if !d.cluster.Local {
		dir = registryDir
	}
	return d.render(ctx, dir)
}

// hasOperator says whether somebody else has installed a Prometheus operator.
func (d *demo) hasOperator(ctx context.Context) (bool, error) {
	if d.cluster.Local {
		return false, nil
	}
	var present apiextensionsv1.CustomResourceDefinition
	err := d.cluster.Get(ctx, types.NamespacedName{Name: "prometheuses.monitoring.coreos.com"}, &present)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("looking for a Prometheus operator: %w", err)
	}
	return err == nil && present.Labels[demoLabel] == "", nil
}

func (d *demo) applyDefinitions(ctx context.Context) error {
	objects, err := d.cluster.ReadModule(ctx, prometheusModule, operatorModule, definitions)
	if err != nil {
		return err
	}
	// Somebody may use definitions without the operator.
	if err := d.requireOwn(ctx, objects); err != nil {
		return err
	}
	mark(objects)
	return d.cluster.Apply(ctx, objects)
}

// openStore reaches the S3 server from here, makes the bucket and empties it of an earlier run.
func (d *demo) openStore(ctx context.Context) error {
	address, err := d.cluster.Forward(ctx, s3Key, "s3")
	if err != nil {
		return err
	}
	var secret corev1.Secret
	if err := d.cluster.Get(ctx, s3Key, &secret); err != nil {
		return fmt.Errorf("reading the keys of the store: %w", err)
	}
	server := harness.S3{
		Endpoint: "http://" + address, AccessKey: string(secret.Data["ROOT_ACCESS_KEY"]), Secret: string(secret.Data["ROOT_SECRET_KEY"]),
	}
	if err := server.CreateBucket(ctx, "vedette"); err != nil {
		return err
	}
	d.bucket, err = server.Open(ctx, "vedette", d.keys)
	return err
}

// applyOperator installs the operator, and waits for it and for Prometheus, which started meanwhile.
func (d *demo) applyOperator(ctx context.Context) error {
	objects, err := d.render(ctx, operatorDir)
	if err != nil {
		return err
	}
	var before appsv1.Deployment
	err = d.cluster.Get(ctx, managerKey, &before)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	earlier := err == nil
	if err := d.cluster.Apply(ctx, objects); err != nil {
		return err
	}
	if earlier && d.cluster.Local {
		if err := d.cluster.Restart(ctx, managerKey); err != nil {
			return err
		}
	}
	if err := d.cluster.Rolled(ctx, startTimeout, managerKey); err != nil {
		return err
	}
	d.sayf("%s runs", managerKey)
	var address string
	err = harness.Until(ctx, startTimeout, "Prometheus", func(ctx context.Context) (bool, string, error) {
		var pods corev1.PodList
		if err := d.cluster.List(ctx, &pods, client.InNamespace(demoNamespace), client.MatchingLabels{"prometheus": "demo"}); err != nil {
			return false, "", err
		}
		return len(pods.Items) == 1 && harness.Ready(&pods.Items[0]), "its pod is not ready", nil
	})
	if err != nil {
		return err
	}
	if address, err = d.cluster.Forward(ctx, types.NamespacedName{Namespace: demoNamespace, Name: "prometheus-operated"}, "web"); err != nil {
		return err
	}
	d.prometheus = harness.Prometheus{URL: "http://" + address}
	d.sayf("Prometheus runs")
	return nil
}

// down removes what the demo made: our own cluster as a whole, from any other what carries its label.
func (d *demo) down(ctx context.Context) error {
	if d.cluster.Local {
		return d.cluster.Down(ctx)
	}
	if err := d.cluster.Up(ctx); err != nil {
		return err
	}
	const timeout = 2 * time.Minute
	var errs []error
	for _, dir := range []string{samplesDir, operatorDir} {
		objects, err := d.cluster.Kustomize(ctx, dir)
		if err == nil {
			err = d.remove(ctx, timeout, objects)
		}
		errs = append(errs, err)
	}
	objects, err := d.surroundings(ctx)
	if err == nil {
		err = d.remove(ctx, timeout, objects)
	}
	errs = append(errs, err)
	var ours apiextensionsv1.CustomResourceDefinitionList
	if err := d.cluster.List(ctx, &ours, client.HasLabels{demoLabel}); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, definition := range ours.Items {
		if err := d.cluster.Client.Delete(ctx, &definition); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("deleting the definition %s: %w", definition.Name, err))
		}
	}
	return errors.Join(errs...)
}
