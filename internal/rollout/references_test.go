// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestReferences(t *testing.T) {
	want := Referred{
		// c-env is named twice, and once it is needed.
		ConfigMaps: []Reference{{Name: "c-env"}, {Name: "c-projected"}, {Name: "c-volume"}},
		Secrets: []Reference{
			{Name: "s-csi"}, {Name: "s-env"}, {Name: "s-file"}, {Name: "s-from", Optional: true}, {Name: "s-projected"},
			{Name: "s-pull", Optional: true}, {Name: "s-rbd"}, {Name: "s-scale"}, {Name: "s-volume"},
		},
	}
	if diff := cmp.Diff(want, References(full())); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Referred{}, References(least())); diff != "" {
		t.Errorf("a template that names nothing (-want +got):\n%s", diff)
	}
}

func TestReferencesOfContainersThatStartFirst(t *testing.T) {
	template := least()
	template.Spec.InitContainers = template.Spec.Containers
	template.Spec.InitContainers[0].EnvFrom = []corev1.EnvFromSource{{
		ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "first"}, Optional: new(true)},
	}}
	if diff := cmp.Diff([]Reference{{Name: "first", Optional: true}}, References(template).ConfigMaps); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}

func TestPin(t *testing.T) {
	template := full()
	pinned := Pin(template, map[string]string{"c-env": "copy-env", "c-volume": "copy-volume", "s-env": "never"})
	if diff := cmp.Diff(full(), template); diff != "" {
		t.Errorf("the template itself was changed: %s", diff)
	}
	got := References(pinned)
	if diff := cmp.Diff([]Reference{{Name: "c-projected"}, {Name: "copy-env"}, {Name: "copy-volume"}}, got.ConfigMaps); diff != "" {
		t.Errorf("ConfigMaps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(References(template).Secrets, got.Secrets); diff != "" {
		t.Errorf("Secrets were touched: %s", diff)
	}
	back := Pin(pinned, map[string]string{"copy-env": "c-env", "copy-volume": "c-volume"})
	if diff := cmp.Diff(template, back); diff != "" {
		t.Errorf("more than names was changed: %s", diff)
	}
}
