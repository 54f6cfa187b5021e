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

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// verdictTimeout is how long a verdict may take: the shadow starts, the sidecars learn of it, and evidence is gathered.
const verdictTimeout = 6 * time.Minute

// rolloutScene is a scene whose model is served by a ShadowRollout.
type rolloutScene struct {
	*scene
	rollout *v1alpha1.ShadowRollout
	load    sync.WaitGroup
	stop    context.CancelFunc
	results chan traffic.Result
}

// newRolloutScene brings the model, as the template of a rollout that promotes by itself, and waits until its primary serves.
func newRolloutScene(t *testing.T, name string, change ...func(*rolloutScene)) *rolloutScene {
	t.Helper()
	s := &rolloutScene{scene: newScene(t, name), results: make(chan traffic.Result, 1)}
	s.ownPrometheus()
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
	s.create(s.class, s.monitor, s.service, s.deployment, s.rollout)
	s.waitRollout(startTimeout, v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonPrimaryAvailable)
	s.serves()
	return s
}

// drive sends flights at a rate until rest is called.
func (s *rolloutScene) drive(rate float64) {
	s.Helper()
	ctx, stop := context.WithCancel(s.Context())
	s.stop = stop
	flights := s.june()
	s.load.Go(func() {
		sum := traffic.Result{Responses: map[int]int64{}}
		for n := 0; ctx.Err() == nil; n++ {
			// What is under way when the load ends is answered: only whole rounds are sent.
			round := flights[(n*50)%(len(flights)-50):][:50]
			r, err := s.tryReplay(s.Context(), traffic.Config{Flights: round, Rate: rate, Concurrency: 4, IDPrefix: fmt.Sprintf("%s-%d", s.namespace, n)})
			if err != nil {
				break
			}
			sum.Requests += r.Requests
			sum.TransportErrors += r.TransportErrors
			for code, n := range r.Responses {
				sum.Responses[code] += n
			}
			if sum.FirstError == "" {
				sum.FirstError = r.FirstError
			}
		}
		s.results <- sum
	})
	s.Cleanup(func() { stop(); s.load.Wait() })
}

// rest ends the load, and fails unless every request was answered with 200.
func (s *rolloutScene) rest() {
	s.Helper()
	s.stop()
	s.load.Wait()
	if r := <-s.results; !r.OK() || r.Requests == 0 {
		s.Errorf("of %d requests not every one was answered with 200: %+v", r.Requests, r)
	}
}

// try changes the template, as a push to Git does.
func (s *rolloutScene) try(version string, args ...string) {
	s.Helper()
	change(s.scene, s.deployment, func(d *appsv1.Deployment) {
		d.Spec.Template.Labels["app.kubernetes.io/version"] = version
		d.Spec.Template.Spec.Containers[0].Args = args
	})
}

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

// primaryVersion is the version that all pods of the primary have; empty while they differ.
func (s *rolloutScene) primaryVersion(ctx context.Context) (string, error) {
	var pods corev1.PodList
	if err := cluster.List(ctx, &pods, client.InNamespace(s.namespace), client.MatchingLabels{naming.LabelRollout: modelName, naming.LabelRole: naming.RolePrimary}); err != nil {
		return "", err
	}
	version := ""
	for i, pod := range pods.Items {
		v := pod.Labels["app.kubernetes.io/version"]
		if i > 0 && v != version {
			return "", nil
		}
		version = v
	}
	return version, nil
}

// serving waits until all of the primary's pods are of a version.
func (s *rolloutScene) serving(version string) {
	s.Helper()
	s.until(startTimeout, "version "+version+" to serve", func(ctx context.Context) (bool, string, error) {
		v, err := s.primaryVersion(ctx)
		return v == version, fmt.Sprintf("version %q does", v), err
	})
}
