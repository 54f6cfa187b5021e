// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"testing"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/internal/apply"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// TestAppliedOnce: an API server takes every child, and a second apply of the same sends nothing.
func TestAppliedOnce(t *testing.T) {
	server := apiserver.Get(t)
	c := server.Client(t, server.Config)
	r := wrappers.MakeRollout(server.Namespace(t, nil), "fraud").UID("0b3f3a52-7c1b-4d0e-9f62-1d6b0e0f5a11").Obj()
	a := apply.Applier{Client: c, Live: c, Owns: func(o metav1.Object) bool { return rollout.Owns(r, o) }}
	v := version()
	model := &v.Template.Spec.Containers[0]
	model.Resources.Limits = core.ResourceList{core.ResourceCPU: resource.MustParse("2000m"), core.ResourceMemory: resource.MustParse("1024Mi")}
	model.Env = []core.EnvVar{{Name: "CPU", Value: "one that is replaced"}, {Name: "CPU", ValueFrom: &core.EnvVarSource{ResourceFieldRef: &core.ResourceFieldSelector{Resource: "limits.cpu"}}}}
	v.Template.Spec.Volumes = []core.Volume{{Name: "scratch", VolumeSource: core.VolumeSource{EmptyDir: &core.EmptyDirVolumeSource{}}}}
	primary, err := Primary(r, v)
	if err != nil {
		t.Fatal(err)
	}
	shadow, err := Shadow(r, v)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := Revision(r, v, 1)
	if err != nil {
		t.Fatal(err)
	}
	children := map[string]any{
		"primary": primary, "shadow": shadow, "revision": kept, "service": Service(r, Selector(r, naming.RoleShadow), core.ContainerPort{ContainerPort: 8080}),
		"copy":   Copy(r, v.Revision, "fraud-7bfc", rollout.ConfigMapContents{Data: map[string]string{"MODE": "fast"}}),
		"mirror": Mirror(r, []byte(`{}`)),
	}
	for name, child := range children {
		for _, want := range []bool{true, false} {
			if sent, err := a.Apply(t.Context(), child); err != nil || sent != want {
				t.Errorf("%s: sent is %v, want %v; error %v", name, sent, want, err)
			}
		}
	}
}
