// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// seldom is a counter whose series begins when it first counts: of what few models ever do, in as many series as there
// are segments.
type seldom struct {
	metrics          *Metrics
	vector           *prometheus.CounterVec
	version, segment string
	labels           []string
	counter          atomic.Pointer[prometheus.Counter]
}

// Inc counts. What was bound to a version or a segment that is gone by now begins no series.
func (s *seldom) Inc() { s.Add(1) }

// Add counts n as Inc counts one.
func (s *seldom) Add(n float64) {
	c := s.counter.Load()
	if c == nil {
		if c = s.begin(); c == nil {
			return
		}
	}
	(*c).Add(n)
}

func (s *seldom) begin() *prometheus.Counter {
	s.metrics.mu.Lock()
	defer s.metrics.mu.Unlock()
	now := s.metrics.Current().binding
	if now.Version != s.version || s.segment != "" && !slices.Contains(now.Segments, s.segment) {
		return nil
	}
	c := s.vector.WithLabelValues(s.labels...)
	s.counter.Store(&c)
	return &c
}
