// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strconv"
	"strings"

	"github.com/vedette-dev/vedette/internal/wire"
)

// Pod is what versions can be read from.
type Pod struct {
	Labels, Annotations map[string]string
	// Images are the image references of the pod's containers, as written in the pod.
	Images map[string]string
}

// ParseDownward reads a file of labels or annotations as the downward API writes it: lines of key="value", with the
// value escaped as in Go. Lines of any other form are skipped.
func ParseDownward(b []byte) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(string(b)) {
		key, quoted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			continue
		}
		if value, err := strconv.Unquote(quoted); err == nil {
			m[key] = value
		}
	}
	return m
}

// maxVersion bounds a version: it becomes a label of metrics and a folder of the store.
const maxVersion = 128

// version looks a version up.
func (p Pod) version(s wire.VersionSource) string {
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
		return wire.UnknownVersion
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
