// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/auditqueue"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Kinds of audit entries, as package audit names them.
const (
	auditThresholdsChanged   = "ThresholdsChanged"
	auditDriftFound          = "DriftFound"
	auditDriftCleared        = "DriftCleared"
	auditThresholdViolated   = "ThresholdViolated"
	auditThresholdCleared    = "ThresholdCleared"
	auditDatasetBuilt        = "DatasetBuilt"
	auditRetrainingRequested = "RetrainingRequested"
	auditRetrainingStarted   = "RetrainingStarted"
	auditRetrainingFinished  = "RetrainingFinished"
	auditErased              = "Erased"
	auditRetentionRun        = "RetentionRun"
)

// Audit is what happened to a monitor in one reconciliation.
type Audit struct {
	// Monitor is the monitor with its new status; Before is what status said.
	Monitor *v1alpha1.ModelMonitor
	Before  v1alpha1.ModelMonitorStatus
	// Recorded are the runs that were recorded in it.
	Recorded []Run
	Now      time.Time
}

// Enter adds an entry to status for everything that happened. It is written in one piece with what it tells of: so an entry is
// neither lost nor made twice, whenever the manager stops. Status remembers what was entered last, as what is looked at comes and
// goes.
func (a Audit) Enter() {
	a.thresholds()
	a.drift()
	a.violations()
	a.runs()
	a.retraining()
}

func (a Audit) status() *v1alpha1.AuditStatus { return &a.Monitor.Status.Audit }

func (a Audit) thresholds() {
	declared, err := json.Marshal(a.Monitor.Spec.Thresholds)
	if err != nil {
		panic(fmt.Sprintf("encoding thresholds: %v", err)) // our own types: always encodable
	}
	sum := sha256.Sum256(declared)
	revision := hex.EncodeToString(sum[:])[:16]
	s := a.status()
	if s.ThresholdsRevision == revision {
		return
	}
	grounds := map[string]any{"generation": a.Monitor.Generation, "revision": revision, "thresholds": bounds(a.Monitor.Spec.Thresholds)}
	if s.ThresholdsRevision != "" {
		grounds["previous"] = s.ThresholdsRevision
	}
	s.ThresholdsRevision = revision
	// Who it was the API server's own audit log tells.
	a.add(auditThresholdsChanged, fmt.Sprintf("author of generation %d", a.Monitor.Generation), grounds)
}

func bounds(all []v1alpha1.Threshold) []string {
	texts := make([]string, 0, len(all))
	for _, t := range all {
		text := string(t.Name) + ": " + string(t.Signal)
		if t.Min != "" {
			text += " min " + string(t.Min)
		}
		if t.Max != "" {
			text += " max " + string(t.Max)
		}
		texts = append(texts, text)
	}
	return texts
}

func (a Audit) drift() {
	last := LastRun(a.Monitor.Status.Analyses, v1alpha1.AnalysisRunDrift)
	s := a.status()
	if last == nil || last.ConclusiveOutcome == "" || last.ConclusiveOutcome == s.Drift {
		return
	}
	first := s.Drift == ""
	s.Drift = last.ConclusiveOutcome
	grounds := map[string]any{"job": last.JudgedBy.JobName, "report": last.JudgedBy.Report, "config": last.JudgedBy.ConfigRevision}
	if last.ConclusiveOutcome == v1alpha1.AnalysisOutcomeDrift {
		grounds["worst"] = last.Worst
		a.add(auditDriftFound, auditqueue.Manager, grounds)
		return
	}
	if !first {
		a.add(auditDriftCleared, auditqueue.Manager, grounds)
	}
}

func (a Audit) violations() {
	s := a.status()
	same := func(v v1alpha1.Violation) func(v1alpha1.Violation) bool {
		return func(w v1alpha1.Violation) bool { return v.ThresholdName == w.ThresholdName && v.Segment == w.Segment }
	}
	now := a.Monitor.Status.Violations
	for _, v := range now {
		if !slices.ContainsFunc(s.Violations, same(v)) {
			a.add(auditThresholdViolated, auditqueue.Manager, map[string]any{"threshold": v.ThresholdName, "segment": v.Segment, "since": v.StartTime.UTC().Format(time.RFC3339)})
		}
	}
	for _, v := range s.Violations {
		if !slices.ContainsFunc(now, same(v)) {
			a.add(auditThresholdCleared, auditqueue.Manager, map[string]any{"threshold": v.ThresholdName, "segment": v.Segment, "since": v.StartTime.UTC().Format(time.RFC3339)})
		}
	}
	s.Violations = slices.Clone(now)
}

// runs enters what runs have made or removed.
func (a Audit) runs() {
	for _, r := range a.Recorded {
		kind := map[string]string{KindDataset: auditDatasetBuilt, KindErase: auditErased, KindRetention: auditRetentionRun}[r.Kind]
		if kind == "" {
			continue
		}
		v, err := wire.DecodeVerdict(r.Message)
		if kind == auditDatasetBuilt && v.Dataset == "" {
			continue // none was built; the run that wanted it says so
		}
		grounds := map[string]any{"job": r.Job, "outcome": wire.OutcomeFailed}
		if err == nil {
			grounds = map[string]any{"job": r.Job, "outcome": v.Outcome, "run": v.Run}
		}
		for key, text := range map[string]string{
			"reason": v.Reason, "message": v.Message, "report": v.Report, "dataset": v.Dataset, "uri": v.DatasetURI, "config": v.Config,
		} {
			if text != "" {
				grounds[key] = truncate(text, 512)
			}
		}
		if v.Rows > 0 {
			grounds["rows"] = v.Rows
		}
		if len(v.Restated) > 0 {
			grounds["restated"] = v.Restated
		}
		a.add(kind, "analyze", grounds)
	}
}

// retraining enters the steps of runs. That a run's dataset was built is entered with the run of analyze.
func (a Audit) retraining() {
	for _, run := range a.Monitor.Status.Retraining.Runs {
		before := v1alpha1.RetrainingRun{}
		for _, b := range a.Before.Retraining.Runs {
			if b.Name == run.Name {
				before = b
			}
		}
		grounds := map[string]any{"run": run.Name, "trigger": run.Trigger, "reason": run.Reason}
		if run.Threshold != "" {
			grounds["threshold"], grounds["segment"] = run.Threshold, run.Segment
		}
		if before.Name == "" {
			g := map[string]any{"generation": run.Generation, "labels": run.Labels}
			a.add(auditRetrainingRequested, auditqueue.Manager, merged(g, grounds))
		}
		if run.Dataset.Digest != "" {
			grounds["dataset"], grounds["uri"], grounds["baseVersion"] = run.Dataset.Digest, run.Dataset.URI, run.Dataset.BaseVersion
		}
		if before.StartTime.IsZero() && !run.StartTime.IsZero() {
			a.add(auditRetrainingStarted, auditqueue.Manager, grounds)
		}
		if before.FinishTime.IsZero() && !run.FinishTime.IsZero() {
			g := map[string]any{"state": run.State, "message": run.Message, "version": run.Version, "versionURI": run.URI}
			a.add(auditRetrainingFinished, auditqueue.Manager, merged(g, grounds))
		}
	}
}

func merged(a, b map[string]any) map[string]any {
	maps.Copy(a, b)
	return a
}

func (a Audit) add(kind, actor string, grounds map[string]any) {
	AuditQueue(a.Monitor).Add(a.Now, kind, actor, grounds)
}

// AuditQueue is what waits for the audit log about a monitor.
func AuditQueue(m *v1alpha1.ModelMonitor) auditqueue.Queue {
	return auditqueue.Queue{Kind: "ModelMonitor", Namespace: m.Namespace, Name: m.Name, UID: m.UID, Status: &m.Status.Audit}
}
