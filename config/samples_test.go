// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
)

// TestSamples holds every sample to its type, its monitors to what only code can judge, and applies them twice.
func TestSamples(t *testing.T) {
	objects := samples(t)
	scheme := scheme(t)
	for _, o := range objects {
		strict(t, scheme, o)
		if o.GetKind() != "ModelMonitor" {
			continue
		}
		m := &vedettev1alpha1.ModelMonitor{}
		convert(t, o, m)
		if err := monitor.Validate(m); err != nil {
			t.Errorf("ModelMonitor %s: %v", m.Name, err)
		}
	}

	server := apiserver.Get(t)
	for _, o := range objects {
		if o.GetNamespace() == "" {
			o.SetNamespace("default") // the server ignores it where a kind has none
		}
	}
	applyTwice(t, server.Client(t, server.Config), objects)
}

// samples are the objects of all samples.
func samples(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for _, pattern := range []string{"samples/*.yaml", "samples/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if filepath.Base(f) != "kustomization.yaml" {
				objects = append(objects, read(t, f)...)
			}
		}
	}
	if len(objects) == 0 {
		t.Fatal("there are no samples")
	}
	return objects
}
