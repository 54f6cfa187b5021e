// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/outcome"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// finalizer keeps a rollout until what is to outlive it is nobody's: else it would go with its owner.
const finalizer = "vedette.dev/retain-primary"

// hold puts the finalizer on before anything is made that it is for, and takes it off where the primary goes with its rollout, or
// is not the rollout's.
func (p *pass) hold(ctx context.Context) error {
	before, write := p.r.DeepCopy(), controllerutil.AddFinalizer
	if p.r.Spec.DeletionPolicy == v1alpha1.DeletionPolicyDelete || rollout.Theirs(p.r) {
		write = controllerutil.RemoveFinalizer
	}
	if !write(p.r, finalizer) {
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

// orphan makes the primary, and what it needs, nobody's.
func (p *pass) orphan(ctx context.Context) error {
	primary, err := p.deployment(ctx, naming.Primary(p.r.Name))
	if err != nil || primary == nil {
		return err
	}
	return p.rewrite(ctx, primary, func(obj client.Object) bool {
		if !metav1.IsControlledBy(obj, p.r) {
			return false
		}
		obj.SetOwnerReferences(withoutController(obj.GetOwnerReferences()))
		return true
	})
}

// takeUp makes what an earlier rollout of the name has left ours. When there is something, that is all that a pass does: what is cached is
// not what is so.
func (p *pass) takeUp(ctx context.Context) []error {
	if rollout.Theirs(p.r) {
		return nil // one that runs nothing takes nothing up
	}
	primary := &appsv1.Deployment{}
	err := p.Client.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: naming.Primary(p.r.Name)}, primary)
	if apierrors.IsNotFound(err) || err == nil && !p.left(primary) {
		return nil
	}
	if err != nil {
		return []error{fmt.Errorf("reading a Deployment: %w", err)}
	}
	err = p.rewrite(ctx, primary, func(obj client.Object) bool {
		if !p.left(obj) {
			return false
		}
		obj.SetOwnerReferences(append(obj.GetOwnerReferences(), metav1.OwnerReference{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "ShadowRollout", Name: p.r.Name, UID: p.r.UID, Controller: new(true),
		}))
		return true
	})
	if err != nil {
		return []error{err}
	}
	return []error{&reconcileerr.Waiting{
		Reason: v1alpha1.ReasonProgressing, After: outcome.Soon,
		Message: fmt.Sprintf("the Deployment %q, which an earlier rollout of this name has left, is taken up: it serves what it serves", primary.Name),
	}}
}

// left says that a rollout of the name has left an object to nobody.
func (p *pass) left(obj client.Object) bool {
	l := obj.GetLabels()
	return metav1.GetControllerOf(obj) == nil && obj.GetDeletionTimestamp() == nil && l[naming.LabelManagedBy] == naming.ManagedBy && l[naming.LabelRollout] == p.r.Name
}

// rewrite writes the owners of the primary, and of what it needs: its revision, and the copies of ConfigMaps that it mounts. The
// primary comes last: until then it is found again.
func (p *pass) rewrite(ctx context.Context, primary *appsv1.Deployment, change func(client.Object) bool) error {
	of := client.MatchingLabels{naming.LabelRollout: p.r.Name, naming.LabelRevision: primary.Labels[naming.LabelRevision]}
	var copies corev1.ConfigMapList
	var revisions appsv1.ControllerRevisionList
	for _, list := range []client.ObjectList{&copies, &revisions} {
		if err := p.Client.List(ctx, list, client.InNamespace(p.r.Namespace), of); err != nil {
			return fmt.Errorf("listing what the primary needs: %w", err)
		}
	}
	var objects []client.Object
	for i := range copies.Items {
		objects = append(objects, &copies.Items[i])
	}
	for i := range revisions.Items {
		objects = append(objects, &revisions.Items[i])
	}
	for _, obj := range append(objects, primary) {
		before := obj.DeepCopyObject().(client.Object)
		if !change(obj) {
			continue
		}
		if err := p.Client.Patch(ctx, obj, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("writing the owner of %q: %w", obj.GetName(), err)
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
