// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

func invalid(m *v1alpha1.ModelMonitor) { m.Spec.Segments[0].When = "f.height < 3.0" }

func passThrough(c *v1alpha1.MonitorClassSpec) { c.Mode = v1alpha1.ModePassThrough }

func onlyOthers(c *v1alpha1.MonitorClassSpec) {
	c.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"others": "true"}}
}

func TestNothingElseKeepsCaptureFromStopping(t *testing.T) {
	for name, tt := range map[string]struct {
		change       func(*fixture)
		wantMode     wire.Mode
		wantReason   string
		wantAnalyses bool
	}{
		"an invalid monitor goes on as it was": {
			change:   func(f *fixture) { f.change(invalid) },
			wantMode: wire.ModeEnforce, wantReason: v1alpha1.ReasonInvalidExpression, wantAnalyses: true,
		},
		"an invalid monitor is told to stop": {
			change: func(f *fixture) {
				f.change(func(m *v1alpha1.ModelMonitor) { invalid(m); m.Spec.Mode = v1alpha1.ModePassThrough })
			},
			wantMode: wire.ModePassThrough, wantReason: v1alpha1.ReasonInvalidExpression,
		},
		"the class of an invalid monitor is": {
			change:   func(f *fixture) { f.change(invalid); f.changeClass(passThrough) },
			wantMode: wire.ModePassThrough, wantReason: v1alpha1.ReasonInvalidExpression,
		},
		"the namespace is no longer allowed": {
			change:   func(f *fixture) { f.changeClass(onlyOthers) },
			wantMode: wire.ModePassThrough, wantReason: v1alpha1.ReasonNamespaceNotAllowed,
		},
		"and the monitor is invalid besides": {
			change:   func(f *fixture) { f.change(invalid); f.changeClass(onlyOthers) },
			wantMode: wire.ModePassThrough, wantReason: v1alpha1.ReasonInvalidExpression,
		},
		"the class is gone": {
			change:   func(f *fixture) { f.change(func(m *v1alpha1.ModelMonitor) { m.Spec.ClassName = "gone" }) },
			wantMode: wire.ModePassThrough, wantReason: v1alpha1.ReasonClassNotFound,
		},
		"it cannot be told which APIs there are": {
			change:   func(f *fixture) { f.changeClass(passThrough); f.apis.err = errors.New("refused") },
			wantMode: wire.ModePassThrough, wantReason: v1alpha1.ReasonProgressingWithRetry, wantAnalyses: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.create(f.fraud().Obj())
			f.settle()
			tt.change(f)
			if _, err := f.Reconcile(t.Context(), f.get()); !errors.Is(err, f.apis.err) {
				t.Fatal(err)
			}
			if got := f.config().Mode; got != tt.wantMode {
				t.Errorf("the configuration says %s, want %s", got, tt.wantMode)
			}
			if got := slices.Contains(names(f.children()), "fraud-outliers"); got != tt.wantAnalyses {
				t.Errorf("there are scheduled analyses: %v, want %v", got, tt.wantAnalyses)
			}
			for _, c := range f.get().Status.Conditions {
				if c.Type == v1alpha1.ConditionReady && c.Reason != tt.wantReason {
					t.Errorf("Ready is %s (%s), want %s", c.Reason, c.Message, tt.wantReason)
				}
			}
		})
	}
}

func TestCaptureThatWasStoppedStartsAgain(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.settle()
	f.changeClass(onlyOthers)
	if m := f.settle(); m.Status.Mode != v1alpha1.ModePassThrough || m.Status.ConfigRevision != f.config().Revision {
		t.Errorf("status %+v does not tell that nothing is captured", m.Status)
	}
	f.changeClass(func(c *v1alpha1.MonitorClassSpec) { c.AllowedNamespaces = nil })
	f.settle()
	if got := f.config(); got.Mode != wire.ModeEnforce || len(got.Segments) != 1 {
		t.Errorf("the configuration is %+v", got)
	}
	if got := names(f.children()); !slices.Contains(got, "fraud-outliers") {
		t.Errorf("children %v", got)
	}
}

func TestWhatIsNoLongerLookedAtIsUnknown(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.pod("fraud-1", "", corev1.ContainerState{})
	f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 1}}
	m := f.settle()
	if m.Status.Capture.Pods == nil || *m.Status.Capture.Pods != 1 || len(m.Status.Violations) != 1 {
		t.Fatalf("status %+v", m.Status)
	}

	if err := f.admin.Delete(t.Context(), wrappers.MakeDeployment(f.ns, "fraud", nil)); err != nil {
		t.Fatal(err)
	}
	if m = f.settle(); m.Status.Capture != (v1alpha1.CaptureStatus{}) {
		t.Errorf("without a target, %+v is counted", m.Status.Capture)
	}

	f.change(func(m *v1alpha1.ModelMonitor) { m.Spec.ClassName = "gone" })
	m = f.settle()
	for _, kind := range []string{v1alpha1.ConditionCaptureInjected, v1alpha1.ConditionWithinThresholds, v1alpha1.ConditionStoreReachable, v1alpha1.ConditionDriftDetected} {
		f.condition(kind, metav1.ConditionUnknown, v1alpha1.ReasonClassNotFound)
	}
	if len(m.Status.Violations) > 0 {
		t.Errorf("violations %+v", m.Status.Violations)
	}
}
