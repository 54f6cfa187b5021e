// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/outlier"
)

func zero() float64 { return 0 }

func newMetrics() *Metrics { return New("m", Gauges{InFlight: zero, SpoolBytes: zero}) }

// expect compares the series of some metrics with their text form.
func expect(t *testing.T, m *Metrics, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(m.Gatherer(), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestRebindingKeepsWhatStays(t *testing.T) {
	m := newMetrics()
	b := m.Bind(Binding{Version: "1", Segments: []string{"a", "b"}, Revision: "r1"})
	b.Instances(3)
	b.SegmentCall(0, Call{Status: 200})
	b.SegmentCall(1, Call{Status: 503})
	m.Bind(Binding{Version: "1", Segments: []string{"c", "b"}, Revision: "r2"})
	m.InForce()
	b = m.Bind(Binding{Version: "1", Segments: []string{"c", "b"}, Revision: "r2", Baseline: "b2"})
	m.InForce()
	b.Instances(4)
	b.SegmentCall(1, Call{Status: 599})
	expect(t, m, `
# HELP vedette_config_info 1, with the revision of the configuration in force, and the baseline that outliers are scored against.
# TYPE vedette_config_info gauge
vedette_config_info{baseline="b2",model="m",revision="r2",version="1"} 1
# HELP vedette_instances_total Predictions in inference calls.
# TYPE vedette_instances_total counter
vedette_instances_total{model="m",version="1"} 7
# HELP vedette_segment_requests_total Inference calls with an instance in the segment, by class of status code.
# TYPE vedette_segment_requests_total counter
vedette_segment_requests_total{code="2xx",model="m",segment="b",version="1"} 0
vedette_segment_requests_total{code="4xx",model="m",segment="b",version="1"} 0
vedette_segment_requests_total{code="5xx",model="m",segment="b",version="1"} 2
vedette_segment_requests_total{code="2xx",model="m",segment="c",version="1"} 0
vedette_segment_requests_total{code="4xx",model="m",segment="c",version="1"} 0
vedette_segment_requests_total{code="5xx",model="m",segment="c",version="1"} 0
`, naming.MetricConfigInfo, naming.MetricInstances, naming.MetricSegmentRequests)
}

func TestAnotherVersionLeavesNothingBehind(t *testing.T) {
	m := newMetrics()
	m.Bind(Binding{Version: "1", Segments: []string{"a"}, Revision: "r"})
	m.InForce()
	m.Sink(true)
	first, err := testutil.GatherAndCount(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	m.Bind(Binding{Version: "2", Segments: []string{"a"}, Revision: "r"})
	m.InForce()
	m.Sink(true)
	second, err := testutil.GatherAndCount(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Errorf("%d series after %d", second, first)
	}
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(families); strings.Contains(text, `value:"1"`) {
		t.Errorf("the old version is still there: %s", text)
	}
}

// TestASidecarKeepsItsBudget: the number of series is that of the package's documentation.
func TestASidecarKeepsItsBudget(t *testing.T) {
	for segments, want := range map[int]int{0: 55, 5: 150, 32: 663} {
		m := newMetrics()
		b := Binding{Version: "1", Revision: "r"}
		for i := range segments {
			b.Segments = append(b.Segments, fmt.Sprint("s", i))
		}
		bound := m.Bind(b)
		m.InForce()
		m.Sink(true)
		if got := seriesOf(t, m); got != want {
			t.Errorf("%d series with %d segments, want %d", got, segments, want)
		}
		bound.Call(Call{Status: 302})
		for i := range segments {
			bound.SegmentCall(i, Call{Status: 302, Cancelled: true})
		}
		if got := seriesOf(t, m); got != want+1+2*segments {
			t.Errorf("%d series once all have begun, want %d more than %d", got, 1+2*segments, want)
		}
	}
}

// seriesOf counts series as Prometheus does.
func seriesOf(t *testing.T, m *Metrics) (n int) {
	t.Helper()
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			n++
			if s.GetSummary() != nil {
				n++ // sum and count
			}
			if h := s.GetHistogram(); h != nil {
				n += len(h.GetBucket()) + 2 // the buckets, that of infinity, sum and count, less the one above
			}
		}
	}
	return n
}

func TestOutliersByReasonAndSegment(t *testing.T) {
	m := newMetrics()
	b := m.Bind(Binding{Version: "1", Segments: []string{"a", "b"}})
	b.Outlier([]int{0, 1}, outlier.ClassCategory)
	b.Outlier([]int{1}, outlier.ClassRule)
	expect(t, m, `
# HELP vedette_outliers_total Instances that are outliers, by the class of the worst reason.
# TYPE vedette_outliers_total counter
vedette_outliers_total{model="m",reason="category",version="1"} 1
vedette_outliers_total{model="m",reason="distance",version="1"} 0
vedette_outliers_total{model="m",reason="length",version="1"} 0
vedette_outliers_total{model="m",reason="missing",version="1"} 0
vedette_outliers_total{model="m",reason="rule",version="1"} 1
vedette_outliers_total{model="m",reason="schema",version="1"} 0
vedette_outliers_total{model="m",reason="uncertainty",version="1"} 0
# HELP vedette_segment_outliers_total Instances in the segment that are outliers.
# TYPE vedette_segment_outliers_total counter
vedette_segment_outliers_total{model="m",segment="a",version="1"} 1
vedette_segment_outliers_total{model="m",segment="b",version="1"} 2
`, naming.MetricOutliers, naming.MetricSegmentOutliers)
}

// TestWhatBeginsLateEndsInTime: a series that begins when it first counts does not outlive its version or segment, and goes on
// counting across a change that keeps it.
func TestWhatBeginsLateEndsInTime(t *testing.T) {
	m := newMetrics()
	first := m.Bind(Binding{Version: "1", Segments: []string{"a", "b"}})
	second := m.Bind(Binding{Version: "1", Segments: []string{"b"}})
	cancelled := Call{Status: 499, Cancelled: true}
	first.SegmentCall(0, cancelled) // The segment is gone.
	first.SegmentCall(1, cancelled)
	second.SegmentCall(0, cancelled)
	expect(t, m, `
# HELP vedette_segment_cancellations_total Inference calls with an instance in the segment that the client gave up.
# TYPE vedette_segment_cancellations_total counter
vedette_segment_cancellations_total{model="m",segment="b",version="1"} 2
`, naming.MetricSegmentCancellations)
	m.Bind(Binding{Version: "2", Segments: []string{"b"}})
	second.SegmentCall(0, cancelled)
	first.SegmentCall(0, cancelled)
	expect(t, m, "", naming.MetricSegmentCancellations)
}

func TestBuckets(t *testing.T) {
	m := newMetrics()
	m.Bind(Binding{Version: "1", Buckets: []float64{0.5, 2}}).Call(Call{Status: 200, Latency: time.Second})
	// The same buckets again keep the counts.
	m.Bind(Binding{Version: "1", Buckets: []float64{0.5, 2}}).Call(Call{Status: 200, Latency: time.Minute})
	expect(t, m, `
# HELP vedette_request_duration_seconds Seconds from the head of the request to the end of the answer.
# TYPE vedette_request_duration_seconds histogram
vedette_request_duration_seconds_bucket{model="m",version="1",le="0.5"} 0
vedette_request_duration_seconds_bucket{model="m",version="1",le="2"} 1
vedette_request_duration_seconds_bucket{model="m",version="1",le="+Inf"} 2
vedette_request_duration_seconds_sum{model="m",version="1"} 61
vedette_request_duration_seconds_count{model="m",version="1"} 2
`, naming.MetricLatency)
	if n := testutil.CollectAndCount(m.vectors.latency); n != 1 {
		t.Errorf("%d histograms", n)
	}
	m.Bind(Binding{Version: "1", Buckets: make([]float64, 0)})
	if len(m.buckets) != len(defaultBuckets) {
		t.Errorf("buckets %v", m.buckets)
	}
}

func TestUnknownCertaintyIsNotCounted(t *testing.T) {
	m := newMetrics()
	b := m.Bind(Binding{Version: "1"})
	b.Prediction(nil, math.NaN(), math.NaN())
	b.Prediction(nil, 0.75, 0.5)
	expect(t, m, `
# HELP vedette_confidence Confidence of predictions.
# TYPE vedette_confidence summary
vedette_confidence_sum{model="m",version="1"} 0.75
vedette_confidence_count{model="m",version="1"} 1
# HELP vedette_entropy Normalised entropy of predictions.
# TYPE vedette_entropy summary
vedette_entropy_sum{model="m",version="1"} 0.5
vedette_entropy_count{model="m",version="1"} 1
`, naming.MetricConfidence, naming.MetricEntropy)
}

func TestTheSinkIsUnknownBeforeTheFirstUpload(t *testing.T) {
	m := newMetrics()
	if n := testutil.CollectAndCount(m.vectors.sinkUp); n != 0 {
		t.Errorf("%d series", n)
	}
	m.Sink(false)
	expect(t, m, `
# HELP vedette_sink_up 1 while the last upload succeeded, 0 after one failed.
# TYPE vedette_sink_up gauge
vedette_sink_up{model="m",version="unknown"} 0
`, naming.MetricSinkUp)
}

func TestLostRowsAreLostInstancesInOneTier(t *testing.T) {
	m := newMetrics()
	for _, tier := range []string{TierPredictions, TierRecords, TierProfiles} {
		m.Lost(tier, 2)
		m.Stored(tier, 5)
	}
	expect(t, m, `
# HELP vedette_capture_dropped_total Instances that were lost.
# TYPE vedette_capture_dropped_total counter
vedette_capture_dropped_total{model="m",reason="internal",version="unknown"} 0
vedette_capture_dropped_total{model="m",reason="queue",version="unknown"} 0
vedette_capture_dropped_total{model="m",reason="spool",version="unknown"} 2
# HELP vedette_rows_dropped_total Rows handed to the writer that were lost on their way to the store.
# TYPE vedette_rows_dropped_total counter
vedette_rows_dropped_total{model="m",tier="predictions",version="unknown"} 2
vedette_rows_dropped_total{model="m",tier="profiles",version="unknown"} 2
vedette_rows_dropped_total{model="m",tier="records",version="unknown"} 2
# HELP vedette_rows_stored_total Rows in files that were uploaded.
# TYPE vedette_rows_stored_total counter
vedette_rows_stored_total{model="m",tier="predictions",version="unknown"} 5
vedette_rows_stored_total{model="m",tier="records",version="unknown"} 5
`, naming.MetricDropped, naming.MetricRowsDropped, naming.MetricRowsStored)
}

func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	m := newMetrics()
	m.Bind(Binding{Version: "1", Segments: []string{"a"}, Revision: "r"})
	m.InForce()
	problems, err := testutil.GatherAndLint(m.Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
