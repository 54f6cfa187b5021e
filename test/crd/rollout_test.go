// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"strings"
	"testing"

	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// criteria is a spec of a rollout with the criterion.
func criteria(criterion string) string {
	return `{analysis: {criteria: [{name: c, ` + criterion + `}]}}`
}

// analysed is a spec of a rollout with something about its analysis.
func analysed(what string) string {
	return `{analysis: {` + what + `, criteria: [{name: c, signal: ErrorRatio, maxDifference: "0.01"}]}}`
}

// parametrised is a spec of a rollout with the parameter.
func parametrised(parameter string) string {
	return `{candidate: {parameters: [{name: model, from: URI, ` + parameter + `}]}}`
}

// besides is a spec of a rollout that compares two workloads of the user's, with something more.
func besides(what string) string {
	return `{candidate: {templateRef: null, workloadRef: {kind: Deployment, name: fraud-next}}, promotion: {policy: Advise}` + what + `}`
}

const beyond = "must be above 0"

// rolloutRules are rows for every rule of a rollout.
var rolloutRules = map[string]row{
	"spec.candidate: exactly one of the fields in [templateRef workloadRef] must be set": {
		besides(``), `{candidate: {workloadRef: {kind: Deployment, name: fraud-next}}, promotion: {policy: Advise}}`,
	},
	"spec.candidate: parameters may only be set with templateRef: a workload of yours is not written": {
		parametrised(`annotation: example.com/model`),
		`{candidate: {templateRef: null, workloadRef: {kind: Deployment, name: fraud-next}, parameters: [{name: model, from: URI, annotation: a}]}, promotion: {policy: Advise}}`,
	},
	"spec: promotion.policy must be Advise with candidate.workloadRef: what serves is not the rollout's, so that it can only advise": {
		besides(``), `{candidate: {templateRef: null, workloadRef: {kind: StatefulSet, name: fraud-next}}}`,
	},
	"spec: shadow must have no more than maxLifetime with candidate.workloadRef: the candidate runs by itself": {
		besides(`, shadow: {maxLifetime: 2d}`), besides(`, shadow: {replicas: 2}`),
	},
	"spec: bake may only be set with candidate.templateRef: without a promotion nothing is watched after it": {
		besides(`, mirror: {percent: "5"}`), besides(`, bake: {duration: 2h}`),
	},
	"spec: replicas may only be set with candidate.templateRef: scale the target of the ModelMonitor instead": {
		besides(`, replicas: 1`), besides(`, replicas: 2`),
	},
	"spec: deletionPolicy may only be set with candidate.templateRef: the rollout makes no primary that could be deleted": {
		besides(`, deletionPolicy: Retain`), besides(`, deletionPolicy: Delete`),
	},
	"spec.candidate.parameters[]: exactly one of the fields in [env arg annotation] must be set": {
		parametrised(`env: {container: model, name: MODEL_URI}`),
		parametrised(`env: {container: model, name: MODEL_URI}, arg: {container: model, name: --model}`),
	},
	"spec.candidate.parameters[].annotation: annotation must not be one of vedette.dev: they say what Vedette does to a pod": {
		parametrised(`annotation: example.com/model`), parametrised(`annotation: vedette.dev/port`),
	},
	"spec.shadow.maxLifetime: " + tooLong: {`{shadow: {maxLifetime: 366d}}`, `{shadow: {maxLifetime: 367d}}`},
	"spec.mirror.percent: percent must be above 0: nothing would be compared": {
		`{mirror: {percent: "0.1"}}`, `{mirror: {percent: "0.0"}}`,
	},
	"spec.mirror.timeout: timeout must be at most 10m": {`{mirror: {timeout: 600s}}`, `{mirror: {timeout: 1h}}`},
	"spec.mirror.timeout: " + tooLong:                  {`{mirror: {timeout: 10m}}`, `{mirror: {timeout: 367d}}`},
	"spec.mirror.header: header must not be one that means something else": {
		`{mirror: {header: X-Shadow}}`, `{mirror: {header: Content-Type}}`,
	},
	"spec.analysis.period: period must be from 10s to 1h": {analysed(`period: 1h`), analysed(`period: 9s`)},
	"spec.analysis.period: " + tooLong:                    {analysed(`period: 60m`), analysed(`period: 9999h`)},
	"spec.analysis.minDuration: minDuration must be at most 30d": {
		analysed(`minDuration: 720h`), analysed(`minDuration: 31d`),
	},
	"spec.analysis.minDuration: " + tooLong: {analysed(`minDuration: 7d`), analysed(`minDuration: 367d`)},
	"spec.analysis.deadline: deadline must be at most 90d": {
		analysed(`deadline: 90d`), analysed(`deadline: 2161h`),
	},
	"spec.analysis.deadline: " + tooLong:         {analysed(`deadline: 72h`), analysed(`deadline: 367d`)},
	"spec.analysis.maxWrongPromotion: " + beyond: {analysed(`maxWrongPromotion: "0.001"`), analysed(`maxWrongPromotion: "0.00"`)},
	"spec.analysis.maxWrongRejection: " + beyond: {analysed(`maxWrongRejection: "0.49"`), analysed(`maxWrongRejection: "0.0"`)},
	"spec.analysis.tolerance.absolute: absolute must not be negative": {
		analysed(`tolerance: {absolute: "0"}`), analysed(`tolerance: {absolute: "-1"}`),
	},
	"spec.analysis.tolerance.relative: relative must be from 0 to 1": {
		analysed(`tolerance: {relative: "0.5"}`), analysed(`tolerance: {relative: "1.5"}`),
	},
	"spec.analysis.criteria[]: exactly one of the fields in [signal threshold promQL] must be set": {
		criteria(`threshold: errors`), criteria(`threshold: errors, signal: ErrorRatio, maxDifference: "0.01"`),
	},
	"spec.analysis.criteria[]: quantile must be set if and only if signal is LatencySeconds": {
		criteria(`signal: LatencySeconds, quantile: "0.99", maxRatio: "1.1"`), criteria(`signal: LatencySeconds, maxRatio: "1.1"`),
	},
	"spec.analysis.criteria[]: maxRatio must be set if and only if signal is LatencySeconds": {
		criteria(`signal: LatencySeconds, quantile: "0.5", maxRatio: "2"`), criteria(`signal: Accuracy, maxDifference: "0.1", maxRatio: "2"`),
	},
	"spec.analysis.criteria[]: maxDifference must be set if and only if signal is set and not LatencySeconds": {
		criteria(`signal: Disagreement, maxDifference: "0.01"`), criteria(`threshold: errors, maxDifference: "0.01"`),
	},
	"spec.analysis.criteria[]: maxDifference must be below 1: the signal is from 0 to 1": {
		criteria(`signal: ScoreDifference, maxDifference: "20"`), criteria(`signal: ScoreDistribution, maxDifference: "20"`),
	},
	"spec.analysis.criteria[]: segments may only be set with signal: a threshold has its own, and a query selects what it asks for": {
		criteria(`signal: Accuracy, maxDifference: "0.1", segments: [all, atl]`), criteria(`threshold: errors, segments: [atl]`),
	},
	"spec.analysis.criteria[].quantile: quantile must be between 0 and 1": {
		criteria(`signal: LatencySeconds, quantile: "0.999", maxRatio: "2"`), criteria(`signal: LatencySeconds, quantile: "1", maxRatio: "2"`),
	},
	"spec.analysis.criteria[].maxRatio: maxRatio must be from 1.1 to 100: less cannot be told from 1": {
		criteria(`signal: LatencySeconds, quantile: "0.9", maxRatio: "1.1"`), criteria(`signal: LatencySeconds, quantile: "0.9", maxRatio: "1.09"`),
	},
	"spec.analysis.criteria[].maxDifference: maxDifference must be above 0: that two versions are exactly alike cannot be shown": {
		criteria(`signal: ScoreShift, maxDifference: "0.000001"`), criteria(`signal: ScoreShift, maxDifference: "0"`),
	},
	"spec.analysis.criteria[].promQL: " + minOrMax: {
		criteria(`promQL: {query: up, min: "1"}`), criteria(`promQL: {query: up}`),
	},
	"spec.analysis.criteria[].promQL: " + minAboveMax: {
		criteria(`promQL: {query: up, min: "1", max: "1"}`), criteria(`promQL: {query: up, min: "2", max: "1"}`),
	},
	"spec.bake.duration: duration must be at most 30d": {`{bake: {duration: 720h}}`, `{bake: {duration: 31d}}`},
	"spec.bake.duration: " + tooLong:                   {`{bake: {duration: 30d}}`, `{bake: {duration: 367d}}`},
	": candidate.templateRef must not name what the rollout makes, <name>-primary and <name>-shadow": {
		`{candidate: {templateRef: {kind: Deployment, name: m}}}`, `{candidate: {templateRef: {kind: Deployment, name: m-shadow}}}`,
	},
}

// rolloutChanges are rows for the rules of a rollout that look at what there was.
var rolloutChanges = map[string]change{
	"spec.monitorRef: monitorRef must not change: make a new ShadowRollout": {
		`{replicas: 1}`, `{replicas: 2}`, `{monitorRef: {name: another}}`,
	},
	"spec.candidate: candidate must not change between templateRef and workloadRef: make a new ShadowRollout": {
		`{}`, `{candidate: {templateRef: {kind: Deployment, name: another}}}`, besides(``),
	},
}

func TestRolloutChanges(t *testing.T) {
	v := load(t, "shadowrollouts")
	for rule, row := range rolloutChanges {
		_, message, _ := strings.Cut(rule, ": ")
		before := object(t, "shadowrollouts", "m", row.from)
		v.validate(t, before) // for its defaults
		for spec, want := range map[string]string{row.accept: "", row.reject: message} {
			after := object(t, "shadowrollouts", "m", spec)
			if errs := v.validate(t, after); len(errs) > 0 {
				t.Fatalf("%s is refused by itself: %v", spec, errs.ToAggregate())
			}
			errs, _ := v.cel.Validate(t.Context(), nil, v.structural, after, before, celconfig.RuntimeCELCostBudget)
			if got := errs.ToAggregate(); (got == nil) != (want == "") || got != nil && !strings.Contains(got.Error(), want) {
				t.Errorf("%s to %s: got %v, want %q", row.from, spec, got, want)
			}
		}
	}
}
