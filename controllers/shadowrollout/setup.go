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
	"github.com/vedette-dev/vedette/internal/rollout"
)

const (
	// indexMonitor finds the rollouts that use a monitor.
	indexMonitor = "spec.monitorRef.name"
	// workers reconcile at once: a Prometheus that hangs holds each up for seconds.
	workers = 8
	// reconcileTimeout bounds one reconciliation.
	reconcileTimeout = 2 * time.Minute
)

// Options are what the manager decides.
type Options struct {
	// Now is the clock.
	Now func() time.Time
	// Prometheus answers what was counted.
	Prometheus Prometheus
	// Audit takes entries to the audit logs of classes.
	Audit Audit
}

// SetupWithManager adds the controller to the manager. The manager's cache must be made with CacheByObject.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.ShadowRollout{}, indexMonitor, func(obj client.Object) []string {
		return []string{string(obj.(*v1alpha1.ShadowRollout).Spec.MonitorRef.Name)}
	}); err != nil {
		return err
	}
	r := &Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("vedette-shadowrollout"),
		Prometheus: o.Prometheus, Audit: o.Audit, Now: o.Now,
	}
	asked := builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))
	return ctrl.NewControllerManagedBy(mgr).
		Named("shadowrollout").
		For(&v1alpha1.ShadowRollout{}, asked).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(ofRollout)).
		Watches(&appsv1.ControllerRevision{}, handler.EnqueueRequestsFromMapFunc(ofRollout)).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(ofRollout)).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(r.ofWorkload(v1alpha1.WorkloadKindDeployment))).
		Watches(&appsv1.StatefulSet{}, handler.EnqueueRequestsFromMapFunc(r.ofWorkload(v1alpha1.WorkloadKindStatefulSet))).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(ofShadow)).
		Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(r.inNamespace)).
		Watches(&v1alpha1.ModelMonitor{}, handler.EnqueueRequestsFromMapFunc(r.ofMonitor)).
		Watches(&v1alpha1.MonitorClass{}, handler.EnqueueRequestsFromMapFunc(r.all), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: reconcileTimeout}).
		Complete(reconcile.AsReconciler(mgr.GetClient(), r))
}

// ofRollout finds the rollout that an object is of, by its label: what is to outlive a rollout has no owner.
func ofRollout(_ context.Context, obj client.Object) []reconcile.Request {
	if name := obj.GetLabels()[naming.LabelRollout]; name != "" {
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: obj.GetNamespace(), Name: name}}}
	}
	return nil
}

// ofShadow finds the rollout whose shadow a pod is: that it cannot be scheduled shows in the pod alone.
func ofShadow(ctx context.Context, obj client.Object) []reconcile.Request {
	if obj.GetLabels()[naming.LabelRole] == naming.RoleShadow {
		return ofRollout(ctx, obj)
	}
	return nil
}

// ofWorkload finds the rollouts that a workload of the user's is about: as their candidate, or as what serves.
func (r *Reconciler) ofWorkload(kind v1alpha1.WorkloadKind) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		ref := v1alpha1.WorkloadReference{Kind: kind, Name: v1alpha1.ObjectName(obj.GetName())}
		return r.matching(ctx, func(sr *v1alpha1.ShadowRollout) bool { return r.isAbout(ctx, sr, ref) }, client.InNamespace(obj.GetNamespace()))
	}
}

func (r *Reconciler) isAbout(ctx context.Context, sr *v1alpha1.ShadowRollout, ref v1alpha1.WorkloadReference) bool {
	if t := sr.Spec.Candidate.TemplateRef; !rollout.Theirs(sr) {
		return ref == v1alpha1.WorkloadReference{Kind: v1alpha1.WorkloadKind(t.Kind), Name: t.Name}
	}
	if sr.Spec.Candidate.WorkloadRef == ref {
		return true
	}
	m := &v1alpha1.ModelMonitor{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: sr.Namespace, Name: string(sr.Spec.MonitorRef.Name)}, m)
	return err == nil && m.Spec.Target.WorkloadRef == ref
}

func every(*v1alpha1.ShadowRollout) bool { return true }

func (r *Reconciler) ofMonitor(ctx context.Context, obj client.Object) []reconcile.Request {
	return r.matching(ctx, every, client.InNamespace(obj.GetNamespace()), client.MatchingFields{indexMonitor: obj.GetName()})
}

func (r *Reconciler) inNamespace(ctx context.Context, obj client.Object) []reconcile.Request {
	return r.matching(ctx, every, client.InNamespace(obj.GetNamespace()))
}

func (r *Reconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.matching(ctx, every)
}

// matching lists the rollouts that match. A cache that cannot be read has no events either.
func (r *Reconciler) matching(ctx context.Context, is func(*v1alpha1.ShadowRollout) bool, options ...client.ListOption) []reconcile.Request {
	var rollouts v1alpha1.ShadowRolloutList
	if err := r.Client.List(ctx, &rollouts, options...); err != nil {
		return nil
	}
	var reqs []reconcile.Request
	for i := range rollouts.Items {
		if sr := &rollouts.Items[i]; is(sr) {
			reqs = append(reqs, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(sr)})
		}
	}
	return reqs
}
