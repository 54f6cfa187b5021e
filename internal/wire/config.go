// SPDX-License-Identifier: Apache-2.0

// Package wire owns the documents that travel between the manager and the programs without API permissions: the
// configuration (manager → capture, analyze) and the verdict (analyze → manager). It imports no Kubernetes package.
//
// The configuration is additive: a reader ignores, and counts, keys that it does not know, so that sidecars and
// managers of neighbouring releases understand each other.
package wire

import (
	"encoding/json"
	"time"
)

// Version is the version of the configuration document, also part of its file name.
const Version = 1

// MaxConfigBytes bounds a configuration document; a ConfigMap cannot be larger.
const MaxConfigBytes = 1 << 20

// Config is everything that the sidecar and the analyses of one monitor need to know, apart from credentials.
type Config struct {
	// Version is the version of the document.
	Version int `json:"version"`
	// Revision is the hash of all the rest; it stands on every record.
	Revision string `json:"revision"`
	// Cluster, Namespace and Monitor identify the monitor, and are the first elements of every path in the store.
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Monitor   string `json:"monitor"`
	// Mode is how far the monitor goes.
	Mode Mode `json:"mode"`

	Store    Store     `json:"store"`
	Capture  Capture   `json:"capture"`
	Versions Versions  `json:"versions"`
	Schema   Schema    `json:"schema"`
	Segments []Segment `json:"segments,omitempty"`
	Baseline Baseline  `json:"baseline"`
	Drift    Drift     `json:"drift"`
	Outliers Outliers  `json:"outliers"`
	Labels   Labels    `json:"labels,omitzero"`
	// Dataset says which labelled predictions make a dataset.
	Dataset Dataset `json:"dataset,omitzero"`
	// Retention is how long what is stored is kept.
	Retention Retention `json:"retention,omitzero"`
	// Thresholds are those that analyze evaluates: signals of drift and of performance. The others are Prometheus rules.
	Thresholds []Threshold `json:"thresholds,omitempty"`
}

// Mode is how far a monitor goes.
type Mode string

// The modes. For the sidecar, Enforce and Observe are the same.
const (
	ModeEnforce     Mode = "Enforce"
	ModeObserve     Mode = "Observe"
	ModePassThrough Mode = "PassThrough"
	ModeSuspended   Mode = "Suspended"
)

// Store says where rows go.
type Store struct {
	// URL is the root of the store, for example "s3://bucket/prefix?region=eu-west-1&endpoint=http://…" or "file:///dir".
	URL string `json:"url"`
}

// Protocol is what the model server speaks.
type Protocol string

// The protocols.
const (
	ProtocolAuto            Protocol = "Auto"
	ProtocolOpenInferenceV2 Protocol = "OpenInferenceV2"
	ProtocolKServeV1        Protocol = "KServeV1"
	ProtocolJSON            Protocol = "JSON"
)

// Capture says how traffic is recorded.
type Capture struct {
	Protocol Protocol `json:"protocol"`
	// JSON finds instances and predictions in bodies of ProtocolJSON.
	JSON JSONPaths `json:"json,omitzero"`
	Keep Keep      `json:"keep"`
	// BodyLimitBytes is how much of each body is looked at; what is longer is truncated and not decoded.
	BodyLimitBytes int64 `json:"bodyLimitBytes"`
	// FlushSeconds is the longest time that a row waits for its upload.
	FlushSeconds float64 `json:"flushSeconds"`
	// LatencyBuckets are the finite upper bounds of the latency histogram, in seconds, ascending.
	LatencyBuckets []float64 `json:"latencyBuckets,omitempty"`
}

// JSONPaths finds the arrays of instances and of predictions in JSON bodies. Empty: the body is one instance.
type JSONPaths struct {
	// Path is the URL path of inference calls; all POST requests when empty.
	Path string `json:"path,omitempty"`
	// Instances and Predictions are paths such as "request.rows" and "response.rows".
	Instances   string `json:"instances,omitempty"`
	Predictions string `json:"predictions,omitempty"`
}

// Keep is the share of instances, in [0, 1], that each tier keeps.
type Keep struct {
	Predictions float64 `json:"predictions"`
	Features    float64 `json:"features"`
	Bodies      float64 `json:"bodies"`
}

// Schema declares features and prediction.
type Schema struct {
	LabelKey   LabelKey   `json:"labelKey,omitzero"`
	Features   []Feature  `json:"features,omitempty"`
	Prediction Prediction `json:"prediction,omitzero"`
}

// LabelKey finds the business key under which ground truth arrives.
type LabelKey struct {
	Path string `json:"path,omitempty"`
	// Store is Plain or KeyedHash (HMAC-SHA-256 with the key of the class's Secret).
	Store string `json:"store,omitempty"`
}

// Values of LabelKey.Store.
const (
	LabelKeyPlain     = "Plain"
	LabelKeyKeyedHash = "KeyedHash"
)

// FeatureType is the type of a feature.
type FeatureType string

// The types of features.
const (
	Numeric     FeatureType = "Numeric"
	Categorical FeatureType = "Categorical"
	Boolean     FeatureType = "Boolean"
	Text        FeatureType = "Text"
)

// Feature is one declared input of the model.
type Feature struct {
	// Name becomes the column "f_<name>" and f.<name> in expressions.
	Name string      `json:"name"`
	Type FeatureType `json:"type"`
	// Path finds the value; "request.<name>" when empty.
	Path     string   `json:"path,omitempty"`
	Required bool     `json:"required,omitempty"`
	Min      *float64 `json:"min,omitempty"`
	Max      *float64 `json:"max,omitempty"`
	// Values is the closed list of categories; any when empty.
	Values []string `json:"values,omitempty"`
	// Origin is subtracted before bucketing; part of the identity of the profile series.
	Origin float64 `json:"origin,omitempty"`
}

// PredictionKind is what the model answers.
type PredictionKind string

// The kinds of predictions.
const (
	BinaryClassification     PredictionKind = "BinaryClassification"
	MulticlassClassification PredictionKind = "MulticlassClassification"
	Regression               PredictionKind = "Regression"
)

// Prediction finds the answer in the response. Empty paths take the protocol's defaults.
type Prediction struct {
	Kind PredictionKind `json:"kind,omitempty"`
	// Score finds the positive class's probability (binary) or the value (regression).
	Score string `json:"score,omitempty"`
	// Label finds the predicted class.
	Label string `json:"label,omitempty"`
	// Scores finds the list of class probabilities (multiclass).
	Scores string `json:"scores,omitempty"`
	// Classes names the classes in the order of Scores; for binary, the negative, then the positive one.
	Classes []string `json:"classes,omitempty"`
}

// Segment is a named, possibly overlapping, part of the traffic.
type Segment struct {
	Name string `json:"name"`
	// When is a CEL expression over f, p, request, response.
	When string `json:"when"`
}

// Baseline says what drift is measured against.
type Baseline struct {
	// Name is the folder below baselines/ of the store. Empty: no baseline.
	Name string `json:"name,omitempty"`
	// DatasetURL is the dataset, relative to the monitor's prefix, that the baseline is computed from.
	DatasetURL string `json:"datasetURL,omitempty"`
	// TrailingSeconds is the length of the past that is the baseline, when there is no dataset.
	TrailingSeconds float64 `json:"trailingSeconds,omitempty"`
}

// BaselineTrailing is the name of a trailing baseline.
const BaselineTrailing = "trailing"

// Drift bounds what counts as drift.
type Drift struct {
	// WindowSeconds is the length of the window that a run compares.
	WindowSeconds float64 `json:"windowSeconds"`
	// MinRows is the least number of rows of a (feature, segment) for a verdict.
	MinRows int64 `json:"minRows"`
	// MinEffectPSI is the least debiased PSI that matters.
	MinEffectPSI float64 `json:"minEffectPSI"`
	// FalseDiscoveryRate is q of Benjamini–Hochberg.
	FalseDiscoveryRate float64 `json:"falseDiscoveryRate"`
	// MinCoverage is the least share of instances that the profiles must cover.
	MinCoverage float64 `json:"minCoverage"`
}

// Outliers says which predictions are kept as outliers.
type Outliers struct {
	// Rate is the share, in [0, 1], of what is like the baseline that counts as outliers. 0: none by their score.
	Rate float64 `json:"rate"`
	// Always are CEL expressions; a prediction for which one holds is an outlier whatever its score.
	Always []string `json:"always,omitempty"`
	// WindowSeconds is the length of the window that the outliers analysis looks at.
	WindowSeconds float64 `json:"windowSeconds"`
}

// Labels says how ground truth is joined to predictions, and what mistakes cost.
type Labels struct {
	// WindowSeconds is the length of the window that the performance analysis looks at.
	WindowSeconds float64 `json:"windowSeconds,omitempty"`
	// MatureSeconds is how long after a prediction its labels have arrived, as far as they ever do.
	MatureSeconds float64 `json:"matureSeconds,omitempty"`
	// KeyToleranceSeconds is how long before the time that a label names its prediction may have been made.
	KeyToleranceSeconds float64 `json:"keyToleranceSeconds,omitempty"`
	// PositiveClass is the class that precision, recall and F1 of a binary classification are about; the second when empty.
	PositiveClass string `json:"positiveClass,omitempty"`
	// Costs are what pairs of classes cost; pairs that are not listed cost nothing.
	Costs []Cost `json:"costs,omitempty"`
}

// Cost is what it costs to predict one class where another is right.
type Cost struct {
	Actual    string  `json:"actual"`
	Predicted string  `json:"predicted"`
	Cost      float64 `json:"cost"`
}

// Dataset says which labelled predictions make a dataset.
type Dataset struct {
	// WindowSeconds is the length of the span of predictions.
	WindowSeconds float64 `json:"windowSeconds"`
	// HoldoutShare is the share, in [0, 1], of predictions that no dataset holds.
	HoldoutShare float64 `json:"holdoutShare"`
	// EvaluationWindows is how many of the last windows of the performance analysis are left out.
	EvaluationWindows int `json:"evaluationWindows"`
	// Redact names features that are left out.
	Redact []string `json:"redact,omitempty"`
	// Segments, Versions and Sources restrict what is taken; empty: everything. Sources are those of package label.
	Segments []string `json:"segments,omitempty"`
	Versions []string `json:"versions,omitempty"`
	Sources  []string `json:"sources,omitempty"`
	// MinAgreement is the least agreement, in [0, 1], of labels that people gave.
	MinAgreement float64 `json:"minAgreement,omitempty"`
}

// Retention is how long each tier is kept. An age of 0 is unknown: nothing is deleted then.
type Retention struct {
	PredictionsSeconds float64 `json:"predictionsSeconds"`
	FeaturesSeconds    float64 `json:"featuresSeconds"`
	BodiesSeconds      float64 `json:"bodiesSeconds"`
	ProfilesSeconds    float64 `json:"profilesSeconds"`
	LabelsSeconds      float64 `json:"labelsSeconds"`
}

// Signal is what a threshold bounds.
type Signal string

// The signals of drift that analyze evaluates.
const (
	SignalFeatureDrift    Signal = "FeatureDrift"
	SignalPredictionDrift Signal = "PredictionDrift"
	SignalMissingRatio    Signal = "MissingRatio"
)

// The signals of performance. They are the names of metrics in reports, verdicts and status, too.
const (
	SignalAccuracy           Signal = "Accuracy"
	SignalPrecision          Signal = "Precision"
	SignalRecall             Signal = "Recall"
	SignalF1                 Signal = "F1"
	SignalAUC                Signal = "AUC"
	SignalLogLoss            Signal = "LogLoss"
	SignalBrier              Signal = "Brier"
	SignalMAE                Signal = "MAE"
	SignalRMSE               Signal = "RMSE"
	SignalEscalationRatio    Signal = "EscalationRatio"
	SignalCriticalErrorRatio Signal = "CriticalErrorRatio"
	SignalCostPerDay         Signal = "CostPerDay"
	SignalLabelCoverage      Signal = "LabelCoverage"
)

// Drift says whether the drift analysis evaluates the signal; the performance analysis evaluates the others.
func (s Signal) Drift() bool {
	return s == SignalFeatureDrift || s == SignalPredictionDrift || s == SignalMissingRatio
}

// Threshold is a bound on a signal of the report of an analysis.
type Threshold struct {
	Name   string `json:"name"`
	Signal Signal `json:"signal"`
	// Features restricts it; all features when empty.
	Features []string `json:"features,omitempty"`
	// Segments restricts it; all traffic and every segment when empty.
	Segments []string `json:"segments,omitempty"`
	Max      *float64 `json:"max,omitempty"`
	Min      *float64 `json:"min,omitempty"`
	// MinSamples is the least number of rows; below it the threshold is Inconclusive.
	MinSamples int64 `json:"minSamples,omitempty"`
}

// Flush is FlushSeconds as a duration.
func (c *Capture) Flush() time.Duration { return Seconds(c.FlushSeconds) }

// Seconds converts a number of seconds to a duration.
func Seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Encode renders c with its revision filled in. Equal configurations give equal bytes.
func Encode(c Config) ([]byte, error) {
	c.Version = Version
	return encode("the configuration", &c, &c.Revision)
}

// Decode reads a configuration document. It ignores unknown keys and says whether there were any.
func Decode(b []byte) (c Config, unknownKeys bool, err error) {
	if unknownKeys, err = decode("the configuration", b, MaxConfigBytes, &c, &c.Version, Version); err != nil {
		return Config{}, false, err
	}
	return c, unknownKeys, nil
}

// DecodeHead reads only the mode of a document, and whose it is. It is for documents that Decode refuses, so that a
// reader of another release can obey ModePassThrough all the same. It reports false where there is no mode.
func DecodeHead(b []byte) (Config, bool) {
	var head struct {
		Namespace json.RawMessage `json:"namespace"`
		Monitor   json.RawMessage `json:"monitor"`
		Mode      Mode            `json:"mode"`
	}
	if len(b) > MaxConfigBytes || json.Unmarshal(b, &head) != nil || head.Mode == "" {
		return Config{}, false
	}
	c := Config{Mode: head.Mode}
	// Fields of another type than ours are unknown, as are those that are not there.
	_ = json.Unmarshal(head.Namespace, &c.Namespace)
	_ = json.Unmarshal(head.Monitor, &c.Monitor)
	return c, true
}
