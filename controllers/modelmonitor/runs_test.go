// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
)

// ready makes a monitor whose store was checked and whose baseline was computed and found.
func (f *fixture) ready() {
	f.t.Helper()
	f.create(f.fraud().Obj())
	f.settle()
	f.check(failed(monitor.KindCheck, "BaselineMissing"))
	f.settle()
	f.finish(f.job(monitor.KindBaseline), succeeded(monitor.KindBaseline))
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	f.now = f.now.Add(time.Minute)
	f.settle()
	f.check(succeeded(monitor.KindCheck))
	f.settle()
	f.now = f.now.Add(time.Minute)
}

func store(url string) func(*v1alpha1.MonitorClassSpec) {
	return func(c *v1alpha1.MonitorClassSpec) { c.Store.URL = url }
}

func TestACheckThatMissedTheBaselineIsRepeatedOnceItWasComputed(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.settle()
	f.check(failed(monitor.KindCheck, "BaselineMissing"))
	f.settle()
	f.finish(f.job(monitor.KindBaseline), succeeded(monitor.KindBaseline))
	f.settle()
	if again := f.reconcile().RequeueAfter; again <= 0 || again > time.Minute {
		t.Errorf("looks again after %v, want the pace of a check that failed", again)
	}

	f.now = f.now.Add(time.Minute)
	f.settle()
	f.condition(v1alpha1.ConditionStoreReachable, metav1.ConditionTrue, v1alpha1.ReasonReachable)
	f.check(succeeded(monitor.KindCheck)) // fails where the old Job is still there, for it has ended
	m := f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	if run := monitor.LastRun(m.Status.Analyses, v1alpha1.AnalysisRunCheck); run.Outcome != v1alpha1.AnalysisOutcomeSucceeded {
		t.Errorf("the check stays %s %s, though nothing is missed any more", run.Outcome, run.Reason)
	}
	job := f.job(monitor.KindCheck)
	f.now = f.now.Add(time.Hour)
	f.settle()
	if got := f.job(monitor.KindCheck); got != job {
		t.Errorf("the check %s runs, though %s succeeded", got, job)
	}
}

func TestAnEditThatIsRevertedIsCheckedAfresh(t *testing.T) {
	f := newFixture(t)
	f.ready()
	first := f.job(monitor.KindCheck)

	f.changeClass(store("s3://elsewhere"))
	f.settle()
	f.check(failed(monitor.KindCheck, "Unreachable"))
	f.settle()
	f.condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonStoreUnreachable)

	f.now = f.now.Add(time.Minute)
	f.changeClass(store("s3://bucket/prefix?region=eu-west-1"))
	f.settle()
	if got := f.job(monitor.KindCheck); got != first {
		t.Fatalf("the check is %s, want %s", got, first)
	}
	f.check(succeeded(monitor.KindCheck)) // fails where the old Job is still there, for it has ended
	f.settle()
	f.condition(v1alpha1.ConditionStoreReachable, metav1.ConditionTrue, v1alpha1.ReasonReachable)
}

func TestAnOldJobIsNotTakenForTheAnswer(t *testing.T) {
	f := newFixture(t)
	f.ready()
	job := &batchv1.Job{}
	if err := f.admin.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: f.job(monitor.KindCheck)}, job); err != nil {
		t.Fatal(err)
	}
	m := f.get() // as after an edit that was reverted before the Job of the first one was gone
	run := monitor.LastRun(m.Status.Analyses, v1alpha1.AnalysisRunCheck)
	run.JobName, run.FinishTime = "fraud-check-other", metav1.NewTime(f.now)
	f.updateStatus(m)
	f.settle()
	again := &batchv1.Job{}
	if err := f.admin.Get(t.Context(), client.ObjectKeyFromObject(job), again); err != nil || again.UID == job.UID {
		t.Errorf("the Job that ended before the recorded run was not replaced (%v)", err)
	}
}

func TestABaselineThatIsMissedIsComputedAgain(t *testing.T) {
	for name, change := range map[string]func(*fixture){
		"the store has moved":        func(f *fixture) { f.changeClass(store("s3://elsewhere")) },
		"the cluster has a new name": func(f *fixture) { f.changeClass(func(c *v1alpha1.MonitorClassSpec) { c.ClusterName = "other" }) },
		"somebody has deleted it":    func(f *fixture) { f.Images.Analyze = "analyze:2" }, // a new image is what makes us look
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.ready()
			change(f)
			f.settle()
			f.check(failed(monitor.KindCheck, "BaselineMissing"))
			f.settle()
			f.condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonProgressing)
			f.now = f.now.Add(time.Minute)
			f.finish(f.job(monitor.KindBaseline), succeeded(monitor.KindBaseline))
			f.settle()
			f.condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
		})
	}
}

func TestAJobThatCannotStartIsToldAndMended(t *testing.T) {
	f := newFixture(t)
	f.create(f.fraud().Obj())
	f.settle()
	f.check(failed(monitor.KindCheck, "BaselineMissing"))
	f.Images.Analyze = "analyze:typo" // the baseline's Job gets it, under a name that does not change with it
	f.settle()
	f.check(failed(monitor.KindCheck, "BaselineMissing"))
	f.settle()

	job := &batchv1.Job{}
	if err := f.admin.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: f.job(monitor.KindBaseline)}, job); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: f.ns, Name: "typo", Labels: job.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
		Spec: job.Spec.Template.Spec,
	}
	f.create(pod)
	pod.Status.Phase = corev1.PodPending
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "analyze", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}}}
	f.updateStatus(pod)
	m := f.settle()
	for _, c := range m.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady && !strings.Contains(c.Message, "ImagePullBackOff") {
			t.Errorf("Ready says %q, and not why the baseline does not come", c.Message)
		}
	}

	f.Images.Analyze = "analyze:test"
	f.settle()
	f.now = f.now.Add(time.Minute)
	f.check(failed(monitor.KindCheck, "BaselineMissing"))
	f.settle()
	if err := f.admin.Get(t.Context(), client.ObjectKeyFromObject(job), job); err != nil {
		t.Fatal(err)
	}
	if got := job.Spec.Template.Spec.Containers[0].Image; got != "analyze:test" {
		t.Errorf("the pending Job keeps the image %s", got)
	}
}
