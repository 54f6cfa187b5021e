// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

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

// Breaker decides whether new pods go without the sidecar.
type Breaker struct {
	// Revision is that of the current sidecar.
	Revision string
	// Tripped is the revision that is stopped already.
	Tripped string
	// Rearmed is the value of the annotation by which a person re-arms a revision: it is not stopped any more.
	Rearmed string
	// Pods are the target's.
	Pods []Pod
	// CreationRefused is since when the API server has refused to create the workload's pods while its template asks for
	// the sidecar; zero when it does not. Quotas and limit ranges refuse a pod for what the sidecar adds to it.
	CreationRefused time.Time
	Now             time.Time
}

// Decide returns the revision that is stopped; empty when none is. A new revision starts afresh.
func (b Breaker) Decide() string {
	switch {
	case b.Rearmed == b.Revision:
		return ""
	case b.Tripped == b.Revision:
		return b.Tripped
	case b.trips():
		return b.Revision
	}
	return ""
}

func (b Breaker) trips() bool {
	var failing, working int
	var since time.Time
	for _, p := range b.Pods {
		switch {
		case !p.Sidecar || p.Revision != b.Revision:
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
		working == 0 && long(b.CreationRefused)
}

// Recheck is when the decision may change though nothing else does; 0 when it cannot.
func (b Breaker) Recheck() time.Duration {
	if b.Decide() != "" {
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
