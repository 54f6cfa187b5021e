// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	apps "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// history is how many old ReplicaSets are kept. A rollback applies a revision's template, and needs none of them.
const history = 2

// Primary builds the Deployment that serves. A new revision takes over pod by pod: none ends before another is ready.
func Primary(r *v1alpha1.ShadowRollout, v Version) (*appsv1.DeploymentApplyConfiguration, error) {
	template := v.Template.DeepCopy()
	template.Labels = merge(template.Labels, podLabels(r, naming.RolePrimary, v.Revision))
	pods, err := configuration(template)
	if err != nil {
		return nil, err
	}
	replicas := int32(1)
	if r.Spec.Replicas != nil {
		replicas = *r.Spec.Replicas
	}
	return appsv1.Deployment(naming.Primary(r.Name), r.Namespace).
		WithLabels(labels(r, naming.RolePrimary, v.Revision)).
		WithOwnerReferences(owner.RetainedReferences(r)...).
		WithSpec(appsv1.DeploymentSpec().
			WithReplicas(replicas).
			WithRevisionHistoryLimit(history).
			WithStrategy(appsv1.DeploymentStrategy().
				WithType(apps.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(appsv1.RollingUpdateDeployment().
					WithMaxUnavailable(intstr.FromInt32(0)).
					WithMaxSurge(intstr.FromString("25%")))).
			WithSelector(selector(r, naming.RolePrimary)).
			WithTemplate(pods)), nil
}
