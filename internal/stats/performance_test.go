// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// ranked puts rows into the order of their scores, as AUC wants them.
func ranked(scores, weights []float64, positive []bool) ([]float64, []float64, []bool) {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return 0
	})
	s, w, p := make([]float64, len(order)), make([]float64, len(order)), make([]bool, len(order))
	for i, j := range order {
		s[i], w[i], p[i] = scores[j], weights[j], positive[j]
	}
	return s, w, p
}

// mean is the mean of values of equal weight.
func mean(values ...float64) Estimate {
	var m Moments
	for _, x := range values {
		m.Observe(x, 1)
	}
	return m.Mean()
}

func ones(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1
	}
	return w
}

func TestBinaryClassificationMatchesScikitLearn(t *testing.T) {
	for name, c := range golden(t, "binary_cls") {
		t.Run(name, func(t *testing.T) {
			var confusion Confusion
			var logLoss, brier []float64
			positive := make([]bool, len(c.Y))
			for i, y := range c.Y {
				positive[i] = y == 1
				predicted := 0
				if c.Score[i] >= 0.5 {
					predicted = 1
				}
				confusion.Add(int(y), predicted, 1)
				p := c.Score[i]
				if !positive[i] {
					p = 1 - p
				}
				logLoss, brier = append(logLoss, LogLoss(p)), append(brier, Brier(c.Score[i], positive[i]))
			}
			near(t, "AUC", AUC(ranked(c.Score, ones(len(c.Y)), positive)).Value, c.AUC, 1e-12)
			near(t, "accuracy", confusion.Accuracy().Value, c.Accuracy, 1e-12)
			near(t, "precision", confusion.Precision(1).Value, c.Precision, 1e-12)
			near(t, "recall", confusion.Recall(1).Value, c.Recall, 1e-12)
			near(t, "F1", confusion.F1(1).Value, c.F1, 1e-12)
			near(t, "log loss", mean(logLoss...).Value, c.LogLoss, 1e-7) // scores are rounded, one is 0
			near(t, "Brier", mean(brier...).Value, c.Brier, 1e-12)
		})
	}
}

func TestMulticlassMatchesScikitLearn(t *testing.T) {
	for name, c := range golden(t, "temperature") {
		t.Run(name, func(t *testing.T) {
			var confusion Confusion
			var losses []float64
			for i, logits := range c.Logits {
				var sum float64
				for _, l := range logits {
					sum += math.Exp(l / c.T)
				}
				confusion.Add(c.Labels[i], slices.Index(logits, slices.Max(logits)), 1)
				losses = append(losses, LogLoss(math.Exp(logits[c.Labels[i]]/c.T)/sum))
			}
			_, _, f1 := confusion.Averaged(Macro)
			near(t, "macro F1", f1.Value, c.MacroF1, 1e-12)
			near(t, "log loss", mean(losses...).Value, c.MultiLogLoss, 1e-9)
			_, recall, _ := confusion.Averaged(ByWeight)
			near(t, "recall by weight is accuracy", recall.Value, confusion.Accuracy().Value, 1e-12)
		})
	}
}

func TestRegressionMatchesScikitLearn(t *testing.T) {
	for name, c := range golden(t, "regression") {
		t.Run(name, func(t *testing.T) {
			var absolute, squared []float64
			for i, y := range c.Y {
				d := c.Pred[i] - y
				absolute, squared = append(absolute, math.Abs(d)), append(squared, d*d)
			}
			near(t, "MAE", mean(absolute...).Value, c.MAE, 1e-12)
			rmse := mean(squared...).Root()
			near(t, "RMSE", rmse.Value, c.RMSE, 1e-12)
			if !(rmse.Low < rmse.Value && rmse.Value < rmse.High) {
				t.Errorf("the interval of RMSE is %v", rmse)
			}
		})
	}
}

// A row of weight k stands for k rows: estimates must be those of the k rows.
func TestAWeightIsAsManyRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	var weighted, repeated Confusion
	var s1, w1, s2 []float64
	var p1, p2 []bool
	for range 500 {
		k, actual := 1+rng.IntN(4), rng.IntN(3)
		predicted := actual
		if rng.IntN(3) == 0 {
			predicted = rng.IntN(3)
		}
		score := math.Round(20*rng.Float64()+5*float64(actual)) / 30
		weighted.Add(actual, predicted, float64(k))
		s1, w1, p1 = append(s1, score), append(w1, float64(k)), append(p1, actual == 2)
		for range k {
			repeated.Add(actual, predicted, 1)
			s2, p2 = append(s2, score), append(p2, actual == 2)
		}
	}
	near(t, "AUC", AUC(ranked(s1, w1, p1)).Value, AUC(ranked(s2, ones(len(s2)), p2)).Value, 1e-12)
	near(t, "accuracy", weighted.Accuracy().Value, repeated.Accuracy().Value, 1e-12)
	for _, a := range []Average{Macro, ByWeight} {
		precision, recall, f1 := weighted.Averaged(a)
		wantPrecision, wantRecall, wantF1 := repeated.Averaged(a)
		near(t, "precision", precision.Value, wantPrecision.Value, 1e-12)
		near(t, "recall", recall.Value, wantRecall.Value, 1e-12)
		near(t, "F1", f1.Value, wantF1.Value, 1e-12)
		if f1.High-f1.Low <= wantF1.High-wantF1.Low {
			t.Errorf("500 weighted rows tell F1 as exactly (%v) as the %d that they stand for (%v)", f1, len(s2), wantF1)
		}
	}
}

func TestMomentsOfScaledParts(t *testing.T) {
	var all, part, merged Moments
	for i := range 100 {
		x := float64(i % 7)
		all.Observe(x, 3)
		part.Observe(x, 1)
	}
	merged.Merge(part, 3)
	if got, want := merged.Mean(), all.Mean(); math.Abs(got.Value-want.Value) > 1e-12 || math.Abs(got.High-want.High) > 1e-12 {
		t.Errorf("parts of weight 3 have the mean %v, want %v", got, want)
	}
	// The standard error of 100 rows: that of the sample over 10.
	near(t, "half width", all.Mean().High-all.Mean().Value, z95*2.0100756/10, 1e-2)
}

// The variance of the averages is the same as that of the formula for a plain proportion, where they are one.
func TestAveragedIntervalsAgreeWithTheBinomial(t *testing.T) {
	var c Confusion
	for i := range 4000 {
		c.Add(i%2, (i/2)%10/9, 1) // recall of class 0 is .9, of class 1 is .1
	}
	_, recall, _ := c.Averaged(Macro)
	want := z95 * math.Sqrt((.9*.1/2000+.1*.9/2000)/4)
	near(t, "half width", (recall.High-recall.Low)/2, want, 1e-9)
}

// DeLong's variance is that of the jackknife up to terms of the order of 1/n.
func TestAUCVarianceAgreesWithTheJackknife(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	const n = 400
	var scores []float64
	var positive []bool
	for i := range n {
		positive = append(positive, i%4 == 0)
		x := rng.NormFloat64()
		if positive[i] {
			x++
		}
		scores = append(scores, math.Round(x*10)/10)
	}
	s, w, p := ranked(scores, ones(n), positive)
	all := AUC(s, w, p)
	var pos, neg Weights
	for i := range s {
		if p[i] {
			pos.Add(1)
		} else {
			neg.Add(1)
		}
	}
	var squares float64
	for i := range s {
		without := AUC(slices.Delete(slices.Clone(s), i, i+1), w[:n-1], slices.Delete(slices.Clone(p), i, i+1))
		squares += square(without.Value - all.Value)
	}
	near(t, "variance", delong(s, w, p, all.Value, pos, neg), squares, 0.02)
}

func TestIntervalsOfTheExtremes(t *testing.T) {
	parted := AUC([]float64{.1, .2, .3, .8, .9}, ones(5), []bool{false, false, false, true, true})
	if parted.Value != 1 || parted.High != 1 || parted.Low > 0.5 {
		t.Errorf("five rows that are parted entirely have the AUC %v: two positive rows are no certainty", parted)
	}
	var none Confusion
	precision, recall, f1 := none.Averaged(Macro)
	for what, got := range map[string]Estimate{
		"accuracy of nothing": none.Accuracy(), "precision of a class that was never predicted": none.Precision(1), "averages": precision, "recall": recall, "f1": f1,
		"an AUC without negative rows": AUC([]float64{1}, ones(1), []bool{true}),
		"an AUC of rows in disorder":   AUC([]float64{2, 1}, ones(2), []bool{true, false}),
		"the mean of nothing":          mean(),
		"a share of nothing":           RareShare(Weights{}, Weights{}),
		"the loss of no probability":   {Value: LogLoss(math.NaN())},
	} {
		if got.Known() {
			t.Errorf("%s is %v", what, got)
		}
	}
	if one := mean(3); one.Value != 3 || !math.IsNaN(one.Low) {
		t.Errorf("the mean of one row is %v: its spread is not known", one)
	}
}

// Estimates from a part that was chosen with known, unequal probabilities hit the truth, and their intervals hold it about
// as often as they say: over 400 draws, each bound is far beyond what chance allows (1e-4 for both tests together).
func TestWeightedEstimatesAreUnbiasedAndCovered(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 5))
	const population, draws = 20_000, 400
	var truth, estimates Confusion
	type row struct {
		actual, predicted int
		keep              float64
	}
	rows := make([]row, population)
	for i := range rows {
		r := row{actual: rng.IntN(10) / 8, keep: 0.02}
		r.predicted = r.actual
		// What is rare is wrong more often, and always looked at.
		if rare := rng.IntN(50) == 0; rare {
			r.keep = 1
			r.predicted = rng.IntN(2)
		} else if rng.IntN(12) == 0 {
			r.predicted = 1 - r.predicted
		}
		rows[i] = r
		truth.Add(r.actual, r.predicted, 1)
	}
	want, covered, bias := truth.Recall(1).Value, 0, 0.0
	var spread float64
	for range draws {
		estimates = Confusion{}
		for _, r := range rows {
			if rng.Float64() < r.keep {
				estimates.Add(r.actual, r.predicted, 1/r.keep)
			}
		}
		got := estimates.Recall(1)
		bias += got.Value - want
		spread += square(got.Value - want)
		if got.Low <= want && want <= got.High {
			covered++
		}
	}
	if z := bias / math.Sqrt(spread); math.Abs(z) > 4.1 {
		t.Errorf("the mean error of %d estimates is %.1f standard errors", draws, z)
	}
	// 95 % of 400 are 380, with a standard deviation of 4.4.
	if covered < 360 {
		t.Errorf("%d of %d intervals hold the truth, want about 380", covered, draws)
	}
}
