// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// TestWebhookDown is not parallel: without the webhook no other test's pods would be injected.
func TestWebhookDown(t *testing.T) {
	s := newScene(t, "webhook")
	s.create(s.class, s.monitor)
	manager := &appsv1.Deployment{ObjectMeta: objectMeta(managerKey.Namespace, managerKey.Name)}
	replicas := s.scale(manager, 0)
	back := func(ctx context.Context) error {
		if err := scaleTo(ctx, manager, replicas); err != nil {
			return err
		}
		if err := cluster.Rolled(ctx, startTimeout, managerKey); err != nil {
			return err
		}
		return awaitWebhook(ctx)
	}
	t.Cleanup(func() {
		if err := back(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})

	s.startModel()
	s.post(infer)
	pod := s.pod()
	if sidecarOf(pod) != nil {
		t.Fatal("the pod has a sidecar, though nothing could inject it")
	}

	if err := back(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.waitCondition(reconcileTimeout, v1alpha1.ConditionCaptureInjected, metav1.ConditionFalse, v1alpha1.ReasonPodsNotInjected,
		"kubectl -n "+s.namespace+" rollout restart deployment/"+modelName)
	s.post(infer)
	if now := s.pod(); now.UID != pod.UID {
		t.Error("the pod was restarted: that is for its owner to do")
	}

	// What the message says is what helps.
	if err := cluster.Restart(t.Context(), client.ObjectKeyFromObject(s.deployment)); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Rolled(t.Context(), startTimeout, client.ObjectKeyFromObject(s.deployment)); err != nil {
		t.Fatal(err)
	}
	s.waitCondition(reconcileTimeout, v1alpha1.ConditionCaptureInjected, metav1.ConditionTrue, v1alpha1.ReasonInjected)
}

// scale sets the replicas of a Deployment, waits until it has them, and returns how many it had.
func (s *scene) scale(d *appsv1.Deployment, n int32) (before int32) {
	s.Helper()
	key := client.ObjectKeyFromObject(d)
	if err := cluster.Get(s.Context(), key, d); err != nil {
		s.Fatal(err)
	}
	before = *d.Spec.Replicas
	if err := scaleTo(s.Context(), d, n); err != nil {
		s.Fatal(err)
	}
	s.until(startTimeout, fmt.Sprintf("%s to have %d pods", key, n), func(ctx context.Context) (bool, string, error) {
		var pods corev1.PodList
		err := cluster.List(ctx, &pods, client.InNamespace(d.Namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels))
		return len(pods.Items) == int(n), fmt.Sprintf("it has %d", len(pods.Items)), err
	})
	return before
}

func scaleTo(ctx context.Context, d *appsv1.Deployment, n int32) error {
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec": {"replicas": %d}}`, n))
	return cluster.Patch(ctx, &appsv1.Deployment{ObjectMeta: objectMeta(d.Namespace, d.Name)}, patch)
}

func TestModelBeforeItsMonitor(t *testing.T) {
	t.Parallel()
	s := newScene(t, "late")
	s.monitor.Spec.Source.Sidecar.Keep = v1alpha1.KeepPercent{Predictions: "100", Features: "0"}
	s.startModel()
	s.post(infer)
	pod := s.pod()
	if sidecarOf(pod) == nil {
		t.Fatal("the pod has no sidecar: the label alone decides about it")
	}
	c, err := s.counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.sum(naming.MetricInstances) != 0 || c.sum(naming.MetricOtherRequests) == 0 {
		t.Errorf("without a monitor %v instances are captured and %v requests passed through", c.sum(naming.MetricInstances), c.sum(naming.MetricOtherRequests))
	}

	s.create(s.class, s.monitor)
	s.waitCaptures()
	sent := s.replay(traffic.Config{Flights: s.flights(data.May, 40), Batch: 4})
	s.settled(sent.Instances)
	now := s.pod()
	if now.UID != pod.UID || now.Status.InitContainerStatuses[0].RestartCount != 0 {
		t.Error("pod or sidecar was restarted to take up the monitor")
	}

	// Without its configuration it goes on, and the configuration comes back.
	config := &corev1.ConfigMap{ObjectMeta: objectMeta(s.namespace, naming.Config(modelName))}
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(config), config); err != nil {
		t.Fatal(err)
	}
	uid := config.UID
	if err := cluster.Client.Delete(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	s.post(infer)
	s.until(reconcileTimeout, "the configuration to be back", func(ctx context.Context) (bool, string, error) {
		err := cluster.Get(ctx, client.ObjectKeyFromObject(config), config)
		return config.UID != uid, "it is being deleted", err
	})
	s.post(infer)
	s.waitCaptures()
}

func TestTemplateNotLabelled(t *testing.T) {
	t.Parallel()
	s := newScene(t, "label")
	delete(s.deployment.Spec.Template.Labels, naming.LabelInject)
	s.create(s.class, s.monitor)
	s.startModel()
	s.post(infer)
	if sidecarOf(s.pod()) != nil {
		t.Error("a pod that does not ask for the sidecar has it")
	}
	s.waitCondition(reconcileTimeout, v1alpha1.ConditionCaptureInjected, metav1.ConditionFalse, v1alpha1.ReasonTemplateNotLabelled,
		"labels:", naming.LabelInject+": "+modelName)
}

func TestPortBypassed(t *testing.T) {
	t.Parallel()
	s := newScene(t, "bypass")
	s.service.Spec.Ports[0].TargetPort = intstr.FromInt32(8080)
	s.create(s.class, s.monitor)
	s.startModel()
	s.post(infer)
	s.waitCondition(reconcileTimeout, v1alpha1.ConditionCaptureInjected, metav1.ConditionFalse, v1alpha1.ReasonPortBypassed,
		"Service "+modelName, "targetPort: http")
	change(s, s.service, func(service *corev1.Service) { service.Spec.Ports[0].TargetPort = intstr.FromString("http") })
	s.waitCondition(reconcileTimeout, v1alpha1.ConditionCaptureInjected, metav1.ConditionTrue, v1alpha1.ReasonInjected)
}

func TestPassThroughStopsEveryCopy(t *testing.T) {
	t.Parallel()
	s := newScene(t, "passthrough")
	s.start()
	sent := s.replay(traffic.Config{Flights: s.flights(data.May, 40), Batch: 4})
	c := s.settled(sent.Instances)
	if c.sum(naming.MetricRequests) != float64(sent.Requests) {
		t.Fatalf("%v requests are counted, want %d", c.sum(naming.MetricRequests), sent.Requests)
	}

	change(s, s.class, func(class *v1alpha1.MonitorClass) { class.Spec.Mode = v1alpha1.ModePassThrough })
	s.until(reloadTimeout, "the copies to stop", func(ctx context.Context) (bool, string, error) {
		before, err := s.counts(ctx)
		if err != nil {
			return false, "", err
		}
		// Requests go on: that one of them fails ends the test.
		s.post(infer)
		after, err := s.counts(ctx)
		if err != nil {
			return false, "", err
		}
		passed := after.sum(naming.MetricOtherRequests) - before.sum(naming.MetricOtherRequests)
		return passed == 1 && after.sum(naming.MetricInstances) == before.sum(naming.MetricInstances), "requests are still captured", nil
	})
	before, err := s.counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	more := s.replay(traffic.Config{Flights: s.flights(data.June, 40), Batch: 4})
	after := s.settled(int64(before.sum(naming.MetricInstances)))
	if passed := after.sum(naming.MetricOtherRequests) - before.sum(naming.MetricOtherRequests); passed != float64(more.Requests) {
		t.Errorf("%v of %d requests were passed through", passed, more.Requests)
	}
}

// TestBrokenSidecarStopsInjection gives the sidecar an image that cannot run: the circuit breaker must let the
// model start without it.
func TestBrokenSidecarStopsInjection(t *testing.T) {
	t.Parallel()
	s := newScene(t, "breaker")
	s.deployment.Spec.Replicas = new(int32(3))
	s.class.Spec.Sidecar.Image = noImage
	s.create(s.class, s.monitor, s.service, s.deployment)
	s.waitCondition(startTimeout, v1alpha1.ConditionInjectionBlocked, metav1.ConditionTrue, v1alpha1.ReasonInjectionTripped, naming.AnnotationRearm+"=")
	// Pods that hang are their owner's to replace; those that come now have no sidecar.
	if err := cluster.Restart(t.Context(), client.ObjectKeyFromObject(s.deployment)); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Rolled(t.Context(), startTimeout, client.ObjectKeyFromObject(s.deployment)); err != nil {
		t.Fatal(err)
	}
	s.post(infer)

	// A person mends the image, which makes another sidecar.
	change(s, s.class, func(class *v1alpha1.MonitorClass) { class.Spec.Sidecar.Image = "" })
	s.waitCondition(reconcileTimeout, v1alpha1.ConditionCaptureInjected, metav1.ConditionFalse, v1alpha1.ReasonPodsNotInjected, "rollout restart")
	if err := cluster.Restart(t.Context(), client.ObjectKeyFromObject(s.deployment)); err != nil {
		t.Fatal(err)
	}
	s.waitCondition(startTimeout, v1alpha1.ConditionCaptureInjected, metav1.ConditionTrue, v1alpha1.ReasonInjected)
}
