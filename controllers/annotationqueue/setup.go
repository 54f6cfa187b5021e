// SPDX-License-Identifier: Apache-2.0

package annotationqueue

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/optional"
)

const (
	// indexMonitors finds the queues that a monitor feeds.
	indexMonitors = "spec.monitors.name"
	// workers reconcile at once.
	workers = 4
	// reconcileTimeout bounds one reconciliation.
	reconcileTimeout = time.Minute
)

// Options are what the manager decides.
type Options struct {
	// Image is the image of review.
	Image string
	// Now is the clock.
	Now func() time.Time
}

// SetupWithManager adds the controller to the manager. The manager's cache must be made with CacheByObject.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, o Options) error {
	err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.AnnotationQueue{}, indexMonitors, func(obj client.Object) []string {
		var names []string
		for _, m := range obj.(*v1alpha1.AnnotationQueue).Spec.Monitors {
			names = append(names, string(m.Name))
		}
		return names
	})
	if err != nil {
		return err
	}
	apis := &optional.APIs{Mapper: mgr.GetRESTMapper()}
	r := &Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("vedette-annotationqueue"),
		APIs: apis, Image: o.Image, Now: o.Now,
	}
	namespaces := &metav1.PartialObjectMetadata{}
	namespaces.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	byOwner := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &v1alpha1.AnnotationQueue{}, handler.OnlyControllerOwner())
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	on := func(options func(client.Object) []client.ListOption) handler.EventHandler {
		return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
			return r.matching(ctx, options(obj)...)
		})
	}
	c, err := ctrl.NewControllerManagedBy(mgr).
		Named("annotationqueue").
		For(&v1alpha1.AnnotationQueue{}, changed).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.PersistentVolumeClaim{}).
		Owns(&corev1.Service{}).
		Owns(&networkingv1.Ingress{}).
		Owns(&networkingv1.NetworkPolicy{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Watches(&v1alpha1.ModelMonitor{}, on(feeds), changed).
		Watches(&v1alpha1.MonitorClass{}, on(everywhere), changed).
		WatchesMetadata(namespaces, on(inside), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: reconcileTimeout}).
		Build(reconcile.AsReconciler(mgr.GetClient(), r))
	if err != nil {
		return err
	}
	apis.Watcher = c
	apis.Source = func(obj *metav1.PartialObjectMetadata) source.Source {
		return source.Kind(mgr.GetCache(), client.Object(obj), byOwner)
	}
	return nil
}

// The queues that an object concerns: those that a monitor feeds, all, and those in a namespace.
func feeds(monitor client.Object) []client.ListOption {
	return []client.ListOption{client.InNamespace(monitor.GetNamespace()), client.MatchingFields{indexMonitors: monitor.GetName()}}
}

func everywhere(client.Object) []client.ListOption { return nil }

func inside(namespace client.Object) []client.ListOption {
	return []client.ListOption{client.InNamespace(namespace.GetName())}
}

// matching lists the queues that match. A cache that cannot be read has no events either.
func (r *Reconciler) matching(ctx context.Context, options ...client.ListOption) []reconcile.Request {
	var queues v1alpha1.AnnotationQueueList
	if err := r.Client.List(ctx, &queues, options...); err != nil {
		return nil
	}
	reqs := make([]reconcile.Request, 0, len(queues.Items))
	for i := range queues.Items {
		reqs = append(reqs, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&queues.Items[i])})
	}
	return reqs
}
