// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of a ModelMonitor besides the shared ones.
const (
	// ConditionCaptureInjected is True when every running pod of the target carries the current capture sidecar.
	ConditionCaptureInjected = "CaptureInjected"
	// ConditionWithinThresholds is True when no threshold is violated, False when one is, and Unknown when there is too
	// little traffic to tell, or nothing to ask.
	ConditionWithinThresholds = "WithinThresholds"
	// ConditionDriftDetected is True when the last conclusive drift run found drift, False when it found none. Runs that fail
	// or cannot tell leave it as it is, and its message says so.
	ConditionDriftDetected = "DriftDetected"
	// ConditionStoreReachable is True when the last check could write, read and list the store.
	ConditionStoreReachable = "StoreReachable"
	// ConditionPrometheusAvailable is False when the cluster lacks ServiceMonitors or PrometheusRules.
	ConditionPrometheusAvailable = "PrometheusAvailable"
	// ConditionInjectionBlocked is present, and True, only while the circuit breaker stops injection.
	ConditionInjectionBlocked = "InjectionBlocked"
	// ConditionLimitExceeded is present, and True, only while the class bounds what the monitor asks for.
	ConditionLimitExceeded = "LimitExceeded"
)

// ConditionRetrained is True when the last retraining run succeeded, False when it failed, and Unknown before the first and
// while one is under way. It is absent where the monitor asks for no retraining.
const ConditionRetrained = "Retrained"

// Reasons of Retrained, and those of Ready and Stalled that are about retraining.
const (
	// ReasonRetrainingNotRun means that there was no run yet.
	ReasonRetrainingNotRun = "RetrainingNotRun"
	// ReasonRetrainingUnderWay means that a run is under way.
	ReasonRetrainingUnderWay = "RetrainingUnderWay"
	// ReasonRetrainingSucceeded means that the last run succeeded.
	ReasonRetrainingSucceeded = "RetrainingSucceeded"
	// ReasonRetrainingFailed means that the last run failed.
	ReasonRetrainingFailed = "RetrainingFailed"
	// ReasonTemplateNotFound means that the template of retraining does not exist yet.
	ReasonTemplateNotFound = "RetrainingTemplateNotFound"
	// ReasonTemplateNotAllowed means that the template does not name the monitor among those that may run it.
	ReasonTemplateNotAllowed = "RetrainingTemplateNotAllowed"
	// ReasonServiceAccountMismatch means that the template runs under another ServiceAccount than the monitor names.
	ReasonServiceAccountMismatch = "ServiceAccountMismatch"
)

// Reasons of Ready and Stalled.
const (
	// ReasonClassNotFound means that the class does not exist, or that no class is named and none is the default.
	ReasonClassNotFound = "ClassNotFound"
	// ReasonNamespaceNotAllowed means that the class does not allow the monitor's namespace.
	ReasonNamespaceNotAllowed = "NamespaceNotAllowed"
	// ReasonTargetNotFound means that the target does not exist yet.
	ReasonTargetNotFound = "TargetNotFound"
	// ReasonInvalidExpression means that a CEL expression or a path does not compile.
	ReasonInvalidExpression = "InvalidExpression"
	// ReasonInvalidSchedule means that a schedule cannot be read.
	ReasonInvalidSchedule = "InvalidSchedule"
	// ReasonInvalidPodSelector means that a selector cannot be read.
	ReasonInvalidPodSelector = "InvalidPodSelector"
	// ReasonNameConflict means that a child's name is taken by an object that Vedette does not own.
	ReasonNameConflict = "NameConflict"
	// ReasonHashKeyMissing means that label keys are to be hashed, and the class names no hashKey.
	ReasonHashKeyMissing = "HashKeyMissing"
	// ReasonCredentialsRefused means that the store refused the credentials, or there were none.
	ReasonCredentialsRefused = "CredentialsRefused"
	// ReasonStoreUnreachable means that the store did not answer.
	ReasonStoreUnreachable = "StoreUnreachable"
	// ReasonStoreChecking means that the store has not been checked yet.
	ReasonStoreChecking = "StoreChecking"
	// ReasonBaselineMissing means that the baseline's dataset is not in the store yet.
	ReasonBaselineMissing = "BaselineMissing"
)

// Reasons of CaptureInjected.
const (
	// ReasonInjected means that all pods carry the current sidecar.
	ReasonInjected = "Injected"
	// ReasonNoPods means that the target has no running pods.
	ReasonNoPods = "NoPods"
	// ReasonTemplateNotLabelled means that the pods do not ask for the sidecar.
	ReasonTemplateNotLabelled = "TemplateNotLabelled"
	// ReasonPortBypassed means that traffic can reach the model without passing the sidecar.
	ReasonPortBypassed = "PortBypassed"
	// ReasonPortBlocked means that a NetworkPolicy keeps traffic from the sidecar's port.
	ReasonPortBlocked = "PortBlocked"
	// ReasonPortMismatch means that running sidecars serve another port than the monitor names.
	ReasonPortMismatch = "PortMismatch"
	// ReasonPodsNotInjected means that labelled pods run without the sidecar, having started when it could not be injected.
	ReasonPodsNotInjected = "PodsNotInjected"
	// ReasonPodsOutdated means that pods run an older sidecar.
	ReasonPodsOutdated = "PodsOutdated"
	// ReasonInjectionTripped means that the circuit breaker has stopped injection.
	ReasonInjectionTripped = "InjectionTripped"
)

// Reasons of WithinThresholds, DriftDetected, StoreReachable and PrometheusAvailable.
const (
	// ReasonHealthy means that every threshold with enough samples is met.
	ReasonHealthy = "Healthy"
	// ReasonViolated means that a threshold is violated.
	ReasonViolated = "Violated"
	// ReasonNoThresholds means that the monitor declares none.
	ReasonNoThresholds = "NoThresholds"
	// ReasonInsufficientData means that no threshold had enough samples.
	ReasonInsufficientData = "InsufficientData"
	// ReasonMetricsUnavailable means that Prometheus could not be asked; the last verdict stands.
	ReasonMetricsUnavailable = "MetricsUnavailable"
	// ReasonDrifted means that drift was found.
	ReasonDrifted = "Drifted"
	// ReasonStable means that no drift was found.
	ReasonStable = "Stable"
	// ReasonNotRun means that there was no run yet.
	ReasonNotRun = "NotRun"
	// ReasonRunFailed means that the last run failed, or its verdict was lost; what was concluded before stands.
	ReasonRunFailed = "RunFailed"
	// ReasonReachable means that the store could be written, read and listed.
	ReasonReachable = "Reachable"
	// ReasonAvailable means that the APIs exist.
	ReasonAvailable = "Available"
)

// ModelMonitorStatus is what the operator has observed about a ModelMonitor. Values that move with each scrape are left
// to the metrics.
//
// +kubebuilder:validation:MinProperties=1
type ModelMonitorStatus struct {
	// conditions are the latest observations of the monitor's state.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that was last reconciled to an end, good or bad.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// target is what serves the model, in short.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Target string `json:"target,omitempty"`

	// className is the MonitorClass in use.
	// +optional
	ClassName ObjectName `json:"className,omitempty"`

	// mode is the mode in force, after the class has bounded it.
	// +optional
	Mode Mode `json:"mode,omitempty"`

	// configRevision is the revision of the configuration document that sidecars and analyses read.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ConfigRevision string `json:"configRevision,omitempty"`

	// capture counts the pods of the target by the state of their sidecar.
	// +optional
	Capture CaptureStatus `json:"capture,omitempty,omitzero"`

	// violations are the thresholds that are violated now, by threshold and segment.
	// +optional
	// +listType=map
	// +listMapKey=thresholdName
	// +listMapKey=segment
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Violations []Violation `json:"violations,omitempty"`

	// analyses are the last runs, by kind.
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Analyses []AnalysisStatus `json:"analyses,omitempty"`

	// outliers is the number of outliers that the last Outliers run found.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Outliers *int64 `json:"outliers,omitempty"`

	// retraining tells of retraining runs.
	// +optional
	Retraining RetrainingStatus `json:"retraining,omitempty,omitzero"`

	// audit is what the audit log of the class has been told, or will be. It is absent where the class has none.
	// +optional
	Audit AuditStatus `json:"audit,omitempty,omitzero"`
}

// CaptureStatus counts pods by the state of their capture sidecar.
//
// +kubebuilder:validation:MinProperties=1
type CaptureStatus struct {
	// revision is the hash of the sidecar that new pods get.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Revision string `json:"revision,omitempty"`

	// trippedRevision is the sidecar that the circuit breaker has stopped injecting.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	TrippedRevision string `json:"trippedRevision,omitempty"`

	// trippedTime is when it was stopped. A re-arm must name both.
	// +optional
	TrippedTime metav1.Time `json:"trippedTime,omitempty,omitzero"`

	// pods is the number of pods of the target.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Pods *int32 `json:"pods,omitempty"`

	// injectedPods is the number of those that carry a sidecar.
	// +optional
	// +kubebuilder:validation:Minimum=0
	InjectedPods *int32 `json:"injectedPods,omitempty"`

	// currentPods is the number of those that carry the sidecar of the current revision.
	// +optional
	// +kubebuilder:validation:Minimum=0
	CurrentPods *int32 `json:"currentPods,omitempty"`
}

// Violation is a threshold that is violated now.
type Violation struct {
	// thresholdName is the name of the threshold.
	// +required
	ThresholdName ItemName `json:"thresholdName,omitempty"`

	// segment is the segment in which it is violated; "all" stands for all traffic.
	// +required
	Segment ItemName `json:"segment,omitempty"`

	// startTime is when the violation was first seen.
	// +required
	StartTime metav1.Time `json:"startTime,omitempty,omitzero"`
}

// SegmentAll stands for all traffic where a segment is named in status.
const SegmentAll ItemName = "all"

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
