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
	c := appsv1.ControllerRevision(naming.Revision(r.Name, v.Revision), r.Namespace).
		WithLabels(labels(r, "", v.Revision)).
		WithOwnerReferences(owner.RetainedReferences(r)...).
		WithData(runtime.RawExtension{Raw: data}).
		WithRevision(number)
	if v.Run != "" {
		c.WithAnnotations(map[string]string{naming.AnnotationRun: v.Run})
	}
	return c, nil
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
