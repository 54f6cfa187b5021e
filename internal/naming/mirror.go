// SPDX-License-Identifier: Apache-2.0

package naming

// Labels of what serves, or is tried, for a ShadowRollout.
const (
	// LabelRollout marks an object, or a pod, with the ShadowRollout that it belongs to.
	LabelRollout = "vedette.dev/rollout"
	// LabelRevision is the revision of the template that a pod was made of: 10 hexadecimal digits.
	LabelRevision = "vedette.dev/revision"
)

// Values of LabelRole on the Deployments and pods of a ShadowRollout.
const (
	// RolePrimary marks what answers clients.
	RolePrimary = "primary"
	// RoleShadow marks what answers copies of requests, whose answers no client sees.
	RoleShadow = "shadow"
)

// The mirror document, below ConfigMount.
const (
	// MirrorFile is the mirror document, a key of the ConfigMap that Mirror names.
	MirrorFile = "mirror.v1.json"
	// MirrorDir holds MirrorFile.
	MirrorDir = "mirror"
)

// HeaderShadow marks requests that no client waits for: ShadowCopy on copies that go to the shadow, ShadowReplica on those
// that ask the primary a second time. What carries it is never mirrored.
const HeaderShadow = "Vedette-Shadow"

// Values of HeaderShadow.
const (
	ShadowCopy    = "true"
	ShadowReplica = "replica"
)

// Mirror names the ConfigMap that holds the mirror document of a monitor.
func Mirror(monitor string) string { return monitor + "-mirror" }
