// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"encoding/json"
	"fmt"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Revision builds the ControllerRevision that keeps a version, so that it can come back. Its number orders those of a rollout.
func Revision(r *v1alpha1.ShadowRollout, v Version, number int64) (*appsv1.ControllerRevisionApplyConfiguration, error) {
	data, err := json.Marshal(v.Template)
	if err != nil {
		return nil, fmt.Errorf("encoding a pod template: %w", err)
	}
	return keep(r, v.Revision, v.Run, data, number), nil
}

// Again builds a ControllerRevision of a rollout anew, with the owner that it is to have now. What it keeps stays as it was written, be
// it by an earlier release, as it cannot be changed.
func Again(r *v1alpha1.ShadowRollout, c *apps.ControllerRevision) *appsv1.ControllerRevisionApplyConfiguration {
	return keep(r, c.Labels[naming.LabelRevision], c.Annotations[naming.AnnotationRun], c.Data.Raw, c.Revision)
}

func keep(r *v1alpha1.ShadowRollout, revision, run string, data []byte, number int64) *appsv1.ControllerRevisionApplyConfiguration {
	c := appsv1.ControllerRevision(naming.Revision(r.Name, revision), r.Namespace).
		WithLabels(labels(r, "", revision)).
		WithOwnerReferences(owner.RetainedReferences(r)...).
		WithData(runtime.RawExtension{Raw: data}).
		WithRevision(number)
	if run != "" {
		c.WithAnnotations(map[string]string{naming.AnnotationRun: run})
	}
	return c
}

// Kept is the version that a ControllerRevision keeps.
func Kept(c *apps.ControllerRevision) (Version, error) {
	v := Version{Revision: c.Labels[naming.LabelRevision], Run: c.Annotations[naming.AnnotationRun]}
	var template core.PodTemplateSpec
	if err := json.Unmarshal(c.Data.Raw, &template); err != nil {
		return v, fmt.Errorf("reading the template of ControllerRevision %s: %w", c.Name, err)
	}
	v.Template = template
	return v, nil
}
