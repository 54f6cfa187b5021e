// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/auditqueue"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Kinds of audit entries, as package audit names them.
const (
	auditBootstrapped = "RolloutBootstrapped"
	auditTakenUp      = "RolloutTakenUp"
	auditStarted      = "RolloutStarted"
	auditRetried      = "RolloutRetried"
	auditDecided      = "RolloutDecided"
	auditRejected     = "RolloutRejected"
	auditApproved     = "RolloutApproved"
	auditPromoted     = "RolloutPromoted"
	auditBaked        = "RolloutBaked"
	auditRolledBack   = "RolloutRolledBack"
	auditPaused       = "RolloutPaused"
	auditResumed      = "RolloutResumed"
	auditExpired      = "RolloutExpired"
)

// Audit is what happened to a rollout in one reconciliation.
type Audit struct {
	// Rollout is the rollout with its new status; Before is what status said.
	Rollout *v1alpha1.ShadowRollout
	Before  v1alpha1.ShadowRolloutStatus
	// Run is the retraining run whose values the candidate has; empty where it has none.
	Run string
	// PrimarySince is when what serves as the primary was made; zero where nothing did when the reconciliation began.
	PrimarySince time.Time
	Now          time.Time
}

// AuditQueue is what waits for the audit log about a rollout.
func AuditQueue(r *v1alpha1.ShadowRollout) auditqueue.Queue {
	return auditqueue.Queue{Kind: "ShadowRollout", Namespace: r.Namespace, Name: r.Name, UID: r.UID, Status: &r.Status.Audit}
}

// Enter adds an entry to status for every decision, and for every step that followed from one. It is written in one piece with
// what it tells of.
func (a Audit) Enter() {
	a.started()
	a.held()
	a.decided()
	a.approved()
	a.served()
	a.baked()
}

func (a Audit) add(kind, actor string, grounds map[string]any) {
	for key, v := range grounds {
		if v == "" || v == v1alpha1.Revision("") {
			delete(grounds, key)
		}
	}
	AuditQueue(a.Rollout).Add(a.Now, kind, actor, grounds)
}

// started enters that a candidate is tried, beside what serves.
func (a Audit) started() {
	c, b := a.Rollout.Status.Candidate, a.Before.Candidate
	if c.Attempt == 0 || c.Attempt == b.Attempt && c.Revision == b.Revision {
		return
	}
	grounds := map[string]any{"revision": c.Revision, "attempt": c.Attempt, "serves": a.Rollout.Status.PrimaryRevision, "run": a.Run}
	if (c.Revision != b.Revision || c.Retry == b.Retry) && Rejection(&a.Before, c.Revision) == nil {
		a.add(auditStarted, auditqueue.Manager, grounds)
		return
	}
	grounds["retry"] = c.Retry
	if old := Rejection(&a.Before, c.Revision); old != nil {
		grounds["reason"] = old.Reason
	}
	a.add(auditRetried, byAnnotation(naming.AnnotationRetry), grounds)
}

// held enters that a person has paused a trial, or let it go on, and that it has ended without a verdict.
func (a Audit) held() {
	now, before := meta.FindStatusCondition(a.Rollout.Status.Conditions, v1alpha1.ConditionCandidateFit), meta.FindStatusCondition(a.Before.Conditions, v1alpha1.ConditionCandidateFit)
	if now == nil || before == nil || now.Reason == before.Reason {
		return
	}
	c := a.Rollout.Status.Candidate
	grounds := map[string]any{"revision": c.Revision, "attempt": c.Attempt}
	switch {
	case now.Reason == v1alpha1.ReasonPaused:
		a.add(auditPaused, byAnnotation(naming.AnnotationPause), grounds)
	case before.Reason == v1alpha1.ReasonPaused && a.Rollout.Annotations[naming.AnnotationPause] != string(c.Revision):
		a.add(auditResumed, byAnnotation(naming.AnnotationPause), grounds)
	case now.Reason == v1alpha1.ReasonDeadlineExceeded:
		grounds["message"] = clip(now.Message)
		a.add(auditExpired, auditqueue.Manager, grounds)
	}
}

// decided enters what the evidence showed, or who did not wait for it.
func (a Audit) decided() {
	s := &a.Rollout.Status
	d, b := s.Decision, a.Before.Decision
	if d.Revision == "" || d.Revision == b.Revision && d.Verdict == b.Verdict && d.Time.Equal(&b.Time) {
		return
	}
	grounds := map[string]any{"revision": d.Revision, "verdict": d.Verdict, "message": clip(d.Message)}
	if s.Candidate.Revision == d.Revision {
		grounds["attempt"] = s.Candidate.Attempt
	}
	against := Rejection(s, d.Revision)
	if against == nil || against.Reason == v1alpha1.ReasonAnalysisFailed {
		shown, left := evidence(s.Candidate.Findings, d.Verdict)
		grounds["findings"] = shown
		if left > 0 {
			grounds["more"] = left
		}
		if s.Candidate.Pairs != nil {
			grounds["pairs"] = *s.Candidate.Pairs
		}
		a.add(auditDecided, auditqueue.Manager, grounds)
		return
	}
	grounds["reason"], grounds["previous"] = against.Reason, s.Bake.PreviousRevision
	actor := auditqueue.Manager
	switch against.Reason {
	case v1alpha1.ReasonRejected:
		actor = byAnnotation(naming.AnnotationReject)
	case v1alpha1.ReasonAborted:
		actor = byAnnotation(naming.AnnotationAbort)
	}
	a.add(auditRejected, actor, grounds)
}

// approved enters that a promotion was written down, and by whose leave.
func (a Audit) approved() {
	b := a.Rollout.Status.Bake
	if b.Revision == "" || b.Revision == a.Before.Bake.Revision && b.PreviousRevision == a.Before.Bake.PreviousRevision {
		return
	}
	spec := a.Rollout.Spec.Promotion
	actor, by := auditqueue.Manager, "policy Automatic"
	switch {
	case spec.Policy == v1alpha1.PromotionAutomatic:
	case a.Rollout.Annotations[naming.AnnotationPromote] == string(b.Revision):
		actor, by = byAnnotation(naming.AnnotationPromote), "annotation"
	default:
		// Who it was the API server's own audit log tells.
		actor, by = fmt.Sprintf("author of generation %d", a.Rollout.Generation), "spec.promotion.approvedRevision"
	}
	a.add(auditApproved, actor, map[string]any{
		"revision": b.Revision, "previous": b.PreviousRevision, "by": by, "attempt": a.Rollout.Status.Candidate.Attempt,
		"decided": a.Rollout.Status.Decision.Time.UTC().Format(time.RFC3339),
	})
}

// served enters that the primary was told to run another revision. What others run their entries of trials tell.
func (a Audit) served() {
	s := &a.Rollout.Status
	now, before := s.PrimaryRevision, a.Before.PrimaryRevision
	if now == "" || now == before || Theirs(a.Rollout) {
		return
	}
	grounds := map[string]any{"revision": now, "previous": before}
	switch {
	case now == s.Bake.Revision:
		a.add(auditPromoted, auditqueue.Manager, grounds)
	case before == s.Bake.Revision && now == s.Bake.PreviousRevision:
		if against := Rejection(s, before); against != nil {
			grounds["reason"], grounds["message"] = against.Reason, clip(against.Message)
		}
		a.add(auditRolledBack, auditqueue.Manager, grounds)
	case before == "" && !a.PrimarySince.IsZero() && a.PrimarySince.Before(a.Rollout.CreationTimestamp.Time):
		a.add(auditTakenUp, auditqueue.Manager, grounds)
	default:
		a.add(auditBootstrapped, auditqueue.Manager, grounds)
	}
}

// baked enters that a new primary was watched to the end.
func (a Audit) baked() {
	b := a.Before.Bake
	if b.Revision == "" || a.Rollout.Status.Bake.Revision != "" || a.Rollout.Status.PrimaryRevision != b.Revision {
		return
	}
	a.add(auditBaked, auditqueue.Manager, map[string]any{
		"revision": b.Revision, "previous": b.PreviousRevision, "since": b.StartTime.UTC().Format(time.RFC3339),
	})
}

// byAnnotation is who asked for something. Who set the annotation the API server's own audit log tells.
func byAnnotation(key string) string { return "annotation " + key }

const (
	// maxEvidence bounds the findings of an entry, in bytes: an entry that waits has room for little.
	maxEvidence = 2560
	// maxText bounds a text of an entry.
	maxText = 512
)

// evidence are the findings that fit into an entry, those that decided first, and how many do not.
func evidence(all []v1alpha1.RolloutFinding, verdict v1alpha1.Verdict) (shown []v1alpha1.RolloutFinding, left int) {
	sorted := slices.Clone(all)
	order := func(f v1alpha1.RolloutFinding) int {
		if f.Verdict == verdict {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(sorted, func(a, b v1alpha1.RolloutFinding) int { return cmp.Compare(order(a), order(b)) })
	size := 0
	for i, f := range sorted {
		f.Need = 0 // it is decided
		text, err := json.Marshal(f)
		if err != nil {
			panic(fmt.Sprintf("encoding a finding: %v", err)) // our own type: always encodable
		}
		if size += len(text) + 1; size > maxEvidence {
			return shown, len(sorted) - i
		}
		shown = append(shown, f)
	}
	return shown, 0
}

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxText)], "") }
