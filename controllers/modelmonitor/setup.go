// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/optional"
	"github.com/vedette-dev/vedette/internal/prometheus"
)

const (
	// workers is more than the work of one monitor asks for, as a Prometheus that hangs holds each up for seconds.
	workers = 16
	// reconcileTimeout bounds one reconciliation, which asks a Prometheus that may hang.
	reconcileTimeout = 2 * time.Minute
)

// Options are what the manager decides.
type Options struct {
	Images Images
	// Now is the clock.
	Now func() time.Time
	// Prometheus answers about thresholds. It is asked once in a pollPeriod about each monitor.
	Prometheus Prometheus
	// Audit takes entries to the audit logs of classes.
	Audit Audit
	// Namespace is the manager's own.
	Namespace string
}

// SetupWithManager adds the controller to the manager. The manager's cache must be made with CacheByObject.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	apis := &optional.APIs{Mapper: mgr.GetRESTMapper()}
	r := &Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("vedette-modelmonitor"),
		APIs: apis, Prometheus: prometheus.NewPaced(o.Prometheus, pollPeriod, o.Now), Images: o.Images, Now: o.Now,
		Audit: o.Audit, Namespace: o.Namespace,
	}
	namespaces := &metav1.PartialObjectMetadata{}
	namespaces.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	byOwner := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &v1alpha1.ModelMonitor{}, handler.OnlyControllerOwner())
	on := func(f handler.MapFunc) handler.EventHandler { return handler.EnqueueRequestsFromMapFunc(f) }
	c, err := ctrl.NewControllerManagedBy(mgr).
		Named("modelmonitor").
		For(&v1alpha1.ModelMonitor{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Owns(&corev1.ConfigMap{}).
		Owns(&batchv1.CronJob{}).
		Watches(&batchv1.Job{}, on(byLabel)).
		Watches(&corev1.Pod{}, on(r.ofPod)).
		Watches(&corev1.Service{}, on(r.inNamespace)).
		Watches(&networkingv1.NetworkPolicy{}, on(r.inNamespace)).
		Watches(&appsv1.Deployment{}, on(r.ofWorkload(v1alpha1.WorkloadKindDeployment))).
		Watches(&appsv1.StatefulSet{}, on(r.ofWorkload(v1alpha1.WorkloadKindStatefulSet))).
		Watches(&v1alpha1.MonitorClass{}, on(r.all), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesMetadata(namespaces, on(r.ofNamespace), builder.WithPredicates(predicate.LabelChangedPredicate{})).
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

func request(namespace, name string) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}}
}

// byLabel finds the monitor that a Job names.
func byLabel(_ context.Context, obj client.Object) []reconcile.Request {
	if name := obj.GetLabels()[naming.LabelMonitor]; name != "" {
		return request(obj.GetNamespace(), name)
	}
	return nil
}

// ofPod finds the monitors of a pod: the one whose analysis it runs, the one whose sidecar it asks for, and those that
// select it.
func (r *Reconciler) ofPod(ctx context.Context, obj client.Object) []reconcile.Request {
	if reqs := byLabel(ctx, obj); reqs != nil {
		return reqs
	}
	wanted := obj.GetLabels()[naming.LabelInject]
	return r.matching(ctx, obj.GetNamespace(), func(m *v1alpha1.ModelMonitor) bool {
		if m.Name == wanted {
			return true
		}
		s, err := metav1.LabelSelectorAsSelector(m.Spec.Target.PodSelector) // nil selects nothing
		return err == nil && s.Matches(labels.Set(obj.GetLabels()))
	})
}

func (r *Reconciler) ofWorkload(kind v1alpha1.WorkloadKind) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		return r.matching(ctx, obj.GetNamespace(), func(m *v1alpha1.ModelMonitor) bool {
			return m.Spec.Target.WorkloadRef == v1alpha1.WorkloadReference{Kind: kind, Name: v1alpha1.ObjectName(obj.GetName())}
		})
	}
}

func (r *Reconciler) inNamespace(ctx context.Context, obj client.Object) []reconcile.Request {
	return r.matching(ctx, obj.GetNamespace(), func(*v1alpha1.ModelMonitor) bool { return true })
}

func (r *Reconciler) ofNamespace(ctx context.Context, obj client.Object) []reconcile.Request {
	return r.matching(ctx, obj.GetName(), func(*v1alpha1.ModelMonitor) bool { return true })
}

func (r *Reconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.matching(ctx, "", func(*v1alpha1.ModelMonitor) bool { return true })
}

// matching lists the monitors of a namespace, "" for all, that match. A cache that cannot be read has no events either.
func (r *Reconciler) matching(ctx context.Context, namespace string, match func(*v1alpha1.ModelMonitor) bool) []reconcile.Request {
	var monitors v1alpha1.ModelMonitorList
	if err := r.Client.List(ctx, &monitors, client.InNamespace(namespace)); err != nil {
		return nil
	}
	var reqs []reconcile.Request
	for i := range monitors.Items {
		if m := &monitors.Items[i]; match(m) {
			reqs = append(reqs, request(m.Namespace, m.Name)...)
		}
	}
	return reqs
}
