// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/auditqueue"
	"github.com/vedette-dev/vedette/internal/build/analysis"
	"github.com/vedette-dev/vedette/internal/build/retraining"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/outcome"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// retraining takes the run under way a step further, or else looks whether one is due. A run stands in status before anything is
// done for it, under the name that its Jobs then have: so it is done once, whenever the manager stops.
func (p *pass) retraining(ctx context.Context, e monitor.Effective) error {
	if !monitor.Retrains(p.m) {
		p.set.Remove(v1alpha1.ConditionRetrained)
		return nil
	}
	template, err := p.template(ctx)
	if err != nil {
		return err
	}
	unusable := p.checkTemplate(template)
	status := &p.m.Status.Retraining
	if run := monitor.Active(*status); run != nil {
		err = p.advance(ctx, e, run, template, unusable)
	} else if unusable == nil && p.mayStart(e) {
		run, after := monitor.Retrain{Monitor: p.m, Mode: e.Mode, Now: p.now}.Due()
		if p.lookAgain(after); run != nil {
			monitor.StartRun(status, *run)
			p.lookAgain(outcome.Soon) // it is begun once it stands in status
		}
	}
	f := monitor.Retrained(*status)
	p.set.Set(v1alpha1.ConditionRetrained, f.Status, f.Reason, f.Message)
	if err != nil {
		return err
	}
	return unusable
}

// template is the CronJob whose jobTemplate is run, nil when there is none. It is the user's, so that no cache holds it.
func (p *pass) template(ctx context.Context) (*batchv1.CronJob, error) {
	template := &batchv1.CronJob{}
	err := p.Live.Get(ctx, client.ObjectKey{Namespace: p.m.Namespace, Name: string(p.m.Spec.Retraining.TemplateRef.Name)}, template)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the template of retraining: %w", err)
	}
	return template, nil
}

func (p *pass) checkTemplate(template *batchv1.CronJob) error {
	if p.m.Namespace == p.Namespace {
		return reconcileerr.NewStalled(v1alpha1.ReasonTemplateNotAllowed,
			"no model is retrained in the manager's own namespace, where its ServiceAccount is: move the monitor to a namespace of its own")
	}
	return monitor.CheckTemplate(p.m, template)
}

// mayStart says whether a run could be entered in the audit log of the class, where it has one.
func (p *pass) mayStart(e monitor.Effective) bool {
	return e.Class.Spec.Audit.URL == "" || auditqueue.Ready(p.m.Status.Audit)
}

func (p *pass) advance(ctx context.Context, e monitor.Effective, run *v1alpha1.RetrainingRun, template *batchv1.CronJob, unusable error) error {
	if run.State == v1alpha1.RetrainingBuildingDataset {
		return p.buildDataset(ctx, e, run)
	}
	return p.train(ctx, run, template, unusable)
}

// buildDataset starts the Job that builds the dataset of a run, unless it is there: what it finds, runs tells.
func (p *pass) buildDataset(ctx context.Context, e monitor.Effective, run *v1alpha1.RetrainingRun) error {
	name := monitor.DatasetJob(run, p.m.Name)
	if j, err := p.liveJob(ctx, name); j != nil || err != nil {
		return err
	}
	params := p.params(e)
	params.Args = []string{"--asked-by", retraining.Describe(p.m, run), "--reason", run.Reason, "--for", string(run.Name)}
	_, err := p.applier.Apply(ctx, analysis.Job(params, monitor.KindDataset, name))
	return err
}

// train starts the Job of a run, once, and takes what it made.
func (p *pass) train(ctx context.Context, run *v1alpha1.RetrainingRun, template *batchv1.CronJob, unusable error) error {
	j, err := p.liveJob(ctx, string(run.Name))
	switch {
	case err != nil:
		return err
	case j != nil && !metav1.IsControlledBy(j, p.m):
		monitor.FinishRun(&p.m.Status.Retraining, v1alpha1.RetrainingFailed, "a Job of the run's name belongs to something else", p.now)
	case j != nil:
		if run.StartTime.IsZero() {
			run.StartTime = j.CreationTimestamp
		}
		return p.trained(ctx, j)
	case !run.StartTime.IsZero():
		monitor.FinishRun(&p.m.Status.Retraining, v1alpha1.RetrainingFailed, "its Job is gone, and what came of it is not known", p.now)
	case unusable != nil:
		monitor.FinishRun(&p.m.Status.Retraining, v1alpha1.RetrainingFailed, "its template could not be run any more: the condition Ready says why", p.now)
	default:
		if _, err := p.applier.Apply(ctx, retraining.Job(p.m, run, &template.Spec.JobTemplate)); err != nil {
			return err
		}
		run.StartTime = metav1.NewTime(p.now)
	}
	return nil
}

func (p *pass) trained(ctx context.Context, j *batchv1.Job) error {
	var pods corev1.PodList
	if err := p.Client.List(ctx, &pods, p.owned()...); err != nil {
		return fmt.Errorf("listing the pods of retraining: %w", err)
	}
	monitor.TrainingEnded(&p.m.Status.Retraining, j, pods.Items)
	return nil
}

// liveJob is the Job of a name, nil when there is none. That it is gone must not be concluded from a cache that lags.
func (p *pass) liveJob(ctx context.Context, name string) (*batchv1.Job, error) {
	j := &batchv1.Job{}
	key := client.ObjectKey{Namespace: p.m.Namespace, Name: name}
	err := p.Client.Get(ctx, key, j)
	if apierrors.IsNotFound(err) {
		err = p.Live.Get(ctx, key, j)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a Job: %w", err)
	}
	return j, nil
}
