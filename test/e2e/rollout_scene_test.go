// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// verdictTimeout is how long a verdict may take: the shadow starts, the sidecars learn of it, and evidence is gathered.
const verdictTimeout = 6 * time.Minute

// rolloutScene is a scene whose model is served by a ShadowRollout. Its class, monitor, service, deployment and rollout are what the
// user has in Git: sync applies them.
type rolloutScene struct {
	*scene
	rollout *v1alpha1.ShadowRollout
	// prometheus is the Deployment of the scene's own.
	prometheus types.NamespacedName
	load       sync.WaitGroup
	stop       context.CancelFunc
	results    chan traffic.Result
}

// newRolloutScene brings the model, as the template of a rollout that promotes by itself, and waits until its primary serves.
func newRolloutScene(t *testing.T, name string, change ...func(*rolloutScene)) *rolloutScene {
	t.Helper()
	s := &rolloutScene{scene: newScene(t, name), results: make(chan traffic.Result, 1)}
	s.prometheus = s.ownPrometheus()
	s.monitor.Spec.Segments = []v1alpha1.Segment{{Name: "atl", When: "f.origin == 'ATL'"}, {Name: "lax", When: "f.origin == 'LAX'"}}
	s.deployment.Spec.Replicas = new(int32(0))
	// A pod that ends answers for a moment longer: until then, some still send to it.
	s.deployment.Spec.Template.Spec.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 5}}}
	s.rollout = &v1alpha1.ShadowRollout{
		ObjectMeta: objectMeta(s.namespace, modelName),
		Spec: v1alpha1.ShadowRolloutSpec{
			MonitorRef: v1alpha1.MonitorReference{Name: modelName},
			Candidate:  v1alpha1.RolloutCandidate{TemplateRef: v1alpha1.DeploymentReference{Kind: v1alpha1.DeploymentKindDeployment, Name: modelName}},
			Mirror:     v1alpha1.RolloutMirror{Percent: "100", Timeout: "2s"},
			Analysis: v1alpha1.RolloutAnalysis{
				Period: "10s", MinSamples: 100,
				Criteria: []v1alpha1.Criterion{
					{Name: "errors", Signal: v1alpha1.ComparedErrorRatio, MaxDifference: "0.05"},
					{Name: "same", Signal: v1alpha1.ComparedDisagreement, MaxDifference: "0.05"},
					{Name: "median", Signal: v1alpha1.ComparedLatencySeconds, Quantile: "0.5", MaxRatio: "2.5"},
				},
			},
			Promotion: v1alpha1.RolloutPromotion{Policy: v1alpha1.PromotionAutomatic},
			Bake:      v1alpha1.RolloutBake{Duration: "10s"},
			Replicas:  new(int32(2)),
		},
	}
	for _, c := range change {
		c(s)
	}
	s.sync()
	s.waitRollout(startTimeout, v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPrimaryAvailable)
	s.serves()
	return s
}

// manifests are what is in Git.
func (s *rolloutScene) manifests() []*unstructured.Unstructured {
	s.Helper()
	var all []*unstructured.Unstructured
	for _, o := range []client.Object{s.class, s.monitor, s.service, s.deployment, s.rollout} {
		kind, err := cluster.GroupVersionKindFor(o)
		if err != nil {
			s.Fatal(err)
		}
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			s.Fatal(err)
		}
		u := &unstructured.Unstructured{Object: map[string]any{"spec": content["spec"]}}
		u.SetGroupVersionKind(kind)
		u.SetNamespace(o.GetNamespace())
		u.SetName(o.GetName())
		u.SetLabels(o.GetLabels())
		all = append(all, u)
	}
	return all
}

// sync applies what is in Git, as a GitOps tool does.
func (s *rolloutScene) sync() {
	s.Helper()
	if err := cluster.Apply(s.Context(), s.manifests()); err != nil {
		s.Fatal(err)
	}
}

// try pushes another version of the template.
func (s *rolloutScene) try(version string, args ...string) {
	s.Helper()
	s.deployment.Spec.Template.Labels["app.kubernetes.io/version"] = version
	s.deployment.Spec.Template.Spec.Containers[0].Args = args
	s.sync()
}

// annotate asks something of the rollout, beside Git.
func (s *rolloutScene) annotate(key, value string) {
	s.Helper()
	r := &v1alpha1.ShadowRollout{ObjectMeta: objectMeta(s.namespace, modelName)}
	change(s.scene, r, func(r *v1alpha1.ShadowRollout) { metav1.SetMetaDataAnnotation(&r.ObjectMeta, key, value) })
}

// waitStatus waits until the status of the rollout is as wanted.
func (s *rolloutScene) waitStatus(timeout time.Duration, what string, is func(*v1alpha1.ShadowRolloutStatus) bool) {
	s.Helper()
	s.until(timeout, what, func(ctx context.Context) (bool, string, error) {
		r, err := s.read(ctx)
		return is(&r.Status), fmt.Sprintf("candidate %+v, decision %+v, bake %+v", r.Status.Candidate, r.Status.Decision, r.Status.Bake), err
	})
}

// Steps of a rollout, by what is on record.
func started(s *v1alpha1.ShadowRolloutStatus) bool { return s.Candidate.Revision != "" }
func compared(s *v1alpha1.ShadowRolloutStatus) bool {
	return started(s) && s.Candidate.Pairs != nil && *s.Candidate.Pairs > 0
}
func passed(s *v1alpha1.ShadowRolloutStatus) bool { return s.Decision.Verdict == v1alpha1.VerdictPass }
func baking(s *v1alpha1.ShadowRolloutStatus) bool { return !s.Bake.StartTime.IsZero() }

// waitRollout waits until a condition of the rollout has a status and a reason, and a message with all of the texts.
func (s *rolloutScene) waitRollout(timeout time.Duration, kind string, status metav1.ConditionStatus, reason string, texts ...string) {
	s.Helper()
	s.until(timeout, fmt.Sprintf("%s to be %s (%s)", kind, status, reason), func(ctx context.Context) (bool, string, error) {
		r, err := s.read(ctx)
		if err != nil {
			return false, "", err
		}
		c := meta.FindStatusCondition(r.Status.Conditions, kind)
		if c == nil {
			return false, "it is not there", nil
		}
		saw := fmt.Sprintf("it is %s (%s: %s); candidate %+v", c.Status, c.Reason, c.Message, r.Status.Candidate)
		if c.Status != status || c.Reason != reason {
			return false, saw, nil
		}
		for _, text := range texts {
			if !strings.Contains(c.Message, text) {
				return false, fmt.Sprintf("its message lacks %q: %s", text, c.Message), nil
			}
		}
		return true, "", nil
	})
}

func (s *rolloutScene) read(ctx context.Context) (*v1alpha1.ShadowRollout, error) {
	r := new(v1alpha1.ShadowRollout)
	return r, cluster.Get(ctx, client.ObjectKeyFromObject(s.rollout), r)
}

// primaryPods are the pods of the primary.
func (s *rolloutScene) primaryPods(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := cluster.List(ctx, &pods, client.InNamespace(s.namespace), client.MatchingLabels{naming.LabelRollout: modelName, naming.LabelRole: naming.RolePrimary})
	return pods.Items, err
}

// primaryVersion is the version that all pods of the primary have; empty while they differ.
func (s *rolloutScene) primaryVersion(ctx context.Context) (string, error) {
	pods, err := s.primaryPods(ctx)
	version := ""
	for i, pod := range pods {
		v := pod.Labels["app.kubernetes.io/version"]
		if i > 0 && v != version {
			return "", nil
		}
		version = v
	}
	return version, err
}

// serving waits until all of the primary's pods are of a version.
func (s *rolloutScene) serving(version string) {
	s.Helper()
	s.until(startTimeout, "version "+version+" to serve", func(ctx context.Context) (bool, string, error) {
		v, err := s.primaryVersion(ctx)
		return v == version, fmt.Sprintf("version %q does", v), err
	})
}
