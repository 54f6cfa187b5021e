// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/monitor"
)

// Answer is what a query of the user's own yielded.
type Answer struct {
	Value float64
	// Err is why there is no value.
	Err error
}

// Judgement is what the evidence says about a candidate.
type Judgement struct {
	Verdict  v1alpha1.Verdict
	Findings []v1alpha1.RolloutFinding
	// Pairs is the number of requests whose two answers were compared.
	Pairs int64
}

// Judge judges the evidence by the criteria of a rollout. Answers are those of its own queries, by the name of the criterion.
func Judge(r *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor, e monitor.Effective, evidence criteria.Evidence, answers map[string]Answer) Judgement {
	a := r.Spec.Analysis
	policy := criteria.Policy{
		MaxWrongPromotion: number(string(a.MaxWrongPromotion), 0.05),
		MaxWrongRejection: number(string(a.MaxWrongRejection), 0.01),
		Probability:       m.Spec.Schema.Prediction.Kind != v1alpha1.PredictionRegression,
	}
	var everywhere []string
	for _, name := range segments(e) {
		everywhere = append(everywhere, string(name))
	}
	compared, findings := criteria.Judge(Criteria(a, e), everywhere, withLabels(evidence, r, m), policy)
	j := Judgement{Verdict: v1alpha1.Verdict(compared), Pairs: evidence[criteria.Everything].Compared()}
	for _, f := range findings {
		j.Findings = append(j.Findings, finding(f, j.Pairs))
	}
	for _, c := range a.Criteria {
		if c.PromQL.Query != "" {
			f := answered(c, answers[string(c.Name)], j.Pairs >= int64(cmp.Or(c.MinSamples, a.MinSamples, 100)))
			j.Findings = append(j.Findings, f)
			j.Verdict = worse(j.Verdict, f.Verdict, len(findings) == 0)
		}
	}
	if j.Pairs == 0 && j.Verdict == v1alpha1.VerdictPass {
		j.Verdict = v1alpha1.VerdictInconclusive // queries alone promote nothing that was never asked anything
	}
	return j
}

// worse is the verdict of two. One criterion that fails is enough; only where all pass, the candidate does.
func worse(a, b v1alpha1.Verdict, first bool) v1alpha1.Verdict {
	if first && a != v1alpha1.VerdictFail {
		a = v1alpha1.VerdictPass
	}
	for _, v := range []v1alpha1.Verdict{v1alpha1.VerdictFail, v1alpha1.VerdictError, v1alpha1.VerdictInconclusive} {
		if a == v || b == v {
			return v
		}
	}
	return v1alpha1.VerdictPass
}

// Criteria are those that are judged by what the sidecars count.
func Criteria(a v1alpha1.RolloutAnalysis, e monitor.Effective) []criteria.Criterion {
	var list []criteria.Criterion
	for _, c := range a.Criteria {
		x := criteria.Criterion{
			Name: string(c.Name), Signal: criteria.Signal(c.Signal), Quantile: number(string(c.Quantile), 0),
			MaxRatio: number(string(c.MaxRatio), 0), MaxDifference: number(string(c.MaxDifference), 0),
			MinSamples: int64(cmp.Or(c.MinSamples, a.MinSamples, 100)),
		}
		for _, s := range c.Segments {
			x.Segments = append(x.Segments, string(s))
		}
		switch {
		case c.PromQL.Query != "":
			continue
		case c.Threshold != "":
			t := slices.IndexFunc(e.Thresholds, func(t v1alpha1.Threshold) bool { return t.Name == c.Threshold })
			if t < 0 {
				continue // Validate says so
			}
			bound(&x, e.Thresholds[t])
		}
		if x.Quantile != 0 && len(x.Segments) == 0 {
			x.Segments = []string{criteria.Everything} // buckets are many: segments are counted only where they are asked for
		}
		list = append(list, x)
	}
	return list
}

// ofShadow are the signals of thresholds that can be applied to a shadow.
var ofShadow = map[v1alpha1.Signal]criteria.Signal{
	v1alpha1.SignalErrorRatio: criteria.ShadowErrorRatio, v1alpha1.SignalLatencySeconds: criteria.ShadowLatencySeconds,
}

// bound makes a criterion of a threshold of the monitor.
func bound(c *criteria.Criterion, t v1alpha1.Threshold) {
	c.Signal, c.Quantile, c.MaxDifference = ofShadow[t.Signal], number(string(t.Quantile), 0), number(string(t.Max), 0)
	if len(c.Segments) > 0 {
		return
	}
	for _, s := range t.Segments {
		c.Segments = append(c.Segments, string(s))
	}
}

func number(text string, otherwise float64) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return otherwise // unset: the API server lets nothing else through
	}
	return v
}

const (
	digits = 4
	// maxDecimal bounds what a Decimal holds.
	maxDecimal = 999_999_999
)

// decimal writes a number with four significant digits; "" for one that is none, or is not bounded.
func decimal(v float64) v1alpha1.Decimal {
	if math.IsNaN(v) || math.Abs(v) > maxDecimal {
		return ""
	}
	if math.Abs(v) < 1e-9 {
		return "0"
	}
	places := digits - 1 - int(math.Floor(math.Log10(math.Abs(v))))
	text := strconv.FormatFloat(v, 'f', max(0, min(9, places)), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		text = "0"
	}
	return v1alpha1.Decimal(text)
}
