// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/promql"
)

// Try names one try of a candidate: what was counted in it, and nothing from before it.
type Try struct {
	Namespace, Rollout, Candidate string
	// Attempt tells tries of one candidate apart.
	Attempt string
	// Since is how long ago it began.
	Since time.Duration
}

// pairCounters matches the names of what sidecars count of pairs.
const pairCounters = "vedette_pairs?_.+"

// evidenceTimeout bounds the question: it is about many series, over as long as a try takes.
const evidenceTimeout = 30 * time.Second

// slack is added to how far back is looked: clocks differ, and a counter that is read a little too early is not there yet.
const slack = 10 * time.Minute

// Evidence is what the sidecars have counted of a try: the last value of each counter, of every pod and start of a container, those
// that are gone included, added up. Rates and increases are no substitute: they extrapolate, and a count is exact.
func (c *Client) Evidence(ctx context.Context, server Server, t Try) (criteria.Evidence, error) {
	result, err := c.within(ctx, evidenceTimeout, server, t.query())
	if err != nil {
		return nil, fmt.Errorf("asking Prometheus: %w", err)
	}
	e := criteria.Evidence{}
	for _, r := range result {
		value, err := r.number()
		if err == nil && (math.IsNaN(value) || math.IsInf(value, 0) || value < 0) {
			err = fmt.Errorf("the counter %s is %v", r.Metric["__name__"], value)
		}
		if err == nil {
			err = add(e, r.Metric, value)
		}
		if err != nil {
			return nil, fmt.Errorf("reading Prometheus's answer: %w", err)
		}
	}
	return e, nil
}

// query sums up on the server, so that the answer does not grow with the number of pods. A pod that is scraped twice, or whose other
// labels have changed, counts once.
func (t Try) query() string {
	counters := promql.Select("", promql.Match{Label: "__name__", Op: "=~", Value: pairCounters},
		promql.Equal("namespace", t.Namespace), promql.Equal("rollout", t.Rollout), promql.Equal("candidate", t.Candidate), promql.Equal("attempt", t.Attempt))
	const labels = "__name__, segment, outcome, primary, shadow, replica, of, direction, cut, side, bucket"
	return fmt.Sprintf("sum by (%s) (max by (pod, run, %s) (last_over_time(%s[%ds])))", labels, labels, counters, int64((t.Since + slack).Seconds()))
}

// add puts a counter to where it belongs. One that is not known is of a later release, and means nothing here.
func add(e criteria.Evidence, labels map[string]string, value float64) error {
	segment := labels["segment"]
	counts := e[segment]
	count := int64(math.Round(value))
	switch labels["__name__"] {
	case naming.MetricPairs:
		if counts.Outcomes == nil {
			counts.Outcomes = map[string]int64{}
		}
		counts.Outcomes[labels["outcome"]] += count
	case naming.MetricPairStatus:
		primary, ok := statuses[labels["primary"]]
		shadow, known := statuses[labels["shadow"]]
		if !ok || !known {
			return fmt.Errorf("a pair of the status %.40q and %.40q", labels["primary"], labels["shadow"])
		}
		counts.Status[primary][shadow] += count
	case naming.MetricPairAgreement:
		if err := agreement(&counts, labels, count); err != nil {
			return err
		}
	case naming.MetricPairDifferenceSum, naming.MetricPairDifferenceSquares, naming.MetricPairDifferenceCount:
		difference(&counts, labels, value)
	case naming.MetricPairScores:
		counts.Scored += count
	case naming.MetricPairCrossings:
		if err := crossing(&counts, labels, count); err != nil {
			return err
		}
	case naming.MetricPairLatency:
		if err := latency(&counts, labels, count); err != nil {
			return err
		}
	default:
		return nil
	}
	e[segment] = counts
	return nil
}

var statuses = map[string]criteria.Status{"ok": criteria.OK, "invalid": criteria.Invalid, "error": criteria.Failed}

func agreement(c *criteria.Counts, labels map[string]string, count int64) error {
	other := map[string]int{"same": 0, "other": 1}
	shadow, ok := other[labels["shadow"]]
	if !ok {
		return fmt.Errorf("an answer of the shadow that is %.40q", labels["shadow"])
	}
	replica, asked := other[labels["replica"]]
	switch {
	case asked:
		c.Triples[shadow][replica] += count
	case shadow == 0:
		c.Same += count
	default:
		c.Other += count
	}
	return nil
}

func difference(c *criteria.Counts, labels map[string]string, value float64) {
	if c.Differences == nil {
		c.Differences = map[criteria.Quantity]criteria.Moments{}
	}
	of := criteria.Quantity(labels["of"])
	m := c.Differences[of]
	switch {
	case labels["__name__"] == naming.MetricPairDifferenceSquares:
		m.Squares += value
	case labels["__name__"] == naming.MetricPairDifferenceCount:
		m.N += int64(math.Round(value))
	case labels["direction"] == "up":
		m.Up += value
	default:
		m.Down += value
	}
	c.Differences[of] = m
}

// crossing leaves out cuts that are not known: those of another release.
func crossing(c *criteria.Counts, labels map[string]string, count int64) error {
	cut := labels["cut"]
	if !slices.Contains(naming.ScoreCutLabels[:], cut) {
		return nil
	}
	if c.Crossings == nil {
		c.Crossings = map[string]criteria.Crossings{}
	}
	k := c.Crossings[cut]
	switch labels["direction"] {
	case "up":
		k.Up += count
	case "down":
		k.Down += count
	default:
		return fmt.Errorf("a score that crosses a cut in the direction %.40q", labels["direction"])
	}
	c.Crossings[cut] = k
	return nil
}

func latency(c *criteria.Counts, labels map[string]string, count int64) error {
	bucket, err := strconv.Atoi(labels["bucket"])
	if err != nil {
		return fmt.Errorf("a bucket of latencies: %w", err)
	}
	side := map[string]int{"primary": 0, "shadow": 1}[labels["side"]]
	if c.Latency[side] == nil {
		c.Latency[side] = map[int]int64{}
	}
	c.Latency[side][bucket] += count
	return nil
}

// Errors of Value, besides that Prometheus could not be asked.
var (
	// ErrNoValue means that the answer is empty, or not a number.
	ErrNoValue = errors.New("the query yields no value")
	// ErrManyValues means that the answer has several series.
	ErrManyValues = errors.New("the query yields several series: aggregate them to one")
)

// Value is what a query that yields one number yields now.
func (c *Client) Value(ctx context.Context, server Server, query string) (float64, error) {
	result, err := c.query(ctx, server, query)
	if err != nil {
		return 0, fmt.Errorf("asking Prometheus: %w", err)
	}
	switch len(result) {
	case 0:
		return 0, ErrNoValue
	case 1:
	default:
		return 0, ErrManyValues
	}
	value, err := result[0].number()
	if err != nil {
		return 0, fmt.Errorf("reading Prometheus's answer: %w", err)
	}
	if math.IsNaN(value) {
		return 0, ErrNoValue
	}
	return value, nil
}
