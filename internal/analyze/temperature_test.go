// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// overconfident writes rows of which the model claims more than is true: its logits are twice what they should be.
func overconfident(rows int, truth func(row, label int) string) []byte {
	rng := rand.New(rand.NewPCG(6, 6))
	var b bytes.Buffer
	b.WriteString("delay,score,truth\n")
	for i := range rows {
		z := 1.5 * rng.NormFloat64()
		label := 0
		if rng.Float64() < 1/(1+math.Exp(-z)) {
			label = 1
		}
		fmt.Fprintf(&b, "%v,%v,%s\n", z, 1/(1+math.Exp(-2*z)), truth(i, label))
	}
	return b.Bytes()
}

func TestLabelsTellTheTemperature(t *testing.T) {
	byName := func(_, label int) string { return []string{"ontime", "late"}[label] }
	for name, c := range map[string]struct {
		rows        int
		truth       func(row, label int) string
		temperature float64
		says        string
	}{
		"by name":  {8_000, byName, 2, "temperature"},
		"by index": {8_000, func(_, label int) string { return fmt.Sprint(label) }, 2, "from 8000 rows with a truth"},
		"where it is known": {8_000, func(row, label int) string {
			return [...]string{byName(row, label), "", "cancelled"}[row%3]
		}, 2, "from 2667 rows with a truth"},
		"too few rows":       {900, byName, 0, "900 rows have a truth, which is too few"},
		"nothing but chance": {2_000, func(row, _ int) string { return fmt.Sprint(row % 2) }, 0, "tell no temperature"},
	} {
		t.Run(name, func(t *testing.T) {
			e := testEnv(t)
			put(t, e, e.layout().Prefix()+"datasets/may.csv", overconfident(c.rows, c.truth))
			v, err := Baseline(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			_, summary := baselineFiles(t, e)
			if got := summary.Prediction.Temperature; math.Abs(got-c.temperature) > 0.3 || !strings.Contains(v.Message, c.says) {
				t.Errorf("temperature %v, want about %v; the run says %q, want %q", got, c.temperature, v.Message, c.says)
			}
		})
	}
}

// TestUncertaintyIsMeasuredAtTheTemperature: the tails of the summary are of what the sidecar will measure.
func TestUncertaintyIsMeasuredAtTheTemperature(t *testing.T) {
	e := testEnv(t)
	p := &e.Config.Schema.Prediction
	p.Kind, p.Classes = wire.MulticlassClassification, []string{"a", "b", "c"}
	rng := rand.New(rand.NewPCG(7, 7))
	var b bytes.Buffer
	b.WriteString("delay,score_a,score_b,score_c,truth\n")
	const rows = 4_000
	all := make([]record.Row, rows)
	for i := range all {
		z := [3]float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		claimed, true3 := softmax(z, 3), softmax(z, 1)
		label, u := 0, rng.Float64()
		for label < 2 && u > true3[label] {
			u -= true3[label]
			label++
		}
		fmt.Fprintf(&b, "1,%v,%v,%v,%s\n", claimed[0], claimed[1], claimed[2], p.Classes[label])
		all[i].Scores = claimed[:]
	}
	put(t, e, e.layout().Prefix()+"datasets/may.csv", b.Bytes())
	if _, err := Baseline(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	_, summary := baselineFiles(t, e)
	s := summary.Prediction
	if math.Abs(s.Temperature-3) > 0.4 {
		t.Fatalf("temperature %v, want about 3", s.Temperature)
	}
	var above [3]float64
	for i := range all {
		confidence, entropy, margin := outlier.CertaintyAt(p.Kind, &all[i], s.Temperature)
		for j, x := range []float64{entropy - s.Entropy[2], 1 - margin - s.Ambiguity[2], 1 - confidence - s.Doubt[2]} {
			if x > 0 {
				above[j] += 1.0 / rows
			}
		}
	}
	for j, share := range above {
		if share > 0.1 || share < 0.08 { // the quantiles are ends of buckets
			t.Errorf("uncertainty %d: a share of %v is above what a tenth should be", j, share)
		}
	}
}

func softmax(z [3]float64, factor float64) (p [3]float64) {
	var sum float64
	for i, v := range z {
		p[i] = math.Exp(factor * v)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func TestManyTruthsAreThinnedEvenly(t *testing.T) {
	c := newThermometer(wire.Prediction{Kind: wire.BinaryClassification})
	const rows = maxLogits + maxLogits/2
	for i := range rows {
		// The row's number stands in its score.
		c.observe(&record.Row{Score: float64(i) / rows, Confidence: 1}, "1")
	}
	if len(c.logits) > maxLogits || len(c.labels) < maxLogits/8 || len(c.logits) != 2*len(c.labels) {
		t.Fatalf("%d logits of %d rows", len(c.logits), len(c.labels))
	}
	for i := range c.labels[1:] {
		if d := math.Exp(c.logits[2*i+3]) - math.Exp(c.logits[2*i+1]); i > 0 && math.Abs(d*rows-float64(c.stride)) > 0.01 {
			t.Fatalf("rows %d and %d are %v apart, want %d", i, i+1, d*rows, c.stride)
		}
	}
}
