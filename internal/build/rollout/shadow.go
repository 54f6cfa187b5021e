// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Shadow builds the Deployment of the candidate. The pods of one candidate end before those of the next start: two of them are
// never compared as one.
func Shadow(r *v1alpha1.ShadowRollout, v Version) (*appsv1.DeploymentApplyConfiguration, error) {
	template := v.Template.DeepCopy()
	template.Labels = podLabels(r, naming.RoleShadow, v.Revision)
	seclude(&template.Spec)
	override(&template.Spec, r.Spec.Shadow)
	pods, err := configuration(template)
	if err != nil {
		return nil, err
	}
	return appsv1.Deployment(naming.Shadow(r.Name), r.Namespace).
		WithLabels(labels(r, naming.RoleShadow, v.Revision)).
		WithOwnerReferences(owner.RolloutReference(r)).
		WithSpec(appsv1.DeploymentSpec().
			WithReplicas(max(r.Spec.Shadow.Replicas, 1)).
			WithRevisionHistoryLimit(0).
			WithStrategy(appsv1.DeploymentStrategy().WithType(apps.RecreateDeploymentStrategyType)).
			WithSelector(selector(r, naming.RoleShadow)).
			WithTemplate(pods)), nil
}

// seclude takes from the pods what would bring them real requests, or make them wait for some: ports of the node, and gates
// that a load balancer opens once it sends requests.
func seclude(s *core.PodSpec) {
	for _, list := range [][]core.Container{s.InitContainers, s.Containers} {
		for i := range list {
			for j := range list[i].Ports {
				list[i].Ports[j].HostPort, list[i].Ports[j].HostIP = 0, ""
			}
		}
	}
	s.ReadinessGates = nil
}

// override applies what the rollout says about the shadow's pods.
func override(s *core.PodSpec, shadow v1alpha1.RolloutShadow) {
	if shadow.Resources != nil && len(s.Containers) > 0 {
		s.Containers[0].Resources = *shadow.Resources.DeepCopy()
	}
	if shadow.PriorityClassName != "" {
		s.PriorityClassName, s.Priority, s.PreemptionPolicy = string(shadow.PriorityClassName), nil, nil // the class says the others
	}
	if len(shadow.NodeSelector) > 0 {
		s.NodeSelector = shadow.NodeSelector
	}
}
