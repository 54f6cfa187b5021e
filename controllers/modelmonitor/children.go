// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/analysis"
	"github.com/vedette-dev/vedette/internal/build/config"
	"github.com/vedette-dev/vedette/internal/build/networkpolicy"
	"github.com/vedette-dev/vedette/internal/build/rules"
	"github.com/vedette-dev/vedette/internal/build/service"
	"github.com/vedette-dev/vedette/internal/build/servicemonitor"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// +kubebuilder:rbac:groups="",resources=configmaps;services,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=batch,resources=cronjobs;jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=monitoring.coreos.com,resources=servicemonitors;prometheusrules,verbs=get;list;watch;create;patch

var monitoringKinds = []schema.GroupVersionKind{
	{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"},
	{Group: "monitoring.coreos.com", Version: "v1", Kind: "PrometheusRule"},
}

// config applies the configuration by itself: that nothing more is captured must not depend on anything else. A suspended
// monitor leaves it as it is.
func (p *pass) config(ctx context.Context, e monitor.Effective) error {
	if e.Mode == v1alpha1.ModeSuspended {
		return nil
	}
	document, revision, err := config.Encode(monitor.Config(p.m, e))
	if err != nil {
		return err
	}
	if _, err := p.applier.Apply(ctx, config.Build(p.m, document)); err != nil {
		return err
	}
	p.m.Status.ConfigRevision = revision
	return nil
}

// stop makes sidecars that have a configuration capture nothing, and ends the scheduled analyses. It needs neither a class
// nor a valid monitor.
func (p *pass) stop(ctx context.Context) []error {
	p.m.Status.Mode = v1alpha1.ModePassThrough
	document, revision, err := config.Encode(monitor.PassThrough(p.m))
	if err != nil {
		return []error{err}
	}
	var problems []error
	switch exists, err := p.applier.ApplyExisting(ctx, config.Build(p.m, document)); {
	case err != nil:
		problems = append(problems, err)
	case exists:
		p.m.Status.ConfigRevision = revision
	}
	if err := p.pruneCronJobs(ctx); err != nil {
		problems = append(problems, err)
	}
	return problems
}

// children applies what the monitor needs beside its configuration, and removes what it needs no more. A suspended monitor
// leaves everything as it is, but for the analyses, which do not run.
func (p *pass) children(ctx context.Context, e monitor.Effective) error {
	wanted, names, err := p.cronJobs(e)
	if err != nil {
		return err
	}
	var problems []error
	if e.Mode != v1alpha1.ModeSuspended {
		wanted = append(wanted, service.Build(p.m), networkpolicy.Build(p.m))
		problems = append(problems, p.monitoring(ctx, e))
	}
	problems = append(problems, p.applier.All(ctx, wanted...))
	if err := errors.Join(problems...); err != nil {
		return first(err)
	}
	return p.pruneCronJobs(ctx, names...)
}

func (p *pass) pruneCronJobs(ctx context.Context, keep ...string) error {
	var existing batchv1.CronJobList
	if err := p.Client.List(ctx, &existing, p.owned()...); err != nil {
		return fmt.Errorf("listing CronJobs: %w", err)
	}
	return p.applier.Prune(ctx, &existing, keep...)
}

// monitoring applies what the Prometheus operator reads, where the cluster has its APIs. They may go again, which what is
// known about APIs tells only later: a cluster that refuses to know them lacks them as well.
func (p *pass) monitoring(ctx context.Context, e monitor.Effective) error {
	available, err := p.APIs.Available(ctx, monitoringKinds...)
	if err != nil {
		return err
	}
	if available {
		err = first(p.applier.All(ctx, servicemonitor.Build(p.m, e), rules.Build(p.m, e)))
		available = !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err)
	}
	if !available {
		p.set.False(v1alpha1.ConditionPrometheusAvailable, v1alpha1.ReasonDependencyMissing,
			"the cluster has no ServiceMonitors and PrometheusRules: install the Prometheus operator; it is noticed within minutes")
		p.lookAgain(pollPeriod)
		return nil
	}
	p.set.True(v1alpha1.ConditionPrometheusAvailable, v1alpha1.ReasonAvailable, "the cluster has ServiceMonitors and PrometheusRules")
	return err
}

// cronJobs are the scheduled analyses, and the chores of the store: those go on where nothing is captured any more, because
// what is stored is kept for a defined time.
func (p *pass) cronJobs(e monitor.Effective) (wanted []any, names []string, err error) {
	suspended := e.Mode == v1alpha1.ModeSuspended || e.Mode == v1alpha1.ModePassThrough
	for _, a := range e.Analyses {
		kind := strings.ToLower(string(a.Kind))
		schedule, err := monitor.ScheduleOf(p.m, a)
		if err != nil {
			return nil, nil, reconcileerr.NewStalled(v1alpha1.ReasonInvalidSchedule, "%v", err)
		}
		wanted = append(wanted, analysis.CronJob(p.params(e), kind, schedule, suspended))
		names = append(names, naming.CronJob(p.m.Name, kind))
	}
	for _, c := range monitor.Chores(p.m) {
		wanted = append(wanted, analysis.CronJob(p.params(e), c.Name, c.Schedule, e.Mode == v1alpha1.ModeSuspended))
		names = append(names, naming.CronJob(p.m.Name, c.Name))
	}
	return wanted, names, nil
}

func (p *pass) params(e monitor.Effective) analysis.Params {
	return analysis.Params{Monitor: p.m, Class: &e.Class.Spec, Image: p.Images.Analyze}
}

// owned selects what bears the monitor's label.
func (p *pass) owned() []client.ListOption {
	return []client.ListOption{client.InNamespace(p.m.Namespace), client.MatchingLabels{naming.LabelMonitor: p.m.Name}}
}

// first makes of joined errors the one that a person must act on, where there is one.
func first(err error) error {
	if stalled := (*reconcileerr.Stalled)(nil); errors.As(err, &stalled) {
		return stalled
	}
	return err
}
