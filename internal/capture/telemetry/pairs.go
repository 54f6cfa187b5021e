// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vedette-dev/vedette/internal/naming"
)

// PairBinding is what the series of pairs depend on.
type PairBinding struct {
	Rollout, Candidate, Attempt string
	// Run is when the series began, in Unix seconds. It tells them from those of the same attempt that ended before.
	Run int64
}

// Pairs are the series of one attempt of a candidate. Each begins when it first counts. It is safe for concurrent use, also
// after the series have ended: what is counted then is seen by nobody.
type Pairs struct {
	binding                             PairBinding
	pairs, status, agreement            *prometheus.CounterVec
	sums, squares, differences, latency *prometheus.CounterVec
	crossings, scores                   *prometheus.CounterVec
	share                               prometheus.Gauge
}

// pairSeries are the attempts whose series are shown.
type pairSeries struct {
	current, previous *Pairs
	// until is when those of previous end.
	until time.Time
}

// pairsLinger is how long the series of an attempt are still shown after another took its place, or none did, so that a scrape
// can read the last counts: twice the longest interval of scrapes that is common.
const pairsLinger = 2 * time.Minute

// BindPairs makes the series of b, or goes on with them; nil is for none. Those that were there before go on for a while, or until
// the next change: there are never more than two attempts' series.
func (m *Metrics) BindPairs(b *PairBinding, now time.Time) *Pairs {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.pairs
	of := func(series *Pairs) bool { // whenever they began
		if series == nil || b == nil {
			return false
		}
		binding := series.binding
		binding.Run = b.Run
		return binding == *b
	}
	if of(p.current) || p.current == nil && b == nil {
		return p.current
	}
	old := p.current
	switch {
	case of(p.previous): // back again
		p.current, p.previous = p.previous, nil
	case b != nil:
		p.current = newPairs(m.model, *b)
		m.registry.MustRegister(p.current)
	default:
		p.current = nil
	}
	if old != nil {
		m.endPairs()
		p.previous, p.until = old, now.Add(pairsLinger)
	}
	return p.current
}

// ExpirePairs ends the series of the attempt before when they have been shown long enough.
func (m *Metrics) ExpirePairs(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !now.Before(m.pairs.until) {
		m.endPairs()
	}
}

func (m *Metrics) endPairs() {
	if old := m.pairs.previous; old != nil {
		m.registry.Unregister(old)
		m.pairs.previous = nil
	}
}

func newPairs(model string, b PairBinding) *Pairs {
	constant := prometheus.Labels{
		"model": model, "rollout": b.Rollout, "candidate": b.Candidate, "attempt": b.Attempt, "run": strconv.FormatInt(b.Run, 10),
	}
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: constant}, append([]string{"segment"}, more...))
	}
	return &Pairs{
		binding:     b,
		pairs:       counter(naming.MetricPairs, "Requests that were chosen to be mirrored, by outcome.", "outcome"),
		status:      counter(naming.MetricPairStatus, "Pairs by how each side ended.", "primary", "shadow"),
		agreement:   counter(naming.MetricPairAgreement, "Compared pairs by whether the answers are the same.", "shadow", "replica"),
		sums:        counter(naming.MetricPairDifferenceSum, "Sums of the differences of compared pairs, by their sign.", "of", "direction"),
		squares:     counter(naming.MetricPairDifferenceSquares, "Sums of the squares of the same differences.", "of"),
		differences: counter(naming.MetricPairDifferenceCount, "Numbers of the same differences.", "of"),
		crossings:   counter(naming.MetricPairCrossings, "Compared pairs whose scores lie on different sides of a cut.", "cut", "direction"),
		scores:      counter(naming.MetricPairScores, "Compared pairs both of whose scores are probabilities."),
		latency:     counter(naming.MetricPairLatency, "Latencies of pairs, in 16 buckets an octave of microseconds.", "side", "bucket"),
		share: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: naming.MetricPairReplicaShare, Help: "Share of mirrored requests that the primary is asked a second time.", ConstLabels: constant,
		}),
	}
}

func (p *Pairs) collectors() []prometheus.Collector {
	return []prometheus.Collector{p.pairs, p.status, p.agreement, p.sums, p.squares, p.differences, p.crossings, p.scores, p.latency, p.share}
}

// Describe implements prometheus.Collector.
func (p *Pairs) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range p.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (p *Pairs) Collect(ch chan<- prometheus.Metric) {
	for _, c := range p.collectors() {
		c.Collect(ch)
	}
}

// Outcome counts a pair in a segment. It is counted last: who reads it finds the rest of the pair.
func (p *Pairs) Outcome(segment, outcome string) { p.pairs.WithLabelValues(segment, outcome).Inc() }

// Status counts how both sides ended.
func (p *Pairs) Status(segment, primary, shadow string) {
	p.status.WithLabelValues(segment, primary, shadow).Inc()
}

// Agreement counts a compared pair.
func (p *Pairs) Agreement(segment, shadow, replica string) {
	p.agreement.WithLabelValues(segment, shadow, replica).Inc()
}

// Difference counts a difference, unless it is not known.
func (p *Pairs) Difference(segment, of string, d float64) {
	if math.IsNaN(d) || math.IsInf(d, 0) || math.IsInf(d*d, 0) {
		return
	}
	up, down := p.sums.WithLabelValues(segment, of, "up"), p.sums.WithLabelValues(segment, of, "down")
	if d > 0 {
		up.Add(d)
	} else {
		down.Add(-d)
	}
	p.squares.WithLabelValues(segment, of).Add(d * d)
	p.differences.WithLabelValues(segment, of).Inc()
}

// Scores counts the cuts that lie between the scores of both sides, and that it has looked: a pair that crosses none is evidence, too.
// One of whose scores is not known, or no probability, is none.
func (p *Pairs) Scores(segment string, primary, shadow float64) {
	if !probability(primary) || !probability(shadow) {
		return
	}
	for i, cut := range naming.ScoreCuts {
		switch {
		case primary < cut && shadow >= cut:
			p.crossings.WithLabelValues(segment, naming.ScoreCutLabels[i], "up").Inc()
		case shadow < cut && primary >= cut:
			p.crossings.WithLabelValues(segment, naming.ScoreCutLabels[i], "down").Inc()
		}
	}
	p.scores.WithLabelValues(segment).Inc()
}

func probability(score float64) bool { return score >= 0 && score <= 1 }

// Buckets of latencies: 16 an octave, from a microsecond to about 17 minutes, which is longer than any answer is waited for.
const (
	bucketsPerOctave = 16
	lastBucket       = 30*bucketsPerOctave - 1
)

// Latency counts how long a side took.
func (p *Pairs) Latency(segment, side string, d time.Duration) {
	p.latency.WithLabelValues(segment, side, strconv.Itoa(latencyBucket(d))).Inc()
}

func latencyBucket(d time.Duration) int {
	if d <= time.Microsecond {
		return 0
	}
	return min(int(bucketsPerOctave*math.Log2(float64(d)/float64(time.Microsecond))), lastBucket)
}

// ReplicaShare says what it is now.
func (p *Pairs) ReplicaShare(share float64) { p.share.Set(share) }
