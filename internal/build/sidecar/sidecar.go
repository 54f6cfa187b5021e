// SPDX-License-Identifier: Apache-2.0

// Package sidecar builds the capture sidecar: its container, its volumes and the revision by which injected pods are told
// from outdated ones. The webhook injects what it builds and the ModelMonitor controller compares against it, so both
// agree by construction. It is pure: it imports neither a client nor controller-runtime.
package sidecar

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Params are what a sidecar depends on. Monitor, Image and Class make its revision; the rest differs from pod to pod.
type Params struct {
	// Monitor is the name of the ModelMonitor.
	Monitor string
	// Image is the manager's default image; the class's wins.
	Image string
	// Class is the monitor's class; nil when it is not known yet. The defaults hold then.
	Class *vedettev1alpha1.MonitorClassSpec

	// PortName is the port name that the sidecar takes over; empty when the port has none.
	PortName string
	// UpstreamPort is the container port on which the model server listens.
	UpstreamPort int32
	// Images are the image references of the pod's containers, as written in the pod.
	Images []ContainerImage
	// Guaranteed says that the pod has the quality of service class Guaranteed, which the sidecar must not take from it.
	Guaranteed bool
}

// ContainerImage is the image reference of one container.
type ContainerImage struct{ Container, Image string }

// Sidecar is everything that injection adds to a pod.
type Sidecar struct {
	// Container is the native sidecar, to be put first among the init containers.
	Container corev1.Container
	// Volumes are the volumes that Container mounts.
	Volumes []corev1.Volume
	// PullSecrets are to be added to the pod's imagePullSecrets.
	PullSecrets []corev1.LocalObjectReference
	// Revision is the hash of all that does not differ from pod to pod.
	Revision string
}

// Build builds the sidecar of one pod.
func Build(p Params) Sidecar {
	s := build(p)
	s.Revision = Revision(p)
	return s
}

// Revision is the revision of the sidecar that every pod of the monitor gets now.
func Revision(p Params) string {
	b, err := json.Marshal(build(Params{Monitor: p.Monitor, Image: p.Image, Class: p.Class}))
	if err != nil {
		panic(fmt.Sprintf("encoding a sidecar: %v", err)) // only types of k8s.io/api: always encodable
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])[:10]
}

func build(p Params) Sidecar {
	image := p.Image
	if p.Class != nil && p.Class.Sidecar.Image != "" {
		image = p.Class.Sidecar.Image
	}
	resources := resourcesOf(p.Class, p.Guaranteed)
	return Sidecar{
		Container: corev1.Container{
			Name:                     naming.SidecarContainer,
			Image:                    image,
			Args:                     args(p),
			Ports:                    ports(p.PortName),
			Env:                      env(resources),
			Resources:                resources,
			RestartPolicy:            new(corev1.ContainerRestartPolicyAlways),
			StartupProbe:             probe(1, 60),
			ReadinessProbe:           probe(5, 3),
			Lifecycle:                &corev1.Lifecycle{PreStop: ending()},
			TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
			SecurityContext:          Restricted(),
			VolumeMounts: []corev1.VolumeMount{
				{Name: naming.ConfigVolume, MountPath: naming.ConfigMount, ReadOnly: true},
				{Name: naming.SpoolVolume, MountPath: naming.SpoolMount},
			},
		},
		Volumes:     volumes(p.Monitor, p.Class),
		PullSecrets: PullSecrets(p.Class),
	}
}

func args(p Params) []string {
	a := []string{
		"--listen", fmt.Sprintf(":%d", naming.CapturePort),
		"--upstream", fmt.Sprintf("127.0.0.1:%d", p.UpstreamPort),
		"--metrics", fmt.Sprintf(":%d", naming.MetricsPort),
		"--config", naming.ConfigMount + "/" + naming.ConfigDir + "/" + naming.ConfigFile,
		"--credentials", naming.ConfigMount + "/" + naming.CredentialsDir,
		"--hash-key", naming.ConfigMount + "/" + naming.HashKeyDir + "/" + naming.HashKeyFile,
		"--pod-info", naming.ConfigMount + "/" + naming.PodDir,
		"--spool", naming.SpoolMount,
		"--namespace", "$(POD_NAMESPACE)",
		"--monitor", p.Monitor,
		"--pod", "$(POD_NAME)",
		"--pod-uid", "$(POD_UID)",
	}
	for _, i := range p.Images {
		a = append(a, "--image", i.Container+"="+i.Image)
	}
	return a
}

func ports(name string) []corev1.ContainerPort {
	return []corev1.ContainerPort{
		{Name: name, ContainerPort: naming.CapturePort, Protocol: corev1.ProtocolTCP},
		{Name: naming.MetricsPortName, ContainerPort: naming.MetricsPort, Protocol: corev1.ProtocolTCP},
	}
}

// probe asks for readiness, which is false only while the sidecar cannot forward.
func probe(period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:     corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromInt32(naming.MetricsPort)}},
		PeriodSeconds:    period,
		FailureThreshold: failures,
	}
}

// ending tells the sidecar that the pod ends when the model server is told, and not only once that has ended.
func ending() *corev1.LifecycleHandler {
	return &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ending", Port: intstr.FromInt32(naming.MetricsPort)}}
}

// Restricted is a security context that the restricted Pod Security Standard accepts. The user is named because an image
// may not name a numeric one, which runAsNonRoot needs.
func Restricted() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		ReadOnlyRootFilesystem:   new(true),
		RunAsNonRoot:             new(true),
		RunAsUser:                new(int64(65532)),
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}
