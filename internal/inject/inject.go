// SPDX-License-Identifier: Apache-2.0

// Package inject turns a pod that asks for the capture sidecar into a JSON patch, or into the reason why it is left as
// it is. The patch names only what it changes, so fields that this binary's copy of the Pod type does not know survive.
// It is pure: it imports neither a client nor controller-runtime.
package inject

import (
	"slices"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/sidecar"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Request is a pod, and what is known about the monitor that it names.
type Request struct {
	// Pod is the pod as it is about to be created. It is not changed.
	Pod *corev1.Pod
	// Image is the manager's default image of the sidecar.
	Image string
	// Class is the monitor's class; nil when monitor or class are not known yet.
	Class *vedettev1alpha1.MonitorClassSpec
	// Port is the port that the monitor names; zero when it names none, or is not known yet.
	Port vedettev1alpha1.Port
	// TrippedRevision is the revision of the sidecar that the circuit breaker has stopped; empty when it has not.
	TrippedRevision string
}

// Result is either a patch or the reason why there is none.
type Result struct {
	// Patch adds the sidecar; empty when Skip is set.
	Patch []jsonpatch.Operation
	// Revision is the revision of the sidecar that the patch adds.
	Revision string
	// Skip is the reason why the pod is left as it is; empty when it is not.
	Skip Skip
}

// Monitor is the name of the ModelMonitor whose sidecar a pod asks for.
func Monitor(pod *corev1.Pod) string { return pod.Labels[naming.LabelInject] }

// Into decides about the pod of a request. The patched pod is valid whenever the pod is: what could collide with the
// sidecar is a reason to leave the pod alone.
func Into(r Request) Result {
	if skip := unfit(r.Pod); skip != "" {
		return Result{Skip: skip}
	}
	port, skip := servingPort(r.Pod, r.Port)
	if skip != "" {
		return Result{Skip: skip}
	}
	s := sidecar.Build(sidecar.Params{
		Monitor:      Monitor(r.Pod),
		Image:        r.Image,
		Class:        r.Class,
		PortName:     port.Name,
		UpstreamPort: port.ContainerPort,
		Images:       images(r.Pod),
		Guaranteed:   guaranteed(r.Pod),
	})
	if s.Revision == r.TrippedRevision {
		return Result{Skip: SkipTripped}
	}
	if r.Pod.Spec.Resources != nil {
		// Resources of the pod as a whole bound the sum of its containers'. A sidecar with its own could exceed them, and
		// the API server would refuse the pod; without its own, it shares the pod's.
		s.Container.Resources = corev1.ResourceRequirements{}
	}
	return Result{Patch: patch(r.Pod, s, port.Name), Revision: s.Revision}
}

// unfit says what keeps a pod from carrying the sidecar whatever its monitor says.
func unfit(pod *corev1.Pod) Skip {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	switch {
	case hasContainer(pod, naming.SidecarContainer):
		return SkipAlreadyInjected
	case !monitorName(Monitor(pod)):
		return SkipInvalidLabel
	case mirror:
		return SkipStaticPod
	case windows(pod):
		return SkipUnsupportedOS
	case pod.Spec.HostNetwork:
		return SkipHostNetwork
	case collides(pod):
		return SkipPortClash
	case slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Name == naming.ConfigVolume || v.Name == naming.SpoolVolume
	}):
		return SkipVolumeClash
	}
	return ""
}

// monitorName says whether a ModelMonitor can have the name.
func monitorName(name string) bool {
	return len(name) <= 40 && len(validation.IsDNS1035Label(name)) == 0
}

func hasContainer(pod *corev1.Pod, name string) bool {
	is := func(c corev1.Container) bool { return c.Name == name }
	return slices.ContainsFunc(pod.Spec.InitContainers, is) || slices.ContainsFunc(pod.Spec.Containers, is)
}

func windows(pod *corev1.Pod) bool {
	return pod.Spec.OS != nil && pod.Spec.OS.Name == corev1.Windows ||
		pod.Spec.NodeSelector[corev1.LabelOSStable] == string(corev1.Windows)
}

// collides says whether a container of the pod declares a port that the sidecar listens on, or the name of its metrics
// port. All containers of a pod share its ports.
func collides(pod *corev1.Pod) bool {
	uses := func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return tcp(p) && (p.ContainerPort == naming.CapturePort || p.ContainerPort == naming.MetricsPort || p.Name == naming.MetricsPortName)
		})
	}
	return slices.ContainsFunc(pod.Spec.Containers, uses) || slices.ContainsFunc(pod.Spec.InitContainers, uses)
}

func images(pod *corev1.Pod) []sidecar.ContainerImage {
	out := make([]sidecar.ContainerImage, 0, len(pod.Spec.Containers))
	for _, c := range pod.Spec.Containers {
		out = append(out, sidecar.ContainerImage{Container: c.Name, Image: c.Image})
	}
	return out
}

// guaranteed says whether the pod has the quality of service class Guaranteed: every container has limits of CPU and
// memory, and requests equal to them.
func guaranteed(pod *corev1.Pod) bool {
	is := func(c corev1.Container) bool {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			limit, limited := c.Resources.Limits[name]
			if !limited || limit.IsZero() {
				return false
			}
			if request, ok := c.Resources.Requests[name]; ok && request.Cmp(limit) != 0 {
				return false
			}
		}
		return true
	}
	not := func(c corev1.Container) bool { return !is(c) }
	return !slices.ContainsFunc(pod.Spec.Containers, not) && !slices.ContainsFunc(pod.Spec.InitContainers, not)
}
