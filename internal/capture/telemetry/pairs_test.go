// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/naming"
)

func TestPairsOfAnAttempt(t *testing.T) {
	m := newMetrics()
	before := seriesOf(t, m)
	p := m.BindPairs(&PairBinding{Rollout: "r", Candidate: "c", Attempt: "1", Run: 9}, time.Unix(0, 0))
	p.ReplicaShare(0.25)
	if got := seriesOf(t, m); got != before+1 {
		t.Errorf("%d series before a pair, want 1", got-before)
	}
	p.Status("all", "ok", "ok")
	p.Agreement("all", "same", "none")
	p.Difference("all", "score", 0.5)
	p.Difference("all", "score", -0.25)
	p.Difference("all", "score", math.NaN())
	p.Scores("all", 0.96, 0.985)
	p.Scores("all", 0.02, 0.0199)
	p.Scores("all", 0.5, 0.5)
	p.Scores("all", math.NaN(), 0.5)
	p.Scores("all", 0.5, 1.5)
	p.Scores("all", -0.5, 0.5)
	p.Latency("all", "primary", time.Millisecond)
	p.Outcome("all", "compared")
	labels := `attempt="1",candidate="c",model="m",`
	expect(t, m, `
# HELP vedette_pair_difference_sum_total Sums of the differences of compared pairs, by their sign.
# TYPE vedette_pair_difference_sum_total counter
vedette_pair_difference_sum_total{attempt="1",candidate="c",direction="down",model="m",of="score",rollout="r",run="9",segment="all"} 0.25
vedette_pair_difference_sum_total{attempt="1",candidate="c",direction="up",model="m",of="score",rollout="r",run="9",segment="all"} 0.5
# HELP vedette_pair_difference_squares_total Sums of the squares of the same differences.
# TYPE vedette_pair_difference_squares_total counter
vedette_pair_difference_squares_total{`+labels+`of="score",rollout="r",run="9",segment="all"} 0.3125
# HELP vedette_pair_difference_count_total Numbers of the same differences.
# TYPE vedette_pair_difference_count_total counter
vedette_pair_difference_count_total{`+labels+`of="score",rollout="r",run="9",segment="all"} 2
# HELP vedette_pair_score_crossings_total Compared pairs whose scores lie on different sides of a cut.
# TYPE vedette_pair_score_crossings_total counter
vedette_pair_score_crossings_total{attempt="1",candidate="c",cut="0.02",direction="down",model="m",rollout="r",run="9",segment="all"} 1
vedette_pair_score_crossings_total{attempt="1",candidate="c",cut="0.98",direction="up",model="m",rollout="r",run="9",segment="all"} 1
# HELP vedette_pair_scores_total Compared pairs both of whose scores are probabilities.
# TYPE vedette_pair_scores_total counter
vedette_pair_scores_total{`+labels+`rollout="r",run="9",segment="all"} 3
# HELP vedette_pairs_total Requests that were chosen to be mirrored, by outcome.
# TYPE vedette_pairs_total counter
vedette_pairs_total{`+labels+`outcome="compared",rollout="r",run="9",segment="all"} 1
`, naming.MetricPairDifferenceSum, naming.MetricPairDifferenceSquares, naming.MetricPairDifferenceCount, naming.MetricPairCrossings, naming.MetricPairScores, naming.MetricPairs)
}

func TestSeriesOfAnAttemptLingerForAWhile(t *testing.T) {
	m := newMetrics()
	base := seriesOf(t, m)
	now := time.Unix(1000, 0)
	bind := func(attempt string) *Pairs {
		p := m.BindPairs(&PairBinding{Rollout: "r", Candidate: "c", Attempt: attempt}, now)
		p.Outcome("all", "compared")
		return p
	}
	steps := []struct {
		name string
		do   func()
		want int
	}{
		{"nothing is mirrored", func() { m.BindPairs(nil, now) }, 0},
		{"an attempt", func() { bind("1") }, 2},
		{"the same again", func() { bind("1") }, 2},
		{"the next", func() { bind("2") }, 4},
		{"a minute later", func() { m.ExpirePairs(now.Add(time.Minute)) }, 4},
		{"two minutes later", func() { m.ExpirePairs(now.Add(2 * time.Minute)) }, 2},
		{"the end", func() { m.BindPairs(nil, now) }, 2},
		{"which was none", func() { bind("2") }, 2},
		{"another after a while of none", func() { m.BindPairs(nil, now); bind("3") }, 4},
		{"others after each other", func() { bind("3"); bind("4"); bind("5") }, 4},
		{"and back", func() { bind("4") }, 4},
		{"the end of all", func() { m.BindPairs(nil, now); m.ExpirePairs(now.Add(time.Hour)) }, 0},
	}
	for _, step := range steps {
		step.do()
		if got := seriesOf(t, m) - base; got != step.want {
			t.Errorf("%s: %d series, want %d", step.name, got, step.want)
		}
	}
}

func TestPairsKeepTheirBudget(t *testing.T) {
	m := newMetrics()
	base := seriesOf(t, m)
	p := m.BindPairs(&PairBinding{Rollout: "r", Candidate: "c", Attempt: "1"}, time.Unix(0, 0))
	const segments, latencies = 5, 2
	sides := []string{"ok", "invalid", "error"}
	for s := range segments + 1 {
		segment := fmt.Sprint("s", s)
		for o := range 10 {
			p.Outcome(segment, fmt.Sprint("o", o))
		}
		for _, primary := range sides {
			for _, shadow := range sides {
				p.Status(segment, primary, shadow)
			}
		}
		for _, replica := range []string{"none", "same", "other"} {
			p.Agreement(segment, "same", replica)
			p.Agreement(segment, "other", replica)
		}
		for _, of := range []string{"score", "confidence", "entropy", "excess"} {
			p.Difference(segment, of, 1)
		}
		p.Scores(segment, 0, 1)
		p.Scores(segment, 1, 0)
		for d := time.Duration(500); s <= latencies && d < 48*time.Hour; d += d/64 + 1 {
			p.Latency(segment, "primary", d)
			p.Latency(segment, "shadow", d)
		}
	}
	if got, want := seriesOf(t, m)-base, 68*(segments+1)+2*480*(latencies+1)+1; got != want {
		t.Errorf("%d series, want %d", got, want)
	}
}

func TestBucketsOfLatencies(t *testing.T) {
	for d, want := range map[time.Duration]int{
		0: 0, -1: 0, time.Microsecond: 0, 64 * time.Microsecond: 96, 1024 * time.Microsecond: 160,
		1069 * time.Microsecond: 160, 1070 * time.Microsecond: 161, 1 << 20 * time.Microsecond: 320, 90 * time.Hour: lastBucket,
	} {
		if got := latencyBucket(d); got != want {
			t.Errorf("%v is in bucket %d, want %d", d, got, want)
		}
	}
}
