// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vedette-dev/vedette/internal/outlier"
)

// Call is what is counted of an inference call.
type Call struct {
	// Status is that of the answer: 100 to 599.
	Status                      int
	Timeout, Cancelled          bool
	Latency                     time.Duration
	RequestBytes, ResponseBytes int64
}

// incrementer is a counter, or one that begins when it first counts.
type incrementer interface{ Inc() }

// adder is the same.
type adder interface {
	Inc()
	Add(n float64)
}

// traffic are the series that exist for all calls and again for each segment.
type traffic struct {
	requests               [len(codes)]incrementer
	timeouts, cancelled    incrementer
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
	binding                                 Binding
	all                                     traffic
	segments                                []traffic
	requestBytes, responseBytes             prometheus.Observer
	other, unreachable, instances, profiled prometheus.Counter
	outliers                                map[outlier.Class]prometheus.Counter
	segmentOutliers                         []prometheus.Counter
	skipped                                 map[SkipReason]prometheus.Counter
	dropped                                 map[DropReason]prometheus.Counter
	faults                                  map[Fault]prometheus.Counter
	mirrorFaults                            *seldom
	rows, rowsStored, rowsDropped           map[string]adder
	sinkUp                                  func() prometheus.Gauge
}

func (m *Metrics) bind(b Binding) *Bound {
	v := &m.vectors
	with := func(more ...string) []string { return append([]string{m.model, b.Version}, more...) }
	later := func(c *prometheus.CounterVec, segment string, labels ...string) *seldom {
		return &seldom{metrics: m, vector: c, version: b.Version, segment: segment, labels: with(labels...)}
	}
	bound := &Bound{
		binding:       b,
		all:           v.traffic(v.requests, v.timeouts, v.latency, v.confidence, v.entropy, with()),
		requestBytes:  v.requestBytes.WithLabelValues(with()...),
		responseBytes: v.responseBytes.WithLabelValues(with()...),
		other:         v.other.WithLabelValues(with()...),
		unreachable:   v.unreachable.WithLabelValues(with()...),
		instances:     v.instances.WithLabelValues(with()...),
		profiled:      v.profiled.WithLabelValues(with()...),
		outliers:      each(v.outliers, with, outlier.Classes[:]...),
		skipped:       each(v.skipped, with, SkipUndecodable, SkipLimit, SkipNoAnswer, SkipDropped),
		dropped:       each(v.dropped, with, DropQueue, DropInternal, DropSpool),
		faults:        each(v.faults, with, FaultConfig, FaultExpression, FaultLabelKey),
		mirrorFaults:  later(v.faults, "", string(FaultMirror)),
		rows:          tiers(v.rows, with, TierPredictions, TierRecords),
		rowsStored:    tiers(v.rowsStored, with, TierPredictions, TierRecords),
		rowsDropped:   tiers(v.rowsDropped, with, TierPredictions, TierRecords, TierProfiles),
		sinkUp:        func() prometheus.Gauge { return v.sinkUp.WithLabelValues(with()...) },
	}
	bound.rows[TierPairs] = later(v.rows, "", TierPairs)
	bound.rowsStored[TierPairs] = later(v.rowsStored, "", TierPairs)
	bound.rowsDropped[TierPairs] = later(v.rowsDropped, "", TierPairs)
	bound.all.requests[redirects] = later(v.requests, "", codes[redirects])
	bound.all.cancelled = v.cancellations.WithLabelValues(with()...)
	for _, s := range b.Segments {
		t := v.traffic(v.segmentRequests, v.segmentTimeouts, v.segmentLatency, v.segmentConfidence, v.segmentEntropy, with(s))
		t.requests[redirects] = later(v.segmentRequests, s, s, codes[redirects])
		t.cancelled = later(v.segmentCancellations, s, s)
		bound.segments = append(bound.segments, t)
		bound.segmentOutliers = append(bound.segmentOutliers, v.segmentOutliers.WithLabelValues(with(s)...))
	}
	return bound
}

// traffic are the series that are there from the beginning: all but redirects and cancellations.
func (v *vectors) traffic(requests, timeouts *prometheus.CounterVec, latency *prometheus.HistogramVec,
	confidence, entropy *prometheus.SummaryVec, with []string,
) traffic {
	t := traffic{
		timeouts:   timeouts.WithLabelValues(with...),
		latency:    latency.WithLabelValues(with...),
		confidence: confidence.WithLabelValues(with...),
		entropySum: entropy.WithLabelValues(with...),
	}
	for i, code := range codes {
		if i == redirects {
			continue
		}
		t.requests[i] = requests.WithLabelValues(append(slices.Clip(with), code)...)
	}
	return t
}

func tiers(v *prometheus.CounterVec, with func(...string) []string, names ...string) map[string]adder {
	m := map[string]adder{}
	for _, name := range names {
		m[name] = v.WithLabelValues(with(name)...)
	}
	return m
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

// Outlier counts an outlier, by the class of its reason, and in segments.
func (b *Bound) Outlier(segments []int, class outlier.Class) {
	if c, ok := b.outliers[class]; ok {
		c.Inc()
	}
	for _, s := range segments {
		b.segmentOutliers[s].Inc()
	}
}

// Dropped counts instances that were lost.
func (b *Bound) Dropped(r DropReason, n int) { b.dropped[r].Add(float64(n)) }

// Fault counts something that went wrong.
func (b *Bound) Fault(f Fault) {
	if f == FaultMirror {
		b.mirrorFaults.Inc()
		return
	}
	b.faults[f].Inc()
}

// Row counts a row that the writer took.
func (b *Bound) Row(tier string) { b.rows[tier].Inc() }
