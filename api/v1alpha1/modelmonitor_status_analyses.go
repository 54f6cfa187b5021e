// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AnalysisRunKind is a kind of run: an analysis of the spec, or one that the operator runs by itself.
//
// +kubebuilder:validation:Enum=Drift;Outliers;Performance;Labels;Dataset;Baseline;Check;Retention;Compact;Erase
type AnalysisRunKind string

const (
	// AnalysisRunDrift is a run of the Drift analysis.
	AnalysisRunDrift AnalysisRunKind = "Drift"
	// AnalysisRunOutliers is a run of the Outliers analysis.
	AnalysisRunOutliers AnalysisRunKind = "Outliers"
	// AnalysisRunPerformance is a run of the Performance analysis.
	AnalysisRunPerformance AnalysisRunKind = "Performance"
	// AnalysisRunLabels is a run of the Labels analysis.
	AnalysisRunLabels AnalysisRunKind = "Labels"
	// AnalysisRunBaseline computes the baseline's reference from its dataset.
	AnalysisRunBaseline AnalysisRunKind = "Baseline"
	// AnalysisRunCheck checks the store and its credentials.
	AnalysisRunCheck AnalysisRunKind = "Check"
	// AnalysisRunDataset builds a dataset for a retraining run.
	AnalysisRunDataset AnalysisRunKind = "Dataset"
	// AnalysisRunRetention deletes what has been kept long enough.
	AnalysisRunRetention AnalysisRunKind = "Retention"
	// AnalysisRunCompact makes one file of the files of each hour.
	AnalysisRunCompact AnalysisRunKind = "Compact"
	// AnalysisRunErase removes a subject from everything that is kept.
	AnalysisRunErase AnalysisRunKind = "Erase"
)

// AnalysisOutcome is the result of a run.
//
// +kubebuilder:validation:Enum=Stable;Drift;Violated;Insufficient;Succeeded;Failed
type AnalysisOutcome string

const (
	// AnalysisOutcomeStable means that nothing drifted, or that no threshold on performance is violated.
	AnalysisOutcomeStable AnalysisOutcome = "Stable"
	// AnalysisOutcomeDrift means that something drifted.
	AnalysisOutcomeDrift AnalysisOutcome = "Drift"
	// AnalysisOutcomeViolated means that a threshold on performance is violated.
	AnalysisOutcomeViolated AnalysisOutcome = "Violated"
	// AnalysisOutcomeInsufficient means that there was too little data to tell.
	AnalysisOutcomeInsufficient AnalysisOutcome = "Insufficient"
	// AnalysisOutcomeSucceeded means that a run without a verdict of its own did what it should.
	AnalysisOutcomeSucceeded AnalysisOutcome = "Succeeded"
	// AnalysisOutcomeFailed means that the run failed, or that its verdict was lost.
	AnalysisOutcomeFailed AnalysisOutcome = "Failed"
)

// AnalysisStatus is the last run of one kind.
type AnalysisStatus struct {
	// kind is the kind of the run.
	// +required
	Kind AnalysisRunKind `json:"kind,omitempty"`

	// jobName is the Job of the run.
	// +optional
	JobName ObjectName `json:"jobName,omitempty"`

	// outcome is its result.
	// +required
	Outcome AnalysisOutcome `json:"outcome,omitempty"`

	// reason is a CamelCase word for an outcome other than success.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message says what was wrong and what to do.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// finishTime is when the run ended.
	// +optional
	FinishTime metav1.Time `json:"finishTime,omitempty,omitzero"`

	// lastSuccessTime is when a run of the kind last reached a verdict.
	// +optional
	LastSuccessTime metav1.Time `json:"lastSuccessTime,omitempty,omitzero"`

	// from is the start of the window.
	// +optional
	From metav1.Time `json:"from,omitempty,omitzero"`

	// to is the end of the window.
	// +optional
	To metav1.Time `json:"to,omitempty,omitzero"`

	// rows is the number of rows that the run looked at.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Rows *int64 `json:"rows,omitempty"`

	// coveragePercent is the share of predictions that the run's data covers.
	// +optional
	CoveragePercent Percent `json:"coveragePercent,omitempty"`

	// configRevision is the revision of the configuration that the run used.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ConfigRevision string `json:"configRevision,omitempty"`

	// report is the path of the full report in the monitor's folder of the store.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Report string `json:"report,omitempty"`

	// labels is the number of labels that hold and were received after labelsSince, as far as the run saw them.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Labels *int64 `json:"labels,omitempty"`

	// labelsSince is when the last successful retraining run was asked for, as far as the run knew. When unset, labels counts all that
	// are kept.
	// +optional
	LabelsSince metav1.Time `json:"labelsSince,omitempty,omitzero"`

	// dataset is the dataset that a Dataset run built.
	// +optional
	Dataset DatasetStatus `json:"dataset,omitempty,omitzero"`

	// conclusiveRuns is how many conclusive runs in a row had the conclusive outcome.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ConclusiveRuns int32 `json:"conclusiveRuns,omitempty"`

	// conclusiveOutcome is the result of the last conclusive run, Stable, Drift or Violated. It stands until another run is conclusive.
	// +optional
	ConclusiveOutcome AnalysisOutcome `json:"conclusiveOutcome,omitempty"`

	// judgedBy is that last conclusive run, which thresholds, worst and performance are of too. The fields above are those of the
	// last run, whatever came of it.
	// +optional
	JudgedBy JudgingRun `json:"judgedBy,omitempty,omitzero"`

	// thresholds are the verdicts of the last conclusive run on the thresholds of its signals.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Thresholds []ThresholdVerdict `json:"thresholds,omitempty"`

	// worst are the features and segments that stand out most, worst first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	Worst []Finding `json:"worst,omitempty"`

	// performance are the metrics of the last conclusive Performance run, as many as its verdict holds; all traffic first,
	// then segments, then versions where there are several. The report has all of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Performance []PerformanceMetric `json:"performance,omitempty"`

	// labelledPairs says who was right in the trial of a ShadowRollout that has a criterion on Accuracy, by the last run that counted it:
	// one beside which no trial goes on changes nothing. When unset, no run has.
	// +optional
	LabelledPairs LabelledPairs `json:"labelledPairs,omitempty,omitzero"`

	// estimates is how many metrics that run estimated in all: where they are more than performance holds, judgedBy.report has the
	// rest. It is unset where the run did not say.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Estimates *int64 `json:"estimates,omitempty"`
}

// JudgingRun is a run that reached a verdict.
type JudgingRun struct {
	// jobName is the Job of the run.
	// +required
	JobName ObjectName `json:"jobName,omitempty"`

	// from is the start of the window.
	// +optional
	From metav1.Time `json:"from,omitempty,omitzero"`

	// to is the end of the window.
	// +optional
	To metav1.Time `json:"to,omitempty,omitzero"`

	// configRevision is the revision of the configuration that the run used.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ConfigRevision string `json:"configRevision,omitempty"`

	// report is the path of the full report in the monitor's folder of the store.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Report string `json:"report,omitempty"`
}

// LabelledPairs says how often a primary and its shadow were right, on the requests of one trial of which it is known what was right.
type LabelledPairs struct {
	// rolloutName is the ShadowRollout.
	// +required
	RolloutName ObjectName `json:"rolloutName,omitempty"`

	// revision is the candidate's.
	// +required
	Revision Revision `json:"revision,omitempty"`

	// attempt tells trials of one revision apart: the start of this one, in Unix seconds.
	// +required
	// +kubebuilder:validation:Minimum=1
	Attempt int64 `json:"attempt,omitempty"`

	// segments are the counts, all traffic first, as many as the run's verdict holds. The report has all of them.
	// +optional
	// +listType=map
	// +listMapKey=segment
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=33
	Segments []SegmentPairs `json:"segments,omitempty"`
}

// SegmentPairs counts the labelled requests of a segment by who was right. Those that either side failed are left out, and a
// side whose answer cannot be read was not right.
type SegmentPairs struct {
	// segment is the segment; "all" stands for all traffic.
	// +required
	Segment ItemName `json:"segment,omitempty"`

	// bothCorrect is the number of those that both answered right.
	// +required
	// +kubebuilder:validation:Minimum=0
	BothCorrect *int64 `json:"bothCorrect,omitempty"`

	// onlyPrimaryCorrect is the number of those that the primary alone answered right.
	// +required
	// +kubebuilder:validation:Minimum=0
	OnlyPrimaryCorrect *int64 `json:"onlyPrimaryCorrect,omitempty"`

	// onlyShadowCorrect is the number of those that the shadow alone answered right.
	// +required
	// +kubebuilder:validation:Minimum=0
	OnlyShadowCorrect *int64 `json:"onlyShadowCorrect,omitempty"`

	// neitherCorrect is the number of those that neither answered right.
	// +required
	// +kubebuilder:validation:Minimum=0
	NeitherCorrect *int64 `json:"neitherCorrect,omitempty"`
}

// PerformanceMetric is one figure of a Performance run.
type PerformanceMetric struct {
	// segment is the segment; "all" stands for all traffic.
	// +required
	Segment ItemName `json:"segment,omitempty"`

	// version is the model's version. When unset, the figure is of all versions.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Version string `json:"version,omitempty"`

	// metric is what is measured, by the name of the signal.
	// +required
	Metric Signal `json:"metric,omitempty"`

	// value is the estimate.
	// +required
	Value Decimal `json:"value,omitempty"`

	// low is the lower bound of its 95 % confidence interval.
	// +required
	Low Decimal `json:"low,omitempty"`

	// high is the upper bound of its 95 % confidence interval.
	// +required
	High Decimal `json:"high,omitempty"`

	// samples is the number of labelled predictions.
	// +required
	// +kubebuilder:validation:Minimum=0
	Samples *int64 `json:"samples,omitempty"`
}

// ThresholdOutcome is the verdict on a threshold in a segment.
//
// +kubebuilder:validation:Enum=Pass;Fail;Inconclusive
type ThresholdOutcome string

const (
	// ThresholdPass means that the bound holds.
	ThresholdPass ThresholdOutcome = "Pass"
	// ThresholdFail means that it is violated.
	ThresholdFail ThresholdOutcome = "Fail"
	// ThresholdInconclusive means that there was too little data to tell.
	ThresholdInconclusive ThresholdOutcome = "Inconclusive"
)

// ThresholdVerdict is the verdict of a run on one threshold in one segment.
type ThresholdVerdict struct {
	// name is the name of the threshold.
	// +required
	Name ItemName `json:"name,omitempty"`

	// segment is the segment; "all" stands for all traffic.
	// +required
	Segment ItemName `json:"segment,omitempty"`

	// outcome is the verdict.
	// +required
	Outcome ThresholdOutcome `json:"outcome,omitempty"`

	// feature is the worst feature, for thresholds over features.
	// +optional
	Feature FeatureName `json:"feature,omitempty"`

	// value is the value that was judged.
	// +optional
	Value Decimal `json:"value,omitempty"`
}

// Finding is a feature in a segment that stands out.
type Finding struct {
	// feature is the feature; "prediction" stands for the model's answer.
	// +required
	Feature FeatureName `json:"feature,omitempty"`

	// segment is the segment; "all" stands for all traffic.
	// +required
	Segment ItemName `json:"segment,omitempty"`

	// statistic names effect, such as psi.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Statistic string `json:"statistic,omitempty"`

	// effect is the size of the change.
	// +required
	Effect Decimal `json:"effect,omitempty"`
}
