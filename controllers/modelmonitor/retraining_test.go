// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/auditlog"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	capturestore "github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// template makes a suspended CronJob that trains, which names the monitors that may run it.
func (f *fixture) template(name, allowed string) *batchv1.CronJob {
	f.t.Helper()
	c := &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: name, Annotations: map[string]string{naming.AnnotationRetrainingFor: allowed}},
		Spec: batchv1.CronJobSpec{Schedule: "0 0 1 1 *", Suspend: new(true), JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{
			BackoffLimit: new(int32(0)),
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				ServiceAccountName: "trainer", RestartPolicy: corev1.RestartPolicyNever,
				Containers: []corev1.Container{{Name: "train", Image: "train:1", Env: []corev1.EnvVar{{Name: "SEED", Value: "1"}}}},
				Volumes: []corev1.Volume{{Name: "models", VolumeSource: corev1.VolumeSource{
					Secret: &corev1.SecretVolumeSource{SecretName: "model-registry"},
				}}},
			}},
		}}},
	}
	f.create(c)
	return c
}

// learner makes a monitor that is retrained when the threshold errors is violated, in a class with an audit log.
func (f *fixture) learner() *v1alpha1.ModelMonitor {
	f.t.Helper()
	m := f.fraud().Obj()
	m.Spec.Baseline, m.Spec.Thresholds = v1alpha1.Baseline{}, m.Spec.Thresholds[:1]
	m.Spec.Retraining = v1alpha1.Retraining{
		TemplateRef:        v1alpha1.RetrainingTemplateReference{Kind: v1alpha1.RetrainingTemplateCronJob, Name: "train"},
		ServiceAccountName: "trainer",
		Triggers:           v1alpha1.RetrainingTriggers{Thresholds: []v1alpha1.ItemName{"errors"}},
	}
	return m
}

// audits makes the class keep an audit log in a folder, and returns it.
func (f *fixture) audits(folder string) *capturestore.Bucket {
	f.t.Helper()
	f.changeClass(func(c *v1alpha1.MonitorClassSpec) { c.Audit.URL = "file://" + folder })
	f.Audit = &auditlog.Recorder{Sinks: &audit.Sinks{}}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		f.t.Fatal(err)
	}
	b, err := capturestore.Open(f.t.Context(), "file://"+folder, "")
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = b.Close() })
	return b
}

// entered are the kinds of the entries of the audit log, which must be intact.
func (f *fixture) entered(b *capturestore.Bucket) []audit.Entry {
	f.t.Helper()
	report, err := audit.Verify(f.t.Context(), b, "test", audit.Expect{})
	if err != nil || !report.Intact() || report.Repeated > 0 {
		f.t.Fatalf("the audit log: %+v, %v", report, err)
	}
	var entries []audit.Entry
	for n := range report.Entries {
		data, err := b.Get(f.t.Context(), capturestore.AuditEntry("test", n+1), 1<<20)
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

func kinds(entries []audit.Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, string(e.Kind))
	}
	return all
}

// trainings are the Jobs that train.
func (f *fixture) trainings() []batchv1.Job {
	f.t.Helper()
	var jobs batchv1.JobList
	if err := f.admin.List(f.t.Context(), &jobs, client.InNamespace(f.ns), client.MatchingLabels{naming.LabelRole: naming.RoleRetraining}); err != nil {
		f.t.Fatal(err)
	}
	return jobs.Items
}

func built(kind string) wire.Verdict {
	v := succeeded(kind)
	v.Dataset, v.DatasetURI, v.BaseVersion, v.Rows, v.Labels = digest, "s3://bucket/prefix/test/ns/fraud/datasets/"+digest+"/", "v7", 1200, 1500
	return v
}

func TestFromAViolationToANewVersion(t *testing.T) {
	f := newFixture(t)
	m := f.learner()
	log := f.audits(t.TempDir())
	template := f.template("train", "churn, fraud")
	f.create(m)
	f.settle()
	f.check(succeeded(monitor.KindCheck))
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	f.condition(v1alpha1.ConditionRetrained, metav1.ConditionUnknown, v1alpha1.ReasonRetrainingNotRun)

	f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 1}}
	f.settle()
	f.condition(v1alpha1.ConditionRetrained, metav1.ConditionUnknown, v1alpha1.ReasonRetrainingUnderWay)
	if run := f.get().Status.Retraining.Runs[0]; run.Trigger != v1alpha1.RetrainingTriggerThreshold || run.Threshold != "errors" || run.Segment != "all" {
		t.Errorf("status does not say what called for the run: %+v", run)
	}
	dataset := f.job(monitor.KindDataset)
	j := &batchv1.Job{}
	if err := f.admin.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: dataset}, j); err != nil {
		t.Fatal(err)
	}
	if args := j.Spec.Template.Spec.Containers[0].Args; !slices.Contains(args, "threshold errors is violated in segment all") ||
		!slices.Contains(args, "ModelMonitor "+f.ns+"/fraud generation 1") {
		t.Errorf("the dataset is built without a word about who asked for it: %q", args)
	}
	f.finish(dataset, built(monitor.KindDataset))
	f.settle()

	jobs := f.trainings()
	if len(jobs) != 1 {
		t.Fatalf("%d Jobs train, want one", len(jobs))
	}
	job := &jobs[0]
	want := map[string]string{
		"SEED": "1", naming.EnvDatasetDigest: digest, naming.EnvDatasetURI: built("").DatasetURI, naming.EnvBaseVersion: "v7",
		naming.EnvReason: "threshold errors is violated in segment all", naming.EnvRun: job.Name,
	}
	got := map[string]string{}
	for _, e := range job.Spec.Template.Spec.Containers[0].Env {
		got[e.Name] = e.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the environment of the Job (-want +got):\n%s", diff)
	}
	if a := job.Annotations; a[naming.AnnotationDatasetDigest] != digest || a[naming.AnnotationRun] != job.Name || a[naming.AnnotationReason] == "" {
		t.Errorf("annotations %v", a)
	}
	if ref := metav1.GetControllerOf(job); ref == nil || ref.UID != f.get().UID {
		t.Error("the Job would outlive the monitor")
	}

	f.now = f.now.Add(time.Hour)
	f.finishWith(job.Name, `{"version":"v8","uri":"s3://models/fraud/v8"}`)
	m = f.settle()
	f.condition(v1alpha1.ConditionRetrained, metav1.ConditionTrue, v1alpha1.ReasonRetrainingSucceeded)
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	if s := m.Status.Retraining; len(s.Runs) != 1 || s.StartedRuns != 1 || s.SucceededRuns != 1 || s.FailedRuns != 0 {
		t.Fatalf("status %+v", s)
	}
	run := m.Status.Retraining.Runs[0]
	if run.State != v1alpha1.RetrainingSucceeded || run.Version != "v8" || run.URI != "s3://models/fraud/v8" || run.Dataset.Digest != digest || run.Trigger != v1alpha1.RetrainingTriggerThreshold {
		t.Errorf("run %+v", run)
	}
	// The threshold stays violated until somebody serves the new version: no other run is begun within the cooldown.
	if result := f.reconcile(); result.RequeueAfter == 0 || len(f.trainings()) != 1 {
		t.Errorf("again after %s, %d Jobs train", result.RequeueAfter, len(f.trainings()))
	}

	entries := f.entered(log)
	if diff := cmp.Diff([]string{
		"ThresholdsChanged", "ThresholdViolated", "RetrainingRequested", "DatasetBuilt", "RetrainingStarted", "RetrainingFinished",
	}, kinds(entries)); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
	var grounds struct{ Run, Dataset, Version, Trigger string }
	if err := json.Unmarshal(entries[5].Grounds, &grounds); err != nil || grounds.Run != job.Name || grounds.Dataset != digest || grounds.Version != "v8" {
		t.Errorf("the end of the run is entered on the grounds of %+v (%v)", grounds, err)
	}
	if len(m.Status.Audit.Pending) > 0 {
		t.Errorf("entries wait: %+v", m.Status.Audit.Pending)
	}

	if err := f.admin.Get(t.Context(), client.ObjectKeyFromObject(template), template); err != nil {
		t.Fatal(err)
	}
	for _, field := range template.ManagedFields {
		if field.Manager == naming.ManagedBy {
			t.Error("the template was written")
		}
	}
}

// TestStaleReadsRepeatNothing: what was read before the last write leads to the same names, and the log takes an entry once.
func TestStaleReadsRepeatNothing(t *testing.T) {
	f := newFixture(t)
	m := f.learner()
	log := f.audits(t.TempDir())
	f.template("train", "*")
	f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 1}}
	f.create(m)
	var reads []*v1alpha1.ModelMonitor
	for range 12 {
		stale := f.get()
		reads = append(reads, stale.DeepCopy())
		for _, old := range reads[max(0, len(reads)-3):] {
			if _, err := f.Reconcile(t.Context(), old.DeepCopy()); err != nil {
				t.Fatal(err)
			}
		}
		if s := f.get().Status.Retraining; len(s.Runs) > 0 && s.Runs[0].State == v1alpha1.RetrainingBuildingDataset {
			if jobs := f.children(); slices.Contains(names(jobs), monitor.DatasetJob(&s.Runs[0], "fraud")) {
				if j := f.job(monitor.KindDataset); !f.ended(j) {
					f.finish(j, built(monitor.KindDataset))
				}
			}
		}
	}
	if n := len(f.trainings()); n != 1 {
		t.Errorf("%d Jobs train, want one", n)
	}
	if diff := cmp.Diff([]string{"ThresholdsChanged", "ThresholdViolated", "RetrainingRequested", "DatasetBuilt", "RetrainingStarted"}, kinds(f.entered(log))); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
}

func (f *fixture) ended(job string) bool {
	f.t.Helper()
	j := &batchv1.Job{}
	if err := f.admin.Get(f.t.Context(), client.ObjectKey{Namespace: f.ns, Name: job}, j); err != nil {
		f.t.Fatal(err)
	}
	_, over := monitor.Finished(j)
	return over
}

func TestRunsThatFail(t *testing.T) {
	for name, tc := range map[string]struct {
		fail func(f *fixture)
		says string
	}{
		"there are no labels": {
			func(f *fixture) { f.finish(f.job(monitor.KindDataset), failed(monitor.KindDataset, "NoLabelledRows")) }, "could not be built: it went wrong",
		},
		"the template was taken away meanwhile": {
			func(f *fixture) {
				if err := f.admin.Delete(f.t.Context(), &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "train"}}); err != nil {
					f.t.Fatal(err)
				}
				f.finish(f.job(monitor.KindDataset), built(monitor.KindDataset))
			}, "could not be run any more",
		},
		"the Job is deleted": {
			func(f *fixture) {
				f.finish(f.job(monitor.KindDataset), built(monitor.KindDataset))
				f.settle()
				j := f.trainings()[0]
				if err := f.admin.Delete(f.t.Context(), &j, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
					f.t.Fatal(err)
				}
			}, "its Job is gone",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			m := f.learner()
			f.template("train", "*")
			f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 1}}
			f.create(m)
			f.settle()
			tc.fail(f)
			m = f.settle()
			f.condition(v1alpha1.ConditionRetrained, metav1.ConditionFalse, v1alpha1.ReasonRetrainingFailed)
			if run := m.Status.Retraining.Runs[0]; run.State != v1alpha1.RetrainingFailed || !strings.Contains(run.Message, tc.says) || m.Status.Retraining.FailedRuns != 1 {
				t.Errorf("run %+v", run)
			}
		})
	}
}

func TestALogOutOfReachHoldsNothingUpAndLosesNothing(t *testing.T) {
	f := newFixture(t)
	m := f.learner()
	folder := filepath.Join(t.TempDir(), "later")
	log := f.audits(folder)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	f.template("train", "*")
	f.create(m)
	f.settle()
	f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 1}}
	f.settle()
	f.prom.samples[0].Value = 0
	m = f.settle()
	if n := len(m.Status.Audit.Pending); n != 4 {
		t.Errorf("%d entries wait, want 4: %+v", n, m.Status.Audit.Pending)
	}
	f.condition(v1alpha1.ConditionWithinThresholds, metav1.ConditionTrue, v1alpha1.ReasonHealthy)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	m = f.settle()
	if len(m.Status.Audit.Pending) > 0 {
		t.Errorf("entries still wait: %+v", m.Status.Audit.Pending)
	}
	if diff := cmp.Diff([]string{"ThresholdsChanged", "ThresholdViolated", "RetrainingRequested", "ThresholdCleared"}, kinds(f.entered(log))); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
}

func TestALogThatIsTurnedOffAndOnAgainMissesNothingThatWaited(t *testing.T) {
	f := newFixture(t)
	m := f.learner()
	m.Spec.Retraining = v1alpha1.Retraining{}
	folder := filepath.Join(t.TempDir(), "later")
	log := f.audits(folder)
	turn := func(url string) *v1alpha1.ModelMonitor {
		f.changeClass(func(c *v1alpha1.MonitorClassSpec) { c.Audit.URL = url })
		return f.settle()
	}
	declare := func(limit v1alpha1.Decimal) {
		f.change(func(m *v1alpha1.ModelMonitor) { m.Spec.Thresholds[0].Max = limit })
		f.settle()
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	f.create(m)
	f.settle()
	if n := len(turn("").Status.Audit.Pending); n != 1 {
		t.Errorf("%d entries wait while there is no log, want the one that it did not take", n)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	turn("file://" + folder)
	turn("")
	declare("0.5")
	turn("file://" + folder)
	declare("0.6")
	entries := f.entered(log)
	if diff := cmp.Diff([]string{"ThresholdsChanged", "ThresholdsChanged", "ThresholdsChanged"}, kinds(entries)); diff != "" {
		t.Errorf("the audit log (-want +got):\n%s", diff)
	}
	if s := f.get().Status.Audit; s.Sequence != 3 || len(s.Pending) > 0 {
		t.Errorf("status %+v", s)
	}
}
