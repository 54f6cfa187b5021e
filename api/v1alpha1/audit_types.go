// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AuditSpec says where the manager keeps the audit log. It writes with the credentials that are mounted into its own pods,
// or with their identity, and reads no Secret for it.
type AuditSpec struct {
	// url is the root of the log: "s3://bucket/prefix?region=…&endpoint=…" or "file:///folder". A bucket of its own, which the
	// monitors' credentials do not reach, is best.
	// +required
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.startsWith('s3://') || self.startsWith('file:///')",message="url must start with s3:// or file:///"
	URL string `json:"url,omitempty"`

	// lock locks each entry against removal, in a bucket with Object Lock. When unset, the bucket's own default holds.
	// +optional
	Lock AuditLock `json:"lock,omitempty,omitzero"`
}

// AuditLockMode is how entries are locked.
//
// +kubebuilder:validation:Enum=Governance;Compliance
type AuditLockMode string

const (
	// AuditLockGovernance lets those remove an entry early who may bypass the lock.
	AuditLockGovernance AuditLockMode = "Governance"
	// AuditLockCompliance lets nobody.
	AuditLockCompliance AuditLockMode = "Compliance"
)

// AuditLock says how entries are locked, and for how long.
type AuditLock struct {
	// mode is how entries are locked.
	// +required
	Mode AuditLockMode `json:"mode,omitempty"`

	// days is for how many days each is.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days int32 `json:"days,omitempty"`
}

// AuditStatus is what the audit log of a class has been told about an object, or will be.
//
// +kubebuilder:validation:MinProperties=1
type AuditStatus struct {
	// sequence counts the entries that were made about the object.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Sequence int64 `json:"sequence,omitempty"`

	// pending are entries that are not in the log yet, in their order.
	// +optional
	// +listType=map
	// +listMapKey=sequence
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Pending []PendingAuditEntry `json:"pending,omitempty"`

	// thresholdsRevision is the hash of the thresholds of a monitor that were entered last.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	ThresholdsRevision string `json:"thresholdsRevision,omitempty"`

	// drift is the verdict on drift of a monitor that was entered last, Stable or Drift.
	// +optional
	Drift AnalysisOutcome `json:"drift,omitempty"`

	// violations are the violations of a monitor that were entered and not yet entered as over.
	// +optional
	// +listType=map
	// +listMapKey=thresholdName
	// +listMapKey=segment
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Violations []Violation `json:"violations,omitempty"`
}

// PendingAuditEntry is an entry that is not in the log yet.
type PendingAuditEntry struct {
	// sequence is the number of the entry among those of the object. The log takes each number once.
	// +required
	// +kubebuilder:validation:Minimum=1
	Sequence int64 `json:"sequence,omitempty"`

	// kind is what it is about.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind,omitempty"`

	// time is when that was seen.
	// +required
	Time metav1.Time `json:"time,omitempty,omitzero"`

	// actor is who or what made the change.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Actor string `json:"actor,omitempty"`

	// grounds is a JSON document that says on what grounds.
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=4096
	Grounds string `json:"grounds,omitempty"`
}
