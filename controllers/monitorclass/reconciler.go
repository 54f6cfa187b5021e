// SPDX-License-Identifier: Apache-2.0

// Package monitorclass reconciles MonitorClasses: it only reports, whether the class and what it names can be used, and by how
// many monitors it is. It imports no other controller.
package monitorclass

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/store"
)

// +kubebuilder:rbac:groups=vedette.dev,resources=modelmonitors;monitorclasses,verbs=get;list;watch
// +kubebuilder:rbac:groups=vedette.dev,resources=monitorclasses/status,verbs=get;patch

// conflictDelay gives the cache time to catch up with a write of somebody else.
const conflictDelay = time.Second

// checkPeriod is how often the audit log and the Prometheus of a class are looked at.
const checkPeriod = time.Minute

// Audit finds out whether the audit log of a class can be continued.
type Audit interface {
	Check(ctx context.Context, class *v1alpha1.MonitorClass) error
}

// Reconciler reconciles MonitorClasses.
type Reconciler struct {
	Client     client.Client
	Audit      Audit
	Prometheus Prometheus
	Now        func() time.Time
}

// Reconcile reports on a class.
func (r *Reconciler) Reconcile(ctx context.Context, class *v1alpha1.MonitorClass) (ctrl.Result, error) {
	var classes v1alpha1.MonitorClassList
	if err := r.Client.List(ctx, &classes); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing classes: %w", err)
	}
	var monitors v1alpha1.ModelMonitorList
	if err := r.Client.List(ctx, &monitors); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing monitors: %w", err)
	}
	before := class.DeepCopy()
	var users int32
	for i := range monitors.Items {
		if monitor.Uses(classes.Items, monitors.Items[i].Spec.ClassName, class.Name) {
			users++
		}
	}
	class.Status.Monitors = &users
	class.Status.ObservedGeneration = class.Generation
	set := conditions.Writer{Conditions: &class.Status.Conditions, Generation: class.Generation, Now: r.Now()}
	judge(class, classes.Items, set)
	r.audit(ctx, class, set)
	r.metrics(ctx, class, set)
	if ctx.Err() != nil {
		return ctrl.Result{}, ctx.Err() // the manager stops: what failed therefore is no news
	}
	var again ctrl.Result
	if class.Spec.Audit.URL != "" || class.Spec.Prometheus.URL != "" {
		again.RequeueAfter = checkPeriod
	}
	if equality.Semantic.DeepEqual(before.Status, class.Status) {
		return again, nil
	}
	err := r.Client.Status().Patch(ctx, class, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: conflictDelay}, nil // the cache lags: it will have caught up
	}
	return again, client.IgnoreNotFound(err)
}

// audit reports whether the audit log of the class, where it has one, can be continued.
func (r *Reconciler) audit(ctx context.Context, class *v1alpha1.MonitorClass, set conditions.Writer) {
	var err error
	if class.Spec.Audit.URL != "" {
		err = r.Audit.Check(ctx, class)
	}
	if err == nil {
		set.Remove(v1alpha1.ConditionAuditUnavailable)
		return
	}
	// The words stay the same while it fails; those of the error, which may not, are in the log.
	log.FromContext(ctx).Error(err, "the audit log cannot be continued")
	reason, message := v1alpha1.ReasonAuditUnreachable,
		"the audit log cannot be used: look at spec.audit.url and at the manager's log. Entries wait in the status of the monitors, and no retraining is started once many do"
	switch {
	case errors.Is(err, store.ErrCredentials):
		reason, message = v1alpha1.ReasonAuditCredentialsRefused,
			"the store of the audit log refused the manager's credentials: the Secret vedette-audit in the manager's namespace, or the identity of its pods, must be allowed to list, get and put objects below audit/"
	case errors.Is(err, audit.ErrDamaged):
		reason, message = v1alpha1.ReasonAuditDamaged,
			"the end of the audit log is not what was written: keep a copy, run kubectl vedette audit verify, and name another place in spec.audit.url"
	}
	set.True(v1alpha1.ConditionAuditUnavailable, reason, message)
}

// judge says whether the class can be used. What is wrong with it only a person can mend.
func judge(class *v1alpha1.MonitorClass, all []v1alpha1.MonitorClass, set conditions.Writer) {
	stalled := func(reason, message string) {
		set.True(v1alpha1.ConditionStalled, reason, message)
		set.False(v1alpha1.ConditionReady, reason, message)
	}
	if _, err := monitor.Allowed(class); err != nil {
		stalled(v1alpha1.ReasonInvalidSelector, fmt.Sprintf("spec.allowedNamespaces: %v", err))
		return
	}
	if d := monitor.DefaultClass(all); class.Spec.Selection == v1alpha1.ClassSelectionDefault && d != nil && d.Name != class.Name {
		stalled(v1alpha1.ReasonDuplicateDefault,
			fmt.Sprintf("the older MonitorClass %q is the default: set spec.selection: Named in one of the two", d.Name))
		return
	}
	set.Remove(v1alpha1.ConditionStalled)
	set.True(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded, "the class is in effect")
}

// Options are what the manager decides.
type Options struct {
	Audit      Audit
	Prometheus Prometheus
	// Now is the clock.
	Now func() time.Time
}

// SetupWithManager adds the controller to the manager.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	r := &Reconciler{Client: mgr.GetClient(), Audit: o.Audit, Prometheus: o.Prometheus, Now: o.Now}
	// Another default, or a monitor that comes or goes, concerns every class.
	all := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, _ client.Object) []reconcile.Request {
		var classes v1alpha1.MonitorClassList
		if err := r.Client.List(ctx, &classes); err != nil {
			return nil // a cache that cannot be read has no events either
		}
		reqs := make([]reconcile.Request, 0, len(classes.Items))
		for _, c := range classes.Items {
			reqs = append(reqs, reconcile.Request{NamespacedName: types.NamespacedName{Name: c.Name}})
		}
		return reqs
	})
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("monitorclass").
		For(&v1alpha1.MonitorClass{}, changed).
		Watches(&v1alpha1.MonitorClass{}, all, changed).
		Watches(&v1alpha1.ModelMonitor{}, all, changed).
		Complete(reconcile.AsReconciler(mgr.GetClient(), r))
}
