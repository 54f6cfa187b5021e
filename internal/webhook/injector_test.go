// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/sidecar"
	"github.com/vedette-dev/vedette/internal/naming"
)

// events records events in one line each.
type events []string

func (e *events) Eventf(regarding, _ runtime.Object, _, reason, _, _ string, _ ...any) {
	ref := regarding.(*corev1.ObjectReference)
	*e = append(*e, fmt.Sprintf("%s/%s %s", ref.Kind, ref.Name, reason))
}

func pod(change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{naming.LabelInject: "fraud"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "model", Image: "model:1", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		}}},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func ownedBy(kind, name string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, Controller: new(true)}}
	}
}

// known are the objects that the API server holds.
func known(monitor vedettev1alpha1.ModelMonitor) []client.Object {
	monitor.ObjectMeta.Name, monitor.ObjectMeta.Namespace = "fraud", "payments"
	return []client.Object{
		&monitor,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "payments"}},
		&vedettev1alpha1.MonitorClass{
			ObjectMeta: metav1.ObjectMeta{Name: "standard"},
			Spec:       vedettev1alpha1.MonitorClassSpec{Selection: "Default", Sidecar: vedettev1alpha1.SidecarSpec{Image: "capture:class"}},
		},
		&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
			Namespace: "payments", Name: "fraud-1",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "fraud", Controller: new(true)}},
		}},
	}
}

func TestHandle(t *testing.T) {
	class := known(vedettev1alpha1.ModelMonitor{})[2].(*vedettev1alpha1.MonitorClass).Spec
	revision := sidecar.Revision(sidecar.Params{Monitor: "fraud", Image: "capture:default", Class: &class})
	tripped := vedettev1alpha1.ModelMonitor{}
	tripped.Status.Capture.TrippedRevision = revision
	tripped.Status.Capture.TrippedTime = metav1.NewTime(time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC))
	rearmed := *tripped.DeepCopy()
	rearmed.Annotations = map[string]string{naming.AnnotationRearm: revision + "/2026-05-04T03:02:01Z"}
	rearmedBefore := *tripped.DeepCopy()
	rearmedBefore.Annotations = map[string]string{naming.AnnotationRearm: revision + "/2026-05-04T03:02:00Z"}

	for name, tt := range map[string]struct {
		pod        *corev1.Pod
		raw        string
		objects    []client.Object
		broken     error
		oldCluster bool
		dryRun     bool
		wantImage  string
		wantEvents events
		wantCount  string
	}{
		"nothing is known, so the defaults are injected": {
			pod: pod(), wantImage: "capture:default",
			wantEvents: events{"Pod/p CaptureInjected"}, wantCount: `reason="",result="Injected"`,
		},
		"the class gives the image": {
			pod: pod(), objects: known(vedettev1alpha1.ModelMonitor{}), wantImage: "capture:class",
			wantEvents: events{"Pod/p CaptureInjected"}, wantCount: `reason="",result="Injected"`,
		},
		"a mode that captures nothing still injects, so that no restart is needed to begin": {
			pod:       pod(),
			objects:   known(vedettev1alpha1.ModelMonitor{Spec: vedettev1alpha1.ModelMonitorSpec{Mode: vedettev1alpha1.ModeSuspended}}),
			wantImage: "capture:class", wantEvents: events{"Pod/p CaptureInjected"}, wantCount: `reason="",result="Injected"`,
		},
		"the event goes to the Deployment of a ReplicaSet": {
			pod: pod(ownedBy("ReplicaSet", "fraud-1")), objects: known(vedettev1alpha1.ModelMonitor{}), wantImage: "capture:class",
			wantEvents: events{"Deployment/fraud CaptureInjected"}, wantCount: `reason="",result="Injected"`,
		},
		"a ReplicaSet that is gone gets it itself": {
			pod: pod(ownedBy("ReplicaSet", "fraud-2")), objects: known(vedettev1alpha1.ModelMonitor{}), wantImage: "capture:class",
			wantEvents: events{"ReplicaSet/fraud-2 CaptureInjected"}, wantCount: `reason="",result="Injected"`,
		},
		"a StatefulSet gets it itself": {
			pod: pod(ownedBy("StatefulSet", "fraud")), wantImage: "capture:default",
			wantEvents: events{"StatefulSet/fraud CaptureInjected"}, wantCount: `reason="",result="Injected"`,
		},
		"a skipped pod is admitted, and says why": {
			pod:        pod(func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
			wantEvents: events{"Pod/p CaptureSkippedHostNetwork"}, wantCount: `reason="HostNetwork",result="Skipped"`,
		},
		"the circuit breaker holds": {
			pod: pod(), objects: known(tripped),
			wantEvents: events{"Pod/p CaptureSkippedTripped"}, wantCount: `reason="Tripped",result="Skipped"`,
		},
		"until a person re-arms it": {
			pod: pod(), objects: known(rearmed), wantImage: "capture:class",
			wantEvents: events{"Pod/p CaptureInjected"}, wantCount: `reason="",result="Injected"`,
		},
		"an older re-arming does not count": {
			pod: pod(), objects: known(rearmedBefore),
			wantEvents: events{"Pod/p CaptureSkippedTripped"}, wantCount: `reason="Tripped",result="Skipped"`,
		},
		"a cluster without native sidecars": {
			pod: pod(), oldCluster: true,
			wantEvents: events{"Pod/p CaptureSkippedUnsupportedKubernetes"}, wantCount: `reason="UnsupportedKubernetes",result="Skipped"`,
		},
		"a dry run injects and leaves no trace":         {pod: pod(), dryRun: true, wantImage: "capture:default"},
		"a dry run skips and leaves no trace":           {pod: pod(func(p *corev1.Pod) { p.Spec.HostNetwork = true }), dryRun: true},
		"what cannot be read is admitted":               {raw: `{"spec": []}`, wantCount: `reason="Undecodable",result="Failed"`},
		"what cannot be read is not counted on dry run": {raw: `{"spec": []}`, dryRun: true},
		"an API server that does not answer": {
			pod: pod(), broken: context.DeadlineExceeded, wantCount: `reason="NotReady",result="Failed"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, vedettev1alpha1.AddToScheme} {
				if err := add(scheme); err != nil {
					t.Fatal(err)
				}
			}
			reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(tt.objects...).WithInterceptorFuncs(interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
					if tt.broken != nil {
						return tt.broken
					}
					return c.Get(ctx, key, obj, opts...)
				},
			}).Build()
			var got events
			i := &Injector{
				Reader: reader, Decoder: admission.NewDecoder(scheme), Recorder: &got, Injections: NewCounter(),
				Image: "capture:default", NativeSidecars: !tt.oldCluster,
			}
			res := i.Handle(t.Context(), request(t, tt.pod, tt.raw, tt.dryRun))
			if !res.Allowed {
				t.Fatalf("the pod was refused: %v", res.Result)
			}
			patch, err := json.Marshal(res.Patches)
			if err != nil {
				t.Fatal(err)
			}
			if image := `"image":"` + tt.wantImage + `"`; (tt.wantImage != "") != (len(res.Patches) > 0) || tt.wantImage != "" && !strings.Contains(string(patch), image) {
				t.Errorf("the patch is %s, want one with image %q", patch, tt.wantImage)
			}
			if diff := cmp.Diff(tt.wantEvents, got); diff != "" {
				t.Errorf("events:\n%s", diff)
			}
			want := ""
			if tt.wantCount != "" {
				want = "# HELP vedette_injections_total Pods that asked for the capture sidecar, by result and, unless it was injected, reason.\n" +
					"# TYPE vedette_injections_total counter\nvedette_injections_total{" + tt.wantCount + "} 1\n"
			}
			if err := testutil.CollectAndCompare(i.Injections, strings.NewReader(want)); err != nil {
				t.Error(err)
			}
			if problems, err := testutil.CollectAndLint(i.Injections); err != nil || len(problems) > 0 {
				t.Errorf("the counter: %v %v", problems, err)
			}
		})
	}
}

func request(t *testing.T, p *corev1.Pod, raw string, dryRun bool) admission.Request {
	t.Helper()
	b := []byte(raw)
	if p != nil {
		var err error
		if b, err = json.Marshal(p); err != nil {
			t.Fatal(err)
		}
	}
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Namespace: "payments", Object: runtime.RawExtension{Raw: b}, DryRun: new(dryRun),
	}}
}

// cluster answers the question for its version.
type cluster struct {
	version string
	err     error
}

func (c cluster) ServerVersion() (*version.Info, error) {
	return &version.Info{GitVersion: c.version}, c.err
}

func TestNativeSidecars(t *testing.T) {
	for name, tt := range map[string]struct {
		cluster cluster
		want    bool
		wantErr bool
	}{
		"before":             {cluster: cluster{version: "v1.32.9"}},
		"the first":          {cluster: cluster{version: "v1.33.0"}, want: true},
		"of a cloud":         {cluster: cluster{version: "v1.37.2-eks-a1b2c3d"}, want: true},
		"that none can read": {cluster: cluster{version: "unknown"}, wantErr: true},
		"that none tells":    {cluster: cluster{err: errors.New("no connection")}, wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := NativeSidecars(tt.cluster)
			if got != tt.want || (err != nil) != tt.wantErr {
				t.Errorf("got %t, %v; want %t, error %t", got, err, tt.want, tt.wantErr)
			}
		})
	}
}
