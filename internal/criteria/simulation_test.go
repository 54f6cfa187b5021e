// SPDX-License-Identifier: Apache-2.0

package criteria

import (
	"math"
	"math/rand/v2"
	"testing"
)

// world draws pairs, of a model and a candidate that differ by a given amount in what a criterion judges.
type world struct {
	// what tells of the model.
	what      string
	criterion Criterion
	// bounded says that scores are probabilities.
	bounded bool
	// pair draws one.
	pair func(rng *rand.Rand, differ float64, c *Counts)
	// z is the statistic of the test that one would make once, at a size chosen beforehand, for "less than the margin".
	z func(c Counts, margin float64) float64
	// none is what does not differ at all: 0, or a ratio of 1.
	none float64
	// size is the documented one: by it at least nine of ten candidates that do not differ are promoted.
	size int
}

func (w world) margin() float64 { return w.criterion.MaxDifference + w.criterion.MaxRatio }

// start are counts that pairs can be added to.
func start() Counts {
	return Counts{Differences: map[Quantity]Moments{}, Latency: [2]map[int]int64{{}, {}}}
}

// run is one rollout that was looked at every minute.
type run struct {
	// passed and failed are after how many pairs it first was said so, 0 if never.
	passed, failed int
	// peeked says that the test for a size chosen beforehand, made every minute, promoted it.
	peeked bool
}

// critical is the quantile of the normal distribution that a test once at MaxWrongPromotion compares with.
const critical = 1.6448536269514722

// rollout lets a candidate answer size pairs, minute of them between two looks, or until it passes; with a test to compare
// with, until that one promotes it too.
func (w world) rollout(t *testing.T, rng *rand.Rand, differ float64, size, minute int) (r run) {
	p := Policy{MaxWrongPromotion: 0.05, MaxWrongRejection: 0.01, Probability: w.bounded}
	level := levels{pass: p.MaxWrongPromotion, fail: p.MaxWrongRejection, scopes: 1}
	enough := level.thresholds(w.criterion.Signal)
	c := start()
	for n := 0; n < size && (r.passed == 0 || w.z != nil && !r.peeked); {
		for range minute {
			w.pair(rng, differ, &c)
		}
		n += minute
		// As Judge does it for one criterion in one scope, but for the bounds, which take most of the time.
		claim := claimOf(w.criterion, c, p, level)
		if r.passed == 0 && claim.passes >= enough.pass {
			r.passed = n
			w.confirm(t, c, p, Pass)
		}
		if r.failed == 0 && claim.fails >= enough.fail {
			r.failed = n
			w.confirm(t, c, p, Fail)
		}
		r.peeked = r.peeked || w.z != nil && w.z(c, w.margin()) >= critical
	}
	return r
}

// confirm holds that Judge says so too.
func (w world) confirm(t *testing.T, c Counts, p Policy, want Verdict) {
	if got, f := Judge([]Criterion{w.criterion}, nil, Evidence{Everything: c}, p); got != want {
		t.Errorf("Judge says %s, not %s: %+v", got, want, f)
	}
}

// failing is a model of which one request in a hundred fails, half of them for the candidate as well, which fails as often for
// reasons of its own, and differ more.
func failing(margin float64, size int) world {
	return world{
		what: "1 % of requests fail, half of them on both sides", size: size,
		criterion: Criterion{Name: "errors", Signal: ErrorRatio, MaxDifference: margin},
		pair: func(rng *rand.Rand, differ float64, c *Counts) {
			primary, shadow := OK, OK
			switch u := rng.Float64(); {
			case u < 0.005:
				primary, shadow = Failed, Failed
			case u < 0.010:
				primary = Failed
			case u < 0.015+differ:
				shadow = Failed
			}
			c.Status[primary][shadow]++
		},
		z: func(c Counts, margin float64) float64 {
			b, d := float64(c.Status[OK][Failed]), float64(c.Status[Failed][OK])
			n := b + d + float64(c.Status[OK][OK]+c.Status[Failed][Failed])
			return normalTest(n, b-d, b+d, margin)
		},
	}
}

// labelled is a model that is right nine times of ten, as is the candidate, of which one alone is right in 6 % of the pairs; and by how
// much more often the model is.
func labelled(margin float64, size int) world {
	return world{
		what: "both right in 87 %, one alone in 6 %", size: size,
		criterion: Criterion{Name: "right", Signal: Accuracy, MaxDifference: margin},
		pair: func(rng *rand.Rand, differ float64, c *Counts) {
			switch u := rng.Float64(); {
			case u < 0.03:
				c.Labelled[0][1]++
			case u < 0.06+differ:
				c.Labelled[1][0]++
			case u < 0.93:
				c.Labelled[1][1]++
			default:
				c.Labelled[0][0]++
			}
		},
		z: func(c Counts, margin float64) float64 {
			b, d := float64(c.Labelled[1][0]), float64(c.Labelled[0][1])
			return normalTest(b+d+float64(c.Labelled[0][0]+c.Labelled[1][1]), b-d, b+d, margin)
		},
	}
}

// normalTest is the z of "the mean is less than the margin".
func normalTest(n, sum, squares, margin float64) float64 {
	mean := sum / n
	return (margin - mean) / math.Sqrt(max(squares/n-mean*mean, 0)/n)
}

// flipping is a model each of whose answers is the other class with such a probability that two of its own differ with the
// probability of noise. The candidate's flips likewise, and more, so that it differs more often by the given amount. With the
// given probability the model is asked twice.
func flipping(noise, margin, share float64, size int, what string) world {
	flip := (1 - math.Sqrt(1-2*noise)) / 2
	return world{
		what: what, size: size,
		criterion: Criterion{Name: "same", Signal: Disagreement, MaxDifference: margin},
		pair: func(rng *rand.Rand, differ float64, c *Counts) {
			primary := rng.Float64() < flip
			shadow := rng.Float64() < flip+differ/(1-2*flip)
			other := at(primary != shadow)
			switch {
			case rng.Float64() < share:
				c.Triples[other][at(primary != (rng.Float64() < flip))]++
			case other == 1:
				c.Other++
			default:
				c.Same++
			}
		},
		z: func(c Counts, margin float64) float64 {
			b, d := float64(c.Triples[1][0]), float64(c.Triples[0][1])
			return normalTest(float64(c.triples()), b-d, b+d, margin)
		},
	}
}

func at(b bool) int {
	if b {
		return 1
	}
	return 0
}

// slow has latencies with a logarithm of standard deviation 0.5, half of whose variance both sides share; differ is by how much
// the candidate's are longer.
func slow(quantile, ratio float64, size int, what string) world {
	const sigma = 0.5 / math.Ln2 * BucketsPerOctave * math.Sqrt2 / 2
	return world{
		what: what, size: size, none: 1,
		criterion: Criterion{Name: "latency", Signal: LatencySeconds, Quantile: quantile, MaxRatio: ratio},
		pair: func(rng *rand.Rand, differ float64, c *Counts) {
			shared := 16*BucketsPerOctave + sigma*rng.NormFloat64()
			c.Latency[0][int(shared+sigma*rng.NormFloat64())]++
			c.Latency[1][int(shared+sigma*rng.NormFloat64()+BucketsPerOctave*math.Log2(differ))]++
		},
		z: func(c Counts, margin float64) float64 {
			primary, shadow := vector(c.Latency[0]), vector(c.Latency[1])
			n := 0.0
			for _, k := range primary {
				n += float64(k)
			}
			// The share of each side beyond the quantile that was seen, and beyond the margin times that.
			var above, below float64
			b := len(primary)
			for ; b > 0 && above+float64(primary[b-1]) <= (1-quantile)*n; b-- {
				above += float64(primary[b-1])
			}
			for i := min(len(shadow), b+int(math.Round(BucketsPerOctave*math.Log2(margin)))); i < len(shadow); i++ {
				below += float64(shadow[i])
			}
			return (above - below) / math.Sqrt(max(1, above+below))
		},
	}
}

// scoring is a model whose scores differ from themselves by a normal noise, and the candidate's by a greater one, so that
// the mean size of its differences is greater by the given amount. A quarter of the requests is answered twice.
func scoring(noise, margin float64, bounded bool, size int, what string) world {
	const share = 0.25
	return world{
		what: what, bounded: bounded, size: size,
		criterion: Criterion{Name: "score", Signal: ScoreDifference, MaxDifference: margin},
		pair: func(rng *rand.Rand, differ float64, c *Counts) {
			apart := math.Sqrt2*noise + differ*math.Sqrt(math.Pi/2)
			primary := noise * rng.NormFloat64()
			shadow := math.Sqrt(apart*apart-noise*noise) * rng.NormFloat64()
			excess := math.Abs(shadow - primary)
			if rng.Float64() < share {
				excess -= math.Abs(noise*rng.NormFloat64()-primary) / share
			}
			c.add(Excess, excess)
		},
		z: meanTest,
	}
}

// jumping has scores that are equal but for few, which differ by a half.
func jumping(margin float64, bounded bool, size int, what string) world {
	return world{
		what: what, bounded: bounded, size: size,
		criterion: Criterion{Name: "score", Signal: ScoreDifference, MaxDifference: margin},
		pair: func(rng *rand.Rand, differ float64, c *Counts) {
			c.add(Excess, 0.5*float64(at(rng.Float64() < 2*differ)))
		},
		z: meanTest,
	}
}

// crossing is a model each of whose pairs crosses one of three cuts with the probability of noise, up or down; with a differ of more,
// as many more cross the middle one upwards.
func crossing(noise, margin float64, size int, what string) world {
	return world{
		what: what, bounded: true, size: size,
		criterion: Criterion{Name: "distribution", Signal: ScoreDistribution, MaxDifference: margin},
		pair: func(rng *rand.Rand, differ float64, c *Counts) {
			c.Scored++
			if c.Crossings == nil {
				c.Crossings = map[string]Crossings{}
			}
			for _, cut := range []string{"0.1", "0.5", "0.9"} {
				k, up := c.Crossings[cut], noise/2
				if cut == "0.5" {
					up += differ
				}
				switch u := rng.Float64(); {
				case u < up:
					k.Up++
				case u < up+noise/2:
					k.Down++
				}
				c.Crossings[cut] = k
			}
		},
		z: func(c Counts, margin float64) float64 {
			k := c.Crossings["0.5"]
			return normalTest(float64(c.Scored), float64(k.Up-k.Down), float64(k.Up+k.Down), margin)
		},
	}
}

func meanTest(c Counts, margin float64) float64 {
	m := c.Differences[Excess]
	return normalTest(float64(m.N), m.Up-m.Down, m.Squares, margin)
}

func (c *Counts) add(q Quantity, x float64) {
	m := c.Differences[q]
	m.N++
	m.Up += max(0, x)
	m.Down += max(0, -x)
	m.Squares += x * x
	c.Differences[q] = m
}
