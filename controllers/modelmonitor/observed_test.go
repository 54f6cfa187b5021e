// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"errors"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestDriftIsReported(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.settle()
	cron := &batchv1.CronJob{}
	if err := f.admin.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: "fraud-drift"}, cron); err != nil {
		t.Fatal(err)
	}
	run := func(name string, controller metav1.Object, kind string) {
		j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: name, Labels: cron.Spec.JobTemplate.Labels}, Spec: cron.Spec.JobTemplate.Spec}
		if controller != nil {
			j.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(controller, batchv1.SchemeGroupVersion.WithKind(kind))}
		}
		f.create(j)
		f.finish(name, wire.Verdict{
			VerdictHeader: wire.VerdictHeader{Kind: monitor.KindDrift, Outcome: wire.OutcomeDrift, Rows: 5000, Coverage: 1},
			Thresholds:    []wire.ThresholdVerdict{{Threshold: "drift", Segment: "young", Outcome: wire.OutcomeFail, Value: 0.3}, {Threshold: "drift", Outcome: wire.OutcomePass}},
			Findings:      []wire.Finding{{Segment: "young", Statistic: "psi", Effect: 0.3, Drifted: true}},
		})
	}
	run("forged", nil, "")
	f.settle()
	f.condition(v1alpha1.ConditionDriftDetected, metav1.ConditionUnknown, v1alpha1.ReasonNotRun)

	run("fraud-drift-1", cron, "CronJob")
	m := f.settle()
	f.condition(v1alpha1.ConditionDriftDetected, metav1.ConditionTrue, v1alpha1.ReasonDrifted)
	f.condition(v1alpha1.ConditionWithinThresholds, metav1.ConditionFalse, v1alpha1.ReasonViolated)
	if v := m.Status.Violations; len(v) != 1 || v[0].ThresholdName != "drift" || v[0].Segment != "young" {
		t.Errorf("violations %+v", v)
	}
	var told bool
	for len(f.recorder.Events) > 0 {
		told = strings.Contains(<-f.recorder.Events, "Drifted") || told
	}
	if !told {
		t.Error("no event tells of the drift")
	}
}

func TestThresholdsAreReadFromPrometheus(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 0}, {Threshold: "errors", Segment: "young", Value: 1}}
	m := f.settle()
	f.condition(v1alpha1.ConditionWithinThresholds, metav1.ConditionFalse, v1alpha1.ReasonViolated)
	start := m.Status.Violations[0].StartTime

	f.now = f.now.Add(time.Hour)
	f.prom.err = errors.New("connection refused")
	m = f.settle()
	f.condition(v1alpha1.ConditionWithinThresholds, metav1.ConditionFalse, v1alpha1.ReasonViolated)
	if len(m.Status.Violations) != 1 || !m.Status.Violations[0].StartTime.Equal(&start) {
		t.Errorf("an outage of Prometheus changed the violations to %+v", m.Status.Violations)
	}

	f.prom.err, f.prom.samples = nil, []monitor.Sample{{Threshold: "errors", Segment: "young", Value: 0}}
	m = f.settle()
	f.condition(v1alpha1.ConditionWithinThresholds, metav1.ConditionTrue, v1alpha1.ReasonHealthy)
	if len(m.Status.Violations) != 0 {
		t.Errorf("violations %+v", m.Status.Violations)
	}
	if result := f.reconcile(); result.RequeueAfter == 0 || result.RequeueAfter > pollPeriod {
		t.Errorf("Prometheus is asked again after %v", result.RequeueAfter)
	}
}

func TestTheCircuitBreaker(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	m := f.settle()
	revision := m.Status.Capture.Revision
	pull := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}
	for _, name := range []string{"a", "b", "c"} {
		p := f.pod(name, revision, pull)
		f.now = p.CreationTimestamp.Add(time.Minute) // the trip comes after the pods, which the API server dates
	}
	m = f.settle()
	f.condition(v1alpha1.ConditionInjectionBlocked, metav1.ConditionTrue, v1alpha1.ReasonInjectionTripped)
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonInjectionTripped)
	if m.Status.Capture.TrippedRevision != revision {
		t.Errorf("tripped revision %q, want %q", m.Status.Capture.TrippedRevision, revision)
	}

	m.Annotations = map[string]string{naming.AnnotationRearm: monitor.TripOf(&m.Status).Token()}
	if err := f.admin.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	m = f.settle()
	f.noCondition(v1alpha1.ConditionInjectionBlocked)
	if m.Status.Capture.TrippedRevision != "" || !m.Status.Capture.TrippedTime.IsZero() {
		t.Errorf("tripped revision %q after it was re-armed", m.Status.Capture.TrippedRevision)
	}
}

func TestCountsOfPods(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	revision := f.settle().Status.Capture.Revision
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	f.pod("bare", "", corev1.ContainerState{})
	f.pod("old", "0000000000", running)
	f.pod("new", revision, running)
	c := f.settle().Status.Capture
	if *c.Pods != 3 || *c.InjectedPods != 2 || *c.CurrentPods != 1 {
		t.Errorf("pods %d, injected %d, current %d", *c.Pods, *c.InjectedPods, *c.CurrentPods)
	}
	f.condition(v1alpha1.ConditionCaptureInjected, metav1.ConditionFalse, v1alpha1.ReasonPodsNotInjected)
}
