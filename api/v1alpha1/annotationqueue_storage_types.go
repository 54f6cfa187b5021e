// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// QueueStorage is where items and answers are kept. Exactly one field is set.
//
// +kubebuilder:validation:ExactlyOneOf=sqlite;postgres
type QueueStorage struct {
	// sqlite keeps them in a file on a volume of the queue. One pod serves the page.
	// +optional
	SQLite SQLiteStorage `json:"sqlite,omitempty,omitzero"`

	// postgres keeps them in a PostgreSQL database. Several pods serve the page.
	// +optional
	Postgres PostgresStorage `json:"postgres,omitempty,omitzero"`
}

// SQLiteStorage is a file on a volume. The volume is the queue's: it is never deleted while the queue exists, whatever the
// storage is changed to, and goes with it.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",message="storageClassName must not change: a volume keeps its class",fieldPath=".storageClassName"
type SQLiteStorage struct {
	// size is the size of the volume. It may grow where its class allows that, and never shrinks. Defaults to 5Gi.
	// +optional
	// +default="5Gi"
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('64Mi')) >= 0",message="size must be at least 64Mi"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0",message="size must not be reduced: volumes only grow"
	Size *resource.Quantity `json:"size,omitempty"`

	// storageClassName is the StorageClass of the volume. When unset, the cluster's default is used.
	// +optional
	StorageClassName ObjectName `json:"storageClassName,omitempty"`
}

// PostgresStorage is a PostgreSQL database.
type PostgresStorage struct {
	// secretName names the Secret whose item "url" is the address of the database with user and password, for example
	// "postgres://review:…@db:5432/review?sslmode=verify-full&sslrootcert=/etc/vedette/database/ca.crt"; its other items are
	// files beside it. The manager never reads it.
	// +required
	SecretName ObjectName `json:"secretName,omitempty"`

	// replicas is the number of pods that serve the page. Defaults to 2.
	// +optional
	// +default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	Replicas int32 `json:"replicas,omitempty"`
}

// PodSource selects pods as senders of traffic.
//
// +kubebuilder:validation:AtLeastOneOf=namespaceSelector;podSelector
type PodSource struct {
	// namespaceSelector selects their namespaces. When unset, the queue's own.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// podSelector selects them. When unset, all pods of these namespaces.
	// +optional
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`
}

// QueueAlerting says when the queue alerts.
//
// +kubebuilder:validation:MinProperties=1
type QueueAlerting struct {
	// oldestPending is how long an item may wait for an answer. Defaults to 3d.
	// +optional
	// +default="3d"
	OldestPending Duration `json:"oldestPending,omitempty"`

	// unreadOutliers is how many outliers may wait that nobody has looked at. Defaults to 1000.
	// +optional
	// +default=1000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000000
	UnreadOutliers int32 `json:"unreadOutliers,omitempty"`

	// labels are put on every alert. When unset, alerts carry their own labels only.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-zA-Z_][a-zA-Z0-9_]{0,62}$') && self[k].size() <= 256)",message="labels must have Prometheus label names as keys, and values of at most 256 characters"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !(k in ['alertname','severity','namespace','queue']))",message="labels must not set alertname, severity, namespace or queue"
	Labels map[string]string `json:"labels,omitempty"`

	// runbookURL is the page that says what to do. When unset, alerts name Vedette's own description.
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self)",message="runbookURL must be a URL"
	RunbookURL string `json:"runbookURL,omitempty"`
}
