// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// shadowNotUp says why there is nobody to answer copies, from the pods of the candidate that are to stay.
func (r Report) shadowNotUp() condition {
	if Theirs(r.Rollout) {
		return unknown(v1alpha1.ReasonShadowNotAvailable, "the pods%s are not all of its template and available, or there are none: see its events if it stays so", r.ofWorkload())
	}
	var stuck string
	for i := range r.ShadowPods {
		pod := &r.ShadowPods[i]
		if revision := pod.Labels[naming.LabelRevision]; pod.DeletionTimestamp != nil || revision != "" && revision != r.Observed.Template {
			continue
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
				return unknown(v1alpha1.ReasonShadowUnschedulable, "no node takes the shadow: make room, or set spec.shadow.resources or priorityClassName. The scheduler says: %s", bounded(c.Message))
			}
		}
		for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
			for _, c := range list {
				if w := c.State.Waiting; w != nil && w.Reason == "CreateContainerConfigError" {
					return unknown(v1alpha1.ReasonReferenceMissing, "the container %q of the shadow cannot start: %s", c.Name, bounded(w.Message))
				}
				stuck = cmp.Or(stuck, stuckBy(c))
			}
		}
	}
	more := fmt.Sprintf("kubectl describe pods -n %s -l %s=%s,%s=%s", r.Rollout.Namespace, naming.LabelRollout, r.Rollout.Name, naming.LabelRole, naming.RoleShadow)
	if stuck != "" {
		return unknown(v1alpha1.ReasonShadowNotAvailable, "the pods of the shadow do not come up: %s. %s says more", stuck, more)
	}
	return unknown(v1alpha1.ReasonShadowNotAvailable, "the pods of the shadow are not ready yet: see %s if they stay so", more)
}

// stuckBy says why a container does not come up; empty where it may do so yet. The words are the same in every turn of a loop, in which
// the kubelet's change, and name no pod.
func stuckBy(c corev1.ContainerStatus) string {
	if c.Ready {
		return ""
	}
	w, end := c.State.Waiting, cmp.Or(c.State.Terminated, c.LastTerminationState.Terminated)
	switch {
	case end != nil:
		return fmt.Sprintf("the container %q waits (CrashLoopBackOff), as it ends with exit code %d (%s)", c.Name, end.ExitCode, cmp.Or(end.Reason, "Error"))
	case w == nil || w.Reason == "" || w.Reason == "ContainerCreating" || w.Reason == "PodInitializing":
		return ""
	case w.Reason == "ErrImagePull":
		return fmt.Sprintf("the container %q waits (ImagePullBackOff)", c.Name)
	}
	return fmt.Sprintf("the container %q waits (%s)", c.Name, bounded(w.Reason))
}

func bounded(s string) string { return strings.ToValidUTF8(s[:min(len(s), 300)], "") }

// hearing is how long sidecars may take to hear of a trial, and their first counts to be read: kubelets take up to about two minutes to
// renew a ConfigMap.
const hearing = 3 * time.Minute

// running says why there is no verdict yet, in words that change only when what is missing does.
func (r Report) running() condition {
	c := &r.Rollout.Status.Candidate
	switch {
	case !Captures(r.Mode):
		return unknown(v1alpha1.ReasonNothingCaptured, "no request is compared while the mode of the ModelMonitor %q is %s: set it to Enforce or Observe, and look at the MonitorClass's mode",
			r.Rollout.Spec.MonitorRef.Name, r.Mode)
	case c.Errors >= max(r.Rollout.Spec.Analysis.ErrorLimit, 1):
		return unknown(v1alpha1.ReasonMetricsUnavailable, "Prometheus does not answer what was counted, or has lost a part of it: nothing is promoted or rejected until it does; the condition MetricsUnavailable of the MonitorClass or the manager's log says more")
	case c.LastEvaluationTime.IsZero():
		return unknown(v1alpha1.ReasonAnalysisRunning, "revision %s is being tried", c.Revision)
	case c.Pairs == nil || *c.Pairs == 0:
		return r.uncompared()
	case c.Verdict == v1alpha1.VerdictPass:
		return r.holding()
	}
	return unknown(v1alpha1.ReasonAnalysisRunning, "%s", r.open())
}

// uncompared says why no request may have been compared.
func (r Report) uncompared() condition {
	if r.MirroredSince.IsZero() || r.Observed.Now.Sub(r.MirroredSince) < hearing {
		return unknown(v1alpha1.ReasonInsufficientTraffic, "no request has been compared yet: the sidecars hear of the trial within about 2 minutes")
	}
	return unknown(v1alpha1.ReasonInsufficientTraffic,
		"no request has been compared yet: see whether requests reach what serves, through its sidecars (condition CaptureInjected of the ModelMonitor %q, and its mode, by which PassThrough copies nothing), and whether mirror.percent, %s, takes enough of them",
		r.Rollout.Spec.MonitorRef.Name, cmp.Or(r.Rollout.Spec.Mirror.Percent, "10"))
}
