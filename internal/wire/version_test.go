// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"
	"testing"
)

func TestVersions(t *testing.T) {
	pod := Pod{
		Labels:      map[string]string{"app.kubernetes.io/version": "1.2", "empty": "", "spaces": " "},
		Annotations: map[string]string{"note": "a b"},
		Images: map[string]string{
			"tagged": "registry:5000/team/model:v3", "pinned": "model:v3@sha256:abc", "bare": "registry:5000/model",
		},
	}
	tests := map[string]struct {
		source VersionSource
		want   string
	}{
		"a label":                          {VersionSource{PodLabel: "app.kubernetes.io/version"}, "1.2"},
		"a label that is empty":            {VersionSource{PodLabel: "empty"}, UnknownVersion},
		"a label that is missing":          {VersionSource{PodLabel: "x"}, UnknownVersion},
		"a label of spaces":                {VersionSource{PodLabel: "spaces"}, UnknownVersion},
		"an annotation":                    {VersionSource{PodAnnotation: "note"}, "a b"},
		"a fixed value":                    {VersionSource{Value: "7"}, "7"},
		"the tag of an image":              {VersionSource{ImageOf: "tagged"}, "v3"},
		"the digest of an image":           {VersionSource{ImageOf: "pinned"}, "sha256:abc"},
		"an image that says nothing":       {VersionSource{ImageOf: "bare"}, UnknownVersion},
		"a container that is not there":    {VersionSource{ImageOf: "x"}, UnknownVersion},
		"nothing":                          {VersionSource{}, UnknownVersion},
		"a value that is too long, is cut": {VersionSource{Value: strings.Repeat("v", 500)}, strings.Repeat("v", maxVersion)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := pod.Version(tt.source); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
