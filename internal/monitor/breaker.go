// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// The circuit breaker trips at once when so many pods fail, and they are the majority; when fewer fail, but no pod with
// the sidecar works, it waits for so long in case the failure passes.
const (
	breakerPods  = 3
	breakerGrace = time.Minute
)

// ourFault says whether a container that waits for the reason waits because of its own image, crash or configuration.
func ourFault(reason string) bool {
	return slices.Contains([]string{
		"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
		"CrashLoopBackOff", "RunContainerError", "CreateContainerError", "CreateContainerConfigError",
	}, reason)
}

// Trip is when the circuit breaker stopped a revision of the sidecar; zero when it has not.
type Trip struct {
	Revision string
	// Time is in whole seconds.
	Time time.Time
}

// Token names the trip in the annotation by which a person re-arms it. It names this trip alone, so that the annotation
// may stay where it is: it does not re-arm the next trip.
func (t Trip) Token() string { return t.Revision + "/" + t.Time.UTC().Format(time.RFC3339) }

// TripOf is the trip on record in status.
func TripOf(status *v1alpha1.ModelMonitorStatus) Trip {
	return Trip{status.Capture.TrippedRevision, status.Capture.TrippedTime.Time}
}

// rearmed reads a token.
func rearmed(token string) Trip {
	revision, at, _ := strings.Cut(token, "/")
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return Trip{}
	}
	return Trip{revision, t}
}

// Breaker decides whether new pods go without the sidecar.
type Breaker struct {
	// Revision is that of the current sidecar.
	Revision string
	// Tripped is the last trip on record.
	Tripped Trip
	// Rearmed is the value of the annotation by which a person re-arms: the token of a trip, which holds no more.
	Rearmed string
	// Pods are the target's.
	Pods []Pod
	// CreationRefused is since when the API server has refused to create the workload's pods while its template asks for
	// the sidecar; zero when it does not. Quotas and limit ranges refuse a pod for what the sidecar adds to it.
	CreationRefused time.Time
	Now             time.Time
}

// Decide returns the trip by which the revision is stopped; zero when it is not. A new revision starts afresh, and one
// that was re-armed is judged by what came after the trip.
func (b Breaker) Decide() Trip {
	switch {
	case b.Tripped.Revision == b.Revision && b.Tripped.Token() != b.Rearmed:
		return b.Tripped
	case b.trips():
		return Trip{b.Revision, b.Now.Truncate(time.Second)}
	}
	return Trip{}
}

// fresh says whether what began at a time counts: what did before a trip that was re-armed was judged by that trip. A
// token of the future names no trip.
func (b Breaker) fresh(began time.Time) bool {
	last := rearmed(b.Rearmed)
	return last.Revision != b.Revision || last.Time.After(b.Now) || began.After(last.Time)
}

func (b Breaker) trips() bool {
	var failing, working int
	var since time.Time
	for _, p := range b.Pods {
		switch {
		case !p.Sidecar || p.Revision != b.Revision || !b.fresh(p.CreationTimestamp.Time):
		case p.Failing != "":
			failing++
			if since.IsZero() || p.CreationTimestamp.Time.Before(since) {
				since = p.CreationTimestamp.Time
			}
		case p.Started:
			working++
		}
	}
	long := func(since time.Time) bool { return !since.IsZero() && b.Now.Sub(since) >= breakerGrace }
	return failing >= breakerPods && failing > working ||
		working == 0 && failing > 0 && long(since) ||
		working == 0 && long(b.CreationRefused) && b.fresh(b.CreationRefused)
}

// Recheck is when the decision may change though nothing else does; 0 when it cannot.
func (b Breaker) Recheck() time.Duration {
	if b.Decide() != (Trip{}) {
		return 0
	}
	suspicious := !b.CreationRefused.IsZero() || slices.ContainsFunc(b.Pods, func(p Pod) bool { return p.Failing != "" })
	if suspicious {
		return breakerGrace / 4
	}
	return 0
}

// CreationRefused is since when pods of a Deployment that asks for the sidecar of the monitor could not be created; zero
// when they can.
func CreationRefused(d *appsv1.Deployment, monitor string) time.Time {
	if d == nil || d.Spec.Template.Labels[naming.LabelInject] != monitor {
		return time.Time{}
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}
