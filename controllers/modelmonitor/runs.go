// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/apply"
	"github.com/vedette-dev/vedette/internal/build/analysis"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/outcome"
)

// runs records what Jobs have found, and starts the Jobs that the operator runs by itself: the check of the store, and
// then the baseline.
func (p *pass) runs(ctx context.Context, e monitor.Effective) error {
	var jobs batchv1.JobList
	if err := p.Client.List(ctx, &jobs, p.owned()...); err != nil {
		return fmt.Errorf("listing Jobs: %w", err)
	}
	ours, err := p.ours(ctx, jobs.Items)
	if err != nil {
		return err
	}
	var pods corev1.PodList
	if err := p.Client.List(ctx, &pods, p.owned()...); err != nil {
		return fmt.Errorf("listing the pods of analyses: %w", err)
	}
	for _, run := range monitor.Ended(ours, pods.Items) {
		if monitor.Record(&p.m.Status, run) {
			p.recorded = append(p.recorded, run)
		}
		if a := monitor.Active(p.m.Status.Retraining); a != nil && run.Job == monitor.DatasetJob(a, p.m.Name) {
			monitor.DatasetEnded(&p.m.Status.Retraining, run, p.now)
			p.lookAgain(outcome.Soon) // training begins once the dataset stands in status
		}
	}
	p.drifted(e)
	if e.Mode == v1alpha1.ModeSuspended || e.Mode == v1alpha1.ModePassThrough {
		return nil
	}
	return p.oneOffs(ctx, e, jobs, pods.Items)
}

func (p *pass) drifted(e monitor.Effective) {
	if !slices.ContainsFunc(e.Analyses, func(a v1alpha1.Analysis) bool { return a.Kind == v1alpha1.AnalysisDrift }) {
		p.set.Remove(v1alpha1.ConditionDriftDetected)
		return
	}
	f := monitor.Drifted(p.m.Status.Analyses)
	p.set.Set(v1alpha1.ConditionDriftDetected, f.Status, f.Reason, f.Message)
}

// ours are the Jobs whose owner chain ends at the monitor: labels alone anybody can set.
func (p *pass) ours(ctx context.Context, jobs []batchv1.Job) ([]batchv1.Job, error) {
	var crons batchv1.CronJobList
	if err := p.Client.List(ctx, &crons, p.owned()...); err != nil {
		return nil, fmt.Errorf("listing CronJobs: %w", err)
	}
	owners := map[types.UID]bool{p.m.UID: true}
	for i := range crons.Items {
		if metav1.IsControlledBy(&crons.Items[i], p.m) {
			owners[crons.Items[i].UID] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(jobs), func(j batchv1.Job) bool {
		ref := metav1.GetControllerOf(&j)
		return ref == nil || !owners[ref.UID]
	}), nil
}

// oneOffs keeps the Jobs that are wanted now, and starts them when they are due: the baseline once the store works.
func (p *pass) oneOffs(ctx context.Context, e monitor.Effective, jobs batchv1.JobList, pods []corev1.Pod) error {
	params := p.params(e)
	b := monitor.Config(p.m, e).Baseline
	check := oneOff{kind: monitor.KindCheck, name: analysis.CheckName(params), condition: v1alpha1.ConditionStoreReachable}
	baseline := oneOff{kind: monitor.KindBaseline, name: analysis.BaselineName(params, b.Name), condition: v1alpha1.ConditionReady}
	keep := []string{check.name}
	if b.DatasetURL != "" {
		keep = append(keep, baseline.name)
	}
	// What is no longer wanted goes first: an old Job must not be taken for the answer once its name is wanted again.
	superseded := batchv1.JobList{Items: slices.DeleteFunc(slices.Clone(jobs.Items), func(j batchv1.Job) bool {
		kind := j.Labels[naming.LabelAnalysis]
		return kind != monitor.KindCheck && kind != monitor.KindBaseline
	})}
	if err := p.applier.Prune(ctx, &superseded, keep...); err != nil {
		return err
	}
	check.recorded = monitor.LastRun(p.m.Status.Analyses, v1alpha1.AnalysisRunCheck)
	check.last = check.recorded
	baseline.recorded = monitor.LastRun(p.m.Status.Analyses, v1alpha1.AnalysisRunBaseline)
	if r := baseline.recorded; r != nil && string(r.JobName) == baseline.name {
		check.baseline = r
	}
	again, delay, err := p.oneOff(ctx, params, check, jobs.Items, pods)
	if err != nil {
		return err
	}
	store := monitor.Reachable(check.last, check.name, e.Class.Spec.Store.Credentials, delay)
	p.set.Set(v1alpha1.ConditionStoreReachable, store.Status, store.Reason, store.Message)
	if err := monitor.StoreError(store, again); err != nil || b.DatasetURL == "" {
		return err
	}
	p.lookAgain(again) // the store works, and is checked again where the baseline was missed
	baseline.last = monitor.BaselineRun(p.m.Status.Analyses, check.name)
	if again, delay, err = p.oneOff(ctx, params, baseline, jobs.Items, pods); err != nil {
		return err
	}
	return monitor.BaselineError(baseline.last, baseline.name, b.DatasetURL, again, delay)
}

// oneOff is a Job that the operator runs by itself.
type oneOff struct {
	kind, name string
	// condition tells since when it has been failing.
	condition string
	// recorded is the run of the kind in status, last the same where it still holds.
	recorded, last *v1alpha1.AnalysisStatus
	// baseline is the last run of the baseline that is wanted, for the check.
	baseline *v1alpha1.AnalysisStatus
}

// oneOff starts a Job when it is due. It says when it will be, where that is later, and why a Job that was started has not
// begun.
func (p *pass) oneOff(ctx context.Context, params analysis.Params, w oneOff, jobs []batchv1.Job, pods []corev1.Pod) (again time.Duration, delay string, err error) {
	o := monitor.OneOff{Name: w.name, Last: w.last, Baseline: w.baseline, Now: p.now}
	if c := p.set.Get(w.condition); c != nil && c.Status == metav1.ConditionFalse {
		o.FailingSince = c.LastTransitionTime.Time
	}
	run, again := o.Due()
	if !run {
		return again, "", nil
	}
	desired := analysis.Job(params, w.kind, w.name)
	for i := range jobs {
		j := &jobs[i]
		if j.Name != w.name || !metav1.IsControlledBy(j, p.m) {
			continue
		}
		changed, err := apply.Changed(desired, j)
		if err != nil {
			return 0, "", err
		}
		// A deletion wakes us, to start the Job afresh. A Job cannot be changed: that of an image that is mended would wait on.
		if monitor.Recorded(j, w.recorded) || changed && monitor.Pending(j) {
			return 0, "", p.applier.Delete(ctx, j)
		}
		delay, soon := monitor.Delay(j, pods, p.now)
		p.lookAgain(soon)
		return 0, delay, nil // it runs, or its verdict is on its way
	}
	_, err = p.applier.Apply(ctx, desired)
	return 0, "", err
}
