// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// first is the version of the sample.
const first = "2001-01"

// TestAGoodVersionTakesOver tries a version of the same weights beside the one that serves, under load, and sees it take over and
// hold. All the while, what is in Git is synced again and again.
func TestAGoodVersionTakesOver(t *testing.T) {
	t.Parallel()
	s := newRolloutScene(t, "takeover", func(s *rolloutScene) {
		s.rollout.Spec.Analysis.MinSamples, s.rollout.Spec.Bake.Duration = 1000, "20s"
	})
	s.serving(first)
	s.drive(60)
	s.resync("before the trial")
	s.try("2001-02")
	s.waitStatus(reconcileTimeout, "a trial", started)
	s.resync("while the shadow starts")
	s.waitStatus(verdictTimeout, "evidence", compared)
	s.resync("in the analysis")
	s.waitRollout(verdictTimeout, v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonRollingOut)
	s.resync("while the primary rolls out")
	s.serving("2001-02")
	s.waitStatus(startTimeout, "a bake", baking)
	s.resync("in the bake")
	s.waitRollout(verdictTimeout, v1alpha1.ConditionBaking, metav1.ConditionFalse, v1alpha1.ReasonSucceeded)
	s.resync("after the bake")
	s.rest()
	s.promotedOnce()
	s.untouched()
	s.inSync()
}

// TestABadVersionIsRejected tries three bad versions, one after the other: each is rejected for what is wrong with it, and the one that
// serves goes on.
func TestABadVersionIsRejected(t *testing.T) {
	t.Parallel()
	s := newRolloutScene(t, "rejected")
	s.drive(60)
	s.try("wrong", "--wrong=ATL")
	s.waitRollout(verdictTimeout, v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed, "same in segment atl")
	s.try("failing", "--fail=5")
	s.waitRollout(verdictTimeout, v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed, "errors")
	s.try("slow", "--delay=200ms")
	s.waitRollout(verdictTimeout, v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed, "median")
	s.rest()
	s.serving(first)
}

// TestWithoutEvidenceNothingHappens tries a version that gets no traffic until its deadline, and one whose evidence cannot be read for a
// while.
func TestWithoutEvidenceNothingHappens(t *testing.T) {
	t.Parallel()
	s := newRolloutScene(t, "unseen", func(s *rolloutScene) { s.rollout.Spec.Analysis.Deadline = "1m" })
	s.try("unasked")
	s.waitRollout(verdictTimeout, v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonDeadlineExceeded, "no request was compared")
	s.serving(first)

	s.rollout.Spec.Analysis.Deadline, s.rollout.Spec.Analysis.ErrorLimit = "1d", 2
	s.sync()
	back := s.scene.stop(s.prometheus)
	s.drive(60)
	s.try("2001-02")
	s.waitRollout(verdictTimeout, v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonMetricsUnavailable)
	s.serving(first)
	back()
	s.serving("2001-02")
	s.rest()
}

// TestAdoptingCostsNoRequest takes a Deployment that serves under load over in the two steps that the docs walk through, and gives its
// primary up again.
func TestAdoptingCostsNoRequest(t *testing.T) {
	t.Parallel()
	s := newRolloutScene(t, "adopt", func(s *rolloutScene) {
		s.deployment.Spec.Replicas = new(int32(2))
	})
	s.drive(100)
	s.waitRollout(startTimeout, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonTemplateServes, "replicas: 0")
	s.scale(0)
	s.waitRollout(startTimeout, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)

	// A rollout that is deleted leaves its primary.
	s.deleteRollout()
	s.rest()
	s.serving(first)
	s.untouched()
}

// TestTheWayBackCostsNoRequest gives a model that a rollout serves back to its Deployment, as the docs walk through.
func TestTheWayBackCostsNoRequest(t *testing.T) {
	t.Parallel()
	s := newRolloutScene(t, "wayback")
	s.drive(100)
	s.scale(2)
	s.ready(2)
	s.rollout.Spec.DeletionPolicy = v1alpha1.DeletionPolicyDelete
	s.sync()
	s.waitRollout(startTimeout, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonTemplateServes)
	s.until(reconcileTimeout, "the primary to go with its rollout", func(ctx context.Context) (bool, string, error) {
		d := new(appsv1.Deployment)
		err := cluster.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: naming.Primary(modelName)}, d)
		return metav1.GetControllerOf(d) != nil, "it belongs to nobody", err
	})
	s.deleteRollout()
	s.until(startTimeout, "the primary to be gone", func(ctx context.Context) (bool, string, error) {
		var pods corev1.PodList
		err := cluster.List(ctx, &pods, client.InNamespace(s.namespace), client.MatchingLabels{naming.LabelRollout: modelName})
		return len(pods.Items) == 0, fmt.Sprintf("there are %d pods", len(pods.Items)), err
	})
	s.rest()
	s.untouched()
}

// deleteRollout deletes the rollout in the foreground, as Argo CD does when it prunes, and waits until it is gone.
func (s *rolloutScene) deleteRollout() {
	s.Helper()
	if err := cluster.Client.Delete(s.Context(), s.rollout, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		s.Fatal(err)
	}
	s.until(startTimeout, "the rollout to be gone", func(ctx context.Context) (bool, string, error) {
		_, err := s.read(ctx)
		return apierrors.IsNotFound(err), "it is there", client.IgnoreNotFound(err)
	})
}

// ready waits until so many of the template's own pods are.
func (s *rolloutScene) ready(replicas int32) {
	s.Helper()
	s.until(startTimeout, "the template's pods to be ready", func(ctx context.Context) (bool, string, error) {
		var d appsv1.Deployment
		err := cluster.Get(ctx, client.ObjectKeyFromObject(s.deployment), &d)
		return d.Status.AvailableReplicas == replicas, fmt.Sprintf("%d are", d.Status.AvailableReplicas), err
	})
}

// scale gives the template's Deployment so many pods of its own, and waits until it has them.
func (s *rolloutScene) scale(replicas int32) {
	s.Helper()
	s.deployment.Spec.Replicas = &replicas
	s.sync()
	s.until(startTimeout, "the template's pods", func(ctx context.Context) (bool, string, error) {
		var d appsv1.Deployment
		err := cluster.Get(ctx, client.ObjectKeyFromObject(s.deployment), &d)
		return d.Status.Replicas == replicas, fmt.Sprintf("there are %d", d.Status.Replicas), err
	})
}

// resync applies what is in Git and applied already, and fails if that changes anything.
func (s *rolloutScene) resync(when string) {
	s.Helper()
	before := s.asApplied(s.manifests())
	s.sync()
	if diff := cmp.Diff(before, s.asApplied(s.manifests())); diff != "" {
		s.Errorf("a sync %s changes something (-before +after):\n%s", when, diff)
	}
}

// promotedOnce fails unless one revision came after the first, and the primary was told of it once.
func (s *rolloutScene) promotedOnce() {
	s.Helper()
	var kept appsv1.ControllerRevisionList
	if err := cluster.List(s.Context(), &kept, client.InNamespace(s.namespace), client.MatchingLabels{naming.LabelRollout: modelName}); err != nil {
		s.Fatal(err)
	}
	if told := s.primary().Generation; len(kept.Items) != 2 || told != 2 {
		s.Errorf("there are %d revisions, and the primary is of generation %d, want 2 and 2", len(kept.Items), told)
	}
}

// untouched fails if we have written what is the user's.
func (s *rolloutScene) untouched() {
	s.Helper()
	for _, o := range s.manifests() {
		if o.GetKind() == "Deployment" || o.GetKind() == "Service" {
			s.checkUnwritten(s.T, s.scene.read(o))
		}
	}
}

// inSync fails unless "kubectl diff" of what is in Git is empty.
func (s *rolloutScene) inSync() {
	s.Helper()
	diff, err := cluster.Diff(s.Context(), s.manifests())
	if err != nil {
		s.Fatal(err)
	}
	if diff != "" {
		s.Errorf("kubectl diff is not empty:\n%s", diff)
	}
}
