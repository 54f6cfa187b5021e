// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
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
	// Baseline is the run that has computed the wanted baseline, which a check may have missed; nil when there was none.
	Baseline *v1alpha1.AnalysisStatus
	Now      time.Time
}

// Due says whether the Job is to run, again if it did before, and if not, when to ask again; 0: never.
func (o OneOff) Due() (run bool, after time.Duration) {
	if o.Last == nil || string(o.Last.JobName) != o.Name {
		return true, 0
	}
	if !failed(o.Last) || o.Last.Kind == v1alpha1.AnalysisRunCheck && aboutBaseline(o.Last) && !o.computed() {
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

// computed says whether the baseline has been computed since a check missed it: the check would find it now.
func (o OneOff) computed() bool {
	return o.Baseline != nil && !failed(o.Baseline) && !o.Baseline.FinishTime.Before(&o.Last.FinishTime)
}

func failed(s *v1alpha1.AnalysisStatus) bool { return s.Outcome == v1alpha1.AnalysisOutcomeFailed }

// aboutBaseline says whether a run failed for want of a baseline: the store itself works then.
func aboutBaseline(s *v1alpha1.AnalysisStatus) bool {
	return failed(s) && slices.Contains([]string{reasonBaselineMissing, reasonDatasetMissing}, s.Reason)
}

// Reachable says whether the store can be used, by the last check. The name is that of the check that is wanted: an
// older one tells nothing about the present configuration. Delay is why that check does not start; empty when it does.
func Reachable(last *v1alpha1.AnalysisStatus, name string, c v1alpha1.StoreCredentials, delay string) Finding {
	no := metav1.ConditionFalse
	switch {
	case last == nil || string(last.JobName) != name:
		return Finding{metav1.ConditionUnknown, v1alpha1.ReasonStoreChecking, "the store is being checked" + after(delay)}
	case !failed(last) || aboutBaseline(last):
		return Finding{metav1.ConditionTrue, v1alpha1.ReasonReachable, "the store could be written, read and listed"}
	case last.Reason == reasonCredentialsRefused:
		return Finding{no, v1alpha1.ReasonCredentialsRefused, "the store refused the credentials of the analyses: " +
			mend(cmp.Or(c.AnalysisSecretName, c.SecretName), "list, get, put and delete objects") + after(delay)}
	case last.Reason == reasonWriterRefused:
		return Finding{no, v1alpha1.ReasonCredentialsRefused, "the store refused the credentials of the sidecars: " +
			mend(c.SecretName, "put objects") + after(delay)}
	case last.Reason == reasonVerdictLost:
		return Finding{no, v1alpha1.ReasonStoreUnreachable, "whether the store works could not be found out: " + last.Message + after(delay)}
	}
	return Finding{no, v1alpha1.ReasonStoreUnreachable,
		"the store could not be used: look at spec.store.url of the MonitorClass, and at status.analyses" + after(delay)}
}

// mend says what a Secret needs; without one, what the identity of the pods does.
func mend(secret v1alpha1.ObjectName, may string) string {
	if secret == "" {
		return "let the pods' own identity " + may + " in the monitor's folder"
	}
	return fmt.Sprintf("the Secret %q in the monitor's namespace, which spec.store.credentials of the MonitorClass names, must hold AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may %s in the monitor's folder", secret, may)
}

// after puts what else there is to say behind a message.
func after(more string) string {
	if more == "" {
		return ""
	}
	return "; " + more
}

// StoreError is what Reachable means for the monitor: nil when the store works. Again is when the store is checked again.
func StoreError(f Finding, again time.Duration) error {
	switch {
	case f.Status == metav1.ConditionTrue:
		return nil
	case f.Reason == v1alpha1.ReasonCredentialsRefused:
		return &reconcileerr.Stalled{Reason: f.Reason, After: again, Message: f.Message}
	}
	return &reconcileerr.Waiting{Reason: f.Reason, After: again, Message: f.Message}
}

// BaselineRun is the last run that was to compute the baseline; nil when there was none, or when it did and a check of the
// name has missed the baseline since.
func BaselineRun(runs []v1alpha1.AnalysisStatus, check string) *v1alpha1.AnalysisStatus {
	run, c := LastRun(runs, v1alpha1.AnalysisRunBaseline), LastRun(runs, v1alpha1.AnalysisRunCheck)
	if run == nil || failed(run) || c == nil || string(c.JobName) != check || !aboutBaseline(c) {
		return run
	}
	if run.FinishTime.Before(&c.FinishTime) {
		return nil
	}
	return run
}

// BaselineError is what the last baseline run of the wanted name means for the monitor: nil when there is a baseline.
// Again is when it is computed again, and delay why that does not start.
func BaselineError(last *v1alpha1.AnalysisStatus, name, url string, again time.Duration, delay string) error {
	switch {
	case last == nil || string(last.JobName) != name:
		return reconcileerr.NewWaiting(v1alpha1.ReasonProgressing, "the baseline is being computed from %s%s", url, after(delay))
	case !failed(last):
		return nil
	case aboutBaseline(last):
		return &reconcileerr.Waiting{Reason: v1alpha1.ReasonBaselineMissing, After: again,
			Message: fmt.Sprintf("the dataset %s is not in the monitor's folder of the store yet: upload it; it is looked for again%s", url, after(delay))}
	case last.Reason == reasonUnreachable || last.Reason == reasonVerdictLost:
		return &reconcileerr.Waiting{Reason: v1alpha1.ReasonRunFailed, After: again,
			Message: "computing the baseline failed; it is tried again: " + last.Message + after(delay)}
	}
	return &reconcileerr.Stalled{Reason: v1alpha1.ReasonRunFailed, After: again,
		Message: fmt.Sprintf("no baseline can be computed from %s: %s%s", url, last.Message, after(delay))}
}
