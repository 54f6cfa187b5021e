// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"cmp"
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
	"github.com/vedette-dev/vedette/internal/wire"
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
	if err := p.record(ctx, ours); err != nil {
		return err
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

// record records the Jobs that have ended, in the order in which they did.
func (p *pass) record(ctx context.Context, jobs []batchv1.Job) error {
	var pods corev1.PodList
	if err := p.Client.List(ctx, &pods, p.owned()...); err != nil {
		return fmt.Errorf("listing the pods of analyses: %w", err)
	}
	var ended []monitor.Run
	for i := range jobs {
		j := &jobs[i]
		at, ok := finished(j)
		if !ok {
			continue
		}
		message, known := verdict(j, pods.Items)
		if !known {
			continue // the pod's last state has not arrived yet; its event will
		}
		ended = append(ended, monitor.Run{Kind: j.Labels[naming.LabelAnalysis], Job: j.Name, Finished: at, Message: message})
	}
	slices.SortFunc(ended, func(a, b monitor.Run) int { return cmp.Or(a.Finished.Compare(b.Finished), cmp.Compare(a.Job, b.Job)) })
	for _, run := range ended {
		monitor.Record(&p.m.Status, run)
	}
	return nil
}

// finished is when a Job ended, well or not.
func finished(j *batchv1.Job) (time.Time, bool) {
	for _, c := range j.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time, true
		}
	}
	return time.Time{}, false
}

// verdict is the last termination message of a Job's pods, one that is a verdict if there is any; empty when the pods are
// gone. It is not known while a pod's end has not been seen.
func verdict(j *batchv1.Job, pods []corev1.Pod) (message string, known bool) {
	var last time.Time
	for i := range pods {
		if !metav1.IsControlledBy(&pods[i], j) {
			continue
		}
		for _, s := range pods[i].Status.ContainerStatuses {
			t := s.State.Terminated
			if t == nil {
				return "", false
			}
			_, err := wire.DecodeVerdict(t.Message)
			if _, before := wire.DecodeVerdict(message); err != nil && before == nil {
				continue
			}
			if message == "" || !t.FinishedAt.Time.Before(last) {
				message, last = t.Message, t.FinishedAt.Time
			}
		}
	}
	return message, true
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
		if _, ended := finished(&jobs[i]); ended && o.Last != nil {
			return 0, p.applier.Delete(ctx, p.m.UID, &jobs[i]) // its deletion wakes us, to start it afresh
		}
		return 0, nil // it runs, or its verdict is on its way
	}
	_, err := p.applier.Apply(ctx, p.m.UID, analysis.Job(params, kind, name))
	return 0, err
}
