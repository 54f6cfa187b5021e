// SPDX-License-Identifier: Apache-2.0

package review

import (
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/queue"
)

// startSeconds is how long a Deployment may take: a database may have to be brought to a new schema first.
const startSeconds = 600

// Deployment builds the Deployment. On SQLite the old pod ends before the new one starts; on Postgres there is always one
// that serves.
func Deployment(p Params) *appsv1.DeploymentApplyConfiguration {
	strategy := appsv1.DeploymentStrategy().WithType(apps.RecreateDeploymentStrategyType)
	if queue.Postgres(p.Queue) {
		// Both are said, so that nothing is left of them when the strategy changes.
		strategy = appsv1.DeploymentStrategy().WithType(apps.RollingUpdateDeploymentStrategyType).
			WithRollingUpdate(appsv1.RollingUpdateDeployment().WithMaxUnavailable(intstr.FromInt32(0)).WithMaxSurge(intstr.FromInt32(1)))
	}
	return appsv1.Deployment(p.name(), p.Queue.Namespace).
		WithLabels(p.labels()).
		WithOwnerReferences(owner.QueueReference(p.Queue)).
		WithSpec(appsv1.DeploymentSpec().
			WithReplicas(queue.Replicas(p.Queue)).
			WithRevisionHistoryLimit(2).
			WithProgressDeadlineSeconds(startSeconds).
			WithStrategy(strategy).
			WithSelector(metav1.LabelSelector().WithMatchLabels(selector(p.Queue))).
			WithTemplate(corev1.PodTemplateSpec().
				WithLabels(p.labels()).
				WithAnnotations(map[string]string{
					"kubectl.kubernetes.io/default-container": container,
					naming.AnnotationConfig:                   p.Restart,
				}).
				WithSpec(p.pod())))
}

func (p Params) pod() *corev1.PodSpecApplyConfiguration {
	spec := corev1.PodSpec().
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(corev1.PodSecurityContext().
			WithRunAsNonRoot(true).
			WithRunAsUser(65532).
			WithRunAsGroup(65532).
			WithFSGroup(65532).
			WithFSGroupChangePolicy(core.FSGroupChangeOnRootMismatch).
			WithSeccompProfile(corev1.SeccompProfile().WithType(core.SeccompProfileTypeRuntimeDefault))).
		WithContainers(p.container()).
		WithVolumes(p.volumes()...)
	for _, name := range p.Class.Sidecar.PullSecrets {
		spec.WithImagePullSecrets(corev1.LocalObjectReference().WithName(string(name)))
	}
	if queue.Postgres(p.Queue) {
		spec.WithTopologySpreadConstraints(corev1.TopologySpreadConstraint().
			WithMaxSkew(1).
			WithTopologyKey(core.LabelHostname).
			WithWhenUnsatisfiable(core.ScheduleAnyway).
			WithLabelSelector(metav1.LabelSelector().WithMatchLabels(selector(p.Queue))))
	}
	return spec
}
