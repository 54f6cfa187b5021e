// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Of a failure, the last warnings and the end of each log say most.
const (
	diagnoseEvents = 20
	diagnoseLines  = 15
)

// Diagnose writes what explains a failure in the given namespaces: pods that are not ready with the end of their
// logs, and the last warnings. What it cannot find out it says.
func (c *Cluster) Diagnose(ctx context.Context, w io.Writer, namespaces ...string) {
	for _, namespace := range namespaces {
		var pods corev1.PodList
		if err := c.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
			fmt.Fprintf(w, "listing pods: %v\n", err)
		}
		for _, pod := range pods.Items {
			fmt.Fprintf(w, "\n--- pod %s/%s: %s, ready: %t %s\n", namespace, pod.Name, pod.Status.Phase, Ready(&pod), pod.Status.Message)
			for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
				c.diagnoseContainer(ctx, w, pod, s)
			}
		}
		var events corev1.EventList
		if err := c.List(ctx, &events, client.InNamespace(namespace)); err != nil {
			fmt.Fprintf(w, "listing events: %v\n", err)
		}
		warnings := slices.DeleteFunc(events.Items, func(e corev1.Event) bool { return e.Type == corev1.EventTypeNormal })
		slices.SortFunc(warnings, func(a, b corev1.Event) int { return cmp.Compare(at(a).Unix(), at(b).Unix()) })
		for _, e := range warnings[max(0, len(warnings)-diagnoseEvents):] {
			fmt.Fprintf(w, "event %s %s/%s %s: %s\n", at(e).Format(time.TimeOnly), e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
		}
	}
}

func (c *Cluster) diagnoseContainer(ctx context.Context, w io.Writer, pod corev1.Pod, s corev1.ContainerStatus) {
	switch {
	case s.State.Waiting != nil:
		fmt.Fprintf(w, "%s waits: %s %s\n", s.Name, s.State.Waiting.Reason, s.State.Waiting.Message)
	case s.State.Terminated != nil:
		fmt.Fprintf(w, "%s ended: %s %d %s\n", s.Name, s.State.Terminated.Reason, s.State.Terminated.ExitCode, s.State.Terminated.Message)
	}
	if s.RestartCount > 0 {
		fmt.Fprintf(w, "%s restarted %d times\n", s.Name, s.RestartCount)
	}
	log, err := c.core.Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: s.Name, TailLines: new(int64(diagnoseLines)), Previous: s.State.Waiting != nil && s.RestartCount > 0,
	}).DoRaw(ctx)
	if err != nil {
		fmt.Fprintf(w, "%s has no log: %v\n", s.Name, err)
		return
	}
	fmt.Fprintf(w, "%s wrote:\n%s", s.Name, log)
}

// at is when an event was last seen; events of the newer API carry no lastTimestamp.
func at(e corev1.Event) time.Time {
	for _, t := range []metav1.Time{e.LastTimestamp, {Time: e.EventTime.Time}} {
		if !t.IsZero() {
			return t.Time
		}
	}
	return e.CreationTimestamp.Time
}
