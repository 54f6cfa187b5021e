// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
)

func class() *vedettev1alpha1.MonitorClassSpec {
	return &vedettev1alpha1.MonitorClassSpec{
		Store:   vedettev1alpha1.StoreSpec{Credentials: vedettev1alpha1.StoreCredentials{SecretName: "writer"}},
		HashKey: vedettev1alpha1.SecretReference{SecretName: "pepper"},
		Sidecar: vedettev1alpha1.SidecarSpec{
			Image:       "registry.example/capture:1",
			PullSecrets: []vedettev1alpha1.ObjectName{"pull"},
		},
	}
}

func TestEveryProjectedSourceIsOptional(t *testing.T) {
	for name, c := range map[string]*vedettev1alpha1.MonitorClassSpec{"no class": nil, "a class": class()} {
		t.Run(name, func(t *testing.T) {
			s := Build(Params{Monitor: "fraud", Image: "capture:dev", Class: c})
			for _, v := range s.Volumes {
				if v.Projected == nil && v.EmptyDir == nil {
					t.Errorf("volume %s is neither projected nor an emptyDir: it could keep a pod from starting", v.Name)
				}
				if v.Projected == nil {
					continue
				}
				for _, src := range v.Projected.Sources {
					switch {
					case src.ConfigMap != nil && !*src.ConfigMap.Optional, src.Secret != nil && !*src.Secret.Optional:
						t.Errorf("a source of volume %s is not optional", v.Name)
					case src.ServiceAccountToken != nil, src.ClusterTrustBundle != nil:
						t.Errorf("volume %s has a source that cannot be optional", v.Name)
					}
				}
			}
		})
	}
}

func TestSecrets(t *testing.T) {
	noCredentials := class()
	noCredentials.Store.Credentials = vedettev1alpha1.StoreCredentials{}
	noCredentials.HashKey = vedettev1alpha1.SecretReference{}
	for name, tt := range map[string]struct {
		class *vedettev1alpha1.MonitorClassSpec
		want  []string
	}{
		"before the class is known, the default name is mounted": {want: []string{naming.DefaultStoreSecret}},
		"the class names both":              {class: class(), want: []string{"writer", "pepper"}},
		"the pod's own identity needs none": {class: noCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, src := range Build(Params{Monitor: "fraud", Class: tt.class}).Volumes[0].Projected.Sources {
				if src.Secret != nil {
					got = append(got, src.Secret.Name)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRevision(t *testing.T) {
	base := Params{Monitor: "fraud", Image: "capture:dev", Class: class()}
	pod := base
	pod.PortName, pod.UpstreamPort, pod.Guaranteed = "http", 8080, true
	pod.Images = []ContainerImage{{Container: "model", Image: "m:1"}}
	if Build(pod).Revision != Revision(base) {
		t.Error("what differs from pod to pod changes the revision")
	}
	for name, change := range map[string]func(*Params){
		"image":       func(p *Params) { p.Class.Sidecar.Image = "registry.example/capture:2" },
		"resources":   func(p *Params) { p.Class.Sidecar.Resources = &corev1.ResourceRequirements{} },
		"store key":   func(p *Params) { p.Class.Store.Credentials.SecretName = "other" },
		"pull secret": func(p *Params) { p.Class.Sidecar.PullSecrets = nil },
	} {
		other := base
		other.Class = class()
		change(&other)
		if Revision(other) == Revision(base) {
			t.Errorf("another %s gives the same revision", name)
		}
	}
	config := base
	config.Class = class()
	config.Class.Flush = "10s"
	if Revision(config) != Revision(base) {
		t.Error("what travels in the configuration changes the revision, and so would call for a restart")
	}
}

func TestResources(t *testing.T) {
	quantities := func(cpu, memory string) corev1.ResourceList {
		l := corev1.ResourceList{}
		if cpu != "" {
			l[corev1.ResourceCPU] = resource.MustParse(cpu)
		}
		if memory != "" {
			l[corev1.ResourceMemory] = resource.MustParse(memory)
		}
		return l
	}
	for name, tt := range map[string]struct {
		resources  *corev1.ResourceRequirements
		guaranteed bool
		want       corev1.ResourceRequirements
		wantLimit  string
	}{
		"defaults": {
			want:      corev1.ResourceRequirements{Requests: quantities("10m", "48Mi"), Limits: quantities("", "256Mi")},
			wantLimit: "241591905",
		},
		"defaults in a Guaranteed pod": {
			guaranteed: true,
			want:       corev1.ResourceRequirements{Requests: quantities("100m", "256Mi"), Limits: quantities("100m", "256Mi")},
			wantLimit:  "241591905",
		},
		"requests alone in a Guaranteed pod become limits": {
			guaranteed: true,
			resources:  &corev1.ResourceRequirements{Requests: quantities("250m", "100Mi")},
			want:       corev1.ResourceRequirements{Requests: quantities("250m", "100Mi"), Limits: quantities("250m", "100Mi")},
			wantLimit:  "94371840",
		},
		"nothing is said, so nothing is set": {resources: &corev1.ResourceRequirements{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := class()
			c.Sidecar.Resources = tt.resources
			got := Build(Params{Monitor: "fraud", Class: c, Guaranteed: tt.guaranteed}).Container
			if diff := cmp.Diff(tt.want, got.Resources); diff != "" {
				t.Error(diff)
			}
			limit := ""
			if i := slices.IndexFunc(got.Env, func(e corev1.EnvVar) bool { return e.Name == "GOMEMLIMIT" }); i >= 0 {
				limit = got.Env[i].Value
			}
			if limit != tt.wantLimit {
				t.Errorf("GOMEMLIMIT %q, want %q", limit, tt.wantLimit)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	c := Build(Params{Monitor: "fraud", UpstreamPort: 8080, Images: []ContainerImage{{"model", "m:1"}, {"helper", "h:2"}}}).Container
	line := strings.Join(c.Args, " ")
	for _, want := range []string{"--upstream 127.0.0.1:8080", "--monitor fraud", "--image model=m:1 --image helper=h:2"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %q", want, line)
		}
	}
	pod := corev1.Pod{Spec: corev1.PodSpec{InitContainers: []corev1.Container{c}}}
	if got := monitor.Pods([]corev1.Pod{pod})[0].Upstream; got != 8080 {
		t.Errorf("upstream port %d read back, want 8080", got)
	}
}
