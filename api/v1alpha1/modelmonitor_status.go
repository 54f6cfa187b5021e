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
