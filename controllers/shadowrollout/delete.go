// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// finalizer keeps a rollout until what is to outlive it is nobody's: else it would go with its owner.
const finalizer = "vedette.dev/retain-primary"

// hold puts the finalizer on before anything is made that it is for, and takes it off where the primary goes with its rollout.
func (p *pass) hold(ctx context.Context) error {
	before := p.r.DeepCopy()
	change := controllerutil.AddFinalizer
	if p.r.Spec.DeletionPolicy == v1alpha1.DeletionPolicyDelete {
		change = controllerutil.RemoveFinalizer
	}
	if !change(p.r, finalizer) {
		return nil
	}
	return p.finalizers(ctx, before)
}

// release lets a rollout go. Under Retain its primary goes on serving with what it needs, and belongs to nobody.
func (p *pass) release(ctx context.Context) error {
	if !controllerutil.ContainsFinalizer(p.r, finalizer) {
		return nil
	}
	if p.r.Spec.DeletionPolicy != v1alpha1.DeletionPolicyDelete {
		if err := p.orphan(ctx); err != nil {
			return err
		}
	}
	before := p.r.DeepCopy()
	controllerutil.RemoveFinalizer(p.r, finalizer)
	return client.IgnoreNotFound(p.finalizers(ctx, before))
}

// finalizers writes the finalizers. The whole list is replaced, so the write must fail where somebody else has changed it.
func (p *pass) finalizers(ctx context.Context, before *v1alpha1.ShadowRollout) error {
	if err := p.Client.Patch(ctx, p.r, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing the finalizers: %w", err)
	}
	return nil
}

// orphan makes the primary, and the copies of ConfigMaps that it mounts, nobody's.
func (p *pass) orphan(ctx context.Context) error {
	primary, err := p.deployment(ctx, naming.Primary(p.r.Name))
	if err != nil || primary == nil {
		return err
	}
	var copies corev1.ConfigMapList
	err = p.Client.List(ctx, &copies, client.InNamespace(p.r.Namespace),
		client.MatchingLabels{naming.LabelRollout: p.r.Name, naming.LabelRevision: primary.Labels[naming.LabelRevision]})
	if err != nil {
		return fmt.Errorf("listing the copies of ConfigMaps: %w", err)
	}
	objects := []client.Object{}
	for i := range copies.Items {
		objects = append(objects, &copies.Items[i])
	}
	for _, obj := range append(objects, primary) { // the primary last: until then it is found again
		if !metav1.IsControlledBy(obj, p.r) {
			continue
		}
		before := obj.DeepCopyObject().(client.Object)
		obj.SetOwnerReferences(withoutController(obj.GetOwnerReferences()))
		if err := p.Client.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("letting the primary go: %w", err)
		}
	}
	return nil
}

func withoutController(refs []metav1.OwnerReference) []metav1.OwnerReference {
	var others []metav1.OwnerReference
	for _, r := range refs {
		if r.Controller == nil || !*r.Controller {
			others = append(others, r)
		}
	}
	return others
}
