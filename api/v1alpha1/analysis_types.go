// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Baseline is a reference. Exactly one field is set.
//
// +kubebuilder:validation:ExactlyOneOf=dataset;trailing
type Baseline struct {
	// dataset is a file in the store.
	// +optional
	Dataset DatasetReference `json:"dataset,omitempty,omitzero"`

	// trailing is the past of the same traffic, which ends where the window under analysis begins.
	// +optional
	Trailing TrailingBaseline `json:"trailing,omitempty,omitzero"`
}

// DatasetReference names a Parquet or CSV file in the store, with one column per feature, named as the feature, and the
// columns score and prediction where predictions are compared as well.
type DatasetReference struct {
	// url is the path of the file, relative to the monitor's folder in the store, for example "baselines/may.parquet".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.endsWith('.parquet') || self.endsWith('.csv')",message="url must end in .parquet or .csv"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.contains('..') && !self.contains('://')",message="url must be a path relative to the monitor's folder in the store"
	URL string `json:"url,omitempty"`
}

// TrailingBaseline is a past span of traffic.
type TrailingBaseline struct {
	// window is the length of the span.
	// +required
	Window Duration `json:"window,omitempty"`
}

// AnalysisKind is what an analysis does.
//
// +kubebuilder:validation:Enum=Drift;Outliers;Performance;Labels
type AnalysisKind string

const (
	// AnalysisDrift compares a window of traffic with the baseline.
	AnalysisDrift AnalysisKind = "Drift"
	// AnalysisOutliers lists the riskiest predictions of a window.
	AnalysisOutliers AnalysisKind = "Outliers"
	// AnalysisPerformance takes labels from the inbox, and measures the answers of a window by what was right.
	AnalysisPerformance AnalysisKind = "Performance"
	// AnalysisLabels takes labels from the inbox, and does nothing else.
	AnalysisLabels AnalysisKind = "Labels"
)

// Analysis is something that runs on a schedule.
//
// +kubebuilder:validation:XValidation:rule="!has(self.window) || self.kind != 'Labels'",message="window may not be set when kind is Labels: the whole inbox is taken",fieldPath=".window"
type Analysis struct {
	// kind is what it does.
	// +required
	Kind AnalysisKind `json:"kind,omitempty"`

	// schedule says when it runs, in Cron format. "H" stands for a number derived from the monitor's name, so that
	// monitors do not all run at once. When unset, "H 3 * * *"; for Performance "H 4 * * 1", and for Labels "H * * * *".
	// +optional
	// +kubebuilder:validation:MinLength=6
	// +kubebuilder:validation:MaxLength=64
	Schedule string `json:"schedule,omitempty"`

	// window is the span of traffic that a run looks at. When unset, 24h, and for Performance 7d. That of Performance ends
	// labels.matureAfter ago.
	// +optional
	Window Duration `json:"window,omitempty"`
}

// Drift bounds what counts as drift.
//
// +kubebuilder:validation:MinProperties=1
type Drift struct {
	// minEffect is the least change that matters. When unset, its defaults hold.
	// +optional
	MinEffect MinEffect `json:"minEffect,omitempty,omitzero"`
}

// MinEffect is the least change that matters.
//
// +kubebuilder:validation:MinProperties=1
type MinEffect struct {
	// psi is the least population stability index, corrected for its bias. Defaults to "0.1".
	// +optional
	// +default="0.1"
	// +kubebuilder:validation:XValidation:rule="double(self) >= 0.0",message="psi must not be negative"
	PSI Decimal `json:"psi,omitempty"`
}

// Outliers say which predictions are always kept and listed first.
//
// +kubebuilder:validation:MinProperties=1
type Outliers struct {
	// ratePercent is the share of predictions that are outliers while traffic is like the baseline, in all of it and in
	// every segment that has enough rows in the baseline. Defaults to "0.1".
	// +optional
	// +default="0.1"
	RatePercent Percent `json:"ratePercent,omitempty"`

	// always are expressions; a prediction for which one holds is an outlier whatever its score, and has the expression
	// as a reason. When unset, the score alone decides.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Always []Expression `json:"always,omitempty"`
}

// Labels say how what turned out to be right is joined to predictions, and what mistakes cost.
//
// +kubebuilder:validation:MinProperties=1
type Labels struct {
	// matureAfter is how long after a prediction its labels have arrived, as far as they ever do. The window of the
	// Performance analysis ends so long ago. Defaults to 24h.
	// +optional
	// +default="24h"
	MatureAfter Duration `json:"matureAfter,omitempty"`

	// keyTolerance is how long before the time that a label names beside its label key the prediction may have been made.
	// When unset, as long as matureAfter.
	// +optional
	KeyTolerance Duration `json:"keyTolerance,omitempty"`

	// positiveClass is the class that precision, recall, F1 and AUC of a BinaryClassification are about. When unset, the
	// second one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	PositiveClass string `json:"positiveClass,omitempty"`

	// costs are what it costs to predict one class where another is right. What is not listed costs nothing.
	// +optional
	// +listType=map
	// +listMapKey=actual
	// +listMapKey=predicted
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Costs []Cost `json:"costs,omitempty"`
}

// Cost is what it costs to predict one class where another is right.
type Cost struct {
	// actual is the class that is right.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Actual string `json:"actual,omitempty"`

	// predicted is the class that was predicted.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Predicted string `json:"predicted,omitempty"`

	// cost is what one such prediction costs, in any unit. It is negative for a gain.
	// +required
	Cost Decimal `json:"cost,omitempty"`
}
