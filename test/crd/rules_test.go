// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"maps"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// row is a spec that a rule accepts and one that it must be the reason to refuse; both are merged into the least spec.
type row struct{ accept, reject string }

// least are the least specs.
var least = map[string]string{
	"modelmonitors":    `{target: {workloadRef: {kind: Deployment, name: m}}}`,
	"monitorclasses":   `{store: {url: "s3://bucket"}}`,
	"annotationqueues": `{monitors: [{name: m}]}`,
	"shadowrollouts": `{monitorRef: {name: m}, candidate: {templateRef: {kind: Deployment, name: fraud}},
		analysis: {criteria: [{name: c, signal: ErrorRatio, maxDifference: "0.01"}]}}`,
}

// names are rows about the name of the object and not its spec.
var names = map[string]row{
	"metadata.name must be no more than 40 characters: it prefixes the names of CronJobs and Jobs": {
		strings.Repeat("a", 40), strings.Repeat("a", 41),
	},
	"metadata.name must be no more than 40 characters: it prefixes the names of Services and Deployments": {
		strings.Repeat("a", 40), strings.Repeat("a", 41),
	},
	"metadata.name must be a DNS label that starts with a letter: it names Services": {"fraud-2", "2-fraud"},
}

const (
	oneVersion  = "exactly one of the fields in [podLabel podAnnotation value imageOf] must be set"
	minAboveMax = "min must be less than or equal to max"
	minOrMax    = "at least one of the fields in [min max] must be set"
	dataset     = `baseline: {dataset: {url: a.csv}}`
	tooLong     = "must be at most 366d"
	binary      = `schema: {prediction: {kind: BinaryClassification}}`
)

// retraining is a spec with retraining, to which its rules add.
func retraining(triggers, dataset, rest string) string {
	return `{retraining: {templateRef: {name: t}, serviceAccountName: s, triggers: ` + triggers + `, dataset: ` + dataset + `}` + rest + `}`
}

// rules are rows for every rule, by kind and by place and message.
var rules = map[string]map[string]row{
	"modelmonitors": {
		"spec: thresholds[*].segments must name items of segments": {
			`{segments: [{name: atl, when: "true"}], thresholds: [{name: e, signal: ErrorRatio, max: "1", segments: [atl]}]}`,
			`{segments: [{name: atl, when: "true"}], thresholds: [{name: e, signal: ErrorRatio, max: "1", segments: [lax]}]}`,
		},
		"spec: thresholds[*].features must name items of schema.features": {
			`{` + dataset + `, schema: {features: [{name: age, type: Numeric}]}, thresholds: [{name: m, signal: MissingRatio, max: "1", features: [age]}]}`,
			`{thresholds: [{name: m, signal: MissingRatio, max: "1", features: [age]}]}`,
		},
		"spec: baseline must be set when a threshold has signal FeatureDrift, PredictionDrift or MissingRatio": {
			`{` + dataset + `, thresholds: [{name: d, signal: FeatureDrift, max: "1"}]}`,
			`{thresholds: [{name: m, signal: MissingRatio, max: "1"}]}`,
		},
		"spec: analyses must have kind Drift when a threshold has signal FeatureDrift, PredictionDrift or MissingRatio": {
			`{` + dataset + `, analyses: [{kind: Outliers}, {kind: Drift}], thresholds: [{name: d, signal: FeatureDrift, max: "1"}]}`,
			`{` + dataset + `, analyses: [{kind: Outliers}], thresholds: [{name: d, signal: PredictionDrift, max: "1"}]}`,
		},
		"spec: retraining.triggers.thresholds must name items of thresholds": {
			retraining(`{thresholds: [e]}`, `{window: 1d}`, `, thresholds: [{name: e, signal: ErrorRatio, max: "1"}]`),
			retraining(`{thresholds: [f]}`, `{window: 1d}`, `, thresholds: [{name: e, signal: ErrorRatio, max: "1"}]`),
		},
		"spec: baseline must be set when retraining.triggers.driftPersists is": {
			retraining(`{driftPersists: 3}`, `{window: 1d}`, `, `+dataset), retraining(`{driftPersists: 3}`, `{window: 1d}`, ``),
		},
		"spec: retraining.dataset.segments must name items of segments": {
			retraining(`{newLabels: 1}`, `{segments: [atl]}`, `, segments: [{name: atl, when: "true"}]`),
			retraining(`{newLabels: 1}`, `{segments: [lax]}`, `, segments: [{name: atl, when: "true"}]`),
		},
		"spec: retraining.dataset.redact must name items of schema.features": {
			retraining(`{newLabels: 1}`, `{redact: [age]}`, `, schema: {features: [{name: age, type: Numeric}]}`),
			retraining(`{newLabels: 1}`, `{redact: [age]}`, ``),
		},
		"spec.retraining.triggers: at least one of the fields in [newLabels thresholds schedule driftPersists] must be set": {
			retraining(`{schedule: "H 3 * * 1"}`, `{window: 1d}`, ``), retraining(`{}`, `{window: 1d}`, ``),
		},
		"spec.retraining.cooldown: " + tooLong: {
			`{retraining: {templateRef: {name: t}, serviceAccountName: s, triggers: {newLabels: 1}, cooldown: 366d}}`,
			`{retraining: {templateRef: {name: t}, serviceAccountName: s, triggers: {newLabels: 1}, cooldown: 367d}}`,
		},
		"spec.retraining.dataset.window: " + tooLong: {retraining(`{newLabels: 1}`, `{window: 366d}`, ``), retraining(`{newLabels: 1}`, `{window: 367d}`, ``)},
		"spec.analyses[].window: " + tooLong:         {`{analyses: [{kind: Outliers, window: 366d}]}`, `{analyses: [{kind: Outliers, window: 367d}]}`},
		"spec.baseline.trailing.window: " + tooLong: {
			`{baseline: {trailing: {window: 8784h}}}`, `{baseline: {trailing: {window: 8785h}}}`,
		},
		"spec.thresholds[].window: " + tooLong: {
			`{thresholds: [{name: e, signal: ErrorRatio, max: "1", window: 99999m}]}`,
			`{thresholds: [{name: e, signal: ErrorRatio, max: "1", window: 99999d}]}`,
		},
		"spec.thresholds[].for: " + tooLong: {
			`{thresholds: [{name: e, signal: ErrorRatio, max: "1", for: 99999s}]}`,
			`{thresholds: [{name: e, signal: ErrorRatio, max: "1", for: 99999h}]}`,
		},
		"spec: schema.prediction must be a classification when a threshold has signal MeanConfidence or MeanEntropy": {
			`{` + binary + `, thresholds: [{name: c, signal: MeanConfidence, min: "0.5"}]}`,
			`{schema: {prediction: {kind: Regression}}, thresholds: [{name: c, signal: MeanEntropy, max: "0.5"}]}`,
		},
		"spec: schema.prediction must be a classification when a threshold has signal Accuracy, Precision, Recall, F1 or LogLoss": {
			`{` + binary + `, thresholds: [{name: r, signal: Recall, min: "0.8"}]}`,
			`{schema: {prediction: {kind: Regression}}, thresholds: [{name: r, signal: F1, min: "0.8"}]}`,
		},
		"spec: schema.prediction must be a BinaryClassification when a threshold has signal AUC or Brier": {
			`{` + binary + `, thresholds: [{name: a, signal: AUC, min: "0.8"}]}`,
			`{schema: {prediction: {kind: MulticlassClassification}}, thresholds: [{name: b, signal: Brier, max: "0.2"}]}`,
		},
		"spec: schema.prediction must be a Regression when a threshold has signal MAE or RMSE": {
			`{schema: {prediction: {kind: Regression}}, thresholds: [{name: m, signal: MAE, max: "4"}]}`,
			`{` + binary + `, thresholds: [{name: m, signal: RMSE, max: "4"}]}`,
		},
		"spec: analyses must have kind Performance when a threshold has a signal of performance": {
			`{` + binary + `, analyses: [{kind: Performance, window: 7d}], thresholds: [{name: c, signal: CostPerDay, max: "5000"}]}`,
			`{` + binary + `, analyses: [{kind: Labels}], thresholds: [{name: c, signal: LabelCoverage, min: "0.9"}]}`,
		},
		"spec: schema.prediction must be set when labels is, when analyses has kind Performance, and when a threshold has a signal of performance": {
			`{` + binary + `, labels: {matureAfter: 60d}}`, `{labels: {matureAfter: 60d}}`,
		},
		"spec: labels.positiveClass must be a class of a BinaryClassification": {
			`{schema: {prediction: {kind: BinaryClassification, classes: [ontime, late]}}, labels: {positiveClass: late}}`,
			`{schema: {prediction: {kind: BinaryClassification, classes: [ontime, late]}}, labels: {positiveClass: early}}`,
		},
		"spec: labels.costs may only be set for a classification": {
			`{` + binary + `, labels: {costs: [{actual: "1", predicted: "0", cost: "120"}]}}`,
			`{schema: {prediction: {kind: Regression}}, labels: {costs: [{actual: "1", predicted: "0", cost: "120"}]}}`,
		},
		"spec.analyses[]: window may not be set when kind is Labels: the whole inbox is taken": {
			`{analyses: [{kind: Labels, schedule: "H * * * *"}]}`, `{analyses: [{kind: Labels, window: 1h}]}`,
		},
		"spec.labels.matureAfter: " + tooLong:  {`{` + binary + `, labels: {matureAfter: 366d}}`, `{` + binary + `, labels: {matureAfter: 367d}}`},
		"spec.labels.keyTolerance: " + tooLong: {`{` + binary + `, labels: {keyTolerance: 366d}}`, `{` + binary + `, labels: {keyTolerance: 367d}}`},
		"spec.thresholds[]: window may not be set for performance signals: they use the window of the Performance analysis": {
			`{` + binary + `, thresholds: [{name: m, signal: Precision, min: "0.5", segments: [a]}], segments: [{name: a, when: "true"}]}`,
			`{` + binary + `, thresholds: [{name: m, signal: EscalationRatio, max: "1", window: 1h}]}`,
		},
		"spec: baseline must be set when drift is": {
			`{` + dataset + `, drift: {minEffect: {psi: "0.2"}}}`, `{drift: {minEffect: {psi: "0.2"}}}`,
		},
		"spec: baseline must be set when analyses has kind Drift": {
			`{baseline: {trailing: {window: 7d}}, analyses: [{kind: Drift}]}`, `{analyses: [{kind: Drift}]}`,
		},
		"spec.alerting.labels: labels must have Prometheus label names as keys, and values of at most 256 characters": {
			`{alerting: {labels: {team_2: payments}}}`, `{alerting: {labels: {team-2: payments}}}`,
		},
		"spec.alerting.labels: labels must not set alertname, severity, namespace, monitor, threshold or segment": {
			`{alerting: {labels: {team: a}}}`, `{alerting: {labels: {severity: critical}}}`,
		},
		"spec.alerting.runbookURL: runbookURL must be a URL": {
			`{alerting: {runbookURL: "https://runbooks/fraud"}}`, `{alerting: {runbookURL: "see the wiki"}}`,
		},
		"spec.baseline: exactly one of the fields in [dataset trailing] must be set": {
			`{` + dataset + `}`, `{baseline: {dataset: {url: a.csv}, trailing: {window: 7d}}}`,
		},
		"spec.baseline.dataset.url: url must end in .parquet or .csv": {
			`{baseline: {dataset: {url: baselines/may.parquet}}}`, `{baseline: {dataset: {url: baselines/may.json}}}`,
		},
		"spec.baseline.dataset.url: url must be a path relative to the monitor's folder in the store": {
			`{baseline: {dataset: {url: a/b.csv}}}`, `{baseline: {dataset: {url: ../other/b.csv}}}`,
		},
		"spec.drift.minEffect.psi: psi must not be negative": {
			`{` + dataset + `, drift: {minEffect: {psi: "0"}}}`, `{` + dataset + `, drift: {minEffect: {psi: "-0.1"}}}`,
		},
		"spec.schema.features[]: range may only be set when type is Numeric": {
			`{schema: {features: [{name: a, type: Numeric, range: {min: "0"}}]}}`,
			`{schema: {features: [{name: a, type: Text, range: {min: "0"}}]}}`,
		},
		"spec.schema.features[]: values may only be set when type is Categorical": {
			`{schema: {features: [{name: a, type: Categorical, values: [x]}]}}`,
			`{schema: {features: [{name: a, type: Boolean, values: [x]}]}}`,
		},
		"spec.schema.features[]: origin may only be set when type is Numeric": {
			`{schema: {features: [{name: a, type: Numeric, origin: "2000"}]}}`,
			`{schema: {features: [{name: a, type: Categorical, origin: "2000"}]}}`,
		},
		"spec.schema.features[].name: name must not be 'prediction' or 'score': they stand for the model's answer": {
			`{schema: {features: [{name: scored, type: Numeric}]}}`, `{schema: {features: [{name: score, type: Numeric}]}}`,
		},
		"spec.schema.features[].range: " + minAboveMax: {
			`{schema: {features: [{name: a, type: Numeric, range: {min: "1", max: "1"}}]}}`,
			`{schema: {features: [{name: a, type: Numeric, range: {min: "10", max: "9"}}]}}`,
		},
		"spec.schema.features[].range: " + minOrMax: {
			`{schema: {features: [{name: a, type: Numeric, range: {max: "1"}}]}}`,
			`{schema: {features: [{name: a, type: Numeric, range: {}}]}}`,
		},
		"spec.schema.prediction: scores may only be set when kind is MulticlassClassification": {
			`{schema: {prediction: {kind: MulticlassClassification, scores: response.p}}}`,
			`{schema: {prediction: {kind: BinaryClassification, scores: response.p}}}`,
		},
		"spec.schema.prediction: score may not be set when kind is MulticlassClassification: set scores": {
			`{schema: {prediction: {kind: Regression, score: response.y}}}`,
			`{schema: {prediction: {kind: MulticlassClassification, score: response.y}}}`,
		},
		"spec.schema.prediction: label may not be set when kind is Regression": {
			`{schema: {prediction: {kind: BinaryClassification, label: response.c}}}`,
			`{schema: {prediction: {kind: Regression, label: response.c}}}`,
		},
		"spec.schema.prediction: classes may not be set when kind is Regression": {
			`{schema: {prediction: {kind: MulticlassClassification, classes: [a, b, c]}}}`,
			`{schema: {prediction: {kind: Regression, classes: [a, b]}}}`,
		},
		"spec.schema.prediction: classes must have two items when kind is BinaryClassification": {
			`{schema: {prediction: {kind: BinaryClassification, classes: [a, b]}}}`,
			`{schema: {prediction: {kind: BinaryClassification, classes: [a, b, c]}}}`,
		},
		"spec.segments[].name: name must not be 'all': it stands for all traffic": {
			`{segments: [{name: all-of-us, when: "true"}]}`, `{segments: [{name: all, when: "true"}]}`,
		},
		"spec.source.sidecar: json may only be set when protocol is JSON": {
			`{source: {sidecar: {protocol: JSON, json: {path: /classify}}}}`, `{source: {sidecar: {json: {path: /classify}}}}`,
		},
		"spec.source.sidecar.port: exactly one of the fields in [name number] must be set": {
			`{source: {sidecar: {port: {number: 8080}}}}`, `{source: {sidecar: {port: {name: http, number: 8080}}}}`,
		},
		"spec.target: exactly one of the fields in [workloadRef podSelector] must be set": {
			`{}`, `{target: {podSelector: {matchLabels: {app: m}}}}`,
		},
		"spec.thresholds[]: " + minAboveMax: {
			`{thresholds: [{name: r, signal: RequestsPerSecond, min: "9", max: "10"}]}`,
			`{thresholds: [{name: r, signal: RequestsPerSecond, min: "10", max: "9"}]}`,
		},
		"spec.thresholds[]: quantile must be set if and only if signal is LatencySeconds": {
			`{thresholds: [{name: l, signal: LatencySeconds, quantile: "0.99", max: "1"}]}`,
			`{thresholds: [{name: l, signal: LatencySeconds, max: "1"}]}`,
		},
		"spec.thresholds[]: features may only be set when signal is FeatureDrift or MissingRatio": {
			`{` + dataset + `, schema: {features: [{name: a, type: Text}]}, thresholds: [{name: m, signal: MissingRatio, max: "1", features: [a]}]}`,
			`{schema: {features: [{name: a, type: Text}]}, thresholds: [{name: m, signal: ErrorRatio, max: "1", features: [a]}]}`,
		},
		"spec.thresholds[]: window may not be set for drift signals: they use the window of the Drift analysis": {
			`{thresholds: [{name: m, signal: TimeoutRatio, max: "1", window: 1h}]}`,
			`{thresholds: [{name: m, signal: MissingRatio, max: "1", window: 1h}]}`,
		},
		"spec.thresholds[]: segments may not be set when signal is CaptureLossRatio": {
			`{thresholds: [{name: l, signal: CaptureLossRatio, max: "1"}]}`,
			`{segments: [{name: a, when: "true"}], thresholds: [{name: l, signal: CaptureLossRatio, max: "1", segments: [a]}]}`,
		},
		"spec.thresholds[]: min may not be set for FeatureDrift and PredictionDrift: they are distances": {
			`{` + dataset + `, thresholds: [{name: d, signal: PredictionDrift, max: "1"}]}`,
			`{` + dataset + `, thresholds: [{name: d, signal: PredictionDrift, min: "0", max: "1"}]}`,
		},
		"spec.thresholds[]: " + minOrMax: {
			`{thresholds: [{name: e, signal: ErrorRatio, min: "0"}]}`, `{thresholds: [{name: e, signal: ErrorRatio}]}`,
		},
		"spec.thresholds[].quantile: quantile must be between 0 and 1": {
			`{thresholds: [{name: l, signal: LatencySeconds, quantile: "0.5", max: "1"}]}`,
			`{thresholds: [{name: l, signal: LatencySeconds, quantile: "99", max: "1"}]}`,
		},
		"spec.versions.model: " + oneVersion:    {`{versions: {model: {podLabel: v}}}`, `{versions: {model: {podLabel: v, value: v}}}`},
		"spec.versions.code: " + oneVersion:     {`{versions: {code: {imageOf: model}}}`, `{versions: {code: {}}}`},
		"spec.versions.features: " + oneVersion: {`{versions: {features: {podAnnotation: v}}}`, `{versions: {features: {podAnnotation: v, imageOf: v}}}`},
		"spec.versions.dataset: " + oneVersion:  {`{versions: {dataset: {value: v}}}`, `{versions: {dataset: {}}}`},
	},
	"monitorclasses": {
		"spec.retention.predictions: must be at most 3660d": {`{retention: {predictions: 3660d}}`, `{retention: {predictions: 3661d}}`},
		"spec.retention.features: must be at most 3660d":    {`{retention: {features: 3660d}}`, `{retention: {features: 3661d}}`},
		"spec.retention.bodies: must be at most 3660d":      {`{retention: {bodies: 3660d}}`, `{retention: {bodies: 3661d}}`},
		"spec.retention.profiles: must be at most 3660d":    {`{retention: {profiles: 3660d}}`, `{retention: {profiles: 3661d}}`},
		"spec.retention.labels: must be at most 3660d":      {`{retention: {labels: 3660d}}`, `{retention: {labels: 3661d}}`},
		"spec.flush: flush must be from 5s to 1h":           {`{flush: 5s}`, `{flush: 4s}`},
		"spec.flush: " + tooLong:                            {`{flush: 60m}`, `{flush: 367d}`},
		"spec.prometheus.url: url must be an http or https URL": {
			`{prometheus: {url: "http://prometheus:9090"}}`, `{prometheus: {url: "prometheus:9090"}}`,
		},
		"spec.prometheus.url: url must not hold a name or a password: put them into the Secret of credentials": {
			`{prometheus: {url: "https://prometheus/a@b"}}`, `{prometheus: {url: "https://me:secret@prometheus"}}`,
		},
		"spec.prometheus: url must be set when credentials or tenant is": {
			`{prometheus: {url: "http://mimir/prometheus", credentials: {secretName: vedette-prometheus}, tenant: {value: "a|b"}}}`,
			`{prometheus: {credentials: {secretName: vedette-prometheus}}}`,
		},
		"spec.prometheus.tenant.header: header must not be one that means something else": {
			`{prometheus: {url: "http://thanos:9090", tenant: {header: THANOS-TENANT, value: ml}}}`,
			`{prometheus: {url: "http://thanos:9090", tenant: {header: AUTHORIZATION, value: ml}}}`,
		},
		"spec.audit.url: url must start with s3:// or file:///": {`{audit: {url: "s3://audit"}}`, `{audit: {url: "gs://audit-log"}}`},
		"spec.store.url: url must start with s3:// or file:///": {`{store: {url: "file:///data"}}`, `{store: {url: "gs://bucket"}}`},
	},
	"annotationqueues": queueRules,
	"shadowrollouts":   rolloutRules,
}

func TestRules(t *testing.T) {
	for kind, rows := range rules {
		v := load(t, kind)
		for rule, row := range rows {
			t.Run(rule, func(t *testing.T) {
				if errs := v.validate(t, object(t, kind, "m", row.accept)); len(errs) > 0 {
					t.Errorf("%s is refused: %v", row.accept, errs.ToAggregate())
				}
				_, message, _ := strings.Cut(rule, ": ")
				errs := v.validate(t, object(t, kind, "m", row.reject))
				if len(errs) == 0 || !strings.Contains(errs.ToAggregate().Error(), message) {
					t.Errorf("%s: got %v, want %q", row.reject, errs.ToAggregate(), message)
				}
			})
		}
	}
}

func TestNames(t *testing.T) {
	tried := map[string]bool{}
	for _, kind := range kinds {
		v := load(t, kind)
		for _, rule := range v.schema.XValidations {
			row, ok := names[rule.Message]
			if !ok {
				continue
			}
			tried[rule.Message] = true
			if errs := v.validate(t, object(t, kind, row.accept, "{}")); len(errs) > 0 {
				t.Errorf("%s: the name %s is refused: %v", kind, row.accept, errs.ToAggregate())
			}
			if errs := v.validate(t, object(t, kind, row.reject, "{}")); len(errs) == 0 || !strings.Contains(errs.ToAggregate().Error(), rule.Message) {
				t.Errorf("%s: the name %s: got %v, want %q", kind, row.reject, errs.ToAggregate(), rule.Message)
			}
		}
	}
	for message := range names {
		if !tried[message] {
			t.Errorf("there is no rule %q", message)
		}
	}
}

// TestEveryRuleHasRows fails when a rule is added without values that it accepts and refuses, or renamed.
func TestEveryRuleHasRows(t *testing.T) {
	for _, kind := range kinds {
		missing := maps.Clone(rules[kind])
		for path, schema := range walk(load(t, kind).schema, nil) {
			for _, rule := range schema.XValidations {
				key := strings.ReplaceAll(strings.Join(path, "."), ".[]", "[]") + ": " + rule.Message
				if _, ok := names[rule.Message]; len(path) == 0 && ok {
					continue
				}
				if rule.Message == percentRule {
					continue // TestPercents tries each, also in status
				}
				if _, ok := changes[key]; ok && kind == "annotationqueues" {
					continue
				}
				if _, ok := rolloutChanges[key]; ok && kind == "shadowrollouts" {
					continue
				}
				if _, ok := rules[kind][key]; !ok {
					t.Errorf("%s: the rule %q has no rows", kind, key)
				}
				delete(missing, key)
			}
		}
		for key := range missing {
			t.Errorf("%s: there is no rule %q", kind, key)
		}
	}
}

// object is an object of a kind, with a spec merged into the least one, field by field at the top.
func object(t *testing.T, kind, name, spec string) map[string]any {
	t.Helper()
	merged := map[string]any{}
	for _, s := range []string{least[kind], spec} {
		var part map[string]any
		if err := yaml.Unmarshal([]byte(s), &part); err != nil { // which keeps whole numbers whole, as the API server does
			t.Fatalf("%s: %v", s, err)
		}
		for key, value := range part {
			into, both := merged[key].(map[string]any)
			from, ok := value.(map[string]any)
			if both && ok {
				maps.Copy(into, from)
				maps.DeleteFunc(into, func(_ string, value any) bool { return value == nil }) // as the API server does
				continue
			}
			merged[key] = value
		}
	}
	return runtime.DeepCopyJSON(map[string]any{"metadata": map[string]any{"name": name}, "spec": merged})
}
