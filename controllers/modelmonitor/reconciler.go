// SPDX-License-Identifier: Apache-2.0

// Package modelmonitor reconciles ModelMonitors: it observes, asks package monitor what to do, applies the children, and
// reports in status and events. It imports no other controller, and never writes an object that is not its own.
package modelmonitor

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/apply"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/prometheus"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// +kubebuilder:rbac:groups=vedette.dev,resources=modelmonitors;monitorclasses,verbs=get;list;watch
// +kubebuilder:rbac:groups=vedette.dev,resources=modelmonitors/status,verbs=get;patch
// +kubebuilder:rbac:groups=vedette.dev,resources=modelmonitors/finalizers,verbs=update
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch

// pollPeriod is the time between two questions to Prometheus.
const pollPeriod = time.Minute

// Images are the images that children run.
type Images struct {
	// Capture is the sidecar's where a class names none, Analyze that of the analyses.
	Capture, Analyze string
}

// Prometheus answers which thresholds are violated.
type Prometheus interface {
	Thresholds(ctx context.Context, server prometheus.Server, namespace, monitor string) ([]monitor.Sample, error)
}

// APIs says which optional APIs the cluster has.
type APIs interface {
	Available(ctx context.Context, kinds ...schema.GroupVersionKind) (bool, error)
}

// Reconciler reconciles ModelMonitors.
type Reconciler struct {
	// Client writes, and reads from the cache; Live reads from the API server.
	Client     client.Client
	Live       client.Reader
	Recorder   events.EventRecorder
	APIs       APIs
	Prometheus Prometheus
	Audit      Audit
	Images     Images
	// Namespace is the manager's own.
	Namespace string
	Now       func() time.Time
}

// pass is one reconciliation of one monitor.
type pass struct {
	*Reconciler
	applier apply.Applier
	m       *v1alpha1.ModelMonitor
	now     time.Time
	set     conditions.Writer
	again   time.Duration
	// recorded are the runs that this pass recorded; audited says whether the class keeps an audit log.
	recorded []monitor.Run
	audited  bool
}

// Reconcile brings the children of a monitor in line with it and reports what it found.
func (r *Reconciler) Reconcile(ctx context.Context, m *v1alpha1.ModelMonitor) (ctrl.Result, error) {
	if m.DeletionTimestamp != nil {
		return ctrl.Result{}, nil // the children have an owner reference and go by themselves
	}
	now := r.Now()
	p := &pass{
		Reconciler: r, m: m, now: now,
		applier: apply.Applier{Client: r.Client, Live: r.Live, Owns: apply.ControlledBy(m.UID)},
		set:     conditions.Writer{Conditions: &m.Status.Conditions, Generation: m.Generation, Now: now},
	}
	before := m.DeepCopy()
	problems := p.reconcile(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctrl.Result{}, ctx.Err() // the manager stops: what failed therefore is no news
	}
	return p.report(ctx, before, problems)
}

// reconcile does everything that can be done, and returns all that stands in the way.
func (p *pass) reconcile(ctx context.Context) []error {
	p.m.Status.Target = monitor.Target(p.m)
	invalid := monitor.Validate(p.m)
	class, noClass := p.class(ctx)
	if invalid != nil || noClass != nil {
		problems := slices.DeleteFunc([]error{invalid, noClass}, func(err error) bool { return err == nil })
		return append(problems, p.unusable(ctx, class, problems)...)
	}
	e := monitor.Bound(p.m, class)
	p.bounded(e)
	var problems []error
	if err := monitor.CheckHashKey(p.m, e.Class); err != nil {
		problems = append(problems, err)
	}
	for _, step := range []func(context.Context, monitor.Effective) error{
		p.enter, p.config, p.capture, p.children, p.runs, p.health, p.retraining,
	} {
		if err := step(ctx, e); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// unusable does what holds for a monitor that is invalid or has no class: it reports what is no longer looked at, and
// stops capture where nothing may be captured. The class is nil where there is none.
func (p *pass) unusable(ctx context.Context, class *v1alpha1.MonitorClass, problems []error) []error {
	for _, err := range problems {
		if reason := reconcileerr.Reason(err); reason != "" {
			p.notLookedAt(reason)
			break
		}
	}
	if monitor.Stops(p.m, class, problems[len(problems)-1]) {
		return p.stop(ctx)
	}
	return nil
}

// bounded reports what the class decides.
func (p *pass) bounded(e monitor.Effective) {
	p.m.Status.ClassName = v1alpha1.ObjectName(e.Class.Name)
	p.m.Status.Mode = e.Mode
	if len(e.Exceeded) == 0 {
		p.set.Remove(v1alpha1.ConditionLimitExceeded)
		return
	}
	p.set.True(v1alpha1.ConditionLimitExceeded, v1alpha1.ConditionLimitExceeded, e.LimitMessage())
}

// lookAgain makes the next reconciliation come after d at the latest; 0 says nothing.
func (p *pass) lookAgain(d time.Duration) {
	if d > 0 && (p.again == 0 || d < p.again) {
		p.again = d
	}
}
