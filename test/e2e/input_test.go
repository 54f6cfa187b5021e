// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// TestBadInputIsSaid brings monitors that the API server accepts and that cannot work. That the manager comes through
// all of it without a restart is checked when the tests are over.
func TestBadInputIsSaid(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		spoil     func(*scene)
		condition string
		status    metav1.ConditionStatus
		reason    string
		message   []string
	}{
		"no-class": {
			spoil:     func(s *scene) { s.monitor.Spec.ClassName = "nonesuch" },
			condition: v1alpha1.ConditionReady, status: metav1.ConditionFalse, reason: v1alpha1.ReasonClassNotFound,
			message: []string{"nonesuch", "spec.className"},
		},
		"forbidden": {
			spoil: func(s *scene) {
				s.class.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "nobody"}}
			},
			condition: v1alpha1.ConditionReady, status: metav1.ConditionFalse, reason: v1alpha1.ReasonNamespaceNotAllowed,
			message: []string{"team=nobody", "label the namespace"},
		},
		"expression": {
			spoil: func(s *scene) {
				s.monitor.Spec.Segments = []v1alpha1.Segment{{Name: "slow", When: "f.speed > 300.0"}}
			},
			condition: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, reason: v1alpha1.ReasonInvalidExpression, message: []string{"spec.segments[0].when", "speed", "f.distance"},
		},
		"schedule": {
			spoil: func(s *scene) {
				s.monitor.Spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisOutliers, Schedule: "61 3 * * *"}}
			},
			condition: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, reason: v1alpha1.ReasonInvalidSchedule, message: []string{"61"},
		},
		"credentials": {
			spoil: func(s *scene) {
				change(s, &corev1.Secret{ObjectMeta: objectMeta(s.namespace, "vedette-store")}, func(secret *corev1.Secret) {
					secret.Data["AWS_SECRET_ACCESS_KEY"] = []byte("wrong")
				})
			},
			condition: v1alpha1.ConditionStalled, status: metav1.ConditionTrue, reason: v1alpha1.ReasonCredentialsRefused,
			message: []string{"must hold AWS_ACCESS_KEY_ID", "spec.store.credentials"},
		},
		"no-store": {
			spoil:     func(s *scene) { s.class.Spec.Store.URL = storeURL("nowhere." + storeNamespace) },
			condition: v1alpha1.ConditionReady, status: metav1.ConditionFalse, reason: v1alpha1.ReasonStoreUnreachable, message: []string{"spec.store.url"},
		},
		"no-baseline": {
			spoil: func(s *scene) {
				s.monitor.Spec.Baseline.Dataset.URL = "baselines/nonesuch.parquet"
			},
			condition: v1alpha1.ConditionReady, status: metav1.ConditionFalse, reason: v1alpha1.ReasonBaselineMissing,
			message: []string{"baselines/nonesuch.parquet", "upload it"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, name)
			c.spoil(s)
			s.create(s.class, s.monitor)
			s.startModel()
			s.waitCondition(reloadTimeout, c.condition, c.status, c.reason, c.message...)
			s.post(infer)
		})
	}
}

func TestInvalidManifestIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, "refused")
	cases := map[string]struct {
		spoil func(*v1alpha1.ModelMonitorSpec)
		want  string
	}{
		"a threshold over a segment that is not there": {
			spoil: func(spec *v1alpha1.ModelMonitorSpec) {
				spec.Thresholds = []v1alpha1.Threshold{{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.1", Segments: []v1alpha1.ItemName{"moon"}}}
			},
			want: "thresholds[*].segments must name items of segments",
		},
		"a share beyond 100": {
			spoil: func(spec *v1alpha1.ModelMonitorSpec) { spec.Source.Sidecar.Keep.Features = "101" },
			want:  "spec.source.sidecar.keep.features",
		},
		"no target": {
			spoil: func(spec *v1alpha1.ModelMonitorSpec) { spec.Target = v1alpha1.Target{} },
			want:  "spec.target",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := s.monitor.DeepCopy()
			c.spoil(&m.Spec)
			err := cluster.Create(t.Context(), m)
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a refusal that says %q", err, c.want)
			}
		})
	}
}

func removeClass(t *testing.T, class *v1alpha1.MonitorClass) {
	if err := cluster.Client.Delete(context.WithoutCancel(t.Context()), class); err != nil {
		t.Error(err)
	}
}
