// SPDX-License-Identifier: Apache-2.0

// Package shadowrollout reconciles ShadowRollouts: it observes, asks package rollout what to do, does that one thing, and reports in
// status and events. It imports no other controller, reads no Secret, and never writes an object that is not its own.
package shadowrollout

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/apply"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/prometheus"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// +kubebuilder:rbac:groups=vedette.dev,resources=shadowrollouts;modelmonitors;monitorclasses,verbs=get;list;watch
// +kubebuilder:rbac:groups=vedette.dev,resources=shadowrollouts/status,verbs=get;patch
// +kubebuilder:rbac:groups=vedette.dev,resources=shadowrollouts/finalizers,verbs=update
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch

// Prometheus answers what was counted, and what a query of the user's own yields.
type Prometheus interface {
	Evidence(ctx context.Context, server prometheus.Server, t prometheus.Try) (criteria.Evidence, error)
	Value(ctx context.Context, server prometheus.Server, query string) (float64, error)
}

// Reconciler reconciles ShadowRollouts.
type Reconciler struct {
	// Client writes, and reads from the cache; Live reads from the API server.
	Client     client.Client
	Live       client.Reader
	Recorder   events.EventRecorder
	Prometheus Prometheus
	Audit      Audit
	Now        func() time.Time
}

// pass is one reconciliation of one rollout.
type pass struct {
	*Reconciler
	source  source
	applier apply.Applier
	r       *v1alpha1.ShadowRollout
	now     time.Time
	set     conditions.Writer
	again   time.Duration
	// audited says whether the class keeps an audit log; retrained is the retraining run whose values the candidate has, and
	// primarySince when the primary was made, where there was one at the start.
	audited      bool
	retrained    string
	primarySince time.Time
	// templateServes says that the template has pods of its own.
	templateServes bool
}

// Reconcile takes a rollout one step on, and reports what it found.
func (r *Reconciler) Reconcile(ctx context.Context, sr *v1alpha1.ShadowRollout) (ctrl.Result, error) {
	now := r.Now()
	p := &pass{
		Reconciler: r, r: sr, now: now,
		applier: apply.Applier{Client: r.Client, Live: r.Live, Owns: func(o metav1.Object) bool { return rollout.Owns(sr, o) }},
		set:     conditions.Writer{Conditions: &sr.Status.Conditions, Generation: sr.Generation, Now: now},
	}
	p.source = ours{p}
	if rollout.Theirs(sr) {
		p.source = theirs{p}
	}
	if sr.DeletionTimestamp != nil {
		return ctrl.Result{}, nil // garbage collection takes what goes with it
	}
	before := sr.DeepCopy()
	problems := p.reconcile(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctrl.Result{}, ctx.Err() // the manager stops: what failed therefore is no news
	}
	return p.report(ctx, before, problems)
}

// lookAgain makes the next reconciliation come after d at the latest; 0 says nothing.
func (p *pass) lookAgain(d time.Duration) {
	if d > 0 && (p.again == 0 || d < p.again) {
		p.again = d
	}
}
