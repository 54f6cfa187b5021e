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
// +kubebuilder:validation:XValidation:rule="!has(self.thresholds) || self.thresholds.all(t, !(t.signal in ['Accuracy','Precision','Recall','F1','LogLoss']) || (has(self.schema) && has(self.schema.prediction) && self.schema.prediction.kind != 'Regression'))",message="schema.prediction must be a classification when a threshold has signal Accuracy, Precision, Recall, F1 or LogLoss",fieldPath=".thresholds"
// +kubebuilder:validation:XValidation:rule="!has(self.thresholds) || self.thresholds.all(t, !(t.signal in ['AUC','Brier']) || (has(self.schema) && has(self.schema.prediction) && self.schema.prediction.kind == 'BinaryClassification'))",message="schema.prediction must be a BinaryClassification when a threshold has signal AUC or Brier",fieldPath=".thresholds"
// +kubebuilder:validation:XValidation:rule="!has(self.thresholds) || self.thresholds.all(t, !(t.signal in ['MAE','RMSE']) || (has(self.schema) && has(self.schema.prediction) && self.schema.prediction.kind == 'Regression'))",message="schema.prediction must be a Regression when a threshold has signal MAE or RMSE",fieldPath=".thresholds"
// +kubebuilder:validation:XValidation:rule="!has(self.analyses) || self.analyses.exists(a, a.kind == 'Performance') || !has(self.thresholds) || self.thresholds.all(t, !(t.signal in ['Accuracy','Precision','Recall','F1','AUC','LogLoss','Brier','MAE','RMSE','EscalationRatio','CriticalErrorRatio','CostPerDay','LabelCoverage']))",message="analyses must have kind Performance when a threshold has a signal of performance",fieldPath=".analyses"
// +kubebuilder:validation:XValidation:rule="(has(self.schema) && has(self.schema.prediction)) || (!has(self.labels) && (!has(self.analyses) || self.analyses.all(a, a.kind != 'Performance')) && (!has(self.thresholds) || self.thresholds.all(t, !(t.signal in ['EscalationRatio','CriticalErrorRatio','CostPerDay','LabelCoverage']))))",message="schema.prediction must be set when labels is, when analyses has kind Performance, and when a threshold has a signal of performance",fieldPath=".schema"
// +kubebuilder:validation:XValidation:rule="!has(self.labels) || !has(self.labels.positiveClass) || (has(self.schema) && has(self.schema.prediction) && self.schema.prediction.kind == 'BinaryClassification' && (has(self.schema.prediction.classes) ? self.labels.positiveClass in self.schema.prediction.classes : self.labels.positiveClass in ['0', '1']))",message="labels.positiveClass must be a class of a BinaryClassification",fieldPath=".labels.positiveClass"
// +kubebuilder:validation:XValidation:rule="!has(self.labels) || !has(self.labels.costs) || (has(self.schema) && has(self.schema.prediction) && self.schema.prediction.kind != 'Regression')",message="labels.costs may only be set for a classification",fieldPath=".labels.costs"
// +kubebuilder:validation:XValidation:rule="!has(self.retraining) || !has(self.retraining.triggers.thresholds) || self.retraining.triggers.thresholds.all(n, has(self.thresholds) && self.thresholds.exists(t, t.name == n))",message="retraining.triggers.thresholds must name items of thresholds",fieldPath=".retraining"
// +kubebuilder:validation:XValidation:rule="!has(self.retraining) || !has(self.retraining.triggers.driftPersists) || has(self.baseline)",message="baseline must be set when retraining.triggers.driftPersists is",fieldPath=".baseline"
// +kubebuilder:validation:XValidation:rule="!has(self.retraining) || !has(self.retraining.dataset) || !has(self.retraining.dataset.segments) || self.retraining.dataset.segments.all(n, has(self.segments) && self.segments.exists(s, s.name == n))",message="retraining.dataset.segments must name items of segments",fieldPath=".retraining"
// +kubebuilder:validation:XValidation:rule="!has(self.retraining) || !has(self.retraining.dataset) || !has(self.retraining.dataset.redact) || self.retraining.dataset.redact.all(n, has(self.schema) && has(self.schema.features) && self.schema.features.exists(f, f.name == n))",message="retraining.dataset.redact must name items of schema.features",fieldPath=".retraining"
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

	// analyses are what runs on a schedule. When unset: Outliers daily, Drift daily where there is a baseline, and
	// Performance weekly where labels is set or a threshold has a signal of performance.
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

	// labels say how what turned out to be right is joined to predictions, and what mistakes cost. When unset, its defaults
	// hold.
	// +optional
	Labels Labels `json:"labels,omitempty,omitzero"`

	// thresholds are the bounds within which the model counts as healthy. Each becomes one alert. When unset, nothing
	// but the loss of capture and of traffic alerts.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Thresholds []Threshold `json:"thresholds,omitempty"`

	// retraining says when the model is trained anew, on which data, and what does it. When unset, it is not.
	// +optional
	Retraining Retraining `json:"retraining,omitempty,omitzero"`

	// alerting is put on every alert of the monitor. When unset, alerts carry their own labels only.
	// +optional
	Alerting Alerting `json:"alerting,omitempty,omitzero"`
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
