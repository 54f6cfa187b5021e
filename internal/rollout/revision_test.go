// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// TestWorkloadRevision: of the labels of pods only the one by which a monitor tells versions makes another revision, and no ConfigMap does.
func TestWorkloadRevision(t *testing.T) {
	m := wrappers.MakeMonitor("payments", "fraud").Obj()
	labelled := func(kv ...string) corev1.PodTemplateSpec {
		one := least()
		one.Labels = map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			one.Labels[kv[i]] = kv[i+1]
		}
		return one
	}
	was := WorkloadRevision(labelled("app", "fraud", "app.kubernetes.io/version", "7"), m)
	if len(was) != revisionLength || was != WorkloadRevision(labelled("app", "fraud-next", "app.kubernetes.io/version", "7"), m) {
		t.Errorf("other labels make another revision than %q", was)
	}
	other := m.DeepCopy()
	other.Spec.Versions.Model = v1alpha1.VersionSource{PodLabel: "app"}
	image := labelled("app", "fraud", "app.kubernetes.io/version", "7")
	image.Spec.Containers[0].Image = "another"
	for name, is := range map[string]string{
		"another version":                 WorkloadRevision(labelled("app", "fraud", "app.kubernetes.io/version", "8"), m),
		"no version":                      WorkloadRevision(labelled("app", "fraud"), m),
		"another version, to the monitor": WorkloadRevision(labelled("app", "fraud", "app.kubernetes.io/version", "7"), other),
		"another image":                   WorkloadRevision(image, m),
	} {
		if is == was {
			t.Errorf("%s is the same revision", name)
		}
	}
	template := labelled("app", "fraud")
	WorkloadRevision(template, m)
	if template.Labels["app"] != "fraud" {
		t.Error("the labels were taken out of the template")
	}
}

func TestMain(m *testing.M) { apiserver.Main(m) }

// TestDefaultsMakeNoRevision: whatever an API server makes of a template has the revision that it had before, for a template
// of every part by itself, of all, and of random ones.
func TestDefaultsMakeNoRevision(t *testing.T) {
	server := apiserver.Get(t)
	c := server.Client(t, server.Config)
	namespace := server.Namespace(t, nil)
	templates := map[string]corev1.PodTemplateSpec{"least": least(), "full": full()}
	for i, part := range parts() {
		one := least()
		part(&one)
		templates[fmt.Sprintf("part %d", i)] = one
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 50 {
		some := least()
		for _, part := range parts() {
			if random.IntN(2) == 0 {
				part(&some)
			}
		}
		templates[fmt.Sprintf("random %d", i)] = some
	}
	for name, template := range templates {
		t.Run(name, func(t *testing.T) {
			d := &appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "fraud"},
				Spec: appsv1.DeploymentSpec{
					Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "fraud"}}, Template: *template.DeepCopy(),
				},
			}
			if err := c.Create(t.Context(), d, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			if d.Spec.Template.Spec.SchedulerName == "" {
				t.Fatal("the API server has set no defaults")
			}
			if before, after := Revision(template, nil), Revision(d.Spec.Template, nil); before != after {
				t.Errorf("the revision %s became %s: the normal forms are\n%s\nand\n%s", before, after, encode(t, normalise(template)), encode(t, normalise(d.Spec.Template)))
			}
		})
	}
}

func encode(t *testing.T, template corev1.PodTemplateSpec) string {
	t.Helper()
	b, err := json.MarshalIndent(template, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestWhatMakesNoRevision: what is added to a template, and how its values are written, says nothing about what runs.
func TestWhatMakesNoRevision(t *testing.T) {
	for name, change := range map[string]func(*corev1.PodTemplateSpec){
		"a restart": func(t *corev1.PodTemplateSpec) {
			t.Annotations = map[string]string{restartedAt: "2026-01-01T00:00:00Z"}
		},
		"the mark of an injection": func(t *corev1.PodTemplateSpec) {
			t.Annotations = map[string]string{naming.AnnotationSidecar: "0123456789"}
		},
		"the labels of the primary": func(t *corev1.PodTemplateSpec) {
			t.Labels[naming.LabelRole], t.Labels[naming.LabelRollout], t.Labels[naming.LabelRevision] = "primary", "fraud", "x"
		},
		"empty maps": func(t *corev1.PodTemplateSpec) {
			t.Annotations, t.Spec.NodeSelector = map[string]string{}, map[string]string{}
		},
		"a name of its own": func(t *corev1.PodTemplateSpec) { t.Name = "fraud" },
	} {
		t.Run(name, func(t *testing.T) {
			changed := least()
			change(&changed)
			if before, after := Revision(least(), nil), Revision(changed, nil); before != after {
				t.Errorf("the revision %s became %s", before, after)
			}
		})
	}
}

// TestEveryOtherChangeMakesARevision changes each value of a template, and takes each away.
func TestEveryOtherChangeMakesARevision(t *testing.T) {
	base := full()
	base.Spec.ServiceAccountName, base.Spec.DeprecatedServiceAccount = "fraud", ""
	base.Annotations = map[string]string{"example.com/training-set": "may"}
	base.Spec.DNSPolicy, base.Spec.SchedulerName, base.Spec.TerminationGracePeriodSeconds = corev1.DNSDefault, "mine", new(int64(60))
	base.Spec.Containers[0].ImagePullPolicy = corev1.PullNever
	base.Spec.Containers[0].ReadinessProbe.TimeoutSeconds = 2
	before := Revision(base, nil)
	var tree any
	if err := json.Unmarshal([]byte(encode(t, base)), &tree); err != nil {
		t.Fatal(err)
	}
	changes := 0
	leaves(tree, "", func(at string, get any, set func(any)) {
		for _, value := range different(get) {
			set(value)
			var changed corev1.PodTemplateSpec
			b, err := json.Marshal(tree)
			if err != nil {
				t.Fatal(err)
			}
			if json.Unmarshal(b, &changed) != nil {
				continue // it is no such value that the field takes
			}
			changes++
			if Revision(changed, nil) == before {
				t.Errorf("%s: %v instead of %v makes no revision", at, value, get)
			}
		}
		set(get)
	})
	if changes < 100 {
		t.Errorf("only %d changes were tried", changes)
	}
}

// different are values that a leaf does not have.
func different(v any) []any {
	switch v := v.(type) {
	case string:
		return []any{v + "x", "7"}
	case float64:
		return []any{v + 1}
	case bool:
		return []any{!v}
	}
	return nil
}

// leaves calls f for every value in a tree of JSON that is neither a list nor a map.
func leaves(tree any, at string, f func(at string, get any, set func(any))) {
	each := func(key string, value any, set func(any)) {
		switch value.(type) {
		case map[string]any, []any:
			leaves(value, at+"."+key, f)
		default:
			f(at+"."+key, value, set)
		}
	}
	switch tree := tree.(type) {
	case map[string]any:
		for key, value := range tree {
			each(key, value, func(v any) { tree[key] = v })
		}
	case []any:
		for i, value := range tree {
			each(fmt.Sprint(i), value, func(v any) { tree[i] = v })
		}
	}
}

// TestConfigMapsMakeARevision: of the ConfigMaps that a template names what they hold, and of others nothing.
func TestConfigMapsMakeARevision(t *testing.T) {
	template := full()
	contents := func(value string) map[string]ConfigMapContents {
		return map[string]ConfigMapContents{"c-env": {Data: map[string]string{"mode": value}}}
	}
	base := Revision(template, contents("fast"))
	for name, tc := range map[string]struct {
		configMaps map[string]ConfigMapContents
		same       bool
	}{
		"the same":           {contents("fast"), true},
		"another value":      {contents("slow"), false},
		"none of that name":  {nil, false},
		"an empty one":       {map[string]ConfigMapContents{"c-env": {}}, false},
		"one beside it":      {map[string]ConfigMapContents{"c-env": contents("fast")["c-env"], "c-volume": {}}, false},
		"one that is no use": {map[string]ConfigMapContents{"c-env": contents("fast")["c-env"], "other": {}}, true},
		"the value as bytes": {map[string]ConfigMapContents{"c-env": {BinaryData: map[string][]byte{"mode": []byte("fast")}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Revision(template, tc.configMaps); (got == base) != tc.same {
				t.Errorf("the revision %s became %s", base, got)
			}
		})
	}
}

// TestTheRevisionIsStable: an upgrade of the operator, or of the API's types, must not make a candidate of what serves.
func TestTheRevisionIsStable(t *testing.T) {
	got := []string{Revision(least(), nil), Revision(full(), map[string]ConfigMapContents{"c-env": {Data: map[string]string{"a": "b"}}})}
	if want := "9abe35ad67 18815a0733"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}
