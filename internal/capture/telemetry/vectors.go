// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/vedette-dev/vedette/internal/naming"
)

// vectors are all metrics, with the labels that they have in common with none bound.
type vectors struct {
	requests, timeouts, cancellations                      *prometheus.CounterVec
	segmentRequests, segmentTimeouts, segmentCancellations *prometheus.CounterVec
	latency, segmentLatency                                *prometheus.HistogramVec
	confidence, entropy                                    *prometheus.SummaryVec
	segmentConfidence, segmentEntropy                      *prometheus.SummaryVec
	requestBytes, responseBytes                            *prometheus.SummaryVec
	other, unreachable, instances, profiled                *prometheus.CounterVec
	outliers, segmentOutliers                              *prometheus.CounterVec
	skipped, dropped, faults                               *prometheus.CounterVec
	rows, rowsStored, rowsDropped                          *prometheus.CounterVec
	sinkUp, configInfo                                     *prometheus.GaugeVec
}

func labels(more ...string) []string { return append([]string{"model", "version"}, more...) }

func counter(name, help string, more ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels(more...))
}

func summary(name, help string, more ...string) *prometheus.SummaryVec {
	return prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: name, Help: help}, labels(more...))
}

func gauge(name, help string, more ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels(more...))
}

func newVectors() vectors {
	return vectors{
		requests:             counter(naming.MetricRequests, "Inference calls by class of status code.", "code"),
		timeouts:             counter(naming.MetricTimeouts, "Inference calls that ended in 408 or 504."),
		cancellations:        counter(naming.MetricCancellations, "Inference calls that the client gave up."),
		confidence:           summary(naming.MetricConfidence, "Confidence of predictions."),
		entropy:              summary(naming.MetricEntropy, "Normalised entropy of predictions."),
		segmentRequests:      counter(naming.MetricSegmentRequests, "Inference calls with an instance in the segment, by class of status code.", "segment", "code"),
		segmentTimeouts:      counter(naming.MetricSegmentTimeouts, "Inference calls with an instance in the segment that ended in 408 or 504.", "segment"),
		segmentCancellations: counter(naming.MetricSegmentCancellations, "Inference calls with an instance in the segment that the client gave up.", "segment"),
		segmentConfidence:    summary(naming.MetricSegmentConfidence, "Confidence of predictions in the segment.", "segment"),
		segmentEntropy:       summary(naming.MetricSegmentEntropy, "Normalised entropy of predictions in the segment.", "segment"),
		requestBytes:         summary(naming.MetricRequestBytes, "Sizes of request bodies of inference calls."),
		responseBytes:        summary(naming.MetricResponseBytes, "Sizes of response bodies of inference calls."),
		other:                counter(naming.MetricOtherRequests, "Requests that are no inference calls, or came while nothing was captured."),
		unreachable:          counter(naming.MetricUnreachable, "Inference calls for which the model server could not be reached."),
		instances:            counter(naming.MetricInstances, "Predictions in inference calls."),
		profiled:             counter(naming.MetricProfiled, "Instances that the profiles cover."),
		outliers:             counter(naming.MetricOutliers, "Instances that are outliers, by the class of the worst reason.", "reason"),
		segmentOutliers:      counter(naming.MetricSegmentOutliers, "Instances in the segment that are outliers.", "segment"),
		skipped:              counter(naming.MetricProfileSkipped, "Instances that the profiles do not cover.", "reason"),
		dropped:              counter(naming.MetricDropped, "Instances that were lost.", "reason"),
		faults:               counter(naming.MetricCaptureErrors, "What went wrong beside the loss of instances.", "reason"),
		rows:                 counter(naming.MetricRows, "Rows handed to the writer.", "tier"),
		rowsStored:           counter(naming.MetricRowsStored, "Rows in files that were uploaded.", "tier"),
		rowsDropped:          counter(naming.MetricRowsDropped, "Rows handed to the writer that were lost on their way to the store.", "tier"),
		sinkUp:               gauge(naming.MetricSinkUp, "1 while the last upload succeeded, 0 after one failed."),
		configInfo:           gauge(naming.MetricConfigInfo, "1, with the revision of the configuration in force, and the baseline that outliers are scored against.", "revision", "baseline"),
	}
}

// vector is what all kinds of vectors have in common.
type vector interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

func (v *vectors) perSegment() []vector {
	return []vector{
		v.segmentRequests, v.segmentTimeouts, v.segmentCancellations, v.segmentLatency, v.segmentConfidence, v.segmentEntropy,
		v.segmentOutliers,
	}
}

func (v *vectors) all() []vector {
	return append(append(v.perSegment(), v.fixed()...), v.latency)
}

// fixed are all but the histograms and the segments' vectors.
func (v *vectors) fixed() []vector {
	return []vector{
		v.requests, v.timeouts, v.cancellations, v.confidence, v.entropy,
		v.requestBytes, v.responseBytes, v.other, v.unreachable, v.instances, v.profiled, v.outliers,
		v.skipped, v.dropped, v.faults, v.rows, v.rowsStored, v.rowsDropped, v.sinkUp, v.configInfo,
	}
}

func (v *vectors) register(r *prometheus.Registry) {
	for _, c := range v.fixed() {
		r.MustRegister(c)
	}
	for _, c := range []vector{v.segmentRequests, v.segmentTimeouts, v.segmentCancellations, v.segmentConfidence, v.segmentEntropy, v.segmentOutliers} {
		r.MustRegister(c)
	}
}

// histograms replaces both histograms by new ones.
func (v *vectors) histograms(buckets []float64) []prometheus.Collector {
	histogram := func(name, help string, more ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels(more...))
	}
	v.latency = histogram(naming.MetricLatency, "Seconds from the head of the request to the end of the answer.")
	v.segmentLatency = histogram(naming.MetricSegmentLatency, "Seconds from the head of the request to the end of the answer, of calls with an instance in the segment.", "segment")
	return []prometheus.Collector{v.latency, v.segmentLatency}
}
