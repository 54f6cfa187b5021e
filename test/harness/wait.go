// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// interval is how often a condition is looked at.
const interval = 500 * time.Millisecond

// Until waits until observe reports done. What observe saw last, and the error that it met after that, are part of the
// error when the time is over; so observe returns errors that another try may mend.
func Until(ctx context.Context, timeout time.Duration, what string, observe func(context.Context) (done bool, saw string, err error)) error {
	var saw string
	var last error
	err := wait.PollUntilContextTimeout(ctx, interval, timeout, true, func(ctx context.Context) (bool, error) {
		done, now, err := observe(ctx)
		// A request that the deadline cut off would hide why the ones before it failed.
		if ctx.Err() == nil {
			if last = err; err == nil {
				saw = now
			}
		}
		return done && err == nil, nil
	})
	switch {
	case err == nil:
		return nil
	case last != nil && saw != "":
		err = fmt.Errorf("%s; then %w", saw, last)
	case last != nil:
		err = last
	case !errors.Is(err, context.DeadlineExceeded):
	case saw != "":
		err = errors.New(saw)
	}
	return fmt.Errorf("waiting up to %s for %s: %w", timeout, what, err)
}

// Restart replaces the pods of a Deployment, as "kubectl rollout restart" does: an image that was loaded anew under its
// old name changes nothing by itself.
func (c *Cluster) Restart(ctx context.Context, deployment client.ObjectKey) error {
	patch := fmt.Appendf(nil, `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`, time.Now().Format(time.RFC3339))
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: deployment.Namespace, Name: deployment.Name}}
	if err := c.Patch(ctx, d, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("restarting Deployment %s: %w", deployment, err)
	}
	return nil
}

// Rolled waits until all replicas of the Deployments, given as namespace/name, are available in their current form.
func (c *Cluster) Rolled(ctx context.Context, timeout time.Duration, deployments ...client.ObjectKey) error {
	for _, key := range deployments {
		err := Until(ctx, timeout, "Deployment "+key.String(), func(ctx context.Context) (bool, string, error) {
			var d appsv1.Deployment
			if err := c.Get(ctx, key, &d); err != nil {
				return false, "", err
			}
			want := int32(1)
			if d.Spec.Replicas != nil {
				want = *d.Spec.Replicas
			}
			s := d.Status
			done := s.ObservedGeneration == d.Generation && s.UpdatedReplicas == want && s.AvailableReplicas == want && s.Replicas == want
			return done, fmt.Sprintf("%d of %d replicas are available", s.AvailableReplicas, want), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
