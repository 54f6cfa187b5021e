// SPDX-License-Identifier: Apache-2.0

// Package annotationqueue reconciles AnnotationQueues: it observes, asks package queue what to do, applies what runs the
// page, and reports in status and events. It imports no other controller, reads no Secret, and never writes an object that
// is not its own.
package annotationqueue

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/apply"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/queue"
)

// +kubebuilder:rbac:groups=vedette.dev,resources=annotationqueues;modelmonitors;monitorclasses,verbs=get;list;watch
// +kubebuilder:rbac:groups=vedette.dev,resources=annotationqueues/status,verbs=get;patch
// +kubebuilder:rbac:groups=vedette.dev,resources=annotationqueues/finalizers,verbs=update
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch

// APIs says which optional APIs the cluster has.
type APIs interface {
	Available(ctx context.Context, kinds ...schema.GroupVersionKind) (bool, error)
}

// Reconciler reconciles AnnotationQueues.
type Reconciler struct {
	// Client writes, and reads from the cache; Live reads from the API server.
	Client   client.Client
	Live     client.Reader
	Recorder events.EventRecorder
	APIs     APIs
	// Image is the image of review.
	Image string
	Now   func() time.Time
}

// pass is one reconciliation of one queue.
type pass struct {
	*Reconciler
	applier apply.Applier
	q       *v1alpha1.AnnotationQueue
	now     time.Time
	set     conditions.Writer
	again   time.Duration
}

// Reconcile brings what runs the page in line with a queue and reports what it found.
func (r *Reconciler) Reconcile(ctx context.Context, q *v1alpha1.AnnotationQueue) (ctrl.Result, error) {
	if q.DeletionTimestamp != nil {
		return ctrl.Result{}, nil // the children have an owner reference and go by themselves
	}
	now := r.Now()
	p := &pass{
		Reconciler: r, q: q, now: now,
		applier: apply.Applier{Client: r.Client, Live: r.Live, Owns: apply.ControlledBy(q.UID)},
		set:     conditions.Writer{Conditions: &q.Status.Conditions, Generation: q.Generation, Now: now},
	}
	before := q.DeepCopy()
	problems := p.reconcile(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctrl.Result{}, ctx.Err() // the manager stops: what failed therefore is no news
	}
	return p.report(ctx, before, problems)
}

// reconcile does everything that can be done, and returns all that stands in the way. A queue that is invalid, or that
// nothing feeds, keeps what it has: people go on with the items that are there.
func (p *pass) reconcile(ctx context.Context) []error {
	resolved, problems := p.resolve(ctx)
	p.q.Status.Monitors = new(int32(len(resolved.Monitors)))
	p.q.Status.Address = queue.Address(p.q)
	if resolved.Class != nil {
		p.q.Status.ClassName = v1alpha1.ObjectName(resolved.Class.Name)
		invalid := queue.Validate(p.q, resolved)
		problems = append(problems, invalid...)
		if len(invalid) == 0 {
			problems = append(problems, p.children(ctx, resolved)...)
		}
	}
	return append(problems, p.serving(ctx))
}

// lookAgain makes the next reconciliation come after d at the latest; 0 says nothing.
func (p *pass) lookAgain(d time.Duration) {
	if d > 0 && (p.again == 0 || d < p.again) {
		p.again = d
	}
}
