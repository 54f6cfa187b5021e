// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// startGrace is how long pods may take to become available before that counts as a fault.
const startGrace = 3 * time.Minute

// Serving says whether the page is served, by the queue's Deployment, nil before it was seen. The error is what Ready waits
// for; nil when nothing.
func Serving(q *v1alpha1.AnnotationQueue, d *appsv1.Deployment, now time.Time) (monitor.Finding, error) {
	switch {
	case Replicas(q) == 0:
		return monitor.Finding{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonSuspended, Message: "spec.mode is Suspended: no pod runs"}, nil
	case d != nil && d.Status.AvailableReplicas > 0:
		return monitor.Finding{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonServing, Message: "the page is served"}, nil
	}
	overdue, in := overdue(d, now)
	if !overdue {
		const message = "the pods are starting"
		return monitor.Finding{Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonStarting, Message: message},
			&reconcileerr.Waiting{Reason: v1alpha1.ReasonProgressing, Message: message, After: in}
	}
	message := fmt.Sprintf("no pod is available: kubectl -n %s describe pods -l %s=%s says why", q.Namespace, naming.LabelQueue, q.Name)
	if secrets := Secrets(q); len(secrets) > 0 {
		message += "; they need the Secrets " + strings.Join(secrets, ", ")
	}
	return monitor.Finding{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonUnavailable, Message: message},
		reconcileerr.NewWaiting(v1alpha1.ReasonUnavailable, "%s", message)
}

// overdue says whether pods should have become available by now, and if not, when to look again.
func overdue(d *appsv1.Deployment, now time.Time) (overdue bool, in time.Duration) {
	if d == nil {
		return false, 0
	}
	since := d.CreationTimestamp.Time
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue,
			c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse:
			return true, 0
		case c.Type == appsv1.DeploymentAvailable && c.Status == corev1.ConditionFalse:
			since = c.LastTransitionTime.Time
		}
	}
	left := startGrace - now.Sub(since)
	return left <= 0, max(left, 0)
}
