// SPDX-License-Identifier: Apache-2.0

// Package record owns the rows of the capture store: one row is one prediction (an instance of a request). It knows
// their columns and how they are read and written as Parquet, and nothing of Kubernetes, HTTP, or where files go.
package record

import (
	"time"

	"github.com/vedette-dev/vedette/internal/feature"
)

// Tier is a kind of rows, and the folder that they are in.
type Tier string

// The tiers.
const (
	// Predictions is narrow: no features and no bodies.
	Predictions Tier = "predictions"
	// Records carries one typed column per declared feature, and bodies where they are kept.
	Records Tier = "records"
)

// Outcome is how a request ended.
type Outcome string

// The outcomes.
const (
	OutcomeOK          Outcome = "ok"
	OutcomeError       Outcome = "error"
	OutcomeTimeout     Outcome = "timeout"
	OutcomeCancelled   Outcome = "cancelled"
	OutcomeUndecodable Outcome = "undecodable"
)

// KeepReason is why a row was kept.
type KeepReason string

// The reasons to keep a row. A sampled row counts 1/KeepProbability rows of its tier; outliers are always kept.
const (
	KeepSampled KeepReason = "sampled"
	KeepOutlier KeepReason = "outlier"
)

// Kind is the kind of a Value.
type Kind = feature.Kind

// The kinds of values.
const (
	Missing = feature.Missing
	Invalid = feature.Invalid
	Number  = feature.Number
	String  = feature.String
	Bool    = feature.Bool
)

// Value is the value of one feature of one instance.
type Value = feature.Value

// Row is one prediction.
type Row struct {
	// RecordID is ours, and unique; RequestID, TraceID and SpanID are attributes that clients may reuse.
	RecordID, RequestID, TraceID, SpanID string
	// LabelKey is the business key under which ground truth arrives.
	LabelKey string

	// Time is when the request arrived.
	Time              time.Time
	LatencyMS, TTFBMS float64
	Status            int32
	Outcome           Outcome

	Monitor, Model                                             string
	ModelVersion, CodeVersion, FeaturesVersion, DatasetVersion string
	ConfigRevision, BaselineDigest, Role, Pod                  string

	// KeepProbability is the probability, in (0, 1], with which the row's tier kept it.
	KeepProbability float64
	KeepReason      KeepReason

	// Features are the values of the schema's features, in its order.
	Features []Value

	// Prediction is the predicted class, or "" for a regression.
	Prediction string
	// Score is the positive class's probability or the regression's value; NaN when unknown.
	Score float64
	// Scores are the class probabilities in the schema's order.
	Scores []float64
	// Confidence is the greatest class probability, Entropy the entropy divided by ln K, Margin the distance between
	// the two greatest probabilities; NaN when unknown.
	Confidence, Entropy, Margin float64

	Segments []string
	// Violations are breaches of the schema, as "feature:kind".
	Violations []string
	// OutlierScore is comparable within one baseline; NaN when nothing could be scored.
	OutlierScore   float64
	OutlierReasons []string

	// Bodies are nil unless they were kept.
	Request, Response             []byte
	RequestSHA256, ResponseSHA256 string
	RequestBytes, ResponseBytes   int64
	Truncated                     bool
}
