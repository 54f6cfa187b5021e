// SPDX-License-Identifier: Apache-2.0

package naming

// Labels of a rollout's objects and pods.
const (
	// LabelRollout marks an object or pod that Vedette owns with the ShadowRollout that it belongs to.
	LabelRollout = "vedette.dev/rollout"
	// LabelRevision on what a rollout owns, and on its pods, is the revision of the template that it was made from.
	LabelRevision = "vedette.dev/revision"
)

// Values of LabelRole for a rollout.
const (
	RolePrimary = "primary"
	RoleShadow  = "shadow"
)

// Below ConfigMount: the document that says what is copied to a shadow.
const (
	// MirrorFile is the document, a key of the ConfigMap Mirror.
	MirrorFile = "mirror.v1.json"
	// MirrorDir holds MirrorFile.
	MirrorDir = "mirror"
)

// Mirror names the ConfigMap with the mirror document of a monitor.
func Mirror(monitor string) string { return monitor + "-vedette-mirror" }
