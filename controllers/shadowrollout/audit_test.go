// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
)

// audited makes the class keep an audit log in a folder, and returns it.
func (f *fixture) audited(folder string) *store.Bucket {
	f.t.Helper()
	class := &v1alpha1.MonitorClass{}
	f.read(f.ns, class) // a class is of no namespace
	class.Spec.Audit.URL = "file://" + folder
	if err := f.admin.Update(f.t.Context(), class); err != nil {
		f.t.Fatal(err)
	}
	f.audits = true
	f.Reconciler = f.with(f.Client)
	b, err := store.Open(f.t.Context(), "file://"+folder, "")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = b.Close() })
	return b
}

// entered are the entries of the audit log, which must be intact.
func (f *fixture) entered(b *store.Bucket) []audit.Entry {
	f.t.Helper()
	report, err := audit.Verify(f.t.Context(), b, "test", audit.Expect{})
	if err != nil || !report.Intact() || report.Repeated > 0 {
		f.t.Fatalf("the audit log: %+v, %v", report, err)
	}
	var entries []audit.Entry
	for n := range report.Entries {
		data, err := b.Get(f.t.Context(), store.AuditEntry("test", n+1), 1<<20)
		if err != nil {
			f.t.Fatal(err)
		}
		e, err := audit.Decode(data)
		if err != nil {
			f.t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries
}

// told are entries as a test reads them: kind, who, and the image whose revision they are about.
func told(entries []audit.Entry, images map[string]string) []string {
	var all []string
	for _, e := range entries {
		var g struct{ Revision string }
		_ = json.Unmarshal(e.Grounds, &g)
		all = append(all, strings.Join([]string{strings.TrimPrefix(string(e.Kind), "Rollout"), images[g.Revision], e.Actor}, " "))
	}
	return all
}

func TestEveryDecisionIsEnteredWithItsEvidence(t *testing.T) {
	f := newFixture(t)
	log := f.audited(t.TempDir())
	f.template()
	f.automatic()
	images := map[string]string{string(f.settle().Status.PrimaryRevision): "model:1"}

	f.push("model:2")
	good := string(f.settle().Status.Candidate.Revision)
	images[good] = "model:2"
	f.counted.evidence[good] = answers(5000, 0, "")
	f.later(time.Minute)
	f.settle()
	f.later(time.Hour)
	f.settle()

	f.push("model:3")
	bad := string(f.settle().Status.Candidate.Revision)
	images[bad] = "model:3"
	f.counted.evidence[bad] = answers(5000, 400, "big")
	f.later(time.Minute)
	f.settle()
	f.counted.evidence[bad] = answers(10, 0, "")
	f.later(time.Minute)
	f.annotate(naming.AnnotationRetry, bad)
	f.settle()
	f.annotate(naming.AnnotationReject, bad)
	r := f.settle()

	entries := f.entered(log)
	if diff := cmp.Diff([]string{
		"Bootstrapped model:1 vedette-manager",
		"Started model:2 vedette-manager", "Decided model:2 vedette-manager", "Approved model:2 vedette-manager",
		"Promoted model:2 vedette-manager", "Baked model:2 vedette-manager",
		"Started model:3 vedette-manager", "Decided model:3 vedette-manager",
		"Retried model:3 annotation vedette.dev/retry", "Rejected model:3 annotation vedette.dev/reject",
	}, told(entries, images)); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
	if len(r.Status.Audit.Pending) > 0 || entries[0].Subject != "ShadowRollout/"+f.ns+"/fraud" {
		t.Errorf("the subject is %s; %d wait", entries[0].Subject, len(r.Status.Audit.Pending))
	}
	var g struct {
		Verdict, Message, Previous, By string
		Attempt, Pairs                 int64
		Findings                       []v1alpha1.RolloutFinding
	}
	read := func(i int) {
		t.Helper()
		if err := json.Unmarshal(entries[i].Grounds, &g); err != nil {
			t.Fatal(err)
		}
	}
	if read(3); images[g.Previous] != "model:1" || g.By != "policy Automatic" {
		t.Errorf("the promotion was put on record on the grounds of %s", entries[3].Grounds)
	}
	if read(7); g.Verdict != "Fail" || g.Pairs == 0 || g.Attempt == 0 || !strings.Contains(g.Message, "errors in segment big") {
		t.Errorf("the rejection has the grounds %s", entries[7].Grounds)
	}
	if f := g.Findings[0]; f.Segment != "big" || f.Verdict != v1alpha1.VerdictFail || f.Low == "" || f.Samples == 0 {
		t.Errorf("what decided does not come first: %s", entries[7].Grounds)
	}
}

// TestARollbackIsEnteredAndIsNoLeaveToTryAgain: what was approved for one try is not approved for the next.
func TestARollbackIsEnteredAndIsNoLeaveToTryAgain(t *testing.T) {
	f := newFixture(t)
	log := f.audited(t.TempDir())
	m := &v1alpha1.ModelMonitor{}
	f.read("fraud", m)
	m.Spec.Thresholds = []v1alpha1.Threshold{{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.01"}}
	if err := f.admin.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	f.template()
	f.automatic(func(s *v1alpha1.ShadowRolloutSpec) { s.Promotion.Policy = v1alpha1.PromotionManual })
	images := map[string]string{string(f.settle().Status.PrimaryRevision): "model:1"}
	f.push("model:2")
	revision := string(f.settle().Status.Candidate.Revision)
	images[revision] = "model:2"
	f.counted.evidence[revision] = answers(5000, 0, "")
	f.later(time.Minute)
	f.annotate(naming.AnnotationPromote, revision)
	f.settle()
	f.later(time.Minute)
	f.read("fraud", m)
	m.Status.Violations = []v1alpha1.Violation{{ThresholdName: "errors", Segment: "big", StartTime: metav1.NewTime(f.now)}}
	meta.SetStatusCondition(&m.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionWithinThresholds, Status: metav1.ConditionFalse, Reason: "Violated"})
	if err := f.admin.Status().Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	f.settle()
	if f.serving() != "model:1" {
		t.Fatalf("%q serves", f.serving())
	}

	f.annotate(naming.AnnotationPromote, "")
	f.later(time.Hour)
	f.annotate(naming.AnnotationRetry, revision)
	f.settle()
	f.later(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAwaitingApproval)
	if f.serving() != "model:1" {
		t.Fatal("what was approved once is promoted again without anybody's leave")
	}
	if diff := cmp.Diff([]string{
		"Bootstrapped model:1 vedette-manager", "Started model:2 vedette-manager", "Decided model:2 vedette-manager",
		"Approved model:2 annotation vedette.dev/promote", "Promoted model:2 vedette-manager",
		"Rejected model:2 vedette-manager", "RolledBack model:1 vedette-manager",
		"Retried model:2 annotation vedette.dev/retry", "Decided model:2 vedette-manager",
	}, told(f.entered(log), images)); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
}

func TestNothingNewIsTriedWhileTheLogIsOutOfReachForLong(t *testing.T) {
	f := newFixture(t)
	folder := filepath.Join(t.TempDir(), "later")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	log := f.audited(folder)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	f.template()
	f.automatic()
	f.settle()
	r := f.get()
	for len(r.Status.Audit.Pending) < 16 {
		r.Status.Audit.Sequence++
		r.Status.Audit.Pending = append(r.Status.Audit.Pending, v1alpha1.PendingAuditEntry{
			Sequence: r.Status.Audit.Sequence, Kind: "RolloutDecided", Time: metav1.NewTime(f.now), Actor: "vedette-manager", Grounds: "{}",
		})
	}
	if err := f.admin.Status().Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	f.push("model:2")
	if r = f.settle(); r.Status.Candidate.Revision != "" {
		t.Errorf("a candidate is tried: %+v", r.Status.Candidate)
	}
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ConditionAuditUnavailable)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if r = f.settle(); r.Status.Candidate.Revision == "" || len(r.Status.Audit.Pending) > 0 || len(f.entered(log)) != 17 {
		t.Errorf("once the log is back: %+v", r.Status)
	}
}
