// SPDX-License-Identifier: Apache-2.0

// Package reconcileerr owns the two kinds of errors that a reconciliation tells apart from transient ones: Stalled, which
// only a person can end, and Waiting, where something else must happen first. Every other error is retried with backoff.
// It is pure and imports nothing of Kubernetes.
package reconcileerr

import (
	"errors"
	"fmt"
	"time"
)

// Stalled means that nothing goes on until a person changes something.
type Stalled struct {
	// Reason is the CamelCase reason of the condition.
	Reason string
	// Message says what is wrong and how to mend it. It must not change from one attempt to the next.
	Message string
	// After is when to look again at what no watch tells; 0 where a watch does.
	After time.Duration
}

// Error implements error.
func (e *Stalled) Error() string { return e.Reason + ": " + e.Message }

// NewStalled returns a Stalled error that a watch ends.
func NewStalled(reason, format string, args ...any) error {
	return &Stalled{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Waiting means that something else must happen first.
type Waiting struct {
	// Reason is the CamelCase reason of the condition.
	Reason string
	// Message says what is waited for. It must not change from one attempt to the next.
	Message string
	// After is when to look again; 0 where a watch tells.
	After time.Duration
}

// Error implements error.
func (e *Waiting) Error() string { return e.Reason + ": " + e.Message }

// NewWaiting returns a Waiting error that a watch ends.
func NewWaiting(reason, format string, args ...any) error {
	return &Waiting{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Reason is the reason of an error that is Stalled or Waiting; empty for every other.
func Reason(err error) string {
	if stalled := (*Stalled)(nil); errors.As(err, &stalled) {
		return stalled.Reason
	}
	if waiting := (*Waiting)(nil); errors.As(err, &waiting) {
		return waiting.Reason
	}
	return ""
}
