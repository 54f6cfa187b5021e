// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/queue"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
)

// TestSamples holds every sample to its type, its monitors and queues to what only code can judge, and applies them twice.
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
	queues(t, objects)

	server := apiserver.Get(t)
	for _, o := range objects {
		if o.GetNamespace() == "" {
			o.SetNamespace("default") // the server ignores it where a kind has none
		}
	}
	applyTwice(t, server.Client(t, server.Config), objects)
}

// queues holds queues to the monitors of the samples that feed them.
func queues(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	var classes []vedettev1alpha1.MonitorClass
	monitors := map[string][]vedettev1alpha1.ModelMonitor{}
	for _, o := range objects {
		switch o.GetKind() {
		case "MonitorClass":
			var c vedettev1alpha1.MonitorClass
			convert(t, o, &c)
			classes = append(classes, c)
		case "ModelMonitor":
			var m vedettev1alpha1.ModelMonitor
			convert(t, o, &m)
			monitors[m.Namespace] = append(monitors[m.Namespace], m)
		}
	}
	for _, o := range objects {
		if o.GetKind() != "AnnotationQueue" {
			continue
		}
		q := &vedettev1alpha1.AnnotationQueue{}
		convert(t, o, q)
		r, problems := queue.Resolve(q, monitors[q.Namespace], classes, map[string]string{"ml": "true"})
		if err := errors.Join(append(problems, queue.Validate(q, r)...)...); err != nil {
			t.Errorf("AnnotationQueue %s: %v", q.Name, err)
		}
	}
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
