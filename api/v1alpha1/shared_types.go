// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Decimal is a base-10 number written as a string, for example "0.25".
// API fields may not be floats: they do not round-trip, and clients disagree about them.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=20
// +kubebuilder:validation:Pattern=`^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?$`
type Decimal string

// Percent is a Decimal from 0 to 100.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=13
// +kubebuilder:validation:Pattern=`^(100(\.0{1,9})?|[1-9]?[0-9](\.[0-9]{1,9})?)$`
// +kubebuilder:validation:XValidation:rule="self.matches('^(100([.]0{1,9})?|[1-9]?[0-9]([.][0-9]{1,9})?)$')",message="must be a number from 0 to 100, in quotes and without a sign, for example \"20\" or \"0.5\""
type Percent string

// Duration is a whole number of one unit, for example "30s", "5m", "24h" or "90d", of at most 366 days; a day has 24 hours.
//
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=6
// +kubebuilder:validation:Pattern=`^[1-9][0-9]{0,4}(s|m|h|d)$`
// +kubebuilder:validation:XValidation:rule="self.endsWith('d') ? int(self.substring(0, self.size() - 1)) <= 366 : !self.endsWith('h') || int(self.substring(0, self.size() - 1)) <= 8784",message="must be at most 366d"
type Duration string

// Age is a whole number of days, for example "90d", of at most 3660; a day has 24 hours.
//
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=5
// +kubebuilder:validation:Pattern=`^[1-9][0-9]{0,3}d$`
// +kubebuilder:validation:XValidation:rule="int(self.substring(0, self.size() - 1)) <= 3660",message="must be at most 3660d"
type Age string

// ObjectName is the name of an object.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
type ObjectName string

// ItemName names an item of a list. It becomes a Prometheus label value and part of paths.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
type ItemName string

// FeatureName names a feature. It becomes the column f_<name> and f.<name> in expressions.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9_]*$`
type FeatureName string

// Expression is a CEL expression that yields a bool. It sees f (the features of schema.features), p (the prediction:
// score, label, confidence, entropy, margin), request and response (the decoded bodies) and input (the text, for text models).
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=512
type Expression string

// FieldPath finds a value in a body: the word request or response, then an RFC 9535 singular query relative to the
// instance, or the name of a tensor; for example "request.customer.age" or "response['output-0'][1]".
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:Pattern=`^(request|response)([.\[].*)?$`
type FieldPath string

// Mode says how far monitoring goes.
//
// +kubebuilder:validation:Enum=Enforce;Observe;PassThrough;Suspended
type Mode string

const (
	// ModeEnforce captures traffic and raises alerts.
	ModeEnforce Mode = "Enforce"
	// ModeObserve captures traffic and records metrics, but raises no alert.
	ModeObserve Mode = "Observe"
	// ModePassThrough forwards traffic and neither copies nor decodes it.
	ModePassThrough Mode = "PassThrough"
	// ModeSuspended leaves everything as it is: nothing is changed, and no analysis runs.
	ModeSuspended Mode = "Suspended"
)

// Condition types that every kind of this group reports.
const (
	// ConditionReady summarises the object: it is True when the observed generation is fully
	// in effect, Unknown while that is not yet known, and False when something needs attention.
	ConditionReady = "Ready"

	// ConditionReconciling is present, and True, only while the controller still works towards
	// the current generation. It follows kstatus: absence means "not reconciling".
	ConditionReconciling = "Reconciling"

	// ConditionStalled is present, and True, only when something that the controller must do waits until a
	// person changes something. It follows kstatus: absence means "not stalled".
	ConditionStalled = "Stalled"
)

// Reasons shared by the conditions above.
const (
	// ReasonSucceeded means that nothing is left to do for this generation.
	ReasonSucceeded = "Succeeded"
	// ReasonProgressing means that work is under way.
	ReasonProgressing = "Progressing"
	// ReasonProgressingWithRetry means that the last attempt failed and will be repeated.
	ReasonProgressingWithRetry = "ProgressingWithRetry"
	// ReasonSuspended means that the mode is Suspended.
	ReasonSuspended = "Suspended"
	// ReasonDependencyMissing means that the cluster lacks an API that the spec needs.
	ReasonDependencyMissing = "DependencyMissing"
)
