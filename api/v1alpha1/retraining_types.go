// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Retraining says when the model is trained anew, on which data, and what does it.
type Retraining struct {
	// templateRef names the CronJob, usually a suspended one, whose jobTemplate is run. Only whoever may make CronJobs can
	// make one, and it says itself, in the annotation vedette.dev/retraining-for, which monitors may run it.
	// +required
	TemplateRef RetrainingTemplateReference `json:"templateRef,omitempty,omitzero"`

	// serviceAccountName is the ServiceAccount under which the template runs. It must be the template's own: so neither can
	// be changed unseen by the other.
	// +required
	ServiceAccountName ObjectName `json:"serviceAccountName,omitempty"`

	// triggers are what starts a run; any of them does. In mode Observe, Suspended and PassThrough none is started.
	// +required
	Triggers RetrainingTriggers `json:"triggers,omitempty,omitzero"`

	// cooldown is the least time from the start of one run to that of the next, whatever came of the first. Defaults to 24h.
	// +optional
	// +default="24h"
	Cooldown Duration `json:"cooldown,omitempty"`

	// maxPerDay bounds the runs that are started within 24 hours. Defaults to 4.
	// +optional
	// +default=4
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=8
	MaxPerDay int32 `json:"maxPerDay,omitempty"`

	// dataset says which labelled predictions a run is trained on. When unset, its defaults hold.
	// +optional
	Dataset RetrainingDataset `json:"dataset,omitempty,omitzero"`
}

// RetrainingTemplateKind is the kind of a template.
//
// +kubebuilder:validation:Enum=CronJob
type RetrainingTemplateKind string

// RetrainingTemplateCronJob is a CronJob.
const RetrainingTemplateCronJob RetrainingTemplateKind = "CronJob"

// RetrainingTemplateReference names an object in the monitor's namespace. It is read, and never written.
type RetrainingTemplateReference struct {
	// kind is the kind of the object. Defaults to CronJob.
	// +optional
	// +default="CronJob"
	Kind RetrainingTemplateKind `json:"kind,omitempty"`

	// name is the name of the object.
	// +required
	Name ObjectName `json:"name,omitempty"`
}

// RetrainingTriggers are what starts a run.
//
// +kubebuilder:validation:AtLeastOneOf=newLabels;thresholds;schedule;driftPersists
type RetrainingTriggers struct {
	// newLabels starts a run when so many labels were received since the last successful one was asked for. When unset, labels start none.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	NewLabels int64 `json:"newLabels,omitempty"`

	// thresholds names thresholds; a run starts while one of them is violated. When unset, violations start none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Thresholds []ItemName `json:"thresholds,omitempty"`

	// schedule starts runs by the clock, in Cron format and UTC; "H" as in analyses. When unset, the clock starts none.
	// +optional
	// +kubebuilder:validation:MinLength=6
	// +kubebuilder:validation:MaxLength=64
	Schedule string `json:"schedule,omitempty"`

	// driftPersists starts a run when so many conclusive drift runs in a row have found drift. When unset, drift starts none.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	DriftPersists int32 `json:"driftPersists,omitempty"`
}

// LabelSource is where a label comes from.
//
// +kubebuilder:validation:Enum=Review;API;File
type LabelSource string

const (
	// LabelSourceReview is people, asked by an AnnotationQueue.
	LabelSourceReview LabelSource = "Review"
	// LabelSourceAPI is whoever may call the label API.
	LabelSourceAPI LabelSource = "API"
	// LabelSourceFile is a file that was dropped into the store.
	LabelSourceFile LabelSource = "File"
)

// RetrainingDataset says which labelled predictions make a dataset.
//
// +kubebuilder:validation:MinProperties=1
type RetrainingDataset struct {
	// window is the span of predictions, up to the run. Defaults to 90d.
	// +optional
	// +default="90d"
	Window Duration `json:"window,omitempty"`

	// holdoutPercent is the share of predictions, by a hash of their id, that no dataset ever holds, so that models can be
	// compared on them. Defaults to "10".
	// +optional
	// +default="10"
	HoldoutPercent Percent `json:"holdoutPercent,omitempty"`

	// evaluationWindows is how many of the last windows that the Performance analysis judged are left out, so that no model is
	// judged by what it was trained on. A window of which it could not tell anything does not count. Defaults to 1.
	// +optional
	// +default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=16
	EvaluationWindows *int32 `json:"evaluationWindows,omitempty"`

	// redact names features that are left out. When unset, none is.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Redact []FeatureName `json:"redact,omitempty"`

	// segments restricts the dataset to predictions of any of them. When unset, all traffic is meant.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Segments []ItemName `json:"segments,omitempty"`

	// versions restricts the dataset to predictions of these versions of the model. When unset, all are meant.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Versions []string `json:"versions,omitempty"`

	// labelSources restricts the labels by where they come from. When unset, all are meant.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	LabelSources []LabelSource `json:"labelSources,omitempty"`

	// minAgreementPercent is the least share of the annotators who must have given the answer, for labels from people. When
	// unset, any will do.
	// +optional
	MinAgreementPercent Percent `json:"minAgreementPercent,omitempty"`
}

// RetrainingTrigger is what started a run.
//
// +kubebuilder:validation:Enum=NewLabels;Threshold;Schedule;Drift
type RetrainingTrigger string

const (
	// RetrainingTriggerNewLabels means that there were enough new labels.
	RetrainingTriggerNewLabels RetrainingTrigger = "NewLabels"
	// RetrainingTriggerThreshold means that a threshold was violated.
	RetrainingTriggerThreshold RetrainingTrigger = "Threshold"
	// RetrainingTriggerSchedule means that it was time.
	RetrainingTriggerSchedule RetrainingTrigger = "Schedule"
	// RetrainingTriggerDrift means that drift persisted.
	RetrainingTriggerDrift RetrainingTrigger = "Drift"
)

// RetrainingState is how far a run is.
//
// +kubebuilder:validation:Enum=BuildingDataset;Training;Succeeded;Failed
type RetrainingState string

const (
	// RetrainingBuildingDataset means that its dataset is being built.
	RetrainingBuildingDataset RetrainingState = "BuildingDataset"
	// RetrainingTraining means that the template's Job runs, or is about to.
	RetrainingTraining RetrainingState = "Training"
	// RetrainingSucceeded means that the Job has completed.
	RetrainingSucceeded RetrainingState = "Succeeded"
	// RetrainingFailed means that the dataset or the Job failed.
	RetrainingFailed RetrainingState = "Failed"
)

// RetrainingStatus tells of retraining runs.
//
// +kubebuilder:validation:MinProperties=1
type RetrainingStatus struct {
	// runs are the last runs, the latest last.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	Runs []RetrainingRun `json:"runs,omitempty"`

	// startedRuns counts all runs that were ever started.
	// +optional
	// +kubebuilder:validation:Minimum=1
	StartedRuns int64 `json:"startedRuns,omitempty"`

	// succeededRuns counts those that succeeded.
	// +optional
	// +kubebuilder:validation:Minimum=1
	SucceededRuns int64 `json:"succeededRuns,omitempty"`

	// failedRuns counts those that failed.
	// +optional
	// +kubebuilder:validation:Minimum=1
	FailedRuns int64 `json:"failedRuns,omitempty"`

	// trainedTime is when the last run that succeeded was asked for. Labels that were received later are new.
	// +optional
	TrainedTime metav1.Time `json:"trainedTime,omitempty,omitzero"`

	// scheduleSince is the time after which the schedule's next time starts a run.
	// +optional
	ScheduleSince metav1.Time `json:"scheduleSince,omitempty,omitzero"`
}

// RetrainingRun is one run: what started it, on what it was trained, and what came of it.
type RetrainingRun struct {
	// name names the run, and its Job.
	// +required
	Name ObjectName `json:"name,omitempty"`

	// trigger is what started it.
	// +required
	Trigger RetrainingTrigger `json:"trigger,omitempty"`

	// threshold is the threshold whose violation started it. When unset, something else did.
	// +optional
	Threshold ItemName `json:"threshold,omitempty"`

	// segment is the segment in which that was violated; "all" stands for all traffic. When unset, no threshold started it.
	// +optional
	Segment ItemName `json:"segment,omitempty"`

	// reason says so in words.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`

	// state is how far it is.
	// +required
	State RetrainingState `json:"state,omitempty"`

	// message says what went wrong, or what the run left open.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`

	// requestTime is when the trigger was seen.
	// +required
	RequestTime metav1.Time `json:"requestTime,omitempty,omitzero"`

	// startTime is when the Job was started.
	// +optional
	StartTime metav1.Time `json:"startTime,omitempty,omitzero"`

	// finishTime is when the run ended.
	// +optional
	FinishTime metav1.Time `json:"finishTime,omitempty,omitzero"`

	// generation is the generation of the monitor that asked for it.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Generation int64 `json:"generation,omitempty"`

	// labels is the number of labels that were new when it was asked for.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Labels int64 `json:"labels,omitempty"`

	// dataset is what it is trained on.
	// +optional
	Dataset DatasetStatus `json:"dataset,omitempty,omitzero"`

	// version is the version of the model that it made, as the Job named it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Version string `json:"version,omitempty"`

	// uri is where that is, as the Job named it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	URI string `json:"uri,omitempty"`
}

// DatasetStatus is a version of a dataset.
//
// +kubebuilder:validation:MinProperties=1
type DatasetStatus struct {
	// digest is the SHA-256 of its content, in hex.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	Digest string `json:"digest,omitempty"`

	// uri is the folder with its manifest and its parts.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	URI string `json:"uri,omitempty"`

	// baseVersion is the version of the model that served the last of its predictions.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	BaseVersion string `json:"baseVersion,omitempty"`
}
