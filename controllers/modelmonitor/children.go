// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
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

// children applies what the monitor needs and removes what it needs no more. A suspended monitor leaves everything as it
// is, but for the analyses, which do not run.
func (p *pass) children(ctx context.Context, e monitor.Effective) error {
	crons, names, err := p.cronJobs(e)
	if err != nil {
		return err
	}
	wanted := crons
	if e.Mode != v1alpha1.ModeSuspended {
		more, err := p.always(ctx, e)
		if err != nil {
			return err
		}
		wanted = append(more, wanted...)
	}
	if err := p.applier.All(ctx, p.m.UID, wanted...); err != nil {
		return first(err)
	}
	var existing batchv1.CronJobList
	if err := p.Client.List(ctx, &existing, p.owned()...); err != nil {
		return fmt.Errorf("listing CronJobs: %w", err)
	}
	return p.applier.Prune(ctx, p.m.UID, &existing, names...)
}

// always are the children that every monitor has.
func (p *pass) always(ctx context.Context, e monitor.Effective) ([]any, error) {
	document, revision, err := config.Encode(monitor.Config(p.m, e))
	if err != nil {
		return nil, err
	}
	p.m.Status.ConfigRevision = revision
	wanted := []any{config.Build(p.m, document), service.Build(p.m), networkpolicy.Build(p.m)}
	available, err := p.APIs.Available(ctx, monitoringKinds...)
	if err != nil {
		return nil, err
	}
	if !available {
		p.set.False(v1alpha1.ConditionPrometheusAvailable, v1alpha1.ReasonDependencyMissing,
			"the cluster has no ServiceMonitors and PrometheusRules: install the Prometheus operator; it is noticed within minutes")
		p.lookAgain(pollPeriod)
		return wanted, nil
	}
	p.set.True(v1alpha1.ConditionPrometheusAvailable, v1alpha1.ReasonAvailable, "the cluster has ServiceMonitors and PrometheusRules")
	return append(wanted, servicemonitor.Build(p.m, e), rules.Build(p.m, e)), nil
}

// cronJobs are the scheduled analyses.
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
