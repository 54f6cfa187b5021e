// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// A failed one-off Job is repeated after as long as it has been failing, within these bounds.
const (
	retryMin = time.Minute
	retryMax = 30 * time.Minute
)

// OneOff is a Job that the operator runs by itself, once for each name.
type OneOff struct {
	// Name is the name of the Job that is wanted.
	Name string
	// Last is the last run of the kind; nil when there was none.
	Last *v1alpha1.AnalysisStatus
	// FailingSince is since when runs have failed; the last run's end when it is zero.
	FailingSince time.Time
	Now          time.Time
}

// Due says whether the Job is to run, again if it did before, and if not, when to ask again; 0: never.
func (o OneOff) Due() (run bool, after time.Duration) {
	if o.Last == nil || string(o.Last.JobName) != o.Name {
		return true, 0
	}
	if !failed(o.Last) || o.Last.Kind == v1alpha1.AnalysisRunCheck && aboutBaseline(o.Last) {
		return false, 0
	}
	finished := o.Last.FinishTime.Time
	wait := retryMin
	if !o.FailingSince.IsZero() {
		wait = min(max(finished.Sub(o.FailingSince), retryMin), retryMax)
	}
	after = finished.Add(wait).Sub(o.Now)
	return after <= 0, max(after, 0)
}

func failed(s *v1alpha1.AnalysisStatus) bool { return s.Outcome == v1alpha1.AnalysisOutcomeFailed }

// aboutBaseline says whether a run failed for want of a baseline: the store itself works then.
func aboutBaseline(s *v1alpha1.AnalysisStatus) bool {
	return failed(s) && slices.Contains([]string{reasonBaselineMissing, reasonDatasetMissing}, s.Reason)
}

// Reachable says whether the store can be used, by the last check. The name is that of the check that is wanted: an
// older one tells nothing about the present configuration.
func Reachable(last *v1alpha1.AnalysisStatus, name string) Finding {
	switch {
	case last == nil || string(last.JobName) != name:
		return Finding{metav1.ConditionUnknown, v1alpha1.ReasonStoreChecking, "the store is being checked"}
	case !failed(last) || aboutBaseline(last):
		return Finding{metav1.ConditionTrue, v1alpha1.ReasonReachable, "the store could be written, read and listed"}
	case last.Reason == reasonCredentialsRefused:
		return Finding{metav1.ConditionFalse, v1alpha1.ReasonCredentialsRefused, "the store refused the credentials; status.analyses holds what it said"}
	}
	return Finding{metav1.ConditionFalse, v1alpha1.ReasonStoreUnreachable, "the store could not be used; status.analyses holds what went wrong"}
}

// StoreError is what Reachable means for the monitor: nil when the store works.
func StoreError(f Finding, again time.Duration) error {
	switch {
	case f.Status == metav1.ConditionTrue:
		return nil
	case f.Status == metav1.ConditionUnknown:
		return reconcileerr.NewWaiting(f.Reason, "%s", f.Message)
	case f.Reason == v1alpha1.ReasonCredentialsRefused:
		return &reconcileerr.Stalled{Reason: f.Reason, After: again,
			Message: "the store refused the credentials: mend the Secrets that spec.store.credentials of the MonitorClass names, in the monitor's namespace"}
	}
	return &reconcileerr.Waiting{Reason: f.Reason, After: again,
		Message: "the store does not work; it is checked again. Look at spec.store.url of the MonitorClass, and at status.analyses"}
}

// BaselineError is what the last baseline run of the wanted name means for the monitor: nil when there is a baseline.
func BaselineError(last *v1alpha1.AnalysisStatus, name, url string, again time.Duration) error {
	switch {
	case last == nil || string(last.JobName) != name:
		return reconcileerr.NewWaiting(v1alpha1.ReasonProgressing, "the baseline is being computed from %s", url)
	case !failed(last):
		return nil
	case aboutBaseline(last):
		return &reconcileerr.Waiting{Reason: v1alpha1.ReasonBaselineMissing, After: again,
			Message: fmt.Sprintf("the dataset %s is not in the monitor's folder of the store yet: upload it; it is looked for again", url)}
	case last.Reason == reasonUnreachable || last.Reason == reasonVerdictLost:
		return &reconcileerr.Waiting{Reason: v1alpha1.ReasonRunFailed, After: again, Message: "computing the baseline failed; it is tried again: " + last.Message}
	}
	return &reconcileerr.Stalled{Reason: v1alpha1.ReasonRunFailed, After: again, Message: fmt.Sprintf("no baseline can be computed from %s: %s", url, last.Message)}
}
