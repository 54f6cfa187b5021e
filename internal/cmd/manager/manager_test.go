// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/freeport"
)

const system = "vedette-system"

// TestManager runs the whole manager, with the permissions of config/rbac and nothing more, against a real API server that
// calls its webhook with the certificate that the manager made.
func TestManager(t *testing.T) {
	server := apiserver.Get(t)
	c := server.Client(t, server.Config)
	ctx := t.Context()

	port := freeport.Get(t)
	install(t, c, port)
	ns := server.Namespace(t, map[string]string{"ml": "true"})

	t.Run("a pod is admitted while no manager runs", func(t *testing.T) {
		p := pod(ns, "early")
		if err := c.Create(ctx, p); err != nil {
			t.Fatal(err)
		}
		if len(p.Spec.InitContainers) != 0 {
			t.Errorf("the pod has a sidecar that nobody can have injected")
		}
	})

	start(t, server, c, port)
	awaitInjection(t, c, ns)

	t.Run("without a monitor the defaults are injected", func(t *testing.T) {
		before := injections(t, "Injected", "")
		p := pod(ns, "no-monitor")
		if err := c.Create(ctx, p); err != nil {
			t.Fatal(err)
		}
		wantSidecar(t, p, "capture:test")
		if got := injections(t, "Injected", "") - before; got != 1 {
			t.Errorf("%v injections were counted, want 1", got)
		}
	})

	t.Run("monitor and class decide about port and image", func(t *testing.T) {
		class := &vedettev1alpha1.MonitorClass{ObjectMeta: metav1.ObjectMeta{Name: "injection"}, Spec: vedettev1alpha1.MonitorClassSpec{
			Store:             vedettev1alpha1.StoreSpec{URL: "s3://bucket"},
			Sidecar:           vedettev1alpha1.SidecarSpec{Image: "capture:class"},
			AllowedNamespaces: &metav1.LabelSelector{MatchLabels: map[string]string{"ml": "true"}},
		}}
		monitor := &vedettev1alpha1.ModelMonitor{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "churn"}, Spec: vedettev1alpha1.ModelMonitorSpec{
			ClassName: "injection",
			Target:    vedettev1alpha1.Target{WorkloadRef: vedettev1alpha1.WorkloadReference{Kind: "Deployment", Name: "churn"}},
			Source:    vedettev1alpha1.Source{Sidecar: vedettev1alpha1.Sidecar{Port: vedettev1alpha1.Port{Name: "serve"}}},
		}}
		for _, obj := range []client.Object{class, monitor} {
			if err := c.Create(ctx, obj); err != nil {
				t.Fatal(err)
			}
		}
		// One "kubectl apply" brings monitor and pods at once: nothing may wait for a cache here.
		p := pod(ns, "classed", func(p *corev1.Pod) {
			p.Labels[naming.LabelInject] = "churn"
			p.Spec.Containers[0].Ports = append(p.Spec.Containers[0].Ports, corev1.ContainerPort{Name: "serve", ContainerPort: 9000})
		})
		if err := c.Create(ctx, p); err != nil {
			t.Fatal(err)
		}
		wantSidecar(t, p, "capture:class")
		if got := p.Spec.InitContainers[0].Ports[0].Name; got != "serve" {
			t.Errorf("the sidecar took the port name %q, want %q", got, "serve")
		}
		apiserver.Await(t, c, class, &vedettev1alpha1.MonitorClassList{}, func(m *vedettev1alpha1.MonitorClass) bool {
			return meta.IsStatusConditionTrue(m.Status.Conditions, vedettev1alpha1.ConditionReady)
		})
		apiserver.Await(t, c, monitor, &vedettev1alpha1.ModelMonitorList{}, func(m *vedettev1alpha1.ModelMonitor) bool {
			return m.Status.ConfigRevision != ""
		})
	})

	t.Run("a class tells what is wrong with its credentials, which the manager may read", func(t *testing.T) {
		class := &vedettev1alpha1.MonitorClass{ObjectMeta: metav1.ObjectMeta{Name: "credentials"}, Spec: vedettev1alpha1.MonitorClassSpec{
			Store: vedettev1alpha1.StoreSpec{URL: "s3://bucket"},
			Prometheus: vedettev1alpha1.PrometheusSpec{
				URL: "https://prometheus.test", Credentials: vedettev1alpha1.PrometheusCredentials{SecretName: "vedette-prometheus"},
			},
		}}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "vedette-prometheus"}, StringData: map[string]string{"token": "t"}}
		for _, obj := range []client.Object{secret, class} {
			if err := c.Create(ctx, obj); err != nil {
				t.Fatal(err)
			}
		}
		apiserver.Await(t, c, class, &vedettev1alpha1.MonitorClassList{}, func(m *vedettev1alpha1.MonitorClass) bool {
			unavailable := meta.FindStatusCondition(m.Status.Conditions, vedettev1alpha1.ConditionMetricsUnavailable)
			return unavailable != nil && strings.Contains(unavailable.Message, "item url is missing")
		})
	})

	t.Run("a dry run leaves no trace", func(t *testing.T) {
		before := injections(t, "Skipped", "HostNetwork")
		p := pod(ns, "dry", func(p *corev1.Pod) { p.Spec.HostNetwork = true; p.Spec.Containers[0].Ports[0].HostPort = 8080 })
		if err := c.Create(ctx, p, client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		if got := injections(t, "Skipped", "HostNetwork"); got != before {
			t.Errorf("the dry run was counted")
		}
	})

	t.Run("a pod that is skipped shows on its Deployment", func(t *testing.T) {
		before := injections(t, "Skipped", "HostNetwork")
		replicaSet, deployment := owners(t, c, ns)
		p := pod(ns, "skipped", func(p *corev1.Pod) {
			p.Spec.HostNetwork = true
			p.Spec.Containers[0].Ports[0].HostPort = 8080
			p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(replicaSet, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
		})
		if err := c.Create(ctx, p); err != nil {
			t.Fatal(err)
		}
		poll(t, "the event on the Deployment", func(ctx context.Context) (bool, error) {
			var events eventsv1.EventList
			if err := c.List(ctx, &events, client.InNamespace(ns)); err != nil {
				return false, err
			}
			for _, e := range events.Items {
				if e.Regarding.Kind == "Deployment" && e.Regarding.UID == deployment.UID && e.Reason == "CaptureSkippedHostNetwork" {
					return true, nil
				}
			}
			return false, nil
		})
		if got := injections(t, "Skipped", "HostNetwork") - before; got != 1 {
			t.Errorf("the pod was counted %v times, want 1", got)
		}
	})

	t.Run("a Guaranteed pod stays Guaranteed", func(t *testing.T) {
		p := pod(ns, "guaranteed", func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Gi"),
			}
		})
		if err := c.Create(ctx, p); err != nil {
			t.Fatal(err)
		}
		wantSidecar(t, p, "capture:test")
		if p.Status.QOSClass != corev1.PodQOSGuaranteed {
			t.Errorf("the pod is %s", p.Status.QOSClass)
		}
	})

	t.Run("pods of the system are left alone", func(t *testing.T) {
		p := pod(metav1.NamespaceSystem, "system")
		if err := c.Create(ctx, p); err != nil {
			t.Fatal(err)
		}
		if len(p.Spec.InitContainers) != 0 {
			t.Errorf("a pod of kube-system was injected")
		}
	})

	t.Run("whatever the API server accepts, it accepts with the sidecar", func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		injected := 0
		for n := range 300 {
			p := randomPod(r, ns, fmt.Sprintf("random-%d", n))
			bare := p.DeepCopy()
			delete(bare.Labels, naming.LabelInject)
			if c.Create(ctx, bare, client.DryRunAll) != nil {
				continue
			}
			asked, _ := json.Marshal(p)
			if err := c.Create(ctx, p, client.DryRunAll); err != nil {
				t.Fatalf("%v\n%s", err, asked)
			}
			if p.Status.QOSClass != bare.Status.QOSClass && bare.Status.QOSClass != corev1.PodQOSBestEffort {
				t.Fatalf("a pod that was %s became %s: %s", bare.Status.QOSClass, p.Status.QOSClass, asked)
			}
			if len(p.Spec.InitContainers) > 0 && p.Spec.InitContainers[0].Name == naming.SidecarContainer {
				injected++
			}
		}
		if injected < 50 {
			t.Errorf("only %d pods were injected: this test shows little", injected)
		}
	})
}
