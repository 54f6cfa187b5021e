// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"testing"

	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"

	"github.com/vedette-dev/vedette/internal/naming"
)

// FuzzInto feeds injection pods of any form. Whatever a pod holds, known to this binary or not, must be in the patched pod
// at its place, but for what injection is about.
func FuzzInto(f *testing.F) {
	for _, p := range []*corev1.Pod{
		pod(), pod(annotated(naming.AnnotationPort, "8080")), pod(ports()),
		pod(annotated("a", "b"), func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: "fetch"}}
			p.Spec.Volumes = []corev1.Volume{{Name: "model"}}
			p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
		}),
	} {
		b, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"metadata":{"labels":{"vedette.dev/inject":"m"},"annotations":null},"spec":{"initContainers":[],"volumes":null,
		"containers":[{"name":"a","ports":[{"name":"http","containerPort":1,"x":[1]}],"livenessProbe":{"tcpSocket":{"port":"http"}}},
		{"ports":[{"name":"http","containerPort":2}],"lifecycle":{"preStop":{"httpGet":{"port":"http","y":{}}}}}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var before map[string]any
		if json.Unmarshal(b, &before) != nil {
			t.Skip()
		}
		raw, err := json.Marshal(before) // one key of a name, as the API server sends it
		if err != nil {
			t.Skip()
		}
		pod := &corev1.Pod{}
		if kjson.UnmarshalCaseSensitivePreserveInts(raw, pod) != nil {
			t.Skip()
		}
		res := Into(Request{Pod: pod, Image: "capture:1"})
		if res.Skip != "" {
			if res.Skip.Remedy() == "" || len(res.Patch) > 0 {
				t.Fatalf("skip %q with remedy %q and %d operations", res.Skip, res.Skip.Remedy(), len(res.Patch))
			}
			return
		}
		out := apply(t, raw, res.Patch)
		var after map[string]any
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatal(err)
		}
		patched := &corev1.Pod{}
		if err := kjson.UnmarshalCaseSensitivePreserveInts(out, patched); err != nil {
			t.Fatalf("the patched pod is none: %v", err)
		}
		if again := Into(Request{Pod: patched}).Skip; again != SkipAlreadyInjected {
			t.Errorf("the patched pod once more: skip %q", again)
		}
		if name := patched.Spec.InitContainers[0].Name; name != naming.SidecarContainer {
			t.Errorf("the first init container is %q", name)
		}
		taken := patched.Spec.InitContainers[0].Ports[0].Name
		if findPort(patched, byName(taken)) != nil {
			t.Errorf("a container still has the port name %q", taken)
		}
		kept(t, "", before, after)
	})
}

// injected matches the places that injection changes.
var injected = regexp.MustCompile(`^\.spec\.containers\[\d+\](\.ports\[\d+\]\.name|\.(livenessProbe|readinessProbe|startupProbe|lifecycle\.postStart|lifecycle\.preStop)\.(httpGet|tcpSocket)\.port)$`)

// kept wants everything of before in after.
func kept(t *testing.T, at string, before, after any) {
	t.Helper()
	switch before := before.(type) {
	case map[string]any:
		after, ok := after.(map[string]any)
		if !ok {
			t.Fatalf("%s is no object any more", at)
		}
		for key, value := range before {
			kept(t, at+"."+key, value, after[key])
		}
	case []any:
		after, ok := after.([]any)
		if at == ".spec.initContainers" && ok {
			after = after[1:]
		}
		if !ok || len(after) < len(before) {
			t.Fatalf("%s lost items", at)
		}
		for i, value := range before {
			kept(t, fmt.Sprintf("%s[%d]", at, i), value, after[i])
		}
	default:
		if before != nil && !injected.MatchString(at) && at != ".metadata.annotations."+naming.AnnotationSidecar && !reflect.DeepEqual(before, after) {
			t.Errorf("%s was %v and is %v", at, before, after)
		}
	}
}
