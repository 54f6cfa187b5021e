// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
)

// metrics are what Prometheus is told. What the queue holds is read from its database at each scrape, so that all replicas
// say the same, and a restart loses nothing.
type metrics struct {
	registry *prometheus.Registry
	errors   *prometheus.CounterVec
	health   interface {
		Health(context.Context) (db.Health, error)
	}
	log *slog.Logger

	items, unread, oldest, answers, budget, published, unpublished, lastRead *prometheus.Desc
}

// Tasks whose failures are counted.
const (
	taskConfig  = "config"
	taskIngest  = "ingest"
	taskPublish = "publish"
	taskRetain  = "retain"
)

// healthTimeout bounds what a scrape waits for the database.
const healthTimeout = 5 * time.Second

func newMetrics(queue string, database *db.DB, log *slog.Logger) *metrics {
	labels := prometheus.Labels{"queue": queue}
	desc := func(name, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, variable, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(), health: database, log: log,
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: naming.MetricQueueErrors, Help: "What failed and is tried again, by what was done.", ConstLabels: labels,
		}, []string{"task"}),
		items:       desc(naming.MetricQueueItems, "Items by monitor, origin and state.", "monitor", "origin", "state"),
		unread:      desc(naming.MetricQueueUnread, "Pending items that nobody has looked at yet.", "monitor", "origin"),
		oldest:      desc(naming.MetricQueueOldestPending, "When the oldest pending item came, in Unix seconds."),
		answers:     desc(naming.MetricQueueAnswers, "What people said, by kind.", "kind"),
		budget:      desc(naming.MetricQueueBudgetLeft, "How many items may still be first offered today."),
		published:   desc(naming.MetricQueuePublished, "Labels that are in the store."),
		unpublished: desc(naming.MetricQueueUnpublished, "Labels that wait to be written to the store."),
		lastRead:    desc(naming.MetricQueueLastRead, "When a file of the store was last read, in Unix seconds."),
	}
	for _, task := range []string{taskConfig, taskIngest, taskPublish, taskRetain} {
		m.errors.WithLabelValues(task) // A counter that is not there cannot rise.
	}
	m.registry.MustRegister(m, m.errors)
	return m
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.items, m.unread, m.oldest, m.answers, m.budget, m.published, m.unpublished, m.lastRead} {
		to <- d
	}
}

// Collect implements prometheus.Collector. While the database does not answer, what it would say is absent.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	h, err := m.health.Health(ctx)
	if err != nil {
		m.log.Warn("the health of the queue cannot be read", "error", err)
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	type kind struct {
		monitor string
		origin  review.Origin
		state   review.State
	}
	items := map[kind]int64{}
	for _, c := range h.Items {
		items[kind{c.Monitor, c.Origin, c.State}] += c.Items
		if c.Unread {
			gauge(m.unread, float64(c.Items), c.Monitor, string(c.Origin))
		}
	}
	for k, n := range items {
		gauge(m.items, float64(n), k.monitor, string(k.origin), string(k.state))
	}
	for kind, n := range h.Answers {
		counter(m.answers, n, kind)
	}
	if !h.OldestPending.IsZero() {
		gauge(m.oldest, float64(h.OldestPending.UnixMilli())/1000)
	}
	if h.BudgetLeft >= 0 {
		gauge(m.budget, float64(h.BudgetLeft))
	}
	counter(m.published, h.Published)
	gauge(m.unpublished, float64(h.Unpublished))
	if !h.LastRead.IsZero() {
		gauge(m.lastRead, float64(h.LastRead.UnixMilli())/1000)
	}
}
