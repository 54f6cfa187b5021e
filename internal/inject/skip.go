// SPDX-License-Identifier: Apache-2.0

package inject

// Skip is a reason not to inject. It is no error: the pod is admitted as it is. It is also a value of the label reason of
// the injection counter, and part of the reason of an event.
type Skip string

// The reasons.
const (
	// SkipAlreadyInjected means that the pod has a container of the sidecar's name.
	SkipAlreadyInjected Skip = "AlreadyInjected"
	// SkipInvalidLabel means that the label vedette.dev/inject holds what cannot be the name of a ModelMonitor.
	SkipInvalidLabel Skip = "InvalidLabel"
	// SkipStaticPod means that the pod mirrors a static pod of a node.
	SkipStaticPod Skip = "StaticPod"
	// SkipUnsupportedOS means that the pod runs on Windows.
	SkipUnsupportedOS Skip = "UnsupportedOS"
	// SkipUnsupportedKubernetes means that the cluster is older than native sidecars.
	SkipUnsupportedKubernetes Skip = "UnsupportedKubernetes"
	// SkipHostNetwork means that the pod uses the network of its node.
	SkipHostNetwork Skip = "HostNetwork"
	// SkipNoSuchPort means that the serving port is not declared, or that none is named and there are several.
	SkipNoSuchPort Skip = "NoSuchPort"
	// SkipPortUnnamed means that the serving port has no name that could be taken over.
	SkipPortUnnamed Skip = "PortUnnamed"
	// SkipPortClash means that a container uses a port of the sidecar, or its name.
	SkipPortClash Skip = "PortClash"
	// SkipVolumeClash means that the pod has a volume of the name of one of the sidecar's.
	SkipVolumeClash Skip = "VolumeClash"
	// SkipTripped means that the circuit breaker has stopped this revision of the sidecar.
	SkipTripped Skip = "Tripped"
)

var remedies = map[Skip]string{
	SkipAlreadyInjected: "The pod already has a container named vedette-capture. Remove it from the pod template.",
	SkipInvalidLabel: "The label vedette.dev/inject must hold the name of a ModelMonitor: at most 40 lower-case letters, digits " +
		"and dashes that start with a letter.",
	SkipStaticPod:             "Static pods cannot be changed at admission. Run the model as a Deployment or a StatefulSet.",
	SkipUnsupportedOS:         "The capture sidecar runs on Linux only.",
	SkipUnsupportedKubernetes: "The capture sidecar needs native sidecars, which Kubernetes has from version 1.33 on. Upgrade the cluster.",
	SkipHostNetwork:           "The pod uses its node's network, where ports cannot be taken over. Set hostNetwork: false in the pod template.",
	SkipNoSuchPort: "The serving port is not among the container ports of the pod template, or none is named and there are several. Name " +
		"it in spec.source.sidecar.port of the ModelMonitor, or in the pod's annotation vedette.dev/port.",
	SkipPortUnnamed: "The serving port has no name to take over. Name it in the pod template (ports: [{name: http, containerPort: …}]) and " +
		"let the Service use the name as its targetPort.",
	SkipPortClash: "A container of the pod uses port 15280 or 15290, or a port named vedette-metrics, which the capture sidecar needs. Choose another.",
	SkipVolumeClash: "The pod has a volume named vedette-config or vedette-spool, names that the capture sidecar needs. Rename it in " +
		"the pod template.",
	SkipTripped: "New pods failed because of the capture sidecar, so injection has stopped. See the condition InjectionBlocked of the " +
		"ModelMonitor for the cause and for how to re-arm it.",
}

// Remedy says in a sentence or two what is in the way, and what to do about it.
func (s Skip) Remedy() string { return remedies[s] }
