// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Target is what serves the model. Exactly one field is set.
//
// +kubebuilder:validation:ExactlyOneOf=workloadRef;podSelector
type Target struct {
	// workloadRef is a workload of the same namespace whose pods serve the model.
	// +optional
	WorkloadRef WorkloadReference `json:"workloadRef,omitempty,omitzero"`

	// podSelector selects the pods of the same namespace that serve the model.
	// +optional
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`
}

// WorkloadKind is a kind of workload whose pods serve a model.
//
// +kubebuilder:validation:Enum=Deployment;StatefulSet
type WorkloadKind string

const (
	// WorkloadKindDeployment is an apps/v1 Deployment.
	WorkloadKindDeployment WorkloadKind = "Deployment"
	// WorkloadKindStatefulSet is an apps/v1 StatefulSet.
	WorkloadKindStatefulSet WorkloadKind = "StatefulSet"
)

// WorkloadReference names a workload of group apps in the same namespace.
type WorkloadReference struct {
	// kind is the kind of the workload.
	// +required
	Kind WorkloadKind `json:"kind,omitempty"`

	// name is the name of the workload.
	// +required
	Name ObjectName `json:"name,omitempty"`
}

// Source is where the traffic is seen.
//
// +kubebuilder:validation:MinProperties=1
type Source struct {
	// sidecar captures the traffic in the pod. When unset, its defaults hold.
	// +optional
	Sidecar Sidecar `json:"sidecar,omitempty,omitzero"`
}

// Protocol is what the model server speaks.
//
// +kubebuilder:validation:Enum=Auto;OpenInferenceV2;KServeV1;JSON
type Protocol string

const (
	// ProtocolAuto recognises OpenInferenceV2 and KServeV1 by their paths.
	ProtocolAuto Protocol = "Auto"
	// ProtocolOpenInferenceV2 is the Open Inference Protocol, version 2, over HTTP.
	ProtocolOpenInferenceV2 Protocol = "OpenInferenceV2"
	// ProtocolKServeV1 is KServe's version 1 protocol.
	ProtocolKServeV1 Protocol = "KServeV1"
	// ProtocolJSON is any JSON over HTTP POST; values are found by path.
	ProtocolJSON Protocol = "JSON"
)

// Sidecar captures the traffic in the pod.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.json) || self.protocol == 'JSON'",message="json may only be set when protocol is JSON",fieldPath=".json"
type Sidecar struct {
	// protocol is what the model server speaks. Defaults to Auto.
	// +optional
	// +default="Auto"
	Protocol Protocol `json:"protocol,omitempty"`

	// json finds instances and predictions in bodies of protocol JSON. When unset, each body is one instance.
	// +optional
	JSON JSONPaths `json:"json,omitempty,omitzero"`

	// port is the container port that serves the model. When unset: the pod's annotation vedette.dev/port, else the only
	// TCP port of the first container.
	// +optional
	Port Port `json:"port,omitempty,omitzero"`

	// keep is the share of predictions that each tier keeps. When unset: all predictions, 10 percent with features, and
	// no bodies.
	// +optional
	Keep KeepPercent `json:"keep,omitempty,omitzero"`

	// bodyLimitBytes is how much of each body is looked at. A longer one is forwarded, counted and kept as truncated, but
	// not decoded. Defaults to 262144.
	// +optional
	// +default=262144
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=16777216
	BodyLimitBytes int64 `json:"bodyLimitBytes,omitempty"`
}

// JSONPaths finds instances and predictions in JSON bodies.
//
// +kubebuilder:validation:MinProperties=1
type JSONPaths struct {
	// path is the URL path of inference calls. When unset, every POST request is one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:Pattern=`^/`
	Path string `json:"path,omitempty"`

	// instances finds the array of instances in the request, for example "request.rows". When unset, the request is one.
	// +optional
	Instances FieldPath `json:"instances,omitempty"`

	// predictions finds the array of predictions in the response. When unset, the response is one.
	// +optional
	Predictions FieldPath `json:"predictions,omitempty"`
}

// Port is a container port, by name or by number.
//
// +kubebuilder:validation:ExactlyOneOf=name;number
type Port struct {
	// name is the name of the port.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=15
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// number is the number of the port.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Number int32 `json:"number,omitempty"`

	// takeover is how the sidecar gets in front of the model server. Defaults to NamedPort: the sidecar takes the port's
	// name over, so that Services that use the name reach it without change.
	// +optional
	// +default="NamedPort"
	Takeover Takeover `json:"takeover,omitempty"`
}

// Takeover is how the sidecar gets in front of the model server.
//
// +kubebuilder:validation:Enum=NamedPort
type Takeover string

// TakeoverNamedPort moves the port's name to the sidecar.
const TakeoverNamedPort Takeover = "NamedPort"

// Versions say where the versions on each record come from.
//
// +kubebuilder:validation:MinProperties=1
type Versions struct {
	// model is the version of the model. When unset, the pod's label app.kubernetes.io/version.
	// +optional
	Model VersionSource `json:"model,omitempty,omitzero"`

	// code is the version of the serving code. When unset, unknown.
	// +optional
	Code VersionSource `json:"code,omitempty,omitzero"`

	// features is the version of the feature definitions. When unset, unknown.
	// +optional
	Features VersionSource `json:"features,omitempty,omitzero"`

	// dataset is the version of the training data. When unset, unknown.
	// +optional
	Dataset VersionSource `json:"dataset,omitempty,omitzero"`
}

// VersionSource is one place that a version comes from. Exactly one field is set.
//
// +kubebuilder:validation:ExactlyOneOf=podLabel;podAnnotation;value;imageOf
type VersionSource struct {
	// podLabel is the key of a label of the pod.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	PodLabel string `json:"podLabel,omitempty"`

	// podAnnotation is the key of an annotation of the pod.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	PodAnnotation string `json:"podAnnotation,omitempty"`

	// value is the version itself.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Value string `json:"value,omitempty"`

	// imageOf names a container of the pod, whose image reference holds the version: its digest, else its tag.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ImageOf string `json:"imageOf,omitempty"`
}
