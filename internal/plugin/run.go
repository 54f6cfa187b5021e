// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/wire"
)

type run struct {
	wait    bool
	timeout time.Duration
	output  output
}

func (p *Plugin) runCommand() *cobra.Command {
	r := &run{output: outputText}
	cmd := &cobra.Command{
		Use:   "run KIND NAME",
		Short: "Run a scheduled analysis of a model now",
		Long: `Run a scheduled analysis of a model now: make a Job from the analysis' CronJob, as kubectl create job --from does. The
operator records its verdict as it does those of the schedule.`,
		Example: `  kubectl vedette run drift flights --wait`,
		Args:    arguments(2, 2, "a KIND and a NAME"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return p.scheduledKinds(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
			}
			return p.completeMonitor(1)(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return p.run(cmd.Context(), r, args[0], args[1]) },
	}
	cmd.Flags().BoolVarP(&r.wait, "wait", "w", false, "Wait for the verdict, and exit as analyze does")
	cmd.Flags().DurationVar(&r.timeout, "timeout", 30*time.Minute, "How long to wait")
	cmd.Flags().VarP(&r.output, "output", "o", "text or json")
	return cmd
}

func (p *Plugin) run(ctx context.Context, r *run, kind, name string) error {
	c, err := p.connect(&p.flags)
	if err != nil {
		return err
	}
	m, err := c.monitor(ctx, name)
	if err != nil {
		return err
	}
	cron, err := c.scheduled(ctx, m, strings.ToLower(kind))
	if err != nil {
		return err
	}
	if cron.Spec.Suspend != nil && *cron.Spec.Suspend {
		return fmt.Errorf("no analysis of %s runs while its mode is %s: set spec.mode of the monitor, or of its class", name, viewOf(m).Mode)
	}
	job := jobNow(cron, p.Now())
	if err := c.client.Create(ctx, job); err != nil {
		return fmt.Errorf("making the Job %s: %w", job.Name, err)
	}
	if !r.wait {
		if r.output == outputJSON {
			return writeJSON(p.Stdout, runView{Namespace: m.Namespace, Monitor: m.Name, Kind: kindOf(cron), Job: job.Name})
		}
		fmt.Fprintf(p.Stdout, "job.batch/%s created\n", job.Name)
		return nil
	}
	return p.verdict(ctx, c, m, job, r)
}

// verdict waits for what the run finds, and shows it.
func (p *Plugin) verdict(ctx context.Context, c *cluster, m *v1alpha1.ModelMonitor, job *batchv1.Job, r *run) error {
	fmt.Fprintf(p.Stderr, "job.batch/%s created; waiting for its verdict\n", job.Name)
	ended, pods, err := p.await(ctx, c, client.ObjectKeyFromObject(job), r.timeout)
	if err != nil {
		return err
	}
	run, err := recordOf(ended, pods)
	if err != nil {
		return err
	}
	v := runView{Namespace: m.Namespace, Monitor: m.Name, Kind: run.Kind, Job: job.Name, Analysis: new(analysisOf(run.status))}
	if r.output == outputJSON {
		err = writeJSON(p.Stdout, v)
	} else {
		view := monitorView{Analyses: []analysisView{*v.Analysis}}
		out := &page{}
		view.analyses(out, p.Now())
		view.performance(out)
		view.verdicts(out)
		err = out.write(p.Stdout)
	}
	if code := exitCode(v.Analysis.Outcome); err == nil && code != exitDone {
		return &exit{code: code}
	}
	return err
}

// runView is what is said of a run that was started here.
type runView struct {
	Namespace string        `json:"namespace"`
	Monitor   string        `json:"monitor"`
	Kind      string        `json:"kind"`
	Job       string        `json:"job"`
	Analysis  *analysisView `json:"analysis,omitempty"`
}

// record is a run that has ended, as the operator records it.
type record struct {
	monitor.Run
	status *v1alpha1.AnalysisStatus
}

func recordOf(job *batchv1.Job, pods []corev1.Pod) (record, error) {
	ended := monitor.Ended([]batchv1.Job{*job}, pods)
	if len(ended) == 0 {
		return record{}, fmt.Errorf("the Job %s has ended, and its pod has not: look at kubectl describe job/%s", job.Name, job.Name)
	}
	var s v1alpha1.ModelMonitorStatus
	monitor.Record(&s, ended[0])
	if len(s.Analyses) == 0 {
		return record{}, fmt.Errorf("the Job %s is of the kind %q, which this release does not know", job.Name, ended[0].Kind)
	}
	return record{ended[0], &s.Analyses[0]}, nil
}

func exitCode(outcome string) int {
	switch wire.Outcome(outcome) {
	case wire.OutcomeStable, wire.OutcomeSucceeded:
		return exitDone
	case wire.OutcomeDrift:
		return exitDrift
	case wire.OutcomeInsufficient:
		return exitInsufficient
	case wire.OutcomeViolated:
		return exitViolated
	}
	return exitFailed
}

// scheduledKinds are the kinds of analyses that are scheduled in the namespace, for completion.
func (p *Plugin) scheduledKinds(ctx context.Context) []string {
	c, err := p.connect(&p.flags)
	if err != nil {
		return nil
	}
	crons, err := c.crons(ctx, "")
	if err != nil {
		return nil
	}
	return kindsOf(crons)
}

func kindsOf(crons []batchv1.CronJob) []string {
	var kinds []string
	for i := range crons {
		kinds = append(kinds, kindOf(&crons[i]))
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// scheduled is the CronJob of a kind of analysis of a monitor.
func (c *cluster) scheduled(ctx context.Context, m *v1alpha1.ModelMonitor, kind string) (*batchv1.CronJob, error) {
	crons, err := c.crons(ctx, m.Name)
	if err != nil {
		return nil, err
	}
	crons = ofMonitor(crons, m)
	for i := range crons {
		if kindOf(&crons[i]) == kind {
			return &crons[i], nil
		}
	}
	if len(crons) == 0 {
		return nil, errors.New("no analysis of " + m.Name + " is scheduled yet: kubectl vedette status " + m.Name + " says why it is not ready")
	}
	return nil, usage("%s has no scheduled analysis %q: it has %s; spec.analyses of the monitor says which there are", m.Name, kind, strings.Join(kindsOf(crons), ", "))
}
