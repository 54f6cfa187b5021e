// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestACandidateIsTriedForItsLeastTime(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Analysis.MinDuration = "24h" })
	start := f.now
	f.counted.evidence[candidate] = answers(5000, 0, "")
	for range 2 { // the second time as the clock says that it is due
		f.later(time.Hour)
		f.settle()
		message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonAnalysisRunning)
		if at := start.Add(24 * time.Hour).UTC().Format(time.RFC3339); f.serving() != "model:1" || !strings.Contains(message, at) {
			t.Fatalf("%q serves: %s; want it to name %s", f.serving(), message, at)
		}
	}
	f.later(22 * time.Hour)
	f.settle()
	if f.serving() != "model:2" {
		t.Errorf("after its least time %q serves", f.serving())
	}
}

func TestACandidateMayFailBeforeItsLeastTime(t *testing.T) {
	f := newFixture(t)
	candidate := f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Analysis.MinDuration = "24h" })
	f.counted.evidence[candidate] = answers(5000, 400, "")
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed)
}

func TestATrialThatCannotEndIsRefused(t *testing.T) {
	f := newFixture(t)
	f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Analysis.MinDuration, s.Analysis.Deadline = "3d", "72h" })
	message := f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidCriterion)
	if !strings.Contains(message, "analysis.minDuration is 3d") || !strings.Contains(message, "72h (analysis.deadline)") {
		t.Error(message)
	}
}

func TestTheShorterLimitIsNamed(t *testing.T) {
	f := newFixture(t)
	f.trying(func(s *v1alpha1.ShadowRolloutSpec) { s.Shadow.MaxLifetime, s.Shadow.Replicas = "2h", 1 })
	f.later(2 * time.Hour)
	f.settle()
	message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonDeadlineExceeded)
	if !strings.Contains(message, "within 2h (shadow.maxLifetime)") {
		t.Error(message)
	}
}

func TestAMonitorThatCapturesNothingComparesNothing(t *testing.T) {
	f := newFixture(t)
	f.trying()
	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	m.Spec.Mode = v1alpha1.ModePassThrough
	if err := f.admin.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	f.later(time.Minute)
	f.settle()
	message := f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionUnknown, v1alpha1.ReasonNothingCaptured)
	if !strings.Contains(message, "PassThrough") || f.read(naming.Mirror("fraud"), &corev1.ConfigMap{}) {
		t.Error(message)
	}
}

func TestSidecarsAreToldTheShadowsVersion(t *testing.T) {
	f := newFixture(t)
	f.template(func(p *corev1.PodTemplateSpec) { p.Labels["app.kubernetes.io/version"] = "7" })
	f.create(wrappers.MakeRollout(f.ns, "fraud").Obj())
	f.settle()
	f.push("model:2")
	f.settle()
	document := &corev1.ConfigMap{}
	if !f.read(naming.Mirror("fraud"), document) {
		t.Fatal("there is no document")
	}
	if m, _, err := wire.DecodeMirror([]byte(document.Data[naming.MirrorFile])); err != nil || m.ShadowVersion != "7" {
		t.Errorf("%+v, %v", m, err)
	}
}
