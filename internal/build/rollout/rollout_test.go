// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/inject"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

const revision = "0123456789"

// template is a template whose pods would be reached in every way that there is.
func template() core.PodTemplateSpec {
	return core.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      map[string]string{"app": "fraud", "app.kubernetes.io/version": "v7", naming.LabelInject: "fraud"},
			Annotations: map[string]string{"example.com/training-set": "may"},
		},
		Spec: core.PodSpec{
			ServiceAccountName: "fraud",
			ReadinessGates:     []core.PodReadinessGate{{ConditionType: "target-health.example.com/fraud"}},
			NodeSelector:       map[string]string{"pool": "serving"},
			PriorityClassName:  "serving",
			InitContainers:     []core.Container{{Name: "fetch", Image: "fetch:1"}},
			Containers: []core.Container{
				{
					Name: "model", Image: "fraud:v7", Args: []string{"--port", "8080"},
					Ports: []core.ContainerPort{{Name: "http", ContainerPort: 8080, HostPort: 8080}},
					EnvFrom: []core.EnvFromSource{{ConfigMapRef: &core.ConfigMapEnvSource{
						LocalObjectReference: core.LocalObjectReference{Name: "fraud-7bfc"},
					}}},
					Resources:      core.ResourceRequirements{Requests: core.ResourceList{core.ResourceCPU: resource.MustParse("2")}},
					ReadinessProbe: &core.Probe{ProbeHandler: core.ProbeHandler{HTTPGet: &core.HTTPGetAction{Path: "/ready", Port: intstr.FromString("http")}}},
				},
				{Name: "proxy", Image: "proxy:1"},
			},
		},
	}
}

func version() Version {
	return Version{Revision: revision, Run: "fraud-retrain-6f7a8b9c0d", Template: rollout.Pin(template(), map[string]string{"fraud-7bfc": naming.Copy("fraud", revision, "fraud-7bfc")})}
}

func TestGolden(t *testing.T) {
	least := wrappers.MakeRollout("payments", "fraud").UID("uid").Obj()
	full := wrappers.MakeRollout("payments", "fraud").UID("uid").With(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Replicas = new(int32(7))
		s.Shadow = v1alpha1.RolloutShadow{
			Replicas: 2, PriorityClassName: "preemptible", NodeSelector: map[string]string{"pool": "spot"},
			Resources: &core.ResourceRequirements{Limits: core.ResourceList{core.ResourceMemory: resource.MustParse("1Gi")}},
		}
	}).Obj()
	for name, r := range map[string]*v1alpha1.ShadowRollout{"least": least, "full": full} {
		primary, err := Primary(r, version())
		if err != nil {
			t.Fatal(err)
		}
		golden.Object(t, "primary-"+name, primary, &apps.Deployment{})
		shadow, err := Shadow(r, version())
		if err != nil {
			t.Fatal(err)
		}
		golden.Object(t, "shadow-"+name, shadow, &apps.Deployment{})
	}
	kept, err := Revision(least, version(), 3)
	if err != nil {
		t.Fatal(err)
	}
	golden.Object(t, "revision", kept, &apps.ControllerRevision{})
	contents := rollout.ConfigMapContents{Data: map[string]string{"MODE": "fast"}, BinaryData: map[string][]byte{"tree": {0, 1}}}
	golden.Object(t, "copy", Copy(least, revision, "fraud-7bfc", contents), &core.ConfigMap{})
	golden.Object(t, "mirror", Mirror(least, []byte(`{"version":1}`)), &core.ConfigMap{})
	port, skip := Port(template(), v1alpha1.Port{})
	if skip != "" {
		t.Fatalf("the template has no port: %s", skip)
	}
	golden.Object(t, "service", Service(least, Selector(least, naming.RoleShadow), port), &core.Service{})
	golden.Object(t, "service-of-a-workload", Service(least, map[string]string{"app": "fraud-next"}, port), &core.Service{})
}

// TestTheTemplateStays: builders write to copies.
func TestTheTemplateStays(t *testing.T) {
	r := wrappers.MakeRollout("payments", "fraud").With(func(s *v1alpha1.ShadowRolloutSpec) {
		s.Shadow = v1alpha1.RolloutShadow{Replicas: 1, Resources: &core.ResourceRequirements{}, PriorityClassName: "low"}
	}).Obj()
	v, want := version(), version()
	for _, build := range []func(*v1alpha1.ShadowRollout, Version) error{
		func(r *v1alpha1.ShadowRollout, v Version) error { _, err := Primary(r, v); return err },
		func(r *v1alpha1.ShadowRollout, v Version) error { _, err := Shadow(r, v); return err },
	} {
		if err := build(r, v); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("the template was changed: %s", diff)
	}
}

// TestKept: what a ControllerRevision keeps comes back as it was, with the same revision.
func TestKept(t *testing.T) {
	v := version()
	built, err := Revision(wrappers.MakeRollout("payments", "fraud").Obj(), v, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(built)
	if err != nil {
		t.Fatal(err)
	}
	var c apps.ControllerRevision
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	got, err := Kept(&c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, got); diff != "" {
		t.Errorf("another version came back (-want +got):\n%s", diff)
	}
	c.Data.Raw = []byte(`{"spec": 1}`)
	if _, err := Kept(&c); err == nil {
		t.Error("what is no template came back as one")
	}
}

func TestPort(t *testing.T) {
	for name, tc := range map[string]struct {
		want   v1alpha1.Port
		change func(*core.PodTemplateSpec)
		port   int32
		skip   inject.Skip
	}{
		"the only port of the first container": {port: 8080},
		"a port that the monitor names": {
			want: v1alpha1.Port{Name: "grpc"}, port: 9000,
			change: func(t *core.PodTemplateSpec) {
				t.Spec.Containers[1].Ports = []core.ContainerPort{{Name: "grpc", ContainerPort: 9000}}
			},
		},
		"a port that is not there": {want: v1alpha1.Port{Number: 1}, skip: inject.SkipNoSuchPort},
		"a template that asks for no sidecar": {
			change: func(t *core.PodTemplateSpec) { delete(t.Labels, naming.LabelInject) }, skip: inject.SkipInvalidLabel,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := template()
			if tc.change != nil {
				tc.change(&p)
			}
			if got, skip := Port(p, tc.want); got.ContainerPort != tc.port || skip != tc.skip {
				t.Errorf("got port %d and %q, want %d and %q", got.ContainerPort, skip, tc.port, tc.skip)
			}
		})
	}
	// Where no sidecar stands in front of the model, neither the label nor a name of the port is needed.
	p := template()
	delete(p.Labels, naming.LabelInject)
	p.Spec.Containers[0].Ports[0].Name = ""
	if got, skip := ModelPort(p, v1alpha1.Port{}); got.ContainerPort != 8080 || skip != "" {
		t.Errorf("a workload of the user's has port %d and %q", got.ContainerPort, skip)
	}
	if _, skip := ModelPort(p, v1alpha1.Port{Name: "grpc"}); skip != inject.SkipNoSuchPort {
		t.Errorf("a port that is not there: %q", skip)
	}
}

func TestWouldServe(t *testing.T) {
	service := func(name string, selector map[string]string) core.Service {
		return core.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: core.ServiceSpec{Selector: selector}}
	}
	external := service("external", map[string]string{naming.LabelRole: naming.RoleShadow})
	external.Spec.Type = core.ServiceTypeExternalName
	r := wrappers.MakeRollout("payments", "fraud").Obj()
	got := WouldServe([]core.Service{
		service("the-users", map[string]string{"app": "fraud"}),
		service("without-a-selector", nil),
		service("fraud-shadow", Selector(r, naming.RoleShadow)),
		service("by-role", map[string]string{naming.LabelRole: naming.RoleShadow}),
		service("by-rollout", map[string]string{naming.LabelRollout: "fraud"}),
		service("of-the-primary", Selector(r, naming.RolePrimary)),
		service("of-another-rollout", map[string]string{naming.LabelRollout: "churn", naming.LabelRole: naming.RoleShadow}),
		external,
	}, r, ShadowLabels(r, revision))
	if diff := cmp.Diff([]string{"by-role", "by-rollout"}, got); diff != "" {
		t.Errorf("Services that would serve (-want +got):\n%s", diff)
	}

	next, serves := map[string]string{"app": "fraud-next", "team": "risk"}, map[string]string{"app": "fraud", "team": "risk"}
	got = WouldServe([]core.Service{
		service("of-what-serves", map[string]string{"app": "fraud"}),
		service("of-the-candidate", map[string]string{"app": "fraud-next"}),
		service("of-both", map[string]string{"team": "risk"}),
		service("fraud-shadow", map[string]string{"team": "risk"}),
		service("of-none", map[string]string{"team": "churn"}),
	}, r, next, serves)
	if diff := cmp.Diff([]string{"of-both"}, got); diff != "" {
		t.Errorf("Services of both workloads (-want +got):\n%s", diff)
	}
}

// TestTheUsersServicesSelectThePrimaryOnly: the labels by which Services find pods are the primary's alone.
func TestTheUsersServicesSelectThePrimaryOnly(t *testing.T) {
	r := wrappers.MakeRollout("payments", "fraud").Obj()
	primary, err := Primary(r, version())
	if err != nil {
		t.Fatal(err)
	}
	shadow, err := Shadow(r, version())
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range template().Labels {
		if got := primary.Spec.Template.Labels[key]; got != value {
			t.Errorf("the primary has the label %s=%q, want %q", key, got, value)
		}
		if got, ok := shadow.Spec.Template.Labels[key]; ok {
			t.Errorf("the shadow has the label %s=%q", key, got)
		}
	}
	if diff := cmp.Diff(ShadowLabels(r, revision), shadow.Spec.Template.Labels); diff != "" {
		t.Errorf("labels of the shadow (-want +got):\n%s", diff)
	}
}
