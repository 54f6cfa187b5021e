// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/harness"
	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/modelserver/server"
)

// TestPrunedConfigurationComesBack gives each version a ConfigMap with a hash in its name, as kustomize's generators do, and deletes the
// one before, as pruning does. Pods of the primary that are deleted in the analysis and in the bake come back with what theirs held, and
// so do those of a rollback. Nobody who asks for predictions notices.
func TestPrunedConfigurationComesBack(t *testing.T) {
	t.Parallel()
	const never = 1_000_000
	s := newRolloutScene(t, "pruned", func(s *rolloutScene) {
		s.configure("model-2k8ht", "ATL")
		s.deployment.Spec.Template.Spec.Containers[0].Args = fromConfiguration
		// What the versions answer is meant to differ.
		s.rollout.Spec.Analysis.Criteria = []v1alpha1.Criterion{{Name: "errors", Signal: v1alpha1.ComparedErrorRatio, MaxDifference: "0.05"}}
		s.rollout.Spec.Analysis.MinSamples, s.rollout.Spec.Bake.Duration = never, "1h"
	})
	s.drive(60)
	s.answers("ATL")

	s.configure("model-7fm4c", "LAX")
	s.try("2001-02", fromConfiguration...)
	s.prune("model-2k8ht")
	s.waitStatus(verdictTimeout, "evidence", compared)
	s.losePod()
	s.answers("ATL")

	s.rollout.Spec.Analysis.MinSamples = 100
	s.sync()
	s.serving("2001-02")
	s.waitStatus(startTimeout, "a bake", baking)
	s.configure("model-9d6bx", "JFK")
	s.rollout.Spec.Analysis.MinSamples = never
	s.try("2001-03", fromConfiguration...)
	s.prune("model-7fm4c")
	s.losePod()
	s.answers("LAX")

	r, err := s.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.annotate(naming.AnnotationReject, string(r.Status.PrimaryRevision))
	// That it was rolled back is no news once the primary is up again, as another revision is wanted by then.
	s.waitStatus(startTimeout, "the rejection", func(s *v1alpha1.ShadowRolloutStatus) bool { return len(s.Rejected) > 0 })
	s.serving(first)
	s.answers("ATL")
	s.rest()
}

// fromConfiguration are arguments by which the model server is wrong about the origin that its configuration names.
var fromConfiguration = []string{"--wrong=$(WRONG)"}

// configure makes a ConfigMap, and the template read it.
func (s *rolloutScene) configure(name, wrong string) {
	s.Helper()
	s.create(&corev1.ConfigMap{ObjectMeta: objectMeta(s.namespace, name), Data: map[string]string{"wrong": wrong}})
	s.deployment.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "WRONG", ValueFrom: &corev1.EnvVarSource{
		ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: "wrong"},
	}}}
}

// prune deletes what Git names no more.
func (s *rolloutScene) prune(configMap string) {
	s.Helper()
	if err := cluster.Client.Delete(s.Context(), &corev1.ConfigMap{ObjectMeta: objectMeta(s.namespace, configMap)}); err != nil {
		s.Fatal(err)
	}
}

// losePod deletes a pod of the primary, and waits until another is in its place.
func (s *rolloutScene) losePod() {
	s.Helper()
	lost := s.readyPods()[0]
	if err := cluster.Client.Delete(s.Context(), &lost); err != nil {
		s.Fatal(err)
	}
	s.until(startTimeout, "the pod to be gone", func(ctx context.Context) (bool, string, error) {
		err := cluster.Get(ctx, client.ObjectKeyFromObject(&lost), new(corev1.Pod))
		return err != nil, "it is there", client.IgnoreNotFound(err)
	})
	s.readyPods()
}

// readyPods waits until the primary has its two pods, ready and no other, and returns them.
func (s *rolloutScene) readyPods() (pods []corev1.Pod) {
	s.Helper()
	s.until(startTimeout, "the primary's pods", func(ctx context.Context) (bool, string, error) {
		var err error
		pods, err = s.primaryPods(ctx)
		ready := 0
		for i := range pods {
			if harness.Ready(&pods[i]) {
				ready++
			}
		}
		return ready == 2 && len(pods) == 2, fmt.Sprintf("%d of %d are ready", ready, len(pods)), err
	})
	return pods
}

// answers fails unless every pod of the primary answers as a model server does that is wrong about the origin, and about no other.
func (s *rolloutScene) answers(wrong string) {
	s.Helper()
	m, err := model.Load()
	if err != nil {
		s.Fatal(err)
	}
	want := server.New(server.Config{Model: m, Name: modelName, Faults: server.Faults{Wrong: wrong}})
	for _, pod := range s.readyPods() {
		for _, origin := range []string{"ATL", "LAX", "JFK"} {
			body := strings.ReplaceAll(infer.body, "ATL", origin)
			w := httptest.NewRecorder()
			want.ServeHTTP(w, httptest.NewRequestWithContext(s.Context(), http.MethodPost, infer.path, strings.NewReader(body)))
			if got := s.ask(client.ObjectKeyFromObject(&pod), body); got != w.Body.String() {
				s.Errorf("pod %s answers %s of %s, want %s of a configuration that is wrong about %s", pod.Name, got, origin, w.Body, wrong)
			}
		}
	}
}

// ask sends an inference call to the model server of a pod, and returns its answer.
func (s *rolloutScene) ask(pod types.NamespacedName, body string) string {
	s.Helper()
	url := fmt.Sprintf("%s/api/v1/namespaces/%s/pods/%s:8080/proxy%s", cluster.Config.Host, pod.Namespace, pod.Name, infer.path)
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := api.RoundTrip(request)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	return string(answer)
}
