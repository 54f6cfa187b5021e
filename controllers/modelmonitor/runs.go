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
	"github.com/vedette-dev/vedette/internal/build/analysis"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
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
		monitor.Record(&p.m.Status, run)
	}
	p.drifted(e)
	if e.Mode == v1alpha1.ModeSuspended || e.Mode == v1alpha1.ModePassThrough {
		return nil
	}
	return p.oneOffs(ctx, e, jobs)
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

func (p *pass) oneOffs(ctx context.Context, e monitor.Effective, jobs batchv1.JobList) error {
	params := p.params(e)
	check := analysis.CheckName(params)
	keep := []string{check}
	again, err := p.oneOff(ctx, params, monitor.KindCheck, check, v1alpha1.ConditionStoreReachable, jobs.Items)
	if err != nil {
		return err
	}
	store := monitor.Reachable(monitor.LastRun(p.m.Status.Analyses, v1alpha1.AnalysisRunCheck), check)
	p.set.Set(v1alpha1.ConditionStoreReachable, store.Status, store.Reason, store.Message)
	if err := monitor.StoreError(store, again); err != nil {
		return err
	}
	if b := monitor.Config(p.m, e).Baseline; b.DatasetURL != "" {
		name := naming.Job(p.m.Name, monitor.KindBaseline, b.Name)
		keep = append(keep, name)
		again, err := p.oneOff(ctx, params, monitor.KindBaseline, name, v1alpha1.ConditionReady, jobs.Items)
		if err != nil {
			return err
		}
		if err := monitor.BaselineError(monitor.LastRun(p.m.Status.Analyses, v1alpha1.AnalysisRunBaseline), name, b.DatasetURL, again); err != nil {
			return err
		}
	}
	return p.applier.Prune(ctx, p.m.UID, &jobs, keep...)
}

// oneOff starts a Job when it is due, and says when to look again. The condition tells since when it has been failing.
func (p *pass) oneOff(ctx context.Context, params analysis.Params, kind, name, condition string, jobs []batchv1.Job) (time.Duration, error) {
	o := monitor.OneOff{Name: name, Now: p.now}
	for i := range p.m.Status.Analyses {
		if s := &p.m.Status.Analyses[i]; string(s.JobName) == name {
			o.Last = s
		}
	}
	if c := p.set.Get(condition); c != nil && c.Status == metav1.ConditionFalse {
		o.FailingSince = c.LastTransitionTime.Time
	}
	run, after := o.Due()
	if !run {
		return after, nil
	}
	for i := range jobs {
		if jobs[i].Name != name {
			continue
		}
		if _, ended := monitor.Finished(&jobs[i]); ended && o.Last != nil {
			return 0, p.applier.Delete(ctx, p.m.UID, &jobs[i]) // its deletion wakes us, to start it afresh
		}
		return 0, nil // it runs, or its verdict is on its way
	}
	_, err := p.applier.Apply(ctx, p.m.UID, analysis.Job(params, kind, name))
	return 0, err
}
