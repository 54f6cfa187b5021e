// SPDX-License-Identifier: Apache-2.0

package annotationqueue

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/queue"
)

// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch

// resolve finds the monitors that feed the queue, and their class.
func (p *pass) resolve(ctx context.Context) (queue.Resolved, []error) {
	var monitors v1alpha1.ModelMonitorList
	if err := p.Client.List(ctx, &monitors, client.InNamespace(p.q.Namespace)); err != nil {
		return queue.Resolved{}, []error{fmt.Errorf("listing monitors: %w", err)}
	}
	var classes v1alpha1.MonitorClassList
	if err := p.Client.List(ctx, &classes); err != nil {
		return queue.Resolved{}, []error{fmt.Errorf("listing classes: %w", err)}
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := p.Client.Get(ctx, client.ObjectKey{Name: p.q.Namespace}, namespace); err != nil {
		return queue.Resolved{}, []error{fmt.Errorf("reading the namespace: %w", err)}
	}
	return queue.Resolve(p.q, monitors.Items, classes.Items, namespace.Labels)
}

// key is the name of everything that the queue has.
func (p *pass) key() client.ObjectKey {
	return client.ObjectKey{Namespace: p.q.Namespace, Name: naming.Review(p.q.Name)}
}

// serving reports whether the page is served, and what Ready waits for.
func (p *pass) serving(ctx context.Context) error {
	d := &appsv1.Deployment{}
	switch err := p.Client.Get(ctx, p.key(), d); {
	case apierrors.IsNotFound(err), err == nil && !metav1.IsControlledBy(d, p.q):
		d = nil
	case err != nil:
		return fmt.Errorf("reading the Deployment: %w", err)
	}
	f, wait := queue.Serving(p.q, d, p.now)
	p.set.Set(v1alpha1.ConditionServing, f.Status, f.Reason, f.Message)
	return wait
}

// claim is the claim that the queue has; nil when there is none.
func (p *pass) claim(ctx context.Context) (*corev1.PersistentVolumeClaim, error) {
	c := &corev1.PersistentVolumeClaim{}
	err := p.Client.Get(ctx, p.key(), c)
	if apierrors.IsNotFound(err) || err == nil && !metav1.IsControlledBy(c, p.q) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the PersistentVolumeClaim: %w", err)
	}
	return c, nil
}
