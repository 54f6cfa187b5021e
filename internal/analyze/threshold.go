// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"slices"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/wire"
)

// evaluate gives the verdict on every declared threshold of drift in every one of its segments: the violated ones first, then
// those that nothing can be told of, then the others.
func evaluate(config wire.Config, results []Result, l limits) []wire.ThresholdVerdict {
	bySegment := map[string][]*Result{}
	for i := range results {
		bySegment[results[i].Segment] = append(bySegment[results[i].Segment], &results[i])
	}
	all := []string{""}
	for _, s := range config.Segments {
		all = append(all, s.Name)
	}
	var verdicts []wire.ThresholdVerdict
	for _, t := range config.Thresholds {
		if !t.Signal.Drift() {
			continue
		}
		segments := t.Segments
		if len(segments) == 0 {
			segments = all
		}
		for _, segment := range segments {
			verdicts = append(verdicts, bound(t, segment, bySegment[segment], l))
		}
	}
	slices.SortStableFunc(verdicts, func(a, b wire.ThresholdVerdict) int {
		return cmp.Compare(urgency[a.Outcome], urgency[b.Outcome])
	})
	return verdicts
}

// urgency is the order of verdicts.
var urgency = map[wire.Outcome]int{wire.OutcomeFail: 0, wire.OutcomeInconclusive: 1, wire.OutcomePass: 2}

// bound judges one threshold in one segment by the worst of the features that it is about. It fails when any of them
// does, and passes only when all of them do.
func bound(t wire.Threshold, segment string, results []*Result, l limits) wire.ThresholdVerdict {
	v := wire.ThresholdVerdict{Threshold: t.Name, Segment: segment, Outcome: wire.OutcomeInconclusive}
	subjects := subjectsOf(t, results)
	passed := 0
	worst := -1.0
	for _, r := range subjects {
		value, outcome := judgeOne(t, r, l)
		if outcome == wire.OutcomePass {
			passed++
		}
		if value.isNaN() {
			continue
		}
		// A violation is worse than any value that is none.
		if worse := outcome == wire.OutcomeFail; worse && v.Outcome != wire.OutcomeFail || worse == (v.Outcome == wire.OutcomeFail) && float64(value) > worst {
			worst, v.Value, v.Feature = float64(value), short(value), findingName(r.Feature)
			if worse {
				v.Outcome = wire.OutcomeFail
			}
		}
	}
	wanted := 1
	if t.Signal != wire.SignalPredictionDrift {
		wanted = max(1, len(t.Features))
	}
	if v.Outcome != wire.OutcomeFail && passed == len(subjects) && passed >= wanted {
		v.Outcome = wire.OutcomePass
	}
	return v
}

// subjectsOf picks the results that a threshold is about. A feature that the baseline does not have counts only when
// the threshold names it.
func subjectsOf(t wire.Threshold, results []*Result) []*Result {
	var out []*Result
	for _, r := range results {
		prediction := r.Feature == profile.Score || r.Feature == profile.Class
		switch {
		case prediction != (t.Signal == wire.SignalPredictionDrift):
		case len(t.Features) > 0 && !prediction && !slices.Contains(t.Features, r.Feature):
		case len(t.Features) == 0 && r.RowsReference == 0 && t.Signal != wire.SignalMissingRatio:
		default:
			out = append(out, r)
		}
	}
	return out
}

// judgeOne judges one result against a bound. Drift must, beyond the bound, be evident; the share of values that are
// missing or invalid is counted over all traffic, and needs no more than enough rows.
func judgeOne(t wire.Threshold, r *Result, l limits) (Float, wire.Outcome) {
	value, evident, conclusive := r.PSI, float64(r.PAdjusted) <= l.q, r.Reason == ""
	if t.Signal == wire.SignalMissingRatio {
		value, evident, conclusive = r.Missing.Current+r.Invalid.Current, true, l.covered && r.Rows >= l.minRows
	}
	switch {
	case !conclusive || value.isNaN() || r.Rows < t.MinSamples:
		return value, wire.OutcomeInconclusive
	case evident && t.Max != nil && float64(value) > *t.Max, evident && t.Min != nil && float64(value) < *t.Min:
		return value, wire.OutcomeFail
	}
	return value, wire.OutcomePass
}

// findingName is the name of a series in verdicts: "" for the prediction.
func findingName(feature string) string {
	if feature == profile.Score || feature == profile.Class {
		return ""
	}
	return feature
}

// findings are the offenders, worst first: what drifted, then what came closest to it.
func findings(results []Result) []wire.Finding {
	var out []wire.Finding
	for i := range results {
		r := &results[i]
		if r.Outcome == wire.OutcomeInsufficient {
			continue
		}
		f := func(cause string, effect, p Float) {
			out = append(out, wire.Finding{
				Feature: findingName(r.Feature), Segment: r.Segment, Statistic: cause,
				Effect: short(effect), P: short(p), Drifted: slices.Contains(r.Causes, cause),
			})
		}
		f(causePSI, r.PSI, r.PAdjusted)
		if slices.Contains(r.Causes, causeMissing) {
			f(causeMissing, r.Missing.Current, r.Missing.PAdjusted)
		}
		if slices.Contains(r.Causes, causeNew) {
			f(causeNew, r.NewCategories.Current, r.NewCategories.PAdjusted)
		}
	}
	slices.SortStableFunc(out, func(a, b wire.Finding) int {
		if a.Drifted != b.Drifted {
			if a.Drifted {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Effect, a.Effect)
	})
	// The score and the class of a prediction tell the same: of both, the worse.
	told := map[string]bool{}
	out = slices.DeleteFunc(out, func(f wire.Finding) bool {
		again := f.Feature == "" && f.Statistic == causePSI && told[f.Segment]
		told[f.Segment] = told[f.Segment] || f.Feature == "" && f.Statistic == causePSI
		return again
	})
	return out[:min(len(out), maxFindings)]
}

// maxFindings is more than fit into a verdict.
const maxFindings = 32
