// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AnnotationQueueSpec is what people are shown of the predictions of some models, and what they are asked.
type AnnotationQueueSpec struct {
	// mode says whether the page is served. Defaults to Serve.
	// +optional
	// +default="Serve"
	Mode QueueMode `json:"mode,omitempty"`

	// monitors are the ModelMonitors of the same namespace that feed the queue. They must use one MonitorClass.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Monitors []QueueMonitor `json:"monitors,omitempty"`

	// selection says which predictions become items. When unset, its defaults hold.
	// +optional
	Selection QueueSelection `json:"selection,omitempty,omitzero"`

	// priority says which item comes first. When unset, its defaults hold.
	// +optional
	Priority QueuePriority `json:"priority,omitempty,omitzero"`

	// budget bounds how many items are first offered to people on a day, in UTC. When unset, nothing does.
	// +optional
	Budget QueueBudget `json:"budget,omitempty,omitzero"`

	// overlap is how many people answer each item. With several, the majority holds, and a reviewer adjudicates a tie.
	// Defaults to 1.
	// +optional
	// +default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=9
	Overlap int32 `json:"overlap,omitempty"`

	// lease is how long an item is held for the person who looks at it, from 30s to 24h. Defaults to 10m.
	// +optional
	// +default="10m"
	// +kubebuilder:validation:XValidation:rule="self.endsWith('s') ? int(self.substring(0, self.size() - 1)) >= 30 : self.endsWith('m') ? int(self.substring(0, self.size() - 1)) <= 1440 : self.endsWith('h') ? int(self.substring(0, self.size() - 1)) <= 24 : self == '1d'",message="lease must be from 30s to 24h"
	Lease Duration `json:"lease,omitempty"`

	// retention is how long items and answers are kept in the queue's database. Labels that were published are kept in the
	// store. When unset, its defaults hold.
	// +optional
	Retention QueueRetention `json:"retention,omitempty,omitzero"`

	// redact keeps values away from people. When unset, all features are shown.
	// +optional
	Redact QueueRedaction `json:"redact,omitempty,omitzero"`

	// question is what people are asked. When unset, its defaults hold.
	// +optional
	Question QueueQuestion `json:"question,omitempty,omitzero"`

	// storage is where items and answers are kept. When unset, in SQLite on a volume of 5Gi.
	// +optional
	Storage QueueStorage `json:"storage,omitempty,omitzero"`

	// access says who may sign in and do what, and where the page is reached. When unset, the people of the Secret
	// <queue>-users may sign in, and the page is reached within the cluster only.
	// +optional
	Access QueueAccess `json:"access,omitempty,omitzero"`

	// traceURL is the address of a trace in your tracing tool, with {trace_id} in place of its identifier. When unset, items
	// have no link to their trace.
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://') && self.contains('{trace_id}')",message="traceURL must be an http or https URL with {trace_id} in it"
	TraceURL string `json:"traceURL,omitempty"`

	// resources are the resources of each pod. When unset: requests of 50m CPU and 128Mi memory, and a memory limit of 512Mi.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// alerting says when the queue alerts. When unset, its defaults hold.
	// +optional
	Alerting QueueAlerting `json:"alerting,omitempty,omitzero"`
}

// QueueMode says whether the page is served.
//
// +kubebuilder:validation:Enum=Serve;Suspended
type QueueMode string

const (
	// QueueModeServe takes items in and serves the page.
	QueueModeServe QueueMode = "Serve"
	// QueueModeSuspended stops the pods and keeps everything else, the data above all.
	QueueModeSuspended QueueMode = "Suspended"
)

// QueueMonitor is a ModelMonitor that feeds the queue.
type QueueMonitor struct {
	// name is the name of the ModelMonitor.
	// +required
	Name ObjectName `json:"name,omitempty"`

	// weightPercent raises, above 100, or lowers the priority of the monitor's items. Defaults to 100.
	// +optional
	// +default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	WeightPercent int32 `json:"weightPercent,omitempty"`
}

// OutlierSelection says which outliers become items.
//
// +kubebuilder:validation:Enum=All;None
type OutlierSelection string

const (
	// OutlierSelectionAll takes every outlier.
	OutlierSelectionAll OutlierSelection = "All"
	// OutlierSelectionNone takes none.
	OutlierSelectionNone OutlierSelection = "None"
)

// QueueSelection says which predictions become items.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="self.outliers != 'None' || double(self.randomPercent) > 0.0",message="randomPercent must be above 0 when outliers is None: nothing would become an item",fieldPath=".randomPercent"
type QueueSelection struct {
	// outliers says which outliers become items. Defaults to All.
	// +optional
	// +default="All"
	Outliers OutlierSelection `json:"outliers,omitempty"`

	// randomPercent is the share of the predictions that are kept with their features that become items whatever they are.
	// Estimates of performance need them to be unbiased. Defaults to "1".
	// +optional
	// +default="1"
	RandomPercent Percent `json:"randomPercent,omitempty"`
}

// QueuePriority weighs what makes an item come first. Each part is from 0 to 1; a weight of 0 leaves it out.
//
// +kubebuilder:validation:MinProperties=1
type QueuePriority struct {
	// uncertainty weighs how unsure the model was. Defaults to "1".
	// +optional
	// +default="1"
	Uncertainty Weight `json:"uncertainty,omitempty"`

	// outlierScore weighs how unusual the prediction is. Defaults to "1".
	// +optional
	// +default="1"
	OutlierScore Weight `json:"outlierScore,omitempty"`

	// rarity weighs how few items there are of its segments. Defaults to "0.5".
	// +optional
	// +default="0.5"
	Rarity Weight `json:"rarity,omitempty"`

	// age weighs how long an item waits. Defaults to "0.2".
	// +optional
	// +default="0.2"
	Age Weight `json:"age,omitempty"`

	// rules say what matters to the business; the weights of those that hold are added. When unset, nothing is.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Rules []PriorityRule `json:"rules,omitempty"`
}

// Weight is a Decimal from 0 to 1000.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=14
// +kubebuilder:validation:Pattern=`^(1000(\.0{1,9})?|(0|[1-9][0-9]{0,2})(\.[0-9]{1,9})?)$`
type Weight string

// PriorityRule raises the priority of some items.
type PriorityRule struct {
	// name names the rule to people, who see why an item comes first.
	// +required
	Name ItemName `json:"name,omitempty"`

	// when says for which items it holds, for example "f.amount > 10000.0". It sees f and p. For a monitor that lacks a feature
	// of it, it holds for none.
	// +required
	When Expression `json:"when,omitempty"`

	// weight is what is added, beside the weights of the other parts.
	// +required
	Weight Weight `json:"weight,omitempty"`
}

// QueueRetention is how long items and answers are kept in the queue's database.
//
// +kubebuilder:validation:MinProperties=1
type QueueRetention struct {
	// pending is how long an item waits for an answer before it expires. Defaults to 30d.
	// +optional
	// +default="30d"
	Pending Duration `json:"pending,omitempty"`

	// done is how long an answered item is kept, to be looked up and shown beside similar ones. Defaults to 180d.
	// +optional
	// +default="180d"
	Done Duration `json:"done,omitempty"`
}

// QueueBudget bounds how many items are first offered to people on a day, in UTC. Items that were offered stay open.
//
// +kubebuilder:validation:MinProperties=1
type QueueBudget struct {
	// itemsPerDay bounds all items together. When unset, nothing does.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	ItemsPerDay int32 `json:"itemsPerDay,omitempty"`

	// itemsPerSegmentPerDay bounds the items of each segment, so that one does not use up the day. When unset, nothing does.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	ItemsPerSegmentPerDay int32 `json:"itemsPerSegmentPerDay,omitempty"`
}

// QueueRedaction keeps values away from people.
type QueueRedaction struct {
	// features are never taken into the queue: neither the page nor the API nor an export has them.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Features []FeatureName `json:"features,omitempty"`
}

// QueueQuestion is what people are asked.
//
// +kubebuilder:validation:MinProperties=1
type QueueQuestion struct {
	// text is the question. Defaults to "What is the right answer?".
	// +optional
	// +default="What is the right answer?"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Text string `json:"text,omitempty"`

	// labels are the answers to choose from, in this order. When unset, the classes of the item's monitor; of a Regression,
	// a number is asked for.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=2
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Labels []string `json:"labels,omitempty"`

	// comment says whether there is a field for free text. Defaults to Optional.
	// +optional
	// +default="Optional"
	Comment QuestionComment `json:"comment,omitempty"`

	// criticalError says whether people may mark an answer as a critical error of the model. Defaults to Shown.
	// +optional
	// +default="Shown"
	CriticalError QuestionPart `json:"criticalError,omitempty"`

	// escalate says whether people may pass an item on to a reviewer. Defaults to Shown.
	// +optional
	// +default="Shown"
	Escalate QuestionPart `json:"escalate,omitempty"`
}

// QuestionComment says whether there is a field for free text.
//
// +kubebuilder:validation:Enum=Optional;Required;Hidden
type QuestionComment string

const (
	// QuestionCommentOptional lets people comment.
	QuestionCommentOptional QuestionComment = "Optional"
	// QuestionCommentRequired accepts no answer without a comment.
	QuestionCommentRequired QuestionComment = "Required"
	// QuestionCommentHidden accepts none.
	QuestionCommentHidden QuestionComment = "Hidden"
)

// QuestionPart says whether a part of the question is shown.
//
// +kubebuilder:validation:Enum=Shown;Hidden
type QuestionPart string

const (
	// QuestionPartShown shows it.
	QuestionPartShown QuestionPart = "Shown"
	// QuestionPartHidden leaves it out.
	QuestionPartHidden QuestionPart = "Hidden"
)

// AnnotationQueue puts the predictions of some models that matter most before people: the outliers, and a random slice
// beside them, by priority. What people say goes back to the store as labels.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=aq,categories=vedette
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Monitors",type=integer,JSONPath=`.status.monitors`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=='Ready')].status`
// +kubebuilder:printcolumn:name="Serving",type=string,JSONPath=`.status.conditions[?(@.type=='Serving')].reason`
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.status.address`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=='Ready')].reason`
// +kubebuilder:printcolumn:name="Class",type=string,priority=1,JSONPath=`.status.className`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40",message="metadata.name must be no more than 40 characters: it prefixes the names of Services and Deployments"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label that starts with a letter: it names Services"
type AnnotationQueue struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is what people are shown and asked.
	// +required
	Spec AnnotationQueueSpec `json:"spec,omitempty,omitzero"`

	// status is what the operator has observed.
	// +optional
	Status AnnotationQueueStatus `json:"status,omitempty,omitzero"`
}

// AnnotationQueueList is a list of AnnotationQueues.
//
// +kubebuilder:object:root=true
type AnnotationQueueList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AnnotationQueue `json:"items"`
}
