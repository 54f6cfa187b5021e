// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Call is what is counted of an inference call.
type Call struct {
	// Status is that of the answer: 100 to 599.
	Status                      int
	Timeout, Cancelled          bool
	Latency                     time.Duration
	RequestBytes, ResponseBytes int64
}

// traffic are the series that exist for all calls and again for each segment.
type traffic struct {
	requests               [len(codes)]prometheus.Counter
	timeouts, cancelled    prometheus.Counter
	latency                prometheus.Observer
	confidence, entropySum prometheus.Observer
}

func (t *traffic) call(c Call) {
	t.requests[min(max(c.Status/100, 2), 5)-2].Inc()
	if c.Timeout {
		t.timeouts.Inc()
	}
	if c.Cancelled {
		t.cancelled.Inc()
	}
	t.latency.Observe(c.Latency.Seconds())
}

func (t *traffic) prediction(confidence, entropy float64) {
	if !math.IsNaN(confidence) {
		t.confidence.Observe(confidence)
	}
	if !math.IsNaN(entropy) {
		t.entropySum.Observe(entropy)
	}
}

// Bound are the series of one Binding, ready to be counted in without a look-up. It is safe for concurrent use.
type Bound struct {
	binding                                           Binding
	all                                               traffic
	segments                                          []traffic
	requestBytes, responseBytes                       prometheus.Observer
	other, unreachable, instances, profiled, outliers prometheus.Counter
	skipped                                           map[SkipReason]prometheus.Counter
	dropped                                           map[DropReason]prometheus.Counter
	faults                                            map[Fault]prometheus.Counter
	rows, rowsStored, rowsDropped                     map[string]prometheus.Counter
	sinkUp                                            func() prometheus.Gauge
}

func (v *vectors) bind(model string, b Binding) *Bound {
	with := func(more ...string) []string { return append([]string{model, b.Version}, more...) }
	bound := &Bound{
		binding:       b,
		all:           v.traffic(v.requests, v.timeouts, v.cancellations, v.latency, v.confidence, v.entropy, with()),
		requestBytes:  v.requestBytes.WithLabelValues(with()...),
		responseBytes: v.responseBytes.WithLabelValues(with()...),
		other:         v.other.WithLabelValues(with()...),
		unreachable:   v.unreachable.WithLabelValues(with()...),
		instances:     v.instances.WithLabelValues(with()...),
		profiled:      v.profiled.WithLabelValues(with()...),
		outliers:      v.outliers.WithLabelValues(with()...),
		skipped:       each(v.skipped, with, SkipUndecodable, SkipLimit, SkipNoAnswer, SkipDropped),
		dropped:       each(v.dropped, with, DropQueue, DropInternal, DropSpool),
		faults:        each(v.faults, with, FaultConfig, FaultExpression, FaultLabelKey),
		rows:          each(v.rows, with, TierPredictions, TierRecords),
		rowsStored:    each(v.rowsStored, with, TierPredictions, TierRecords),
		rowsDropped:   each(v.rowsDropped, with, TierPredictions, TierRecords, TierProfiles),
		sinkUp:        func() prometheus.Gauge { return v.sinkUp.WithLabelValues(with()...) },
	}
	for _, s := range b.Segments {
		bound.segments = append(bound.segments, v.traffic(v.segmentRequests, v.segmentTimeouts, v.segmentCancellations,
			v.segmentLatency, v.segmentConfidence, v.segmentEntropy, with(s)))
	}
	if b.Revision != "" {
		v.configInfo.WithLabelValues(with(b.Revision)...).Set(1)
	}
	return bound
}

func (v *vectors) traffic(requests, timeouts, cancelled *prometheus.CounterVec, latency *prometheus.HistogramVec,
	confidence, entropy *prometheus.SummaryVec, with []string,
) traffic {
	t := traffic{
		timeouts:   timeouts.WithLabelValues(with...),
		cancelled:  cancelled.WithLabelValues(with...),
		latency:    latency.WithLabelValues(with...),
		confidence: confidence.WithLabelValues(with...),
		entropySum: entropy.WithLabelValues(with...),
	}
	for i, code := range codes {
		t.requests[i] = requests.WithLabelValues(append(slices.Clip(with), code)...)
	}
	return t
}

func each[K ~string](v *prometheus.CounterVec, with func(...string) []string, values ...K) map[K]prometheus.Counter {
	m := make(map[K]prometheus.Counter, len(values))
	for _, k := range values {
		m[k] = v.WithLabelValues(with(string(k))...)
	}
	return m
}

// Other counts a request that is no inference call.
func (b *Bound) Other() { b.other.Inc() }

// Unreachable counts an inference call that the model server never saw.
func (b *Bound) Unreachable() { b.unreachable.Inc() }

// Call counts an inference call.
func (b *Bound) Call(c Call) {
	b.all.call(c)
	b.requestBytes.Observe(float64(c.RequestBytes))
	b.responseBytes.Observe(float64(c.ResponseBytes))
}

// SegmentCall counts an inference call in the segment of that index in the Binding.
func (b *Bound) SegmentCall(segment int, c Call) { b.segments[segment].call(c) }

// Prediction counts the certainty of a prediction, overall and in segments; NaN is not counted.
func (b *Bound) Prediction(segments []int, confidence, entropy float64) {
	b.all.prediction(confidence, entropy)
	for _, s := range segments {
		b.segments[s].prediction(confidence, entropy)
	}
}

// Instances counts predictions.
func (b *Bound) Instances(n int) { b.instances.Add(float64(n)) }

// Profiled counts instances that the profiles cover.
func (b *Bound) Profiled(n int) { b.profiled.Add(float64(n)) }

// Skipped counts instances that they do not.
func (b *Bound) Skipped(r SkipReason, n int) { b.skipped[r].Add(float64(n)) }

// Outlier counts an outlier.
func (b *Bound) Outlier() { b.outliers.Inc() }

// Dropped counts instances that were lost.
func (b *Bound) Dropped(r DropReason, n int) { b.dropped[r].Add(float64(n)) }

// Fault counts something that went wrong.
func (b *Bound) Fault(f Fault) { b.faults[f].Inc() }

// Row counts a row that the writer took.
func (b *Bound) Row(tier string) { b.rows[tier].Inc() }
