// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of an AnnotationQueue besides the shared ones.
const (
	// ConditionServing is True when the page is served.
	ConditionServing = "Serving"
	// ConditionExposed is present where spec.access asks for an Ingress or an HTTPRoute: True when it was made, False when the
	// cluster lacks its API.
	ConditionExposed = "Exposed"
)

// Reasons of an AnnotationQueue's Ready and Stalled.
const (
	// ReasonMonitorNotFound means that a ModelMonitor of spec.monitors does not exist yet; the others feed the queue.
	ReasonMonitorNotFound = "MonitorNotFound"
	// ReasonClassMismatch means that the monitors use different MonitorClasses, and so different stores.
	ReasonClassMismatch = "ClassMismatch"
	// ReasonUnknownFeature means that spec.redact names a feature that no monitor has.
	ReasonUnknownFeature = "UnknownFeature"
	// ReasonVolumeMismatch means that the volume that the queue has cannot become what spec.storage asks for.
	ReasonVolumeMismatch = "VolumeMismatch"
)

// Reasons of Serving and Exposed.
const (
	// ReasonServing means that the page is served.
	ReasonServing = "Serving"
	// ReasonStarting means that pods are starting, for the first time or anew.
	ReasonStarting = "Starting"
	// ReasonUnavailable means that no pod has become available in time.
	ReasonUnavailable = "Unavailable"
	// ReasonExposed means that the Ingress or the HTTPRoute exists.
	ReasonExposed = "Exposed"
)

// AnnotationQueueStatus is what the operator has observed about an AnnotationQueue. What the queue holds is in its metrics.
//
// +kubebuilder:validation:MinProperties=1
type AnnotationQueueStatus struct {
	// conditions are the latest observations of the queue's state.
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

	// monitors is the number of ModelMonitors that feed the queue.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Monitors *int32 `json:"monitors,omitempty"`

	// className is the MonitorClass that they use.
	// +optional
	ClassName ObjectName `json:"className,omitempty"`

	// address is where the page is reached.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Address string `json:"address,omitempty"`
}
