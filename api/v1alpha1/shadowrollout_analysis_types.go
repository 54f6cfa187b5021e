// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// RolloutAnalysis says what a candidate must be shown to hold.
type RolloutAnalysis struct {
	// period is the time between two evaluations, from 10s to 1h. Looking often does not make a wrong verdict likelier. Defaults
	// to 1m.
	// +optional
	// +default="1m"
	// +kubebuilder:validation:XValidation:rule="self.endsWith('s') ? int(self.substring(0, self.size() - 1)) >= 10 && int(self.substring(0, self.size() - 1)) <= 3600 : self.endsWith('m') ? int(self.substring(0, self.size() - 1)) <= 60 : self == '1h'",message="period must be from 10s to 1h"
	Period Duration `json:"period,omitempty"`

	// minSamples is the least number of compared requests, in each segment that is judged, before a criterion has a verdict.
	// Defaults to 100.
	// +optional
	// +default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	MinSamples int32 `json:"minSamples,omitempty"`

	// minDuration is the least time, at most 30d, that a candidate's answers are compared before it may pass, so that it is seen at every hour of a day, or on
	// every day of a week. It counts from the first evaluation that finds compared requests (status.candidate.firstPairTime), and the deadline from the start of
	// the trial, which is earlier. It may fail before. When unset, it passes as soon as every criterion was shown to hold.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.endsWith('d') ? int(self.substring(0, self.size() - 1)) <= 30 : self.endsWith('h') ? int(self.substring(0, self.size() - 1)) <= 720 : !self.endsWith('m') || int(self.substring(0, self.size() - 1)) <= 43200",message="minDuration must be at most 30d"
	MinDuration Duration `json:"minDuration,omitempty"`

	// deadline is how long a verdict is waited for, from the start of the shadow, at most 90d, and no longer than shadow.maxLifetime: a rollout that asks for more is
	// Stalled. After it the candidate is neither promoted nor rejected until a person says so. Prometheus must keep its data for longer. Defaults to 3d, which gives
	// way to a shadow.maxLifetime that is shorter.
	// +optional
	// +default="3d"
	// +kubebuilder:validation:XValidation:rule="self.endsWith('d') ? int(self.substring(0, self.size() - 1)) <= 90 : !self.endsWith('h') || int(self.substring(0, self.size() - 1)) <= 2160",message="deadline must be at most 90d"
	Deadline Duration `json:"deadline,omitempty"`

	// maxWrongPromotion is the greatest probability that a candidate outside a criterion's bound passes, however often it is
	// looked at. Defaults to "0.05".
	// +optional
	// +default="0.05"
	MaxWrongPromotion ErrorProbability `json:"maxWrongPromotion,omitempty"`

	// maxWrongRejection is the greatest probability that a candidate within every criterion's bound is rejected, however often
	// it is looked at. Defaults to "0.01".
	// +optional
	// +default="0.01"
	MaxWrongRejection ErrorProbability `json:"maxWrongRejection,omitempty"`

	// errorLimit is after how many evaluations in a row that could not read the metrics the condition CandidateFit says so. They
	// never reject a candidate, and never promote one. Defaults to 5.
	// +optional
	// +default=5
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	ErrorLimit int32 `json:"errorLimit,omitempty"`

	// tolerance says when two numbers are the same. When unset, its defaults hold.
	// +optional
	Tolerance RolloutTolerance `json:"tolerance,omitempty,omitzero"`

	// criteria must all be shown to hold for the candidate to pass; it fails when one is shown not to.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Criteria []Criterion `json:"criteria,omitempty"`
}

// ErrorProbability is a Decimal above 0 and below 0.5.
//
// +kubebuilder:validation:MinLength=3
// +kubebuilder:validation:MaxLength=11
// +kubebuilder:validation:Pattern=`^0\.[0-4][0-9]{0,8}$`
// +kubebuilder:validation:XValidation:rule="double(self) > 0.0",message="must be above 0"
type ErrorProbability string

// RolloutTolerance says when two numbers a and b are the same: when |a-b| is at most absolute + relative * |a|, where a is the
// primary's.
//
// +kubebuilder:validation:MinProperties=1
type RolloutTolerance struct {
	// absolute is the difference that any two numbers may have. Defaults to "0.000001".
	// +optional
	// +default="0.000001"
	// +kubebuilder:validation:XValidation:rule="double(self) >= 0.0",message="absolute must not be negative"
	Absolute Decimal `json:"absolute,omitempty"`

	// relative is the share of the primary's number that they may differ by beside it. Defaults to "0.0001".
	// +optional
	// +default="0.0001"
	// +kubebuilder:validation:XValidation:rule="double(self) >= 0.0 && double(self) <= 1.0",message="relative must be from 0 to 1"
	Relative Decimal `json:"relative,omitempty"`
}

// ComparedSignal is what a criterion compares between the shadow and the primary.
//
// +kubebuilder:validation:Enum=ErrorRatio;InvalidInputRatio;Disagreement;LatencySeconds;ScoreDifference;ScoreShift;ScoreDistribution;MeanConfidence;MeanEntropy;Accuracy
type ComparedSignal string

const (
	// ComparedErrorRatio is the share of requests that are answered with a 5xx status, late, or not at all.
	ComparedErrorRatio ComparedSignal = "ErrorRatio"
	// ComparedInvalidInputRatio is the share of requests that are refused with a 4xx status.
	ComparedInvalidInputRatio ComparedSignal = "InvalidInputRatio"
	// ComparedDisagreement is the share of requests to which the two versions predict another class, or of a Regression another
	// value, beyond the share in which the primary disagrees with itself.
	ComparedDisagreement ComparedSignal = "Disagreement"
	// ComparedLatencySeconds is a quantile of the time to the answer.
	ComparedLatencySeconds ComparedSignal = "LatencySeconds"
	// ComparedScoreDifference is the mean distance of the two scores, beyond that of the primary from itself.
	ComparedScoreDifference ComparedSignal = "ScoreDifference"
	// ComparedScoreShift is the mean of the score. It must not move in either direction.
	ComparedScoreShift ComparedSignal = "ScoreShift"
	// ComparedScoreDistribution is the distance of the two distributions of the score, a probability: the greatest difference of the
	// shares of scores above a cut, of a BinaryClassification, over the cuts 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98 and 0.99.
	ComparedScoreDistribution ComparedSignal = "ScoreDistribution"
	// ComparedMeanConfidence is the mean of the greatest class probability. It must not move in either direction.
	ComparedMeanConfidence ComparedSignal = "MeanConfidence"
	// ComparedMeanEntropy is the mean entropy of the class probabilities. It must not move in either direction.
	ComparedMeanEntropy ComparedSignal = "MeanEntropy"
	// ComparedAccuracy is the share of right answers, of the requests that both sides answered and of which it is known what was right.
	// The monitor's Performance analysis counts them, each time that it runs.
	ComparedAccuracy ComparedSignal = "Accuracy"
)

// Criterion is one thing that a candidate must be shown to hold. Exactly one of signal, threshold and promQL is set.
//
// +kubebuilder:validation:ExactlyOneOf=signal;threshold;promQL
// +kubebuilder:validation:XValidation:rule="(has(self.signal) && self.signal == 'LatencySeconds') == has(self.quantile)",message="quantile must be set if and only if signal is LatencySeconds",fieldPath=".quantile"
// +kubebuilder:validation:XValidation:rule="(has(self.signal) && self.signal == 'LatencySeconds') == has(self.maxRatio)",message="maxRatio must be set if and only if signal is LatencySeconds",fieldPath=".maxRatio"
// +kubebuilder:validation:XValidation:rule="(has(self.signal) && self.signal != 'LatencySeconds') == has(self.maxDifference)",message="maxDifference must be set if and only if signal is set and not LatencySeconds",fieldPath=".maxDifference"
// +kubebuilder:validation:XValidation:rule="!has(self.maxDifference) || (has(self.signal) && self.signal in ['ScoreDifference', 'ScoreShift']) || double(self.maxDifference) < 1.0",message="maxDifference must be below 1: the signal is from 0 to 1",fieldPath=".maxDifference"
// +kubebuilder:validation:XValidation:rule="!has(self.segments) || has(self.signal)",message="segments may only be set with signal: a threshold has its own, and a query selects what it asks for",fieldPath=".segments"
type Criterion struct {
	// name names the criterion.
	// +required
	Name ItemName `json:"name,omitempty"`

	// signal is what is compared between the shadow and the primary, on the same requests.
	// +optional
	Signal ComparedSignal `json:"signal,omitempty"`

	// quantile is the quantile of LatencySeconds, for example "0.99".
	// +optional
	// +kubebuilder:validation:XValidation:rule="double(self) > 0.0 && double(self) < 1.0",message="quantile must be between 0 and 1"
	Quantile Decimal `json:"quantile,omitempty"`

	// maxRatio is the most that the shadow's LatencySeconds may be, as a multiple of the primary's, for example "1.1".
	// +optional
	// +kubebuilder:validation:XValidation:rule="double(self) >= 1.1 && double(self) <= 100.0",message="maxRatio must be from 1.1 to 100: less cannot be told from 1"
	MaxRatio Decimal `json:"maxRatio,omitempty"`

	// maxDifference is the most by which the shadow's signal may exceed the primary's, for example "0.01". Of Disagreement and
	// ScoreDifference, which are of the pair, it is the most that they may be; of Accuracy, the most by which the shadow's may be lower.
	// +optional
	// +kubebuilder:validation:XValidation:rule="double(self) > 0.0",message="maxDifference must be above 0: that two versions are exactly alike cannot be shown"
	MaxDifference Decimal `json:"maxDifference,omitempty"`

	// threshold names a threshold of the ModelMonitor, which is then applied to the shadow. It must be
	// a max of LatencySeconds or ErrorRatio.
	// +optional
	Threshold ItemName `json:"threshold,omitempty"`

	// promQL is a query of your own with the bounds of its answer. The MonitorClass must let it through.
	// +optional
	PromQL PromQLCriterion `json:"promQL,omitempty,omitzero"`

	// segments restrict a criterion of a signal to some segments of the ModelMonitor; "all" stands for all traffic. When unset,
	// it must hold for all traffic and in every segment; LatencySeconds for all traffic alone.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=33
	Segments []ItemName `json:"segments,omitempty"`

	// minSamples takes the place of analysis.minSamples for this criterion; for Accuracy it counts labelled requests. When unset, that
	// holds.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	MinSamples int32 `json:"minSamples,omitempty"`
}

// PromQLCriterion is a query with the bounds of its answer. It is judged at each evaluation, by its answer alone: unlike those
// of signals, a verdict that fails may be one by chance.
//
// +kubebuilder:validation:AtLeastOneOf=min;max
// +kubebuilder:validation:XValidation:rule="!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",message="min must be less than or equal to max"
type PromQLCriterion struct {
	// query is the query, in PromQL. Its answer must be one number, or a vector of one; anything else is an error, which neither
	// promotes nor rejects.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Query string `json:"query,omitempty"`

	// min is the least answer with which the criterion holds. When unset, there is none.
	// +optional
	Min Decimal `json:"min,omitempty"`

	// max is the greatest answer with which the criterion holds. When unset, there is none.
	// +optional
	Max Decimal `json:"max,omitempty"`
}
