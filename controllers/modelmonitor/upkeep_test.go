// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/plugin"
	capturestore "github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// from makes a Job from a CronJob as kubectl create job --from does, for a run of a kind.
func (f *fixture) from(cron, name, kind string) {
	f.t.Helper()
	c := &batchv1.CronJob{}
	if err := f.admin.Get(f.t.Context(), client.ObjectKey{Namespace: f.ns, Name: cron}, c); err != nil {
		f.t.Fatal(err)
	}
	spec := c.Spec.JobTemplate.Spec
	labels := c.Spec.JobTemplate.Labels
	labels[naming.LabelAnalysis], spec.Template.Labels[naming.LabelAnalysis], spec.Template.Spec.Containers[0].Args[0] = kind, kind, kind
	f.create(&batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace: f.ns, Name: name, Labels: labels,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(c, batchv1.SchemeGroupVersion.WithKind("CronJob"))},
	}, Spec: spec})
}

func verifyAudit(t *testing.T, folder string) (code int, stdout string) {
	var out, errs bytes.Buffer
	p := plugin.Plugin{Stdout: &out, Stderr: &errs, Now: time.Now}
	code = p.Run(t.Context(), []string{"audit", "verify", "--url", "file://" + folder, "--cluster-name", "test"})
	return code, out.String() + errs.String()
}

func TestRetentionAndErasuresAreEnteredInTheAuditLog(t *testing.T) {
	f := newFixture(t)
	f.ready()
	folder := t.TempDir()
	log := f.audits(folder)
	f.settle()

	f.from("fraud-retention", "fraud-retention-1", monitor.KindRetention)
	retention := succeeded(monitor.KindRetention)
	retention.Run, retention.Rows, retention.Message, retention.Report = "r1", 6, "12 files were deleted, and the bodies of 6 rows", "reports/retention/w/r1/report.json"
	f.finish("fraud-retention-1", retention)
	f.settle()

	f.now = f.now.Add(time.Minute)
	f.from("fraud-compact", "fraud-erase-1", monitor.KindErase)
	erase := succeeded(monitor.KindErase)
	from, to := strings.Repeat("a", 64), strings.Repeat("b", 64)
	erase.Run, erase.Rows, erase.Message, erase.Restated = "e1", 3, "erasure 0123: 3 rows", []wire.Restatement{{From: from, To: to}}
	f.finish("fraud-erase-1", erase)
	m := f.settle()
	f.now = f.now.Add(time.Minute)
	f.from("fraud-compact", "fraud-erase-2", monitor.KindErase)
	f.finish("fraud-erase-2", failed(monitor.KindErase, "Held"))
	f.settle()
	f.settle()

	if run := monitor.LastRun(m.Status.Analyses, v1alpha1.AnalysisRunErase); run == nil || run.JobName != "fraud-erase-1" || run.Outcome != v1alpha1.AnalysisOutcomeSucceeded {
		t.Errorf("the erasure in status: %+v", run)
	}
	type grounds struct {
		Job, Run, Outcome, Reason, Report string
		Rows                              int64
		Restated                          []wire.Restatement
	}
	var got []grounds
	entries := f.entered(log)
	for _, e := range entries {
		if !slices.Contains([]audit.Kind{audit.KindErased, audit.KindRetentionRun}, e.Kind) {
			continue
		}
		var g grounds
		if err := json.Unmarshal(e.Grounds, &g); err != nil || e.Subject != "ModelMonitor/"+f.ns+"/fraud" || e.Actor != "analyze" {
			t.Errorf("%+v, %v", e, err)
		}
		got = append(got, g)
	}
	want := []grounds{
		{Job: "fraud-retention-1", Run: "r1", Outcome: "Succeeded", Rows: 6, Report: retention.Report},
		{Job: "fraud-erase-1", Run: "e1", Outcome: "Succeeded", Rows: 3, Restated: erase.Restated},
		{Job: "fraud-erase-2", Outcome: "Failed", Reason: "Held"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entered (-want +got):\n%s", diff)
	}

	if code, out := verifyAudit(t, folder); code != 0 {
		t.Errorf("audit verify says %d: %s", code, out)
	}
	// The digest that the dataset has now, in the middle of the log, cannot be another.
	for n, e := range entries[:len(entries)-1] {
		if e.Kind != audit.KindErased {
			continue
		}
		name := filepath.Join(folder, capturestore.AuditEntry("test", uint64(n+1)))
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, bytes.ReplaceAll(whole, []byte(to), []byte(strings.Repeat("c", 64))), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out := verifyAudit(t, folder); code != 1 || !strings.Contains(out, "Changed") {
			t.Errorf("after a digest was changed, audit verify says %d: %s", code, out)
		}
	}
}
