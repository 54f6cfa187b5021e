// SPDX-License-Identifier: Apache-2.0

package criteria

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	proofDir = flag.String("proof", "", "the folder to write the results of the long proofs to; without it they do not run")
	rollouts = flag.Int("rollouts", 2000, "how many rollouts the proof simulates of each kind")
)

// worlds are those of the table.
func worlds() []world {
	octaves := func(n float64) float64 { return math.Exp2(n / BucketsPerOctave) }
	return []world{
		failing(0.005, 8000),
		failing(0.01, 2600),
		failing(0.02, 1000),
		flipping(0, 0.005, 0.25, 1400, "never differs from itself; 25 % asked twice"),
		flipping(0, 0.01, 0.25, 800, "never differs from itself; 25 % asked twice"),
		flipping(0, 0.01, 0.01, 800, "never differs from itself; 1 % asked twice"),
		flipping(0.01, 0.01, 0.25, 10_000, "differs from itself in 1 %; 25 % asked twice"),
		flipping(0.01, 0.02, 0.25, 2600, "differs from itself in 1 %; 25 % asked twice"),
		flipping(0.05, 0.02, 0.25, 12_000, "differs from itself in 5 %; 25 % asked twice"),
		flipping(0.05, 0.03, 0.25, 5000, "differs from itself in 5 %; 25 % asked twice"),
		slow(0.5, octaves(4), 5000, "median"),
		slow(0.99, 1.1, 120_000, "99th percentile"),
		slow(0.99, octaves(4), 30_000, "99th percentile"),
		slow(0.99, octaves(6), 9000, "99th percentile"),
		scoring(0.01, 0.005, true, 1800, "probabilities, noise 0.01"),
		scoring(0.01, 0.01, true, 1000, "probabilities, noise 0.01"),
		scoring(0.01, 0.005, false, 1200, "any scores, noise 0.01"),
		jumping(0.005, true, 1600, "probabilities, equal but for few that differ by 0.5"),
		jumping(0.005, false, 800, "any scores, equal but for few that differ by 100 margins"),
		crossing(0, 0.01, 800, "no score crosses a cut"),
		crossing(0.02, 0.01, 8000, "2 % cross each of three cuts, up or down"),
		crossing(0.02, 0.02, 2200, "2 % cross each of three cuts, up or down"),
		labelled(0.02, 3000),
	}
}

// noisy is a model that differs from itself, and what happens to a candidate that differs by more, or not.
type noisy struct {
	noise, margin, differ float64
}

// simulation makes the lines of the tables, and tests what they must show: all of it together at 1e-4.
type simulation struct {
	rollouts, minute int
	// chance is what may go wrong by chance in one of the tests.
	chance float64
}

// simulate makes the tables, with the given number of rollouts in each line, looked at after every minute's pairs.
func simulate(t *testing.T, rollouts, minute int) string {
	all := worlds()
	pairs := []noisy{{0.01, 0, 0}, {0.05, 0, 0}, {0.01, 0.01, 0}, {0.05, 0.01, 0}, {0.01, 0, 0.03}, {0.05, 0, 0.03}, {0.01, 0.01, 0.03}, {0.05, 0.01, 0.03}}
	s := simulation{rollouts, minute, 1e-4 / float64(2*len(all)+len(pairs))}
	promotions, rejections := make([]string, len(all)), make([]string, len(pairs))
	var lines sync.WaitGroup
	for i, w := range all {
		lines.Go(func() { promotions[i] = s.promotions(t, w, rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	for i, n := range pairs {
		lines.Go(func() { rejections[i] = s.rejections(t, n, rand.New(rand.NewPCG(uint64(i), 2))) })
	}
	lines.Wait()
	return `| signal | model | margin | size | promoted by then, no difference | median size | 90 % size | promoted, at the margin | at the margin, by a test for one look |
|---|---|---|---|---|---|---|---|---|
` + strings.Join(promotions, "") + `
| the model differs from itself in | margin | the candidate differs in that and | rejected within 10000 pairs | median size |
|---|---|---|---|---|
` + strings.Join(rejections, "")
}

func (s simulation) promotions(t *testing.T, w world, rng *rand.Rand) string {
	var sizes []int
	var good, bad, peeked int
	alike := w
	alike.z = nil
	for range s.rollouts {
		// Half as much again, to see where nine of ten are promoted.
		r := alike.rollout(t, rng, w.none, w.size*3/2, s.minute)
		sizes = append(sizes, cmp.Or(r.passed, math.MaxInt))
		good += at(r.passed > 0 && r.passed <= w.size)
	}
	for range s.rollouts {
		r := w.rollout(t, rng, w.margin(), w.size, s.minute)
		bad += at(r.passed > 0)
		peeked += at(r.peeked)
	}
	slices.Sort(sizes)
	line := fmt.Sprintf("| %s | %s | %.3g | %d | %.1f %% | %s | %s | %.1f %% | %.1f %% |\n", w.criterion.Signal, w.what, w.margin(), w.size,
		s.percent(good), sizeOf(sizes[s.rollouts/2]), sizeOf(sizes[s.rollouts*9/10]), s.percent(bad), s.percent(peeked))
	if p := atLeast(bad, s.rollouts, 0.05); p < s.chance {
		t.Errorf("more than 5 %% of those at the margin were promoted: %s", line)
	}
	if p := atLeast(s.rollouts-good, s.rollouts, 0.10); p < s.chance {
		t.Errorf("fewer than 90 %% of those that do not differ were promoted: %s", line)
	}
	return line
}

func (s simulation) rejections(t *testing.T, n noisy, rng *rand.Rand) string {
	w := flipping(n.noise, n.margin, 0.25, 10_000, "")
	w.z = nil
	var sizes []int
	var rejected int
	for range s.rollouts {
		r := w.rollout(t, rng, n.differ, w.size, s.minute)
		sizes = append(sizes, cmp.Or(r.failed, math.MaxInt))
		rejected += at(r.failed > 0)
	}
	slices.Sort(sizes)
	line := fmt.Sprintf("| %g %% | %g | %g points | %.1f %% | %s |\n", 100*n.noise, n.margin, 100*n.differ, s.percent(rejected), sizeOf(sizes[s.rollouts/2]))
	if p := atLeast(rejected, s.rollouts, 0.01); n.differ == 0 && p < s.chance {
		t.Errorf("more than 1 %% were rejected: %s", line)
	}
	if p := atLeast(s.rollouts-rejected, s.rollouts, 0.10); n.differ > 0 && n.margin == 0 && p < s.chance {
		t.Errorf("fewer than 90 %% were rejected: %s", line)
	}
	return line
}

// percent is the share of the rollouts.
func (s simulation) percent(k int) float64 { return 100 * float64(k) / float64(s.rollouts) }

func sizeOf(n int) string {
	if n == math.MaxInt {
		return "more"
	}
	return strconv.Itoa(n)
}

// atLeast is the probability that a binomial variable is at least k.
func atLeast(k, n int, p float64) (sum float64) {
	lgamma := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	for i := k; i <= n; i++ {
		sum += math.Exp(lgamma(n) - lgamma(i) - lgamma(n-i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

// The promises of a policy hold in few rollouts that are looked at seldom; the proof has more of both.
func TestPromisesHoldHoweverOftenOneLooks(t *testing.T) {
	t.Log("\n" + simulate(t, 40, 400))
}

// A candidate that is just at its margin is seldom rejected, also where many cuts are looked at, or labels.
func TestCandidatesAtTheirMarginAreRejectedSeldom(t *testing.T) {
	const rollouts, minute = 200, 200
	for i, w := range []world{crossing(0, 0.01, 4000, ""), crossing(0.02, 0.01, 4000, ""), labelled(0.02, 4000)} {
		w.z = nil
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		var rejected int
		for range rollouts {
			rejected += at(w.rollout(t, rng, w.margin(), w.size, minute).failed > 0)
		}
		if p := atLeast(rejected, rollouts, 0.01); p < 1e-4 {
			t.Errorf("%s in world %d: %d of %d were rejected", w.criterion.Signal, i, rejected, rollouts)
		}
		// One that is far beyond it is found out.
		if r := w.rollout(t, rng, 4*w.margin(), w.size, minute); r.failed == 0 {
			t.Errorf("%s in world %d: nothing is ever rejected", w.criterion.Signal, i)
		}
	}
}

// A candidate that is just at all its margins, in all segments, is seldom rejected, though any finding of sixteen could do it.
func TestManyFindingsTogetherRejectSeldom(t *testing.T) {
	const rollouts, looks, between = 100, 8, 300
	same := func(w world) world { w.criterion.MaxDifference = 0; return w }
	mixed := []world{same(failing(0, 0)), same(flipping(0.05, 0, 0.25, 0, "")), slow(0.9, 1, 0, ""), same(scoring(0.01, 0, true, 0, ""))}
	var cs []Criterion
	for _, w := range mixed {
		cs = append(cs, w.criterion)
	}
	segments := []string{"a", "b", "c"}
	rng := rand.New(rand.NewPCG(31, 32))
	var rejected int
	for range rollouts {
		counts := map[string]*Counts{}
		for _, s := range append([]string{Everything}, segments...) {
			c := start()
			counts[s] = &c
		}
		for range looks {
			for i := range between {
				for _, w := range mixed {
					// The same pair counts in its segment and in all.
					seed := rng.Uint64()
					for _, s := range []string{Everything, segments[i%3]} {
						w.pair(rand.New(rand.NewPCG(seed, 0)), w.none, counts[s])
					}
				}
			}
			e := Evidence{}
			for s, c := range counts {
				e[s] = *c
			}
			if verdict, _ := Judge(cs, segments, e, policy); verdict == Fail {
				rejected++
				break
			}
		}
	}
	if p := atLeast(rejected, rollouts, policy.MaxWrongRejection); p < 1e-4 {
		t.Errorf("%d of %d were rejected", rejected, rollouts)
	}
}

// TestProveRollouts writes the tables of docs/rollout-statistics.md.
func TestProveRollouts(t *testing.T) {
	if *proofDir == "" {
		t.Skip("make prove runs it")
	}
	now := time.Now().UTC()
	tables := simulate(t, *rollouts, 200)
	doc := fmt.Sprintf("# %d rollouts of each kind, looked at every 200 pairs\n\n`make prove` on %s, %d cores, %s/%s, in %s.\n\n%s",
		*rollouts, now.Format("2006-01-02 15:04 MST"), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, time.Since(now).Round(time.Second), tables)
	t.Log(doc)
	if t.Failed() {
		return
	}
	if err := os.WriteFile(filepath.Join(*proofDir, now.Format("2006-01-02")+"-rollout-simulation.md"), []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The page shows the tables of the newest proof.
func TestThePageShowsWhatTheProofPrinted(t *testing.T) {
	proofs, err := filepath.Glob("../../docs/proof/*-rollout-simulation.md")
	if err != nil || len(proofs) == 0 {
		t.Fatalf("no proof: %v", err)
	}
	page, err := os.ReadFile("../../docs/rollout-statistics.md")
	if err != nil {
		t.Fatal(err)
	}
	proof, err := os.ReadFile(slices.Max(proofs))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(proof)) {
		if strings.HasPrefix(line, "|") && !strings.Contains(string(page), line) {
			t.Errorf("the page does not show %s", line)
		}
	}
}
