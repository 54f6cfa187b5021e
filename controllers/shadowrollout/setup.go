// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/prometheus"
)

const (
	// indexMonitor finds the rollouts that use a monitor, indexTemplate those of a Deployment of the user's.
	indexMonitor  = "spec.monitorRef.name"
	indexTemplate = "spec.candidate.templateRef.name"
	// workers reconcile at once: a Prometheus that hangs holds each up for seconds.
	workers = 8
	// reconcileTimeout bounds one reconciliation.
	reconcileTimeout = 2 * time.Minute
)

// Options are what the manager decides.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Prometheus answers what was counted; a client over HTTP when nil.
	Prometheus Prometheus
	// Audit takes entries to the audit logs of classes.
	Audit Audit
}

// SetupWithManager adds the controller to the manager. The manager's cache must be made with CacheByObject.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, o Options) error {
	for field, value := range map[string]func(*v1alpha1.ShadowRollout) string{
		indexMonitor:  func(r *v1alpha1.ShadowRollout) string { return string(r.Spec.MonitorRef.Name) },
		indexTemplate: func(r *v1alpha1.ShadowRollout) string { return string(r.Spec.Candidate.TemplateRef.Name) },
	} {
		if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.ShadowRollout{}, field, func(obj client.Object) []string {
			return []string{value(obj.(*v1alpha1.ShadowRollout))}
		}); err != nil {
			return err
		}
	}
	r := &Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("vedette-shadowrollout"),
		Prometheus: o.Prometheus, Audit: o.Audit, Now: o.Now,
	}
	if r.Prometheus == nil {
		r.Prometheus = prometheus.Client{}
	}
	asked := builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))
	return ctrl.NewControllerManagedBy(mgr).
		Named("shadowrollout").
		For(&v1alpha1.ShadowRollout{}, asked).
		Owns(&appsv1.Deployment{}).
		Owns(&appsv1.ControllerRevision{}).
		Owns(&corev1.ConfigMap{}).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(r.ofTemplate)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(ofShadow)).
		Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(r.inNamespace)).
		Watches(&v1alpha1.ModelMonitor{}, handler.EnqueueRequestsFromMapFunc(r.ofMonitor)).
		Watches(&v1alpha1.MonitorClass{}, handler.EnqueueRequestsFromMapFunc(r.all), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: reconcileTimeout}).
		Complete(reconcile.AsReconciler(mgr.GetClient(), r))
}

// ofShadow finds the rollout whose shadow a pod is: that it cannot be scheduled shows in the pod alone.
func ofShadow(_ context.Context, obj client.Object) []reconcile.Request {
	if l := obj.GetLabels(); l[naming.LabelRole] == naming.RoleShadow {
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: obj.GetNamespace(), Name: l[naming.LabelRollout]}}}
	}
	return nil
}

func (r *Reconciler) ofTemplate(ctx context.Context, obj client.Object) []reconcile.Request {
	return r.matching(ctx, client.InNamespace(obj.GetNamespace()), client.MatchingFields{indexTemplate: obj.GetName()})
}

func (r *Reconciler) ofMonitor(ctx context.Context, obj client.Object) []reconcile.Request {
	return r.matching(ctx, client.InNamespace(obj.GetNamespace()), client.MatchingFields{indexMonitor: obj.GetName()})
}

func (r *Reconciler) inNamespace(ctx context.Context, obj client.Object) []reconcile.Request {
	return r.matching(ctx, client.InNamespace(obj.GetNamespace()))
}

func (r *Reconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.matching(ctx)
}

// matching lists the rollouts that match. A cache that cannot be read has no events either.
func (r *Reconciler) matching(ctx context.Context, options ...client.ListOption) []reconcile.Request {
	var rollouts v1alpha1.ShadowRolloutList
	if err := r.Client.List(ctx, &rollouts, options...); err != nil {
		return nil
	}
	reqs := make([]reconcile.Request, 0, len(rollouts.Items))
	for i := range rollouts.Items {
		reqs = append(reqs, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&rollouts.Items[i])})
	}
	return reqs
}
