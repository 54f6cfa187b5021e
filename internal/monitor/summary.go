// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// Summary is what a reconciliation comes to.
type Summary struct {
	// Settled says that the generation was reconciled to an end, good or bad.
	Settled bool
	// Retry is the error to retry with backoff; nil when there is none.
	Retry error
	// After is when to look again; 0 when a watch tells.
	After time.Duration
}

// Conflicts are races with other writers: they are no news, and over once the cache has caught up.
const conflictDelay = time.Second

// SumUp sets Ready, Reconciling and Stalled by what stands in the way: what a person must mend comes first, then what
// failed, then what is waited for. Success is the reason of Ready when nothing does.
func SumUp(set conditions.Writer, problems []error, success string) Summary {
	var s Summary
	var transient []error
	var waiting *reconcileerr.Waiting
	var stalled *reconcileerr.Stalled
	conflict := false
	for _, err := range problems {
		var w *reconcileerr.Waiting
		var st *reconcileerr.Stalled
		switch {
		case errors.As(err, &st):
			s.sooner(st.After)
			if stalled == nil {
				stalled = st
			}
		case errors.As(err, &w):
			s.sooner(w.After)
			if waiting == nil {
				waiting = w
			}
		case apierrors.IsConflict(err):
			s.sooner(conflictDelay)
			conflict = true
		default:
			transient = append(transient, err)
		}
	}
	s.Retry = errors.Join(transient...)
	// What comes and goes stands behind Ready, so that the order of the conditions does not change from one pass to the next.
	set.Remove(v1alpha1.ConditionReconciling)
	set.Remove(v1alpha1.ConditionStalled)
	switch {
	case stalled != nil:
		set.False(v1alpha1.ConditionReady, stalled.Reason, stalled.Message)
		set.True(v1alpha1.ConditionStalled, stalled.Reason, stalled.Message)
		s.Settled = s.Retry == nil && !conflict // what does not depend on it may not be done yet
	case s.Retry != nil:
		message := "the last attempt failed and is repeated" + cause(transient) + "; the manager's log says more"
		set.Unknown(v1alpha1.ConditionReady, v1alpha1.ReasonProgressingWithRetry, message)
		set.True(v1alpha1.ConditionReconciling, v1alpha1.ReasonProgressingWithRetry, message)
	case waiting != nil:
		set.Set(v1alpha1.ConditionReady, readyWhile(waiting), waiting.Reason, waiting.Message)
		set.True(v1alpha1.ConditionReconciling, waiting.Reason, waiting.Message)
	case conflict: // and nothing else: the next pass will tell
	default:
		set.True(v1alpha1.ConditionReady, success, "the spec is in effect")
		s.Settled = true
	}
	return s
}

// maxCause bounds what of an error is told.
const maxCause = 300

// cause is what the API server gave as the first reason, "" when none of the errors is from it. Texts of errors may differ
// each time, with the numbers of a quota or a connection, and would make a condition that never rests.
func cause(errs []error) string {
	for _, err := range errs {
		var status apierrors.APIStatus
		if !errors.As(err, &status) || status.Status().Reason == "" {
			continue
		}
		s := status.Status()
		parts := []string{string(s.Reason)}
		if d := s.Details; d != nil {
			parts[0] = strings.TrimSpace(fmt.Sprintf("%s: %s %s", s.Reason, d.Kind, d.Name))
			for _, c := range d.Causes {
				if c.Field != "" {
					parts = append(parts, c.Field)
				}
			}
		}
		return " (" + truncate(strings.Join(parts, ", "), maxCause) + ")"
	}
	return ""
}

func (s *Summary) sooner(d time.Duration) {
	if d > 0 && (s.After == 0 || d < s.After) {
		s.After = d
	}
}

// readyWhile is Unknown while work goes on as it should, and False where something is missing.
func readyWhile(w *reconcileerr.Waiting) metav1.ConditionStatus {
	if w.Reason == v1alpha1.ReasonStoreChecking || w.Reason == v1alpha1.ReasonProgressing {
		return metav1.ConditionUnknown
	}
	return metav1.ConditionFalse
}

// Event is one event to emit.
type Event struct {
	// Type is Normal or Warning.
	Type         string
	Reason, Note string
}

// maxNote is what the API allows for the note of an event.
const maxNote = 1024

// badWhenTrue are the conditions that are bad news while True.
var badWhenTrue = []string{v1alpha1.ConditionStalled, v1alpha1.ConditionDriftDetected, v1alpha1.ConditionInjectionBlocked, v1alpha1.ConditionLimitExceeded, v1alpha1.ConditionAnnotationIgnored}

// harmless are reasons that are no bad news, whatever the status: an end that is good, or that there is nothing to do.
var harmless = []string{v1alpha1.ReasonNoCandidate, v1alpha1.ReasonSucceeded}

// Events tells what changed between two sets of conditions, so that a reconciliation that changes nothing emits nothing.
// What is not known yet is no event, nor is it that work goes on.
func Events(before, after []metav1.Condition) []Event {
	var events []Event
	for _, c := range conditions.Changes(before, after) {
		bad := metav1.ConditionFalse
		if slices.Contains(badWhenTrue, c.Type) {
			bad = metav1.ConditionTrue
		}
		switch {
		case c.Type == v1alpha1.ConditionReconciling, c.Status == metav1.ConditionUnknown:
			continue
		case c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionFalse:
			continue // what made it so has an event of its own, or passes
		case c.Type == v1alpha1.ConditionBaking && c.Reason == conditions.ReasonResolved:
			continue // it was news of a revision that is past
		}
		e := Event{Type: corev1.EventTypeNormal, Reason: c.Reason, Note: truncate(c.Message, maxNote)}
		if c.Reason == conditions.ReasonResolved {
			e.Reason = c.Type + c.Reason // one reason for each, or the series of events would merge
		}
		// What has never been available yet has not failed: it comes up.
		comesUp := c.Type == v1alpha1.ConditionAvailable && meta.FindStatusCondition(before, c.Type) == nil
		if c.Status == bad && !comesUp && !slices.Contains(harmless, c.Reason) {
			e.Type = corev1.EventTypeWarning
		}
		events = append(events, e)
	}
	return events
}
