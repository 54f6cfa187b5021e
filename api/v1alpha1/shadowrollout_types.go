// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ShadowRolloutSpec says how a new version of a model is tried on copies of real requests, and when it takes over.
//
// +kubebuilder:validation:XValidation:rule="!has(self.candidate.workloadRef) || has(self.promotion) && self.promotion.policy == 'Advise'",message="promotion.policy must be Advise with candidate.workloadRef: what serves is not the rollout's, so that it can only advise",fieldPath=".promotion"
// +kubebuilder:validation:XValidation:rule="!has(self.candidate.workloadRef) || !has(self.shadow) || self.shadow.replicas == 1 && !has(self.shadow.resources) && !has(self.shadow.priorityClassName) && !has(self.shadow.nodeSelector)",message="shadow must have no more than maxLifetime with candidate.workloadRef: the candidate runs by itself",fieldPath=".shadow"
// +kubebuilder:validation:XValidation:rule="!has(self.candidate.workloadRef) || !has(self.bake)",message="bake may only be set with candidate.templateRef: without a promotion nothing is watched after it",fieldPath=".bake"
// +kubebuilder:validation:XValidation:rule="!has(self.candidate.workloadRef) || self.replicas == 1",message="replicas may only be set with candidate.templateRef: scale the target of the ModelMonitor instead",fieldPath=".replicas"
// +kubebuilder:validation:XValidation:rule="!has(self.candidate.workloadRef) || self.deletionPolicy == 'Retain'",message="deletionPolicy may only be set with candidate.templateRef: the rollout makes no primary that could be deleted",fieldPath=".deletionPolicy"
type ShadowRolloutSpec struct {
	// monitorRef names the ModelMonitor of the same namespace whose sidecar copies the requests, and whose segments and
	// thresholds hold for both versions. One rollout may use a monitor. It must not change.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="monitorRef must not change: make a new ShadowRollout"
	MonitorRef MonitorReference `json:"monitorRef,omitempty,omitzero"`

	// candidate is where the new version comes from. Whether that is a template or a workload must not change.
	// +required
	// +kubebuilder:validation:XValidation:rule="has(self.templateRef) == has(oldSelf.templateRef)",message="candidate must not change between templateRef and workloadRef: make a new ShadowRollout"
	Candidate RolloutCandidate `json:"candidate,omitempty,omitzero"`

	// shadow says how the candidate runs while it is tried. When unset, its defaults hold.
	// +optional
	Shadow RolloutShadow `json:"shadow,omitempty,omitzero"`

	// mirror says which requests are copied to the shadow, and within which bounds. When unset, its defaults hold.
	// +optional
	Mirror RolloutMirror `json:"mirror,omitempty,omitzero"`

	// analysis says what the candidate must be shown to hold.
	// +required
	Analysis RolloutAnalysis `json:"analysis,omitempty,omitzero"`

	// promotion says who promotes a candidate that has passed. When unset, a person does.
	// +optional
	Promotion RolloutPromotion `json:"promotion,omitempty,omitzero"`

	// bake says how a new primary is watched after its promotion. When unset, its defaults hold.
	// +optional
	Bake RolloutBake `json:"bake,omitempty,omitzero"`

	// replicas is the number of pods of the primary. A HorizontalPodAutoscaler may target the ShadowRollout, which then sets
	// it: let your GitOps tool ignore it, as taking it out of what was applied sets it to 1. With candidate.workloadRef it means
	// nothing. Defaults to 1.
	// +optional
	// +default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Replicas *int32 `json:"replicas,omitempty"`

	// deletionPolicy says what becomes of the primary, and of what is kept of revisions, when the ShadowRollout is deleted. With
	// candidate.workloadRef, where the primary is not the rollout's, it means nothing. Defaults to Retain.
	// +optional
	// +default="Retain"
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// MonitorReference names a ModelMonitor of the same namespace.
type MonitorReference struct {
	// name is the name of the ModelMonitor.
	// +required
	Name ObjectName `json:"name,omitempty"`
}

// DeletionPolicy says what becomes of the primary, and of what is kept of revisions, when their ShadowRollout is deleted.
//
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

const (
	// DeletionPolicyRetain leaves the primary serving, with what it needs, as nobody's.
	DeletionPolicyRetain DeletionPolicy = "Retain"
	// DeletionPolicyDelete deletes it.
	DeletionPolicyDelete DeletionPolicy = "Delete"
)

// RolloutCandidate is where the new version comes from. Exactly one of templateRef and workloadRef is set.
//
// +kubebuilder:validation:ExactlyOneOf=templateRef;workloadRef
// +kubebuilder:validation:XValidation:rule="!has(self.parameters) || has(self.templateRef)",message="parameters may only be set with templateRef: a workload of yours is not written",fieldPath=".parameters"
type RolloutCandidate struct {
	// templateRef names the Deployment whose pod template is the wanted version. It has zero replicas, and is read only: the
	// operator runs copies of the template.
	// +optional
	TemplateRef DeploymentReference `json:"templateRef,omitempty,omitzero"`

	// workloadRef names a second workload, which runs the new version by itself, for where another controller owns what serves:
	// the target of the ModelMonitor, which must be a workload too. Both are read only, and the verdict is advice. Its pods must
	// not carry the monitor's sidecar, and its selector must have matchLabels alone.
	// +optional
	WorkloadRef WorkloadReference `json:"workloadRef,omitempty,omitzero"`

	// parameters put what the monitor's last succeeded retraining run has made into the copies of the template, so that it
	// becomes the candidate. Once that was rejected, or when no run is known any more, they keep what serves. When unset, the
	// template is taken as it is.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Parameters []CandidateParameter `json:"parameters,omitempty"`
}

// DeploymentKind is the kind of a DeploymentReference.
//
// +kubebuilder:validation:Enum=Deployment
type DeploymentKind string

// DeploymentKindDeployment is an apps/v1 Deployment.
const DeploymentKindDeployment DeploymentKind = "Deployment"

// DeploymentReference names a Deployment of the same namespace. It is read, and never written.
type DeploymentReference struct {
	// kind is the kind of the workload.
	// +required
	Kind DeploymentKind `json:"kind,omitempty"`

	// name is the name of the workload.
	// +required
	Name ObjectName `json:"name,omitempty"`
}

// ParameterSource is a value that a retraining run has made.
//
// +kubebuilder:validation:Enum=URI;Version;DatasetDigest
type ParameterSource string

const (
	// ParameterSourceURI is where the trained model is, as the run named it.
	ParameterSourceURI ParameterSource = "URI"
	// ParameterSourceVersion is the version of the trained model, as the run named it.
	ParameterSourceVersion ParameterSource = "Version"
	// ParameterSourceDatasetDigest is the SHA-256 of what it was trained on.
	ParameterSourceDatasetDigest ParameterSource = "DatasetDigest"
)

// CandidateParameter puts one value of the last succeeded retraining run into the copies of the template. Exactly one of
// env, arg and annotation is set. Until a run has succeeded, the template's own value stands.
//
// +kubebuilder:validation:ExactlyOneOf=env;arg;annotation
type CandidateParameter struct {
	// name names the parameter.
	// +required
	Name ItemName `json:"name,omitempty"`

	// from is the value.
	// +required
	From ParameterSource `json:"from,omitempty"`

	// env sets an environment variable.
	// +optional
	Env ParameterEnv `json:"env,omitempty,omitzero"`

	// arg sets a command-line argument.
	// +optional
	Arg ParameterArg `json:"arg,omitempty,omitzero"`

	// annotation is the annotation of the pods that is set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('vedette.dev/')",message="annotation must not be one of vedette.dev: they say what Vedette does to a pod"
	Annotation string `json:"annotation,omitempty"`
}

// ParameterEnv is an environment variable of a container.
type ParameterEnv struct {
	// container is the name of the container.
	// +required
	Container ItemName `json:"container,omitempty"`

	// name is the name of the variable. It is added when the template does not set it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	Name string `json:"name,omitempty"`
}

// ParameterArg is a command-line argument of a container.
type ParameterArg struct {
	// container is the name of the container.
	// +required
	Container ItemName `json:"container,omitempty"`

	// name is the argument, for example "--model". The template's "--model=…", or what follows "--model", is replaced; where
	// there is neither, "--model=…" is added.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^--?[A-Za-z0-9][-A-Za-z0-9_.]*$`
	Name string `json:"name,omitempty"`
}

// RolloutShadow says how the candidate runs while it is tried.
//
// +kubebuilder:validation:MinProperties=1
type RolloutShadow struct {
	// replicas is the number of its pods. Defaults to 1.
	// +optional
	// +default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Replicas int32 `json:"replicas,omitempty"`

	// resources replace those of the first container. When unset, the template's hold; less of them makes the shadow look
	// slower than it is.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// priorityClassName is the PriorityClass of its pods, so that they give way to what serves. When unset, the template's holds.
	// +optional
	PriorityClassName ObjectName `json:"priorityClassName,omitempty"`

	// nodeSelector replaces the template's. When unset, the template's holds.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// maxLifetime is the longest that a shadow runs for one candidate, whatever it waits for, such as an approval: then it is
	// stopped, and the verdict stands. With candidate.workloadRef, it is the longest that requests are copied. Defaults to 7d.
	// +optional
	// +default="7d"
	MaxLifetime Duration `json:"maxLifetime,omitempty"`
}

// RolloutMirror says which requests are copied to the shadow, and within which bounds. A request that would exceed a bound is
// served as ever, and not copied.
//
// +kubebuilder:validation:MinProperties=1
type RolloutMirror struct {
	// percent is the share of inference calls that is copied, chosen by a hash of the request's id. Defaults to "10".
	// +optional
	// +default="10"
	// +kubebuilder:validation:XValidation:rule="self.matches('[1-9]')",message="percent must be above 0: nothing would be compared"
	Percent Percent `json:"percent,omitempty"`

	// timeout is when a copy is given up, at most 10m. It never delays the request itself. A copy that is given up is an error of the
	// candidate alone: set it well above the slowest answers. Defaults to 5s.
	// +optional
	// +default="5s"
	// +kubebuilder:validation:XValidation:rule="self.endsWith('s') ? int(self.substring(0, self.size() - 1)) <= 600 : self.endsWith('m') && int(self.substring(0, self.size() - 1)) <= 10",message="timeout must be at most 10m"
	Timeout Duration `json:"timeout,omitempty"`

	// maxInFlight bounds the copies that are under way at a time, for each pod of the primary. Defaults to 32.
	// +optional
	// +default=32
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	MaxInFlight int32 `json:"maxInFlight,omitempty"`

	// maxBufferedBytes bounds the bodies that are held for comparison at a time, for each pod of the primary. Defaults to
	// 16777216 (16Mi).
	// +optional
	// +default=16777216
	// +kubebuilder:validation:Minimum=65536
	// +kubebuilder:validation:Maximum=1073741824
	MaxBufferedBytes int64 `json:"maxBufferedBytes,omitempty"`

	// header is a header that copies carry as "true", beside Vedette-Shadow: true, for a server that knows another. When unset,
	// there is none.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['accept', 'authorization', 'connection', 'content-encoding', 'content-length', 'content-type', 'cookie', 'expect', 'host', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'traceparent', 'x-request-id'])",message="header must not be one that means something else"
	Header HeaderName `json:"header,omitempty"`

	// modelName replaces the name of the model in the path of copies, where the new version answers to another. When unset, the
	// path stays as it is.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	ModelName string `json:"modelName,omitempty"`

	// replicaPercent is the share of the copied calls that the primary answers a second time, at first, so that a model that
	// disagrees with itself is judged against itself; it falls to "1" of the calls while the model is seen to agree. "0" asks
	// never. Defaults to "25".
	// +optional
	// +default="25"
	ReplicaPercent Percent `json:"replicaPercent,omitempty"`
}

// ShadowRollout tries a new version of a model on copies of real requests, compares its answers with those of the version
// that serves, and lets it take over when its metrics hold.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=sr,categories=vedette
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:selectablefield:JSONPath=`.spec.monitorRef.name`
// +kubebuilder:printcolumn:name="Primary",type=string,JSONPath=`.status.primaryRevision`
// +kubebuilder:printcolumn:name="Candidate",type=string,JSONPath=`.status.candidate.revision`
// +kubebuilder:printcolumn:name="Fit",type=string,JSONPath=`.status.conditions[?(@.type=='CandidateFit')].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=='CandidateFit')].reason`
// +kubebuilder:printcolumn:name="Pairs",type=integer,JSONPath=`.status.candidate.pairs`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=='Ready')].status`
// +kubebuilder:printcolumn:name="Available",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=='Available')].status`
// +kubebuilder:printcolumn:name="Baking",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=='Baking')].reason`
// +kubebuilder:printcolumn:name="Policy",type=string,priority=1,JSONPath=`.spec.promotion.policy`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40",message="metadata.name must be no more than 40 characters: it prefixes the names of Services and Deployments"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be a DNS label that starts with a letter: it names Services"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.candidate.templateRef) || !(self.spec.candidate.templateRef.name in [self.metadata.name + '-primary', self.metadata.name + '-shadow'])",message="candidate.templateRef must not name what the rollout makes, <name>-primary and <name>-shadow",fieldPath=".spec"
type ShadowRollout struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec says how new versions are tried, and when they take over.
	// +required
	Spec ShadowRolloutSpec `json:"spec,omitempty,omitzero"`

	// status is what the operator has observed.
	// +optional
	Status ShadowRolloutStatus `json:"status,omitempty,omitzero"`
}

// ShadowRolloutList is a list of ShadowRollouts.
//
// +kubebuilder:object:root=true
type ShadowRolloutList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ShadowRollout `json:"items"`
}
