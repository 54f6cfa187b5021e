// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Signal is what a threshold bounds.
//
// +kubebuilder:validation:Enum=LatencySeconds;ErrorRatio;TimeoutRatio;RequestsPerSecond;MeanConfidence;MeanEntropy;FeatureDrift;PredictionDrift;MissingRatio;CaptureLossRatio;Accuracy;Precision;Recall;F1;AUC;LogLoss;Brier;MAE;RMSE;EscalationRatio;CriticalErrorRatio;CostPerDay;LabelCoverage
type Signal string

const (
	// SignalLatencySeconds is a quantile of the time from the first byte of a request to the last of its answer.
	SignalLatencySeconds Signal = "LatencySeconds"
	// SignalErrorRatio is the share of inference calls that were answered with a 5xx status.
	SignalErrorRatio Signal = "ErrorRatio"
	// SignalTimeoutRatio is the share of inference calls that timed out.
	SignalTimeoutRatio Signal = "TimeoutRatio"
	// SignalRequestsPerSecond is the rate of inference calls.
	SignalRequestsPerSecond Signal = "RequestsPerSecond"
	// SignalMeanConfidence is the mean of the greatest class probability.
	SignalMeanConfidence Signal = "MeanConfidence"
	// SignalMeanEntropy is the mean entropy of the class probabilities, from 0 (certain) to 1 (no idea).
	SignalMeanEntropy Signal = "MeanEntropy"
	// SignalFeatureDrift is the population stability index of a feature against the baseline, corrected for its bias.
	SignalFeatureDrift Signal = "FeatureDrift"
	// SignalPredictionDrift is the same of the prediction.
	SignalPredictionDrift Signal = "PredictionDrift"
	// SignalMissingRatio is the share of predictions in which a feature is missing or invalid.
	SignalMissingRatio Signal = "MissingRatio"
	// SignalCaptureLossRatio is the share of predictions that were served but not captured.
	SignalCaptureLossRatio Signal = "CaptureLossRatio"

	// SignalAccuracy is the share of predictions whose class was right.
	SignalAccuracy Signal = "Accuracy"
	// SignalPrecision is the share of the predictions of the positive class that were right; of several classes, the mean.
	SignalPrecision Signal = "Precision"
	// SignalRecall is the share of what is of the positive class that was predicted as it; of several classes, the mean.
	SignalRecall Signal = "Recall"
	// SignalF1 is the harmonic mean of Precision and Recall; of several classes, the mean of theirs.
	SignalF1 Signal = "F1"
	// SignalAUC is the probability that what is of the positive class has a higher score than what is not.
	SignalAUC Signal = "AUC"
	// SignalLogLoss is the mean negative logarithm of the probability that was given to the right class.
	SignalLogLoss Signal = "LogLoss"
	// SignalBrier is the mean squared distance of the score from what was right.
	SignalBrier Signal = "Brier"
	// SignalMAE is the mean absolute error of a Regression.
	SignalMAE Signal = "MAE"
	// SignalRMSE is the root of the mean squared error of a Regression.
	SignalRMSE Signal = "RMSE"
	// SignalEscalationRatio is the share of predictions after which a person had to take over.
	SignalEscalationRatio Signal = "EscalationRatio"
	// SignalCriticalErrorRatio is the share of predictions that did serious harm, or would have.
	SignalCriticalErrorRatio Signal = "CriticalErrorRatio"
	// SignalCostPerDay is what mistakes cost a day, by labels.costs and by events of cost.
	SignalCostPerDay Signal = "CostPerDay"
	// SignalLabelCoverage is the share of predictions that have a label.
	SignalLabelCoverage Signal = "LabelCoverage"
)

// Severity is the label severity of an alert, in lower case.
//
// +kubebuilder:validation:Enum=Info;Warning;Critical
type Severity string

const (
	// SeverityInfo asks nobody to do anything.
	SeverityInfo Severity = "Info"
	// SeverityWarning asks somebody to look during working hours.
	SeverityWarning Severity = "Warning"
	// SeverityCritical asks somebody to look now.
	SeverityCritical Severity = "Critical"
)

// Threshold bounds a signal.
//
// +kubebuilder:validation:AtLeastOneOf=min;max
// +kubebuilder:validation:XValidation:rule="!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",message="min must be less than or equal to max"
// +kubebuilder:validation:XValidation:rule="(self.signal == 'LatencySeconds') == has(self.quantile)",message="quantile must be set if and only if signal is LatencySeconds",fieldPath=".quantile"
// +kubebuilder:validation:XValidation:rule="!has(self.features) || self.signal in ['FeatureDrift', 'MissingRatio']",message="features may only be set when signal is FeatureDrift or MissingRatio",fieldPath=".features"
// +kubebuilder:validation:XValidation:rule="!has(self.window) || !(self.signal in ['FeatureDrift', 'PredictionDrift', 'MissingRatio'])",message="window may not be set for drift signals: they use the window of the Drift analysis",fieldPath=".window"
// +kubebuilder:validation:XValidation:rule="!has(self.window) || !(self.signal in ['Accuracy', 'Precision', 'Recall', 'F1', 'AUC', 'LogLoss', 'Brier', 'MAE', 'RMSE', 'EscalationRatio', 'CriticalErrorRatio', 'CostPerDay', 'LabelCoverage'])",message="window may not be set for performance signals: they use the window of the Performance analysis",fieldPath=".window"
// +kubebuilder:validation:XValidation:rule="!has(self.segments) || self.signal != 'CaptureLossRatio'",message="segments may not be set when signal is CaptureLossRatio",fieldPath=".segments"
// +kubebuilder:validation:XValidation:rule="!(self.signal in ['FeatureDrift', 'PredictionDrift']) || !has(self.min)",message="min may not be set for FeatureDrift and PredictionDrift: they are distances",fieldPath=".min"
type Threshold struct {
	// name names the threshold and its alert.
	// +required
	Name ItemName `json:"name,omitempty"`

	// signal is what is bounded.
	// +required
	Signal Signal `json:"signal,omitempty"`

	// quantile is the quantile of LatencySeconds, for example "0.99".
	// +optional
	// +kubebuilder:validation:XValidation:rule="double(self) > 0.0 && double(self) < 1.0",message="quantile must be between 0 and 1"
	Quantile Decimal `json:"quantile,omitempty"`

	// features restricts FeatureDrift and MissingRatio to some features. When unset, all features are meant.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Features []FeatureName `json:"features,omitempty"`

	// segments restricts the threshold to some segments. When unset, it holds for all traffic and for every segment.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Segments []ItemName `json:"segments,omitempty"`

	// min is the least healthy value. When unset, there is none.
	// +optional
	Min Decimal `json:"min,omitempty"`

	// max is the greatest healthy value. When unset, there is none.
	// +optional
	Max Decimal `json:"max,omitempty"`

	// window is the span over which the signal is computed. When unset, 5m; signals of drift and performance use the window
	// of the Drift and of the Performance analysis.
	// +optional
	Window Duration `json:"window,omitempty"`

	// for is how long the signal must stay out of bounds before the alert fires. When unset, 2m; signals of drift and
	// performance fire with the run that found them.
	// +optional
	For Duration `json:"for,omitempty"`

	// minSamples is the least number of predictions in the window for the signal to count at all, for signals of performance
	// that of labelled ones: below it the threshold is neither met nor violated. It does not apply to RequestsPerSecond. Defaults to 100.
	// +optional
	// +default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	MinSamples int32 `json:"minSamples,omitempty"`

	// severity is the label severity of the alert. Defaults to Warning.
	// +optional
	// +default="Warning"
	Severity Severity `json:"severity,omitempty"`
}
