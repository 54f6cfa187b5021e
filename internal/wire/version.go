// SPDX-License-Identifier: Apache-2.0

package wire

import "strings"

// Versions says where the versions on each record come from.
type Versions struct {
	Model    VersionSource `json:"model,omitzero"`
	Code     VersionSource `json:"code,omitzero"`
	Features VersionSource `json:"features,omitzero"`
	Dataset  VersionSource `json:"dataset,omitzero"`
}

// VersionSource is one place that a version comes from; at most one field is set. None: unknown.
type VersionSource struct {
	PodLabel      string `json:"podLabel,omitempty"`
	PodAnnotation string `json:"podAnnotation,omitempty"`
	Value         string `json:"value,omitempty"`
	// ImageOf names the container whose image reference, as written in the pod, holds the version.
	ImageOf string `json:"imageOf,omitempty"`
}

// Pod is what versions can be read from.
type Pod struct {
	Labels, Annotations map[string]string
	// Images are the image references of the pod's containers, as written in the pod.
	Images map[string]string
}

// UnknownVersion is written where no version is known.
const UnknownVersion = "unknown"

// maxVersion bounds a version: it becomes a label of metrics and a folder of the store.
const maxVersion = 128

// Version looks a version of a pod up; UnknownVersion where it has none.
func (p Pod) Version(s VersionSource) string {
	v := s.Value
	switch {
	case s.PodLabel != "":
		v = p.Labels[s.PodLabel]
	case s.PodAnnotation != "":
		v = p.Annotations[s.PodAnnotation]
	case s.ImageOf != "":
		v = imageVersion(p.Images[s.ImageOf])
	}
	v = strings.TrimSpace(v)
	if v == "" {
		return UnknownVersion
	}
	return strings.ToValidUTF8(v[:min(len(v), maxVersion)], "")
}

// imageVersion is the digest of an image reference if it has one, else its tag; "" for a reference with neither, which
// says nothing of what runs.
func imageVersion(ref string) string {
	if _, digest, ok := strings.Cut(ref, "@"); ok {
		return digest
	}
	name := ref[strings.LastIndexByte(ref, '/')+1:]
	_, tag, _ := strings.Cut(name, ":")
	return tag
}
