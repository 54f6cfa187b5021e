// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
)

// goldenCase is the union of the kinds in testdata/golden.json: our own inputs, with values that the versions of
// scipy, statsmodels and scikit-learn named in the file computed for them.
type goldenCase struct {
	Kind, Name string
	X, Y       []float64
	Ref, Cur   []float64
	N          json.RawMessage
	D          float64
	P          json.RawMessage

	KSStat      float64    `json:"ks_stat"`
	Kolmogorov  float64    `json:"kstwobign"`
	Chi2        float64    `json:"chi2"`
	Chi2P       float64    `json:"chi2_p"`
	DF          int        `json:"df"`
	MinExpected float64    `json:"min_expected"`
	JS          float64    `json:"js_dist_base2"`
	PSI         float64    `json:"psi_add_half"`
	Z           float64    `json:"z"`
	Newcombe    [2]float64 `json:"newcombe"`
	Fisher      float64    `json:"fisher"`
	BH          []float64  `json:"fdr_bh"`

	B, C     int64
	ExactP   float64 `json:"exact_p"`
	Wins     int64
	BetaHalf float64 `json:"beta_half_half"`
	Alpha    float64
	Rho      float64
	Half     float64
	MeanDiff float64 `json:"mean_diff"`
	Sigma2   float64
	Tau2     float64
	Lambda   float64 `json:"lam"`

	Score, Pred  []float64
	Logits       [][]float64
	Labels       []int
	T            float64
	AUC          float64 `json:"auc"`
	LogLoss      float64 `json:"logloss"`
	Brier        float64 `json:"brier"`
	Accuracy     float64 `json:"acc"`
	Precision    float64 `json:"prec"`
	Recall       float64 `json:"rec"`
	F1           float64 `json:"f1"`
	MultiLogLoss float64 `json:"multi_logloss"`
	MacroF1      float64 `json:"macro_f1"`
	MAE          float64 `json:"mae"`
	RMSE         float64 `json:"rmse"`
}

func golden(t *testing.T, kind string) map[string]goldenCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenCase }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	cases := map[string]goldenCase{}
	for i, c := range file.Cases {
		if c.Kind == kind {
			cases[fmt.Sprintf("%s %d %s", kind, i, c.Name)] = c
		}
	}
	if len(cases) == 0 {
		t.Fatalf("no golden case of kind %s", kind)
	}
	return cases
}

func decode[T any](t *testing.T, raw json.RawMessage) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > relative*math.Max(math.Abs(want), 1e-12) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func integers(values []float64) []int64 {
	out := make([]int64, len(values))
	for i, v := range values {
		out[i] = int64(v)
	}
	return out
}

func TestGoldenKolmogorovSmirnov(t *testing.T) {
	for name, c := range golden(t, "two_sample") {
		t.Run(name, func(t *testing.T) {
			// One bin per distinct value makes the binned statistic the exact one.
			distinct := slices.Compact(slices.Sorted(slices.Values(slices.Concat(c.X, c.Y))))
			count := func(sample []float64) []int64 {
				counts := make([]int64, len(distinct))
				for _, v := range sample {
					i, _ := slices.BinarySearch(distinct, v)
					counts[i]++
				}
				return counts
			}
			near(t, "D", KSBinned(count(c.X), count(c.Y)), c.KSStat, 1e-9)
		})
	}
}

func TestGoldenKolmogorovLimit(t *testing.T) {
	for name, c := range golden(t, "kstwobign_sf") {
		t.Run(name, func(t *testing.T) {
			n := decode[float64](t, c.N)
			near(t, "Q", kolmogorovSurvival(math.Sqrt(n)*c.D), c.Kolmogorov, 1e-9)
			// Two samples of 2n rows each have the effective size n.
			near(t, "p", KSPValue(c.D, 2*int64(n), 2*int64(n)), c.Kolmogorov, 1e-9)
		})
	}
}

func TestGoldenCategorical(t *testing.T) {
	for name, c := range golden(t, "categorical") {
		t.Run(name, func(t *testing.T) {
			ref, cur := integers(c.Ref), integers(c.Cur)
			near(t, "PSI", PSI(ref, cur).PSI, c.PSI, 1e-9)
			distance, _ := JensenShannon(ref, cur)
			near(t, "JS", distance, c.JS, 1e-9)
			if c.MinExpected < minExpected {
				return // scipy does not pool; TestChiSquaredPools has these
			}
			got := ChiSquared(ref, cur)
			near(t, "chi2", got.Statistic, c.Chi2, 1e-9)
			near(t, "p", got.P, c.Chi2P, 1e-9)
			if got.DF != c.DF {
				t.Errorf("df = %d, want %d", got.DF, c.DF)
			}
		})
	}
}

func TestGoldenTwoProportions(t *testing.T) {
	for name, c := range golden(t, "two_prop") {
		t.Run(name, func(t *testing.T) {
			n := decode[[2]int64](t, c.N)
			x, y := int64(c.X[0]), int64(c.X[1])
			got := TwoProportions(x, n[0], y, n[1])
			near(t, "z", got.Z, -c.Z, 1e-9) // theirs is ref - cur
			near(t, "low", got.Low, c.Newcombe[0], 1e-9)
			near(t, "high", got.High, c.Newcombe[1], 1e-9)
			near(t, "fisher", fisher(x, n[0], y, n[1]), c.Fisher, 1e-8)
			want := decode[float64](t, c.P)
			if float64(x+y)/2 < minExpected {
				want = c.Fisher
			}
			near(t, "p", got.P, want, 1e-8)
		})
	}
}

func TestGoldenBenjaminiHochberg(t *testing.T) {
	for name, c := range golden(t, "multitest") {
		t.Run(name, func(t *testing.T) {
			for i, got := range BenjaminiHochberg(decode[[]float64](t, c.P)) {
				near(t, fmt.Sprint("adjusted ", i), got, c.BH[i], 1e-12)
			}
		})
	}
}

func TestGoldenBinomialTails(t *testing.T) {
	for name, c := range golden(t, "mcnemar") {
		t.Run(name, func(t *testing.T) {
			// P(X <= k) of n fair trials is P(Beta(n-k, k+1) > 1/2), by the incomplete beta function.
			n, k := c.B+c.C, min(c.B, c.C)
			upper := logBetaAbove(float64(k+1), float64(n-k), 0.5)
			near(t, "p", min(1, 2*math.Exp(upper)), c.ExactP, 1e-12)
		})
	}
}

func TestGoldenBetaBinomialMixture(t *testing.T) {
	for name, c := range golden(t, "binom_mixture_e") {
		t.Run(name, func(t *testing.T) {
			n := decode[float64](t, c.N)
			near(t, "e", math.Exp(shareMixture(float64(c.Wins), n, 0.5, 0.5)), c.BetaHalf, 1e-10)
		})
	}
}

func TestGoldenNormalMixture(t *testing.T) {
	for name, c := range golden(t, "msprt_normal") {
		t.Run(name, func(t *testing.T) {
			n, sigma := decode[float64](t, c.N), math.Sqrt(c.Sigma2)
			near(t, "e", math.Exp(normalMixture(n*c.MeanDiff/sigma, n, c.Tau2/c.Sigma2)), c.Lambda, 1e-9)
		})
	}
	for name, c := range golden(t, "asymp_cs_halfwidth_unit_sd") {
		t.Run(name, func(t *testing.T) {
			// The confidence sequence ends where the evidence is 1/alpha.
			n := decode[float64](t, c.N)
			near(t, "e", math.Exp(normalMixture(n*c.Half, n, c.Rho*c.Rho)), 1/c.Alpha, 1e-9)
		})
	}
}

func TestGoldenTemperature(t *testing.T) {
	for name, c := range golden(t, "temperature") {
		t.Run(name, func(t *testing.T) {
			logits := slices.Concat(c.Logits...)
			classes := len(c.Logits[0])
			got := Temperature(logits, classes, c.Labels)
			// Their minimiser compares losses, which near the minimum differ by the square of the distance to it; ours finds
			// the zero of the slope.
			near(t, "T", got, c.T, 2e-8)
			if ours, _ := slope(logits, classes, c.Labels, 1/got); math.Abs(ours) > 1e-9 {
				t.Errorf("at T = %v the slope is %v, want 0", got, ours)
			}
			near(t, "loss", logLoss(logits, classes, c.Labels, got), c.MultiLogLoss, 1e-12)
		})
	}
}

// logLoss is the mean negative log-likelihood of labels under softmax(logits/temperature).
func logLoss(logits []float64, classes int, labels []int, temperature float64) (mean float64) {
	for i, label := range labels {
		var sum float64
		for _, z := range logits[i*classes : (i+1)*classes] {
			sum += math.Exp(z / temperature)
		}
		mean += math.Log(sum) - logits[i*classes+label]/temperature
	}
	return mean / float64(len(labels))
}
