// SPDX-License-Identifier: Apache-2.0

package annotationqueue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	appsv1 "k8s.io/api/apps/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// startManager runs a manager with this controller alone, under the generated role, until the test ends.
func startManager(t *testing.T, server *apiserver.Server) {
	t.Helper()
	mgr, err := ctrl.NewManager(server.As(t, "vedette-manager", apiserver.ManagerRole(t)), ctrl.Options{
		Scheme: server.Scheme,
		Logger: testr.New(t),
		Cache: cache.Options{
			DefaultTransform:            cache.TransformStripManagedFields(),
			ReaderFailOnMissingInformer: true,
			ByObject:                    CacheByObject(),
		},
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := SetupWithManager(ctx, mgr, Options{Image: "review:test", Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the manager stopped: %v", err)
		}
	})
}

// definition is the least that an API server needs to keep objects of a kind that is not its own.
func definition(of schema.GroupVersionKind, plural string) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + "." + of.Group, Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, a test"}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: of.Group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: of.Kind, ListKind: of.Kind + "List", Plural: plural},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: of.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true),
				}},
			}},
		},
	}
}

func (f *fixture) awaitForeign(of schema.GroupVersionKind) *unstructured.Unstructured {
	f.t.Helper()
	obj, list := &unstructured.Unstructured{}, &unstructured.UnstructuredList{}
	obj.SetGroupVersionKind(of)
	list.SetGroupVersionKind(of)
	list.SetKind(of.Kind + "List")
	obj.SetNamespace(f.ns)
	obj.SetName(naming.Review("desk"))
	apiserver.Await(f.t, f.admin, obj, list, func(u *unstructured.Unstructured) bool { return u.GetDeletionTimestamp() == nil })
	return obj
}

// TestWatches lets the manager find out by itself about everything that happens: nothing here reconciles by hand.
func TestWatches(t *testing.T) {
	f := newFixture(t)
	server := apiserver.Get(t)
	startManager(t, server)
	q := wrappers.MakeQueue(f.ns, "desk", "fraud").With(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Access = v1alpha1.QueueAccess{
			URL: "https://desk.example.com", HTTPRoute: v1alpha1.QueueHTTPRoute{ParentRefs: []v1alpha1.GatewayReference{{Name: "public"}}},
		}
	}).Obj()
	f.create(q)
	await := func(what, kind string, status metav1.ConditionStatus, reason string) {
		t.Helper()
		t.Log("awaiting: " + what)
		apiserver.Await(t, f.admin, q, &v1alpha1.AnnotationQueueList{}, func(q *v1alpha1.AnnotationQueue) bool {
			c := meta.FindStatusCondition(q.Status.Conditions, kind)
			return c != nil && c.Status == status && c.Reason == reason
		})
	}
	await("the monitor is missing", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMonitorNotFound)
	monitor := wrappers.MakeMonitor(f.ns, "fraud").Class(f.ns).Binary().Obj()
	f.create(monitor)
	await("its class is missing", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonClassNotFound)
	class := wrappers.MakeClass(f.ns)
	f.create(class)
	await("pods are starting", v1alpha1.ConditionServing, metav1.ConditionUnknown, v1alpha1.ReasonStarting)
	await("there is no Gateway API", v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonDependencyMissing)
	await("there is no Prometheus operator", v1alpha1.ConditionPrometheusAvailable, metav1.ConditionFalse, v1alpha1.ReasonDependencyMissing)
	f.serve(1)
	await("Ready", v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)

	route := definition(routeKind, "httproutes")
	server.Define(t, route, definition(monitoringKinds[0], "servicemonitors"), definition(monitoringKinds[1], "prometheusrules"))
	class.Spec.Flush = "10s" // any change will do; without one they are noticed within a minute
	if err := f.admin.Update(t.Context(), class); err != nil {
		t.Fatal(err)
	}
	await("the Gateway API has appeared", v1alpha1.ConditionExposed, metav1.ConditionTrue, v1alpha1.ReasonExposed)
	await("the Prometheus operator has appeared", v1alpha1.ConditionPrometheusAvailable, metav1.ConditionTrue, v1alpha1.ReasonAvailable)
	for _, kind := range append(monitoringKinds, routeKind) {
		if obj := f.awaitForeign(kind); !metav1.IsControlledBy(obj, q) {
			t.Errorf("the %s is not controlled by the queue", kind.Kind)
		}
	}

	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: naming.Review("desk")}}
	if err := f.admin.Delete(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	apiserver.Await(t, f.admin, deployment, &appsv1.DeploymentList{}, func(d *appsv1.Deployment) bool { return d.DeletionTimestamp == nil })
	await("the pods that replace those of the Deployment that was deleted", v1alpha1.ConditionServing, metav1.ConditionUnknown, v1alpha1.ReasonStarting)

	class.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"ml": "true"}}
	if err := f.admin.Update(t.Context(), class); err != nil {
		t.Fatal(err)
	}
	await("the namespace is not allowed", v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonNamespaceNotAllowed)
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	namespace.SetName(f.ns)
	if err := f.admin.Patch(t.Context(), namespace, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"ml":"true"}}}`))); err != nil {
		t.Fatal(err)
	}
	await("the namespace is allowed", v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonProgressing)

	if err := f.admin.Delete(t.Context(), route); err != nil {
		t.Fatal(err)
	}
	await("the Gateway API is gone", v1alpha1.ConditionExposed, metav1.ConditionFalse, v1alpha1.ReasonDependencyMissing)
	if err := f.admin.Delete(t.Context(), monitor); err != nil {
		t.Fatal(err)
	}
	await("the monitor is gone", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonMonitorNotFound)
}

// TestTheSecondTimeSendsNothing reconciles a queue with what Prometheus reads by hand, as no manager runs any more.
func TestTheSecondTimeSendsNothing(t *testing.T) {
	f := newFixture(t)
	apiserver.Get(t).Define(t, definition(monitoringKinds[0], "servicemonitors"), definition(monitoringKinds[1], "prometheusrules"))
	f.apis.kinds = []string{"ServiceMonitor", "PrometheusRule"}
	f.fraud()
	f.create(wrappers.MakeQueue(f.ns, "desk", "fraud").Obj())
	f.settle()
	f.awaitForeign(monitoringKinds[0])
	f.awaitForeign(monitoringKinds[1])
}
