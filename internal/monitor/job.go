// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Ended are the runs of Jobs that have ended, in the order in which they did. A Job whose pod's end has not been seen yet is
// left for later: its verdict is on its way.
func Ended(jobs []batchv1.Job, pods []corev1.Pod) []Run {
	var ended []Run
	for i := range jobs {
		j := &jobs[i]
		at, over := Finished(j)
		if !over {
			continue
		}
		if message, known := verdict(j, pods); known {
			ended = append(ended, Run{Kind: j.Labels[naming.LabelAnalysis], Job: j.Name, Finished: at, Message: message, Failure: failure(j)})
		}
	}
	slices.SortFunc(ended, func(a, b Run) int { return cmp.Or(a.Finished.Compare(b.Finished), cmp.Compare(a.Job, b.Job)) })
	return ended
}

// Recorded says whether a Job has ended and its run, or a later one of its kind, is on record: it tells nothing more.
func Recorded(j *batchv1.Job, last *v1alpha1.AnalysisStatus) bool {
	at, over := Finished(j)
	return over && recorded(last, j.Name, at)
}

// Pending says whether a Job's pod has not started yet.
func Pending(j *batchv1.Job) bool {
	_, over := Finished(j)
	ready := j.Status.Ready
	return !over && (ready == nil || *ready == 0) && j.Status.Succeeded == 0 && j.Status.Failed == 0
}

// podlessGrace is how long a Job may be without a pod before that is worth a word.
const podlessGrace = 30 * time.Second

// Delay says why a Job's pod does not start, in words that stay the same while it does not, and when to ask again what
// nothing tells; empty and 0 when there is nothing to say.
func Delay(j *batchv1.Job, pods []corev1.Pod, now time.Time) (why string, again time.Duration) {
	if !Pending(j) {
		return "", 0
	}
	podless := true
	for i := range pods {
		if !metav1.IsControlledBy(&pods[i], j) {
			continue
		}
		podless = false
		if reason := waiting(&pods[i]); reason != "" {
			return "the pod of the Job " + j.Name + " does not start: " + reason, 0
		}
	}
	if !podless {
		return "", 0
	}
	if left := podlessGrace - now.Sub(j.CreationTimestamp.Time); left > 0 {
		return "", left
	}
	return "the Job " + j.Name + " has no pod: its events say why (FailedCreate)", 0
}

// waiting is why a pod waits, unless it is only on its way.
func waiting(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return truncate(c.Reason, 64)
		}
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.State.Waiting == nil {
			continue
		}
		switch reason := s.State.Waiting.Reason; reason {
		case "", "ContainerCreating", "PodInitializing":
		case "ErrImagePull":
			return "ImagePullBackOff" // the two take turns
		default:
			return truncate(reason, 64)
		}
	}
	return ""
}

// failure is the reason for which a Job failed.
func failure(j *batchv1.Job) string {
	for _, c := range j.Status.Conditions {
		if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
			return c.Reason
		}
	}
	return ""
}

// StripPod leaves of a pod what this package reads, so that a cache of all pods stays small.
func StripPod(p *corev1.Pod) {
	p.ManagedFields = nil
	var sidecar, others []corev1.Container
	for _, c := range p.Spec.InitContainers {
		if c.Name == naming.SidecarContainer {
			sidecar = append(sidecar, corev1.Container{Name: c.Name, Args: c.Args, Ports: c.Ports})
		}
	}
	if sidecar != nil {
		for _, c := range p.Spec.Containers {
			others = append(others, corev1.Container{Name: c.Name, Ports: c.Ports})
		}
	}
	status := corev1.PodStatus{Phase: p.Status.Phase, InitContainerStatuses: p.Status.InitContainerStatuses}
	if p.Labels[naming.LabelMonitor] != "" || p.Labels[naming.LabelRole] == naming.RoleShadow {
		status.ContainerStatuses, status.Conditions = p.Status.ContainerStatuses, p.Status.Conditions
	}
	p.Spec, p.Status = corev1.PodSpec{InitContainers: sidecar, Containers: others}, status
}

// Finished is when a Job ended, well or not.
func Finished(j *batchv1.Job) (time.Time, bool) {
	for _, c := range j.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time, true
		}
	}
	return time.Time{}, false
}

// verdict is the last termination message of a Job's pods that is a verdict, else the last one of all; empty when the
// pods are gone. It is not known while a pod's end has not been seen.
func verdict(j *batchv1.Job, pods []corev1.Pod) (message string, known bool) {
	var ends []*corev1.ContainerStateTerminated
	for i := range pods {
		if !metav1.IsControlledBy(&pods[i], j) {
			continue
		}
		for _, s := range pods[i].Status.ContainerStatuses {
			if s.State.Terminated == nil {
				return "", false
			}
			ends = append(ends, s.State.Terminated)
		}
	}
	slices.SortFunc(ends, func(a, b *corev1.ContainerStateTerminated) int { return b.FinishedAt.Compare(a.FinishedAt.Time) })
	for _, e := range ends {
		if _, err := wire.DecodeVerdict(e.Message); err == nil {
			return e.Message, true
		}
	}
	if len(ends) > 0 {
		return ends[0].Message, true
	}
	return "", true
}
