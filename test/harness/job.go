// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Result is what a finished Job left behind.
type Result struct {
	// Succeeded says that the Job completed.
	Succeeded bool
	// Log is what its last pod wrote, and Message its termination message.
	Log, Message string
	// Started and Finished bound its last pod's container.
	Started, Finished time.Time
}

// ErrJobFailed means that a Job ran and failed.
var ErrJobFailed = errors.New("the Job failed")

// JobFrom makes a Job of a CronJob's template, as "kubectl create job --from" does.
func (c *Cluster) JobFrom(ctx context.Context, cronJob client.ObjectKey, name string) (*batchv1.Job, error) {
	var cron batchv1.CronJob
	if err := c.Get(ctx, cronJob, &cron); err != nil {
		return nil, fmt.Errorf("making a Job of CronJob %s: %w", cronJob, err)
	}
	template := cron.Spec.JobTemplate
	annotations := map[string]string{"cronjob.kubernetes.io/instantiate": "manual"}
	maps.Copy(annotations, template.Annotations)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cronJob.Namespace, Name: name, Labels: template.Labels, Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(&cron, batchv1.SchemeGroupVersion.WithKind("CronJob"))},
		},
		Spec: template.Spec,
	}, nil
}

// Run creates a Job and waits for its end. When it fails, the error is ErrJobFailed and the result holds why.
func (c *Cluster) Run(ctx context.Context, timeout time.Duration, job *batchv1.Job) (Result, error) {
	if err := c.Create(ctx, job); err != nil {
		return Result{}, fmt.Errorf("creating Job %s: %w", job.Name, err)
	}
	return c.Finished(ctx, timeout, client.ObjectKeyFromObject(job))
}

// Finished waits for the end of a Job.
func (c *Cluster) Finished(ctx context.Context, timeout time.Duration, key client.ObjectKey) (Result, error) {
	var result Result
	err := Until(ctx, timeout, "Job "+key.String()+" to end", func(ctx context.Context) (bool, string, error) {
		var job batchv1.Job
		if err := c.Get(ctx, key, &job); err != nil {
			return false, "", err
		}
		for _, condition := range job.Status.Conditions {
			if condition.Status == corev1.ConditionTrue && (condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed) {
				result.Succeeded = condition.Type == batchv1.JobComplete
				return true, "", nil
			}
		}
		return false, fmt.Sprintf("%d active, %d failed", job.Status.Active, job.Status.Failed), nil
	})
	if err != nil {
		return result, err
	}
	if err := c.collect(ctx, key, &result); err != nil {
		return result, err
	}
	if !result.Succeeded {
		return result, fmt.Errorf("%w: %s: %s\n%s", ErrJobFailed, key, result.Message, tail(result.Log, 2000))
	}
	return result, nil
}

// collect reads what the Job's last pod left.
func (c *Cluster) collect(ctx context.Context, job client.ObjectKey, result *Result) error {
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(job.Namespace), client.MatchingLabels{batchv1.JobNameLabel: job.Name}); err != nil {
		return fmt.Errorf("listing the pods of Job %s: %w", job, err)
	}
	if len(pods.Items) == 0 {
		return fmt.Errorf("finding the pod of Job %s: it ended and left none", job)
	}
	pod := slices.MaxFunc(pods.Items, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, status := range pod.Status.ContainerStatuses {
		if t := status.State.Terminated; t != nil {
			result.Message, result.Started, result.Finished = t.Message, t.StartedAt.Time, t.FinishedAt.Time
		}
	}
	var err error
	result.Log, err = c.Logs(ctx, client.ObjectKeyFromObject(&pod), "")
	return err
}

// Logs reads what a container wrote; the pod's only one when container is empty.
func (c *Cluster) Logs(ctx context.Context, pod client.ObjectKey, container string) (string, error) {
	b, err := c.core.Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the log of pod %s: %w", pod, err)
	}
	return string(b), nil
}
