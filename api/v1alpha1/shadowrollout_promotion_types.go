// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// PromotionPolicy says who promotes a candidate that has passed.
//
// +kubebuilder:validation:Enum=Manual;Automatic;Advise
type PromotionPolicy string

const (
	// PromotionManual waits until approvedRevision, or the annotation vedette.dev/promote, names the candidate.
	PromotionManual PromotionPolicy = "Manual"
	// PromotionAutomatic promotes as soon as the analysis has passed.
	PromotionAutomatic PromotionPolicy = "Automatic"
	// PromotionAdvise promotes nothing: the verdict is for others to act on.
	PromotionAdvise PromotionPolicy = "Advise"
)

// RolloutPromotion says who promotes a candidate that has passed.
//
// +kubebuilder:validation:MinProperties=1
type RolloutPromotion struct {
	// policy says who promotes. Defaults to Manual.
	// +optional
	// +default="Manual"
	Policy PromotionPolicy `json:"policy,omitempty"`

	// approvedRevision is the revision that may be promoted under policy Manual once its analysis has passed, as
	// status.candidate.revision names it. When unset, none may.
	// +optional
	ApprovedRevision Revision `json:"approvedRevision,omitempty"`
}

// Revision is the hash of a pod template with what it refers to: 10 hex digits.
//
// +kubebuilder:validation:MinLength=10
// +kubebuilder:validation:MaxLength=10
// +kubebuilder:validation:Pattern=`^[0-9a-f]{10}$`
type Revision string

// RollbackPolicy says what happens when a new primary violates a threshold while it is baked.
//
// +kubebuilder:validation:Enum=Automatic;Manual
type RollbackPolicy string

const (
	// RollbackAutomatic brings the last good revision back.
	RollbackAutomatic RollbackPolicy = "Automatic"
	// RollbackManual says so, and leaves the new primary serving.
	RollbackManual RollbackPolicy = "Manual"
)

// RolloutBake says how a new primary is watched after its promotion.
//
// +kubebuilder:validation:MinProperties=1
type RolloutBake struct {
	// duration is how long it is watched once it has rolled out, at most 30d. Defaults to 1h.
	// +optional
	// +default="1h"
	// +kubebuilder:validation:XValidation:rule="self.endsWith('d') ? int(self.substring(0, self.size() - 1)) <= 30 : self.endsWith('h') ? int(self.substring(0, self.size() - 1)) <= 720 : !self.endsWith('m') || int(self.substring(0, self.size() - 1)) <= 43200",message="duration must be at most 30d"
	Duration Duration `json:"duration,omitempty"`

	// thresholds name the ModelMonitor's thresholds that the new primary must not violate. When unset, all that Prometheus
	// evaluates are meant: those of latency, errors, timeouts, load, confidence, entropy and loss of capture.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Thresholds []ItemName `json:"thresholds,omitempty"`

	// rollback says what happens when it does. Defaults to Automatic.
	// +optional
	// +default="Automatic"
	Rollback RollbackPolicy `json:"rollback,omitempty"`
}
