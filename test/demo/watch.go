// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/harness"
)

// runTimeout is how long a Job of the operator's may take, from its creation to its verdict in the status.
const runTimeout = 2 * time.Minute

// applyMonitor brings class and monitor, and the dataset that the monitor names as its baseline. The model comes after
// that, though nothing forces the order.
func (d *demo) applyMonitor(ctx context.Context) error {
	model, others, err := d.samples(ctx)
	if err != nil {
		return err
	}
	if err := d.clear(ctx, append(model, others...)); err != nil {
		return err
	}
	var baseline bytes.Buffer
	rows, err := data.WriteBaseline(&baseline)
	if err != nil {
		return err
	}
	key, err := layout.Dataset("baselines/may.parquet")
	if err != nil {
		return err
	}
	if err := d.bucket.Put(ctx, key, baseline.Bytes()); err != nil {
		return err
	}
	d.sayf("%d flights of May, with what the model says of them, are the baseline: %s", rows, key)
	if _, err := d.cluster.Volume(ctx, types.NamespacedName{Namespace: queueKey.Namespace, Name: naming.Review(queueKey.Name)}); err != nil {
		return err
	}
	if err := d.cluster.Apply(ctx, others); err != nil {
		return err
	}
	var document corev1.ConfigMap
	return harness.Until(ctx, runTimeout, "the monitor's configuration", func(ctx context.Context) (bool, string, error) {
		err := d.cluster.Get(ctx, types.NamespacedName{Namespace: monitorKey.Namespace, Name: naming.Config(monitorKey.Name)}, &document)
		return err == nil, "", err
	})
}

// samples renders the sample, the model's workload apart.
func (d *demo) samples(ctx context.Context) (model, others []*unstructured.Unstructured, err error) {
	objects, err := d.render(ctx, samplesDir)
	for _, o := range objects {
		if kind := o.GetKind(); kind == "Deployment" || kind == "Service" {
			model = append(model, o)
		} else {
			others = append(others, o)
		}
	}
	return model, others, err
}

// clear removes what an earlier run left, so that every count begins at nothing.
func (d *demo) clear(ctx context.Context, objects []*unstructured.Unstructured) error {
	if err := d.cluster.Delete(ctx, runTimeout, objects); err != nil {
		return err
	}
	for item, err := range d.bucket.List(ctx, layout.Prefix()) {
		if err != nil {
			return err
		}
		if err := d.bucket.Delete(ctx, item.Key); err != nil {
			return err
		}
	}
	return nil
}

// applyModel brings the workload, and waits until the sidecars hold the monitor's configuration and its baseline.
func (d *demo) applyModel(ctx context.Context) error {
	model, _, err := d.samples(ctx)
	if err != nil {
		return err
	}
	if err := d.awaitWebhook(ctx); err != nil {
		return err
	}
	if err := d.cluster.Apply(ctx, model); err != nil {
		return err
	}
	if err := d.cluster.Rolled(ctx, startTimeout, modelKey); err != nil {
		return err
	}
	if err := d.showPods(ctx); err != nil {
		return err
	}
	var m *v1alpha1.ModelMonitor
	err = harness.Until(ctx, runTimeout, "the monitor to be ready, with its baseline", func(ctx context.Context) (bool, string, error) {
		if m, err = d.monitor(ctx); err != nil {
			return false, "", err
		}
		ready := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
		baseline := analysis(m, v1alpha1.AnalysisRunBaseline)
		if ready == nil || baseline == nil {
			return false, "the status has no Ready condition or no Baseline run yet", nil
		}
		done := ready.Status == "True" && baseline.Outcome == v1alpha1.AnalysisOutcomeSucceeded &&
			meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.ConditionCaptureInjected)
		return done, fmt.Sprintf("Ready is %s (%s: %s), the baseline %s", ready.Status, ready.Reason, ready.Message, baseline.Outcome), nil
	})
	if err != nil {
		return err
	}
	d.sayf("%s is ready; %d of %d pods are injected; configuration %s", m.Status.Target, *m.Status.Capture.InjectedPods, *m.Status.Capture.Pods, m.Status.ConfigRevision)
	query := fmt.Sprintf(`count(%s{namespace=%q,revision=%q,baseline!=""})`, naming.MetricConfigInfo, flightsNamespace, m.Status.ConfigRevision)
	return harness.Until(ctx, runTimeout, "the sidecars to be scraped, with the configuration and its baseline in force", func(ctx context.Context) (bool, string, error) {
		n, err := d.prometheus.Sum(ctx, query)
		return int32(n) == *m.Status.Capture.Pods, fmt.Sprintf("%v of %d are", n, *m.Status.Capture.Pods), err
	})
}

// awaitWebhook waits until a pod that is only tried out is injected: that the operator's pods are ready does not mean
// that every API server knows the way to them. A model that starts before serves without the sidecar, and the status
// says so; here we want to see it with one.
func (d *demo) awaitWebhook(ctx context.Context) error {
	return harness.Until(ctx, startTimeout, "the injection webhook", func(ctx context.Context) (bool, string, error) {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: flightsNamespace, Name: "trial",
				Labels: map[string]string{naming.LabelInject: monitorKey.Name},
			},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "model", Image: "vedette.dev/modelserver:dev", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			}}},
		}
		err := d.cluster.Create(ctx, pod, client.DryRunAll)
		return len(pod.Spec.InitContainers) > 0, "a pod was admitted as it was", err
	})
}

// showPods prints the model's pods and fails unless each has the sidecar as its first init container.
func (d *demo) showPods(ctx context.Context) error {
	var pods corev1.PodList
	if err := d.cluster.List(ctx, &pods, client.InNamespace(flightsNamespace), client.MatchingLabels{naming.LabelInject: monitorKey.Name}); err != nil {
		return fmt.Errorf("listing the model's pods: %w", err)
	}
	for _, pod := range pods.Items {
		if len(pod.Spec.InitContainers) == 0 {
			return fmt.Errorf("pod %s has no init container: it was not injected", pod.Name)
		}
		first := pod.Spec.InitContainers[0]
		if first.Name != naming.SidecarContainer || first.RestartPolicy == nil || *first.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			return fmt.Errorf("pod %s: its first init container is %s, want %s with restartPolicy Always", pod.Name, first.Name, naming.SidecarContainer)
		}
		d.sayf("%s: initContainers[0] is %s (%s), restartPolicy %s", pod.Name, first.Name, first.Image, *first.RestartPolicy)
	}
	return nil
}

// analysis finds the last run of a kind; nil when there was none.
func analysis(m *v1alpha1.ModelMonitor, kind v1alpha1.AnalysisRunKind) *v1alpha1.AnalysisStatus {
	i := slices.IndexFunc(m.Status.Analyses, func(a v1alpha1.AnalysisStatus) bool { return a.Kind == kind })
	if i < 0 {
		return nil
	}
	return &m.Status.Analyses[i]
}
