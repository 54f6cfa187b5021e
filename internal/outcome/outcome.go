// SPDX-License-Identifier: Apache-2.0

// Package outcome ends the reconciliation of an object: status is written where it has changed, what changed is told as events, and
// the queue learns when to come again.
package outcome

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/internal/monitor"
)

const (
	// Soon is when to look again after a write of one's own or of somebody else: by then the cache has caught up.
	Soon = time.Second
	// timeout bounds the write of status at the end.
	timeout = 5 * time.Second
)

// Outcome is what a reconciliation came to.
type Outcome struct {
	Client   client.Client
	Recorder events.EventRecorder
	// Before is the object as it was read, After as it is now; Was and Is are their conditions.
	Before, After client.Object
	Was, Is       []metav1.Condition
	// Changed says that their status differs.
	Changed bool
	// Retry is the error to retry with backoff; nil when there is none.
	Retry error
	// Again is when to come again; 0 when a watch tells.
	Again time.Duration
}

// End writes status, also that of a reconciliation that ran out of time, and returns what the queue is to do. Events are told once
// status is written, so that none is told twice.
func (o Outcome) End(ctx context.Context) (ctrl.Result, error) {
	if o.Changed {
		switch err := o.write(ctx); {
		case apierrors.IsConflict(err):
			if o.Again == 0 || o.Again > Soon {
				o.Again = Soon // the cache lags
			}
		case err != nil:
			return ctrl.Result{}, errors.Join(o.Retry, client.IgnoreNotFound(err))
		default:
			for _, e := range monitor.Events(o.Was, o.Is) {
				o.Recorder.Eventf(o.After, nil, e.Type, e.Reason, "Reconcile", "%s", e.Note)
			}
		}
	}
	if o.Retry != nil {
		return ctrl.Result{}, o.Retry
	}
	return ctrl.Result{RequeueAfter: o.Again}, nil
}

func (o Outcome) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	return o.Client.Status().Patch(ctx, o.After, client.MergeFromWithOptions(o.Before, client.MergeFromWithOptimisticLock{}))
}
