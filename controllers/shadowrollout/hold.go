// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	build "github.com/vedette-dev/vedette/internal/build/rollout"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// hold lets what is kept of every revision belong to the rollout, or to nobody, as its deletionPolicy is now: each is applied as it
// is, with other owners.
func (p ours) hold(ctx context.Context) error {
	kept, err := p.revisions(ctx)
	if err != nil {
		return err
	}
	var copies corev1.ConfigMapList
	if err := p.Client.List(ctx, &copies, client.InNamespace(p.r.Namespace), client.MatchingLabels{naming.LabelRollout: p.r.Name}); err != nil {
		return fmt.Errorf("listing the copies of ConfigMaps: %w", err)
	}
	var wanted []any
	for i := range kept {
		if c := &kept[i]; !p.held(c) {
			wanted = append(wanted, build.Again(p.r, c))
		}
	}
	for i := range copies.Items {
		c := &copies.Items[i]
		if original := c.Annotations[naming.AnnotationCopyOf]; original != "" && rollout.Owns(p.r, c) && !p.held(c) {
			wanted = append(wanted, build.Copy(p.r, c.Labels[naming.LabelRevision], original, rollout.Contents(c)))
		}
	}
	var errs []error
	for _, w := range wanted {
		_, err := p.applier.ApplyExisting(ctx, w)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// held says whether an object has the owner that it is to have.
func (p ours) held(obj metav1.Object) bool {
	return metav1.IsControlledBy(obj, p.r) == (p.r.Spec.DeletionPolicy == v1alpha1.DeletionPolicyDelete)
}
