// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/internal/monitor"
)

const (
	// lookEvery is how often somebody who waits is told why.
	lookEvery = 10 * time.Second
	// againAfter is how long to wait before a watch that ended is started afresh.
	againAfter = time.Second
)

// errWaited means that a Job did not end in time.
var errWaited = errors.New("it did not end in time")

// await waits until the Job has ended, and returns it with its pods. Why nothing happens is told on the way.
func (p *Plugin) await(ctx context.Context, c *cluster, job client.ObjectKey, timeout time.Duration) (*batchv1.Job, []corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	w := &waiter{cluster: c, key: job}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for told := ""; ; {
		ended, err := w.follow(ctx, look.C)
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			return nil, nil, fmt.Errorf("the Job %s: %w: it was waited for %s; it goes on, and kubectl logs job/%s shows how", job.Name, errWaited, timeout, job.Name)
		case err != nil:
			return nil, nil, err
		case ended:
			return w.job, w.pods, nil
		}
		if why, _ := monitor.Delay(w.job, w.pods, p.Now()); why != "" && why != told {
			told = why
			fmt.Fprintln(p.Stderr, "waiting: "+why)
		}
	}
}

// waiter waits for one Job.
type waiter struct {
	*cluster
	key  client.ObjectKey
	job  *batchv1.Job
	pods []corev1.Pod
}

// follow waits until the Job has ended, the tick comes, or the watch ends.
func (w *waiter) follow(ctx context.Context, tick <-chan time.Time) (ended bool, err error) {
	changes, err := w.client.Watch(ctx, &batchv1.JobList{}, client.InNamespace(w.key.Namespace), client.MatchingFields{"metadata.name": w.key.Name})
	if err != nil {
		return false, fmt.Errorf("watching the Job %s: %w", w.key.Name, err)
	}
	defer changes.Stop()
	// The watch is there before we look: no change falls between the two.
	for {
		if ended, err := w.look(ctx); ended || err != nil {
			return ended, err
		}
		if next, err := w.change(ctx, changes, tick); !next || err != nil {
			return false, err
		}
	}
}

// look reads the Job and its pods.
func (w *waiter) look(ctx context.Context) (ended bool, err error) {
	job := &batchv1.Job{}
	if err := w.client.Get(ctx, w.key, job); err != nil {
		if apierrors.IsNotFound(err) {
			return false, fmt.Errorf("the Job %s is gone: somebody deleted it", w.key.Name)
		}
		return false, fmt.Errorf("reading the Job %s: %w", w.key.Name, err)
	}
	var pods corev1.PodList
	if err := w.client.List(ctx, &pods, client.InNamespace(w.key.Namespace), client.MatchingLabels{batchv1.JobNameLabel: w.key.Name}); err != nil {
		return false, fmt.Errorf("listing the pods of the Job %s: %w", w.key.Name, err)
	}
	w.job, w.pods = job, pods.Items
	_, ended = monitor.Finished(job)
	return ended, nil
}

// change waits for a change of the Job; false means that something else is to be done first.
func (w *waiter) change(ctx context.Context, changes watch.Interface, tick <-chan time.Time) (bool, error) {
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-tick:
			return false, nil
		case event, open := <-changes.ResultChan():
			if !open || event.Type == watch.Error {
				pause := time.NewTimer(againAfter)
				defer pause.Stop()
				select {
				case <-ctx.Done():
					return false, ctx.Err()
				case <-pause.C:
					return false, nil
				}
			}
			if o, ok := event.Object.(client.Object); ok && o.GetName() == w.key.Name {
				return true, nil
			}
		}
	}
}
