// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// startManager runs a manager with this controller alone, under the generated role, until the test ends, and returns its
// cache.
func startManager(t *testing.T, f *fixture, server *apiserver.Server) cache.Cache {
	t.Helper()
	mgr, err := ctrl.NewManager(server.As(t, "vedette-manager", apiserver.ManagerRole(t)), ctrl.Options{
		Scheme: server.Scheme,
		Logger: testr.New(t),
		Cache: cache.Options{
			DefaultTransform:            cache.TransformStripManagedFields(),
			ReaderFailOnMissingInformer: true,
			ByObject:                    CacheByObject(),
		},
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.ConfigMap{}}}},
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := SetupWithManager(mgr, Options{Images: f.Images, Now: time.Now, Prometheus: f.prom}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the manager stopped: %v", err)
		}
	})
	return mgr.GetCache()
}

func monitoringCRDs() []*apiextensionsv1.CustomResourceDefinition {
	return []*apiextensionsv1.CustomResourceDefinition{monitoringCRD("ServiceMonitor", "servicemonitors"), monitoringCRD("PrometheusRule", "prometheusrules")}
}

// monitoringCRD is the least that an API server needs to keep objects of a kind of the Prometheus operator.
func monitoringCRD(kind, plural string) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + ".monitoring.coreos.com", Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, a test"}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "monitoring.coreos.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: kind, ListKind: kind + "List", Plural: plural},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true),
				}},
			}},
		},
	}
}

func hasCondition(m *v1alpha1.ModelMonitor, kind string, status metav1.ConditionStatus, reason string) bool {
	for _, c := range m.Status.Conditions {
		if c.Type == kind {
			return c.Status == status && c.Reason == reason
		}
	}
	return false
}

// TestWatches lets the manager find out by itself about everything that happens: nothing here reconciles by hand.
func TestWatches(t *testing.T) {
	f := newFixture(t)
	server := apiserver.Get(t)
	informers := startManager(t, f, server)

	m := wrappers.MakeMonitor(f.ns, "fraud").Class(f.ns).Binary().Segment("young", "f.age < 30.0").
		Threshold(v1alpha1.Threshold{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.01"}).Obj()
	f.create(m)
	await := func(what string, done func(*v1alpha1.ModelMonitor) bool) {
		t.Helper()
		t.Log("awaiting: " + what)
		apiserver.Await(t, f.admin, m, &v1alpha1.ModelMonitorList{}, done)
	}
	await("the class is missing", func(m *v1alpha1.ModelMonitor) bool {
		return hasCondition(m, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonClassNotFound)
	})
	class := f.class()
	await("the target is missing", func(m *v1alpha1.ModelMonitor) bool {
		return hasCondition(m, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound)
	})
	f.create(wrappers.MakeDeployment(f.ns, "fraud", wrappers.Injected("fraud")))
	await("the store is being checked", func(m *v1alpha1.ModelMonitor) bool {
		return hasCondition(m, v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonStoreChecking)
	})
	f.check(succeeded(monitor.KindCheck))
	await("Ready", func(m *v1alpha1.ModelMonitor) bool {
		return hasCondition(m, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	})
	f.pod("a", m.Status.Capture.Revision, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	await("the pod is seen", func(m *v1alpha1.ModelMonitor) bool {
		return hasCondition(m, v1alpha1.ConditionCaptureInjected, metav1.ConditionTrue, v1alpha1.ReasonInjected)
	})
	if !hasCondition(m, v1alpha1.ConditionPrometheusAvailable, metav1.ConditionFalse, v1alpha1.ReasonDependencyMissing) {
		t.Errorf("conditions %+v", m.Status.Conditions)
	}

	server.Define(t, monitoringCRDs()...)
	class.Spec.Flush = "10s" // any change will do; without one they are noticed within a minute
	if err := f.admin.Update(t.Context(), class); err != nil {
		t.Fatal(err)
	}
	await("the APIs of Prometheus have appeared", func(m *v1alpha1.ModelMonitor) bool {
		return hasCondition(m, v1alpha1.ConditionPrometheusAvailable, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
	})
	rule := awaitRule(t, f, "")
	// What is deleted before a watch has begun wakes nobody: the watch of a kind that has just appeared takes its time.
	watched := &metav1.PartialObjectMetadata{}
	watched.SetGroupVersionKind(monitoringKinds[1])
	if _, err := informers.GetInformer(t.Context(), watched); err != nil {
		t.Fatal(err)
	}
	if err := f.admin.Delete(t.Context(), rule); err != nil {
		t.Fatal(err)
	}
	awaitRule(t, f, string(rule.GetUID()))

	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "fraud-outliers"}}
	if err := f.admin.Delete(t.Context(), cron); err != nil {
		t.Fatal(err)
	}
	apiserver.Await(t, f.admin, cron, &batchv1.CronJobList{}, func(c *batchv1.CronJob) bool { return c.DeletionTimestamp == nil })

	class.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"ml": "true"}}
	if err := f.admin.Update(t.Context(), class); err != nil {
		t.Fatal(err)
	}
	await("the namespace is not allowed", func(m *v1alpha1.ModelMonitor) bool {
		return hasCondition(m, v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNamespaceNotAllowed)
	})
	namespace := &corev1.Namespace{}
	if err := f.admin.Get(t.Context(), client.ObjectKey{Name: f.ns}, namespace); err != nil {
		t.Fatal(err)
	}
	namespace.Labels = map[string]string{"ml": "true"}
	if err := f.admin.Update(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	await("the namespace is allowed", func(m *v1alpha1.ModelMonitor) bool {
		return hasCondition(m, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	})

	for _, crd := range monitoringCRDs() {
		if err := f.admin.Delete(t.Context(), crd); err != nil {
			t.Fatal(err)
		}
		apiserver.AwaitGone(t, f.admin, crd, &apiextensionsv1.CustomResourceDefinitionList{})
	}
	await("the APIs of Prometheus are gone", func(m *v1alpha1.ModelMonitor) bool {
		return hasCondition(m, v1alpha1.ConditionPrometheusAvailable, metav1.ConditionFalse, v1alpha1.ReasonDependencyMissing)
	})
}

// TestTheSecondTimeSendsNothing reconciles a monitor with all its children by hand, as no manager runs any more.
func TestTheSecondTimeSendsNothing(t *testing.T) {
	f := newFixture(t)
	apiserver.Get(t).Define(t, monitoringCRDs()...)
	f.apis.available = true
	f.create(f.fraud().Obj())
	f.settle()
	awaitRule(t, f, "")
}

// awaitRule waits for the monitor's PrometheusRule, another one than not.
func awaitRule(t *testing.T, f *fixture, not string) *unstructured.Unstructured {
	t.Helper()
	rule, list := &unstructured.Unstructured{}, &unstructured.UnstructuredList{}
	rule.SetGroupVersionKind(monitoringKinds[1])
	list.SetGroupVersionKind(monitoringKinds[1])
	list.SetKind("PrometheusRuleList")
	rule.SetNamespace(f.ns)
	rule.SetName(naming.Rules("fraud"))
	apiserver.Await(t, f.admin, rule, list, func(u *unstructured.Unstructured) bool {
		return string(u.GetUID()) != not && u.GetDeletionTimestamp() == nil
	})
	return rule
}

func TestDeletedMonitorIsForgotten(t *testing.T) {
	f := newFixture(t)
	m := wrappers.MakeMonitor(f.ns, "fraud").Obj()
	m.Finalizers = []string{"test.vedette.dev/hold"}
	f.create(m)
	if err := f.admin.Delete(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Reconcile(t.Context(), f.get()); err != nil {
		t.Fatal(err)
	}
	if got := f.requests.Mutating(); len(got) > 0 {
		t.Errorf("a monitor that is being deleted made us send %v", got)
	}
	held := f.get()
	held.Finalizers = nil
	if err := f.admin.Update(t.Context(), held); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}
