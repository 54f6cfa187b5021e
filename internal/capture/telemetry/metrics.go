// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/vedette-dev/vedette/internal/naming"
)

// SkipReason is why profiles do not cover an instance.
type SkipReason string

// The reasons to skip.
const (
	// SkipUndecodable: request or answer could not be read.
	SkipUndecodable SkipReason = "undecodable"
	// SkipLimit: a body was longer than the limit, the call had too many instances, or the profiles had no memory left.
	SkipLimit SkipReason = "limit"
	// SkipNoAnswer: the call ended without a prediction (error, timeout, cancellation).
	SkipNoAnswer SkipReason = "no_answer"
	// SkipDropped: the call was lost before it was decoded.
	SkipDropped SkipReason = "dropped"
)

// DropReason is why an instance was lost.
type DropReason string

// The reasons to drop.
const (
	// DropQueue: what waits to be decoded had reached its bound.
	DropQueue DropReason = "queue"
	// DropInternal: a fault of ours, which is logged.
	DropInternal DropReason = "internal"
	// DropSpool: its row was lost because the spool was full or could not be written.
	DropSpool DropReason = "spool"
)

// Fault is something that went wrong beside the loss of instances.
type Fault string

// The faults.
const (
	// FaultConfig: a document that could not be used; the previous one holds.
	FaultConfig Fault = "config"
	// FaultExpression: a segment or rule that could not be evaluated for an instance.
	FaultExpression Fault = "expression"
	// FaultLabelKey: a label key that was not written: it is too long, or the key to hash it with is missing.
	FaultLabelKey Fault = "label_key"
	// FaultMirror: a fault of ours in mirroring, which is logged. It begins when it first counts.
	FaultMirror Fault = "mirror"
)

// The tiers whose rows are counted.
const (
	TierPredictions = "predictions"
	TierRecords     = "records"
	TierProfiles    = "profiles"
	// TierPairs begins when it first counts.
	TierPairs = "pairs"
)

var codes = [...]string{"2xx", "3xx", "4xx", "5xx"}

// redirects is the index of their code.
const redirects = 1

// defaultBuckets are used until a configuration says otherwise.
var defaultBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1}

// maxBuckets bounds what a configuration can ask for.
const maxBuckets = 16

// Metrics is the registry of one sidecar.
type Metrics struct {
	registry *prometheus.Registry
	model    string
	vectors  vectors

	mu      sync.Mutex // serialises Bind and BindPairs
	buckets []float64
	pairs   pairSeries
	current atomic.Pointer[Bound]
}

// Gauges are read when the metrics are scraped.
type Gauges struct {
	// InFlight is the number of requests that are being served.
	InFlight func() float64
	// SpoolBytes is what waits for upload.
	SpoolBytes func() float64
}

// Binding is what the series depend on. It changes with the configuration and with the pod's labels.
type Binding struct {
	Version  string
	Segments []string
	// Buckets are the finite upper bounds of the latency histograms, in seconds, ascending; empty for the default.
	Buckets []float64
	// Revision is that of the configuration in force; empty without one.
	Revision string
	// Baseline is the digest of the summary that outliers are scored against; empty without one.
	Baseline string
}

// New makes the metrics of a sidecar of the monitor model.
func New(model string, g Gauges) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), model: model, buckets: defaultBuckets}
	m.vectors = newVectors()
	m.vectors.register(m.registry)
	for _, h := range m.vectors.histograms(m.buckets) {
		m.registry.MustRegister(h)
	}
	m.registry.MustRegister(&gauges{m: m, Gauges: g})
	m.Bind(Binding{Version: "unknown"})
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Gatherer gives access to the series, for tests.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Version is the version that the series carry now.
func (m *Metrics) Version() string { return m.Current().binding.Version }

// Current is what the last Bind returned.
func (m *Metrics) Current() *Bound { return m.current.Load() }

// Bind makes the series of b and removes those that b has no more. Series that stay keep their counts; new buckets
// start the histograms anew.
func (m *Metrics) Bind(b Binding) *Bound {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(b.Buckets) == 0 {
		b.Buckets = defaultBuckets
	}
	b.Buckets = b.Buckets[:min(len(b.Buckets), maxBuckets)]
	if !slices.Equal(b.Buckets, m.buckets) {
		m.registry.Unregister(m.vectors.latency)
		m.registry.Unregister(m.vectors.segmentLatency)
		for _, h := range m.vectors.histograms(b.Buckets) {
			m.registry.MustRegister(h)
		}
		m.buckets = slices.Clone(b.Buckets)
	}
	if old := m.current.Load(); old != nil {
		m.forget(old, b)
	}
	bound := m.bind(b)
	m.current.Store(bound)
	return bound
}

// InForce shows the configuration of the last Bind, if it has a revision. Who reads it counts on what it says for the next request:
// it is to be called once that holds.
func (m *Metrics) InForce() {
	if b := m.Current().binding; b.Revision != "" {
		m.vectors.configInfo.WithLabelValues(m.model, b.Version, b.Revision, b.Baseline).Set(1)
	}
}

// forget deletes the series of old that next does not have.
func (m *Metrics) forget(old *Bound, next Binding) {
	v := &m.vectors
	if old.binding.Revision != next.Revision || old.binding.Baseline != next.Baseline {
		v.configInfo.Reset()
	}
	if old.binding.Version != next.Version {
		gone := prometheus.Labels{"version": old.binding.Version}
		for _, d := range v.all() {
			d.DeletePartialMatch(gone)
		}
		return
	}
	for _, s := range old.binding.Segments {
		if !slices.Contains(next.Segments, s) {
			for _, d := range v.perSegment() {
				d.DeletePartialMatch(prometheus.Labels{"segment": s})
			}
		}
	}
}

// gauges reads those values that others own.
type gauges struct {
	Gauges
	m *Metrics
}

// Describe describes nothing: the labels change with the version.
func (g *gauges) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	labels := prometheus.Labels{"model": g.m.model, "version": g.m.Version()}
	emit := func(name, help string, v float64) {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), prometheus.GaugeValue, v)
	}
	emit(naming.MetricInFlight, "Requests in flight.", g.InFlight())
	emit(naming.MetricSpoolBytes, "Bytes that wait for upload.", g.SpoolBytes())
}
