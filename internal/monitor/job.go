// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
			ended = append(ended, Run{Kind: j.Labels[naming.LabelAnalysis], Job: j.Name, Finished: at, Message: message})
		}
	}
	slices.SortFunc(ended, func(a, b Run) int { return cmp.Or(a.Finished.Compare(b.Finished), cmp.Compare(a.Job, b.Job)) })
	return ended
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
