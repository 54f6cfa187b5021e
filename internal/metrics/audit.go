// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/naming"
)

// AuditSinks tells of the audit logs that are written to.
type AuditSinks interface {
	States() []audit.State
}

// The gauges of audit logs. A head that was scraped is kept by Prometheus, out of reach of whoever can write to the log.
var (
	auditUp   = prometheus.NewDesc(naming.MetricAuditUp, "1 while the last attempt to use the audit log succeeded, 0 while it did not.", []string{"url", "cluster"}, nil)
	auditHead = prometheus.NewDesc(naming.MetricAuditHead, "The number of the last entry of the audit log, with the start of its hash.", []string{"url", "cluster", "hash"}, nil)
)

func (c *Collector) collectAudit(ch chan<- prometheus.Metric) {
	for _, s := range c.Sinks.States() {
		url, _, _ := strings.Cut(s.Sink.URL, "?")
		up := 1.0
		if s.Err != nil {
			up = 0
		}
		send(ch, auditUp, prometheus.GaugeValue, up, url, s.Sink.Cluster)
		if s.Head.Sequence > 0 {
			_, hash, _ := strings.Cut(s.Head.String(), ":")
			send(ch, auditHead, prometheus.GaugeValue, float64(s.Head.Sequence), url, s.Sink.Cluster, hash)
		}
	}
}
