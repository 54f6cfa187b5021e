// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// list is a reader of fixed lists.
type list struct {
	client.Reader
	monitors []v1alpha1.ModelMonitor
	queues   []v1alpha1.AnnotationQueue
	rollouts []v1alpha1.ShadowRollout
	err      error
}

func (l *list) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	switch into := into.(type) {
	case *v1alpha1.ModelMonitorList:
		into.Items = l.monitors
	case *v1alpha1.AnnotationQueueList:
		into.Items = l.queues
	case *v1alpha1.ShadowRolloutList:
		into.Items = l.rollouts
	}
	return l.err
}

func full() v1alpha1.ModelMonitor {
	m := wrappers.MakeMonitor("payments", "fraud").Dataset("may.parquet").Obj()
	m.CreationTimestamp = metav1.NewTime(time.Unix(1600000000, 0))
	m.Status = v1alpha1.ModelMonitorStatus{
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue}, {Type: v1alpha1.ConditionDriftDetected, Status: metav1.ConditionUnknown}},
		Capture:    v1alpha1.CaptureStatus{Pods: new(int32(3)), InjectedPods: new(int32(2)), CurrentPods: new(int32(1))},
		Outliers:   new(int64(7)),
		Analyses: []v1alpha1.AnalysisStatus{
			{Kind: v1alpha1.AnalysisRunDrift, LastSuccessTime: metav1.NewTime(time.Unix(1700000000, 0)), Thresholds: []v1alpha1.ThresholdVerdict{
				{Name: "psi", Segment: "atl", Outcome: v1alpha1.ThresholdFail, Value: "0.293"},
				{Name: "psi", Segment: "lax", Outcome: v1alpha1.ThresholdPass, Value: "0.007"},
				{Name: "psi", Segment: "bos", Outcome: v1alpha1.ThresholdInconclusive, Value: "9"},
				{Name: "psi", Segment: "atl", Outcome: v1alpha1.ThresholdPass, Value: "0.1"},
			}},
			{Kind: v1alpha1.AnalysisRunCheck},
			{Kind: v1alpha1.AnalysisRunPerformance, Thresholds: []v1alpha1.ThresholdVerdict{
				{Name: "recall", Segment: "all", Outcome: v1alpha1.ThresholdFail, Value: "0.4"},
			}, Performance: []v1alpha1.PerformanceMetric{
				{Segment: "all", Metric: v1alpha1.SignalRecall, Value: "0.4", Low: "0.3", High: "0.5", Samples: new(int64(900))},
				{Segment: "all", Version: "v2", Metric: v1alpha1.SignalRecall, Value: "0.7", Low: "0.6", High: "0.8", Samples: new(int64(400))},
				{Segment: "all", Metric: v1alpha1.SignalRecall, Value: "0.9", Low: "0.9", High: "0.9", Samples: new(int64(1))},
			}},
		},
	}
	return *m
}

const want = `
# HELP vedette_analysis_last_success_timestamp_seconds When a run of the analysis last reached a verdict, or when the monitor was made if none did, in Unix seconds.
# TYPE vedette_analysis_last_success_timestamp_seconds gauge
vedette_analysis_last_success_timestamp_seconds{kind="Compact",monitor="fraud",monitor_namespace="payments"} 1.6e+09
vedette_analysis_last_success_timestamp_seconds{kind="Compact",monitor="new",monitor_namespace="payments"} 1.65e+09
vedette_analysis_last_success_timestamp_seconds{kind="Drift",monitor="fraud",monitor_namespace="payments"} 1.7e+09
vedette_analysis_last_success_timestamp_seconds{kind="Outliers",monitor="fraud",monitor_namespace="payments"} 1.6e+09
vedette_analysis_last_success_timestamp_seconds{kind="Outliers",monitor="new",monitor_namespace="payments"} 1.65e+09
vedette_analysis_last_success_timestamp_seconds{kind="Retention",monitor="fraud",monitor_namespace="payments"} 1.6e+09
vedette_analysis_last_success_timestamp_seconds{kind="Retention",monitor="new",monitor_namespace="payments"} 1.65e+09
# HELP vedette_analysis_outliers Outliers that the last run found.
# TYPE vedette_analysis_outliers gauge
vedette_analysis_outliers{monitor="fraud",monitor_namespace="payments"} 7
# HELP vedette_analysis_threshold_value The value by which the last conclusive run judged the threshold.
# TYPE vedette_analysis_threshold_value gauge
vedette_analysis_threshold_value{monitor="fraud",monitor_namespace="payments",segment="all",threshold="recall"} 0.4
vedette_analysis_threshold_value{monitor="fraud",monitor_namespace="payments",segment="atl",threshold="psi"} 0.293
vedette_analysis_threshold_value{monitor="fraud",monitor_namespace="payments",segment="lax",threshold="psi"} 0.007
# HELP vedette_analysis_threshold_violated 1 where the last conclusive run found the threshold violated, 0 where met.
# TYPE vedette_analysis_threshold_violated gauge
vedette_analysis_threshold_violated{monitor="fraud",monitor_namespace="payments",segment="all",threshold="recall"} 1
vedette_analysis_threshold_violated{monitor="fraud",monitor_namespace="payments",segment="atl",threshold="psi"} 1
vedette_analysis_threshold_violated{monitor="fraud",monitor_namespace="payments",segment="lax",threshold="psi"} 0
# HELP vedette_monitor_capture_pods Pods of the monitor's target by the state of their sidecar.
# TYPE vedette_monitor_capture_pods gauge
vedette_monitor_capture_pods{monitor="fraud",monitor_namespace="payments",state="bare"} 1
vedette_monitor_capture_pods{monitor="fraud",monitor_namespace="payments",state="current"} 1
vedette_monitor_capture_pods{monitor="fraud",monitor_namespace="payments",state="injected"} 2
# HELP vedette_monitor_condition 1 for the present status of a condition of the monitor.
# TYPE vedette_monitor_condition gauge
vedette_monitor_condition{monitor="fraud",monitor_namespace="payments",status="True",type="Ready"} 1
vedette_monitor_condition{monitor="fraud",monitor_namespace="payments",status="Unknown",type="DriftDetected"} 1
# HELP vedette_performance What the last conclusive performance run measured.
# TYPE vedette_performance gauge
vedette_performance{metric="Recall",monitor="fraud",monitor_namespace="payments",segment="all",version=""} 0.4
vedette_performance{metric="Recall",monitor="fraud",monitor_namespace="payments",segment="all",version="v2"} 0.7
# HELP vedette_performance_high The upper bound of its 95 % confidence interval.
# TYPE vedette_performance_high gauge
vedette_performance_high{metric="Recall",monitor="fraud",monitor_namespace="payments",segment="all",version=""} 0.5
vedette_performance_high{metric="Recall",monitor="fraud",monitor_namespace="payments",segment="all",version="v2"} 0.8
# HELP vedette_performance_low The lower bound of its 95 % confidence interval.
# TYPE vedette_performance_low gauge
vedette_performance_low{metric="Recall",monitor="fraud",monitor_namespace="payments",segment="all",version=""} 0.3
vedette_performance_low{metric="Recall",monitor="fraud",monitor_namespace="payments",segment="all",version="v2"} 0.6
# HELP vedette_queue_condition 1 for the present status of a condition of the queue.
# TYPE vedette_queue_condition gauge
vedette_queue_condition{queue="desk",queue_namespace="payments",status="False",type="Ready"} 1
vedette_queue_condition{queue="desk",queue_namespace="payments",status="True",type="Stalled"} 1
`

func TestCollect(t *testing.T) {
	fresh := wrappers.MakeMonitor("payments", "new").Obj()
	fresh.CreationTimestamp = metav1.NewTime(time.Unix(1650000000, 0))
	desk := wrappers.MakeQueue("payments", "desk", "fraud").Obj()
	desk.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse}, {Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue}}
	reader := &list{monitors: []v1alpha1.ModelMonitor{full(), *fresh}, queues: []v1alpha1.AnnotationQueue{*desk}}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&Collector{Reader: reader, Sinks: states{}})
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}

	reader.monitors, reader.queues = nil, nil
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 0 {
		t.Errorf("%d series are left of what is gone: %v", n, err)
	}
	reader.err = errors.New("the cache is not there")
	if _, err := registry.Gather(); err == nil {
		t.Error("a cache that cannot be read looks like a cluster without monitors")
	}
}

func TestOnlyTheLeaderExposes(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	c := &Collector{Reader: &list{monitors: []v1alpha1.ModelMonitor{full()}}, Sinks: states{}, Registry: registry}
	if !c.NeedLeaderElection() {
		t.Error("every replica would expose the gauges")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 0 {
		t.Errorf("%d series after the leader stopped: %v", n, err)
	}
}
