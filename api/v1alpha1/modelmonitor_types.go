// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ModelMonitorSpec is what to watch about one served model, and what healthy means.
//
// +kubebuilder:validation:XValidation:rule="!has(self.thresholds) || self.thresholds.all(t, !has(t.segments) || t.segments.all(n, has(self.segments) && self.segments.exists(s, s.name == n)))",message="thresholds[*].segments must name items of segments",fieldPath=".thresholds"
// +kubebuilder:validation:XValidation:rule="!has(self.thresholds) || self.thresholds.all(t, !has(t.features) || t.features.all(n, has(self.schema) && has(self.schema.features) && self.schema.features.exists(f, f.name == n)))",message="thresholds[*].features must name items of schema.features",fieldPath=".thresholds"
// +kubebuilder:validation:XValidation:rule="!has(self.thresholds) || self.thresholds.all(t, !(t.signal in ['FeatureDrift','PredictionDrift','MissingRatio']) || has(self.baseline))",message="baseline must be set when a threshold has signal FeatureDrift, PredictionDrift or MissingRatio",fieldPath=".baseline"
// +kubebuilder:validation:XValidation:rule="!has(self.analyses) || self.analyses.exists(a, a.kind == 'Drift') || !has(self.thresholds) || self.thresholds.all(t, !(t.signal in ['FeatureDrift','PredictionDrift','MissingRatio']))",message="analyses must have kind Drift when a threshold has signal FeatureDrift, PredictionDrift or MissingRatio",fieldPath=".analyses"
// +kubebuilder:validation:XValidation:rule="!has(self.thresholds) || self.thresholds.all(t, !(t.signal in ['MeanConfidence','MeanEntropy']) || (has(self.schema) && has(self.schema.prediction) && self.schema.prediction.kind != 'Regression'))",message="schema.prediction must be a classification when a threshold has signal MeanConfidence or MeanEntropy",fieldPath=".thresholds"
// +kubebuilder:validation:XValidation:rule="!has(self.drift) || has(self.baseline)",message="baseline must be set when drift is",fieldPath=".baseline"
// +kubebuilder:validation:XValidation:rule="!has(self.analyses) || self.analyses.all(a, a.kind != 'Drift' || has(self.baseline))",message="baseline must be set when analyses has kind Drift",fieldPath=".baseline"
type ModelMonitorSpec struct {
	// className is the MonitorClass to use. When unset, the default class is used.
	// +optional
	ClassName ObjectName `json:"className,omitempty"`

	// mode says how far the monitor goes. Defaults to Enforce.
	// +optional
	// +default="Enforce"
	Mode Mode `json:"mode,omitempty"`

	// target is what serves the model. It is read, and never written.
	// +required
	Target Target `json:"target,omitempty,omitzero"`

	// source is where the traffic is seen. When unset, by a sidecar with its defaults.
	// +optional
	Source Source `json:"source,omitempty,omitzero"`

	// versions say where the versions on each record come from. When unset, the model's version is the pod's label
	// app.kubernetes.io/version and the others are unknown.
	// +optional
	Versions Versions `json:"versions,omitempty,omitzero"`

	// schema declares the model's features and its prediction. When unset, only system signals are watched.
	// +optional
	Schema Schema `json:"schema,omitempty,omitzero"`

	// segments split the traffic into named, possibly overlapping, parts. Every signal is also computed for each. When
	// unset, signals cover all traffic only.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Segments []Segment `json:"segments,omitempty"`

	// baseline is what drift and outliers are measured against. When unset, neither drift nor distances from the
	// baseline are computed.
	// +optional
	Baseline Baseline `json:"baseline,omitempty,omitzero"`

	// analyses are what runs on a schedule. When unset: Outliers daily, and Drift daily where there is a baseline.
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Analyses []Analysis `json:"analyses,omitempty"`

	// drift bounds what counts as drift. When unset, its defaults hold.
	// +optional
	Drift Drift `json:"drift,omitempty,omitzero"`

	// outliers say which predictions are always kept and listed first. When unset, its defaults hold.
	// +optional
	Outliers Outliers `json:"outliers,omitempty,omitzero"`

	// thresholds are the bounds within which the model counts as healthy. Each becomes one alert. When unset, nothing
	// but the loss of capture and of traffic alerts.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Thresholds []Threshold `json:"thresholds,omitempty"`

	// alerting is put on every alert of the monitor. When unset, alerts carry their own labels only.
	// +optional
	Alerting Alerting `json:"alerting,omitempty,omitzero"`
}

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

// Segment is a named part of the traffic.
type Segment struct {
	// name names the segment. It is the value of the label segment of every metric.
	// +required
	// +kubebuilder:validation:XValidation:rule="self != 'all'",message="name must not be 'all': it stands for all traffic"
	Name ItemName `json:"name,omitempty"`

	// when says whether a prediction belongs to the segment, for example "f.country in ['DE', 'AT']". A missing value
	// means that it does not.
	// +required
	When Expression `json:"when,omitempty"`
}

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
// +kubebuilder:validation:Enum=Drift;Outliers
type AnalysisKind string

const (
	// AnalysisDrift compares a window of traffic with the baseline.
	AnalysisDrift AnalysisKind = "Drift"
	// AnalysisOutliers lists the riskiest predictions of a window.
	AnalysisOutliers AnalysisKind = "Outliers"
)

// Analysis is something that runs on a schedule.
type Analysis struct {
	// kind is what it does.
	// +required
	Kind AnalysisKind `json:"kind,omitempty"`

	// schedule says when it runs, in Cron format. "H" stands for a number derived from the monitor's name, so that
	// monitors do not all run at once. Defaults to "H 3 * * *".
	// +optional
	// +default="H 3 * * *"
	// +kubebuilder:validation:MinLength=6
	// +kubebuilder:validation:MaxLength=64
	Schedule string `json:"schedule,omitempty"`

	// window is the span of traffic that a run looks at. Defaults to 24h.
	// +optional
	// +default="24h"
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
	// ratePercent is the share of the baseline whose outlier score lies above the cut. Defaults to "0.1".
	// +optional
	// +default="0.1"
	RatePercent Percent `json:"ratePercent,omitempty"`

	// always are expressions; a prediction for which one holds is an outlier whatever its score.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Always []Expression `json:"always,omitempty"`
}

// Alerting is put on every alert of the monitor.
//
// +kubebuilder:validation:MinProperties=1
type Alerting struct {
	// labels are put on every alert.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-zA-Z_][a-zA-Z0-9_]{0,62}$') && self[k].size() <= 256)",message="labels must have Prometheus label names as keys, and values of at most 256 characters"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !(k in ['alertname','severity','namespace','monitor','threshold','segment']))",message="labels must not set alertname, severity, namespace, monitor, threshold or segment"
	Labels map[string]string `json:"labels,omitempty"`

	// runbookURL is the page that says what to do. When unset, alerts name Vedette's own description of the signal.
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self)",message="runbookURL must be a URL"
	RunbookURL string `json:"runbookURL,omitempty"`
}

// ModelMonitor watches one served model: it captures its traffic, computes signals for all of it and per segment, and
// alerts when a signal leaves its bounds.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=mm,categories=vedette
// +kubebuilder:subresource:status
// +kubebuilder:selectablefield:JSONPath=`.spec.className`
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.status.target`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=='Ready')].status`
// +kubebuilder:printcolumn:name="Health",type=string,JSONPath=`.status.conditions[?(@.type=='WithinThresholds')].reason`
// +kubebuilder:printcolumn:name="Drift",type=string,JSONPath=`.status.conditions[?(@.type=='DriftDetected')].reason`
// +kubebuilder:printcolumn:name="Outliers",type=integer,JSONPath=`.status.outliers`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=='Ready')].reason`
// +kubebuilder:printcolumn:name="Injected",type=integer,priority=1,JSONPath=`.status.capture.injectedPods`
// +kubebuilder:printcolumn:name="Pods",type=integer,priority=1,JSONPath=`.status.capture.pods`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40",message="metadata.name must be no more than 40 characters: it prefixes the names of CronJobs and Jobs"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label that starts with a letter: it names Services"
type ModelMonitor struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is what to watch about the model.
	// +required
	Spec ModelMonitorSpec `json:"spec,omitempty,omitzero"`

	// status is what the operator has observed.
	// +optional
	Status ModelMonitorStatus `json:"status,omitempty,omitzero"`
}

// ModelMonitorList is a list of ModelMonitors.
//
// +kubebuilder:object:root=true
type ModelMonitorList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ModelMonitor `json:"items"`
}
