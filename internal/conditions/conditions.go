// SPDX-License-Identifier: Apache-2.0

// Package conditions sets status conditions so that they never flap, and tells what changed between two sets of them. It
// is pure: the time comes from the caller.
package conditions

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage bounds a message. The API allows 32768 bytes; nobody reads so much in a condition.
const maxMessage = 4096

// Writer sets the conditions of one object in one reconciliation.
type Writer struct {
	// Conditions is the list that is written to.
	Conditions *[]metav1.Condition
	// Generation is the object's generation; every condition that is set carries it.
	Generation int64
	// Now becomes the transition time of those whose status changes.
	Now time.Time
}

// Set sets a condition.
func (w Writer) Set(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(w.Conditions, metav1.Condition{
		Type:               kind,
		Status:             status,
		Reason:             reason,
		Message:            bound(message),
		ObservedGeneration: w.Generation,
		LastTransitionTime: metav1.NewTime(w.Now),
	})
}

// True sets a condition to True.
func (w Writer) True(kind, reason, message string) {
	w.Set(kind, metav1.ConditionTrue, reason, message)
}

// False sets a condition to False.
func (w Writer) False(kind, reason, message string) {
	w.Set(kind, metav1.ConditionFalse, reason, message)
}

// Unknown sets a condition to Unknown.
func (w Writer) Unknown(kind, reason, message string) {
	w.Set(kind, metav1.ConditionUnknown, reason, message)
}

// Remove removes a condition, for those that are present only while True.
func (w Writer) Remove(kind string) { meta.RemoveStatusCondition(w.Conditions, kind) }

// Get returns a condition, nil when there is none.
func (w Writer) Get(kind string) *metav1.Condition {
	return meta.FindStatusCondition(*w.Conditions, kind)
}

func bound(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage-3], "") + "..."
}

// Changes returns the conditions of after whose status or reason differs from before, in their order, then those that
// are gone, as False with reason Resolved.
func Changes(before, after []metav1.Condition) []metav1.Condition {
	var changed []metav1.Condition
	for _, c := range after {
		if old := meta.FindStatusCondition(before, c.Type); old == nil || old.Status != c.Status || old.Reason != c.Reason {
			changed = append(changed, c)
		}
	}
	for _, c := range before {
		if meta.FindStatusCondition(after, c.Type) == nil {
			c.Status, c.Reason, c.Message = metav1.ConditionFalse, ReasonResolved, "no longer so: "+c.Message
			changed = append(changed, c)
		}
	}
	return changed
}

// ReasonResolved is the reason under which Changes reports a condition that is gone.
const ReasonResolved = "Resolved"
