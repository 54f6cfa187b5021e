// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	klabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/inject"
	"github.com/vedette-dev/vedette/internal/naming"
)

// ServicePort is the port of the shadow's Service.
const ServicePort = 80

// Port finds the port of a template at which copies are answered: the one that the sidecar of the monitor takes over in the
// primary. Where the primary would carry no sidecar, it says why.
func Port(template core.PodTemplateSpec, want v1alpha1.Port) (core.ContainerPort, inject.Skip) {
	return inject.Check(pod(template), want)
}

// ModelPort finds the port at which pods of a template of the user's answer copies, which carry no sidecar of the monitor.
func ModelPort(template core.PodTemplateSpec, want v1alpha1.Port) (core.ContainerPort, inject.Skip) {
	return inject.Serving(pod(template), want)
}

func pod(template core.PodTemplateSpec) *core.Pod {
	return &core.Pod{
		ObjectMeta: metav1.ObjectMeta{Labels: template.Labels, Annotations: template.Annotations},
		Spec:       template.Spec,
	}
}

// Service builds the Service of the shadow, whose pods the selector selects: there the sidecars of the primary send copies. It
// names the port by number, as nothing stands in front of the model there.
func Service(r *v1alpha1.ShadowRollout, selector map[string]string, port core.ContainerPort) *corev1.ServiceApplyConfiguration {
	l := owner.RolloutLabels(r)
	l[naming.LabelRole] = naming.RoleShadow
	return corev1.Service(naming.Shadow(r.Name), r.Namespace).
		WithLabels(l).
		WithOwnerReferences(owner.RolloutReference(r)).
		WithSpec(corev1.ServiceSpec().
			WithType(core.ServiceTypeClusterIP).
			WithSelector(selector).
			WithPorts(corev1.ServicePort().
				WithName("http").
				WithProtocol(core.ProtocolTCP).
				WithPort(ServicePort).
				WithTargetPort(intstr.FromInt32(port.ContainerPort))))
}

// ShadowLabels are the labels that the shadow's pods of a revision carry.
func ShadowLabels(r *v1alpha1.ShadowRollout, revision string) map[string]string {
	return podLabels(r, naming.RoleShadow, revision)
}

// WouldServe names, in order, the Services among those of a namespace that select pods of the labels; of several sets, those that
// select pods of each. The shadow's own is not meant; whether that is ours is found when it is applied.
func WouldServe(services []core.Service, r *v1alpha1.ShadowRollout, labels ...map[string]string) []string {
	var names []string
	for i := range services {
		s := &services[i]
		switch {
		case len(s.Spec.Selector) == 0 || s.Spec.Type == core.ServiceTypeExternalName: // select nothing
		case s.Name == naming.Shadow(r.Name):
		case !slices.ContainsFunc(labels, func(l map[string]string) bool {
			return !klabels.SelectorFromSet(s.Spec.Selector).Matches(klabels.Set(l))
		}):
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}
