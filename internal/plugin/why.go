// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

type why struct {
	store                            storeFlags
	output                           output
	threshold, segment, dataset, run string
	revision, version                string
	top                              int
}

func (p *Plugin) whyCommand() *cobra.Command {
	y := &why{output: outputText}
	cmd := &cobra.Command{
		Use:   "why NAME",
		Short: "Show what is behind a violation: segment, predictions, traces, labels, dataset, run and version",
		Long: `Show what is behind what is wrong with a model: the threshold or the drift, the segment, ten predictions that tell most about it
with their traces and labels, the datasets that they are in, the retraining runs, the versions that these made, and what became of them
in a rollout.

Without flags it asks about the gravest violation. With --dataset or --run it goes the other way: from a dataset, or from what a
run was trained on, to its predictions and labels, and to what called for it. With --version or --revision it starts from what
serves: from the version that a run made, or from a revision of a rollout, by its parameters.`,
		Example: `  kubectl vedette why flights
  kubectl vedette why flights --threshold recall --segment atl
  kubectl vedette why flights --dataset 3f9a2c
  kubectl vedette why flights --revision serving`,
		Args:              arguments(1, 1, "a NAME"),
		ValidArgsFunction: p.completeMonitor(0),
		RunE:              func(cmd *cobra.Command, args []string) error { return p.why(cmd.Context(), y, args[0]) },
	}
	y.store.define(cmd)
	cmd.Flags().VarP(&y.output, "output", "o", "text or json")
	cmd.Flags().StringVar(&y.threshold, "threshold", "", "Ask about the threshold of this `name`")
	cmd.Flags().StringVar(&y.segment, "segment", "", "Ask about the segment of this `name`")
	cmd.Flags().StringVar(&y.dataset, "dataset", "", "Start from the dataset whose `digest` begins so")
	cmd.Flags().StringVar(&y.run, "run", "", "Start from the retraining run of this `name`")
	cmd.Flags().StringVar(&y.version, "version", "", "Start from the retraining run that made the version of this `name`")
	cmd.Flags().StringVar(&y.revision, "revision", "", "Start from this `revision` of the monitor's rollout; \"serving\" is the one that serves")
	cmd.Flags().IntVar(&y.top, "top", 10, "How many predictions to show")
	cmd.MarkFlagsMutuallyExclusive("dataset", "run", "threshold", "version", "revision")
	p.completeWhy(cmd)
	return cmd
}

// whyView is the whole story.
type whyView struct {
	Namespace string             `json:"namespace"`
	Monitor   string             `json:"monitor"`
	Suspect   suspect            `json:"suspect"`
	Evidence  *analyze.WhyReport `json:"evidence"`
	Runs      []runOfRetraining  `json:"runs,omitempty"`
	// Rollouts are the revisions that were made of what the runs have made, or serve beside it.
	Rollouts []rolloutStory `json:"rollouts,omitempty"`
}

func (p *Plugin) why(ctx context.Context, y *why, name string) error {
	if y.top < 1 || y.top > analyze.MaxTop {
		return usage("--top is %d, want 1 to %d", y.top, analyze.MaxTop)
	}
	c, err := p.connect(&p.flags)
	if err != nil {
		return err
	}
	m, err := c.monitor(ctx, name)
	if err != nil {
		return err
	}
	v := whyView{Namespace: m.Namespace, Monitor: m.Name}
	v.Rollouts, err = c.stories(ctx, m, y.revision)
	switch {
	case err != nil && y.revision != "":
		return err
	case err != nil:
		fmt.Fprintf(p.Stderr, "the rollout is left out: %v\n", err)
	case y.revision != "" && v.Rollouts[0].Run == "":
		return p.printWhy(y, &v) // it came from Git: there is nothing behind it that the store could tell
	case y.revision != "":
		y.run = v.Rollouts[0].Run
	}
	q := analyze.WhyQuestion{Top: y.top}
	if y.dataset != "" || y.run != "" || y.version != "" {
		err = v.backwards(m, y, &q)
	} else {
		err = v.forwards(m, y, &q)
	}
	if err != nil {
		return err
	}
	if err := p.ask(ctx, c, m, &y.store, p.whyQuestion(v.Suspect, q), &v.Evidence); err != nil {
		return err
	}
	if sets := v.Evidence.Datasets; y.dataset != "" && v.Runs[0].Name == "" && len(sets) > 0 {
		// Status knows the run no more: the manifest of the dataset does.
		v.Runs[0].Reason = sets[0].Reason
		v.Suspect = because(m, v.Runs[0], y.segment)
	}
	return p.printWhy(y, &v)
}

func (p *Plugin) printWhy(y *why, v *whyView) error {
	if y.output == outputJSON {
		return writeJSON(p.Stdout, v)
	}
	return p.whyPage(v).write(p.Stdout)
}

// forwards asks about a violation, and which runs came of it.
func (v *whyView) forwards(m *v1alpha1.ModelMonitor, y *why, q *analyze.WhyQuestion) error {
	var err error
	if v.Suspect, err = choose(m, y.threshold, y.segment); err != nil {
		return err
	}
	v.Runs = runsOf(m, v.Suspect)
	q.Rank = v.Suspect.rank()
	for _, r := range v.Runs {
		if r.Dataset != "" && !slices.Contains(q.Trained, r.Dataset) {
			q.Trained = append(q.Trained, r.Dataset)
		}
	}
	return nil
}

// backwards asks what a dataset is made of, and what called for the run that was trained on it.
func (v *whyView) backwards(m *v1alpha1.ModelMonitor, y *why, q *analyze.WhyQuestion) error {
	run, err := runFrom(m, y)
	if err != nil {
		return err
	}
	v.Runs = []runOfRetraining{run}
	v.Suspect = because(m, run, y.segment)
	q.Rank, q.Dataset, q.Trained = analyze.RankWrong, run.Dataset, []string{run.Dataset}
	return nil
}

// because is what called for a run, as it stands now: the threshold that did, and nothing else that is wrong today.
func because(m *v1alpha1.ModelMonitor, run runOfRetraining, segment string) suspect {
	if run.Threshold == "" {
		s := suspect{Segment: cmp.Or(segment, naming.SegmentAll), Because: cmp.Or(run.Reason, "nothing tells what called for it")}
		s.declared(m)
		return s
	}
	s, err := choose(m, run.Threshold, cmp.Or(segment, run.Segment))
	if err != nil {
		return suspect{Threshold: run.Threshold, Segment: cmp.Or(segment, run.Segment)} // it is declared no more
	}
	return s
}

// whyQuestion is what analyze is asked.
func (p *Plugin) whyQuestion(s suspect, q analyze.WhyQuestion) question {
	length, to := s.window(p.Now())
	if s.Segment != naming.SegmentAll {
		q.Segment = s.Segment
	}
	args := []string{"-o", "json", "--top", strconv.Itoa(q.Top), "--rank", string(q.Rank)}
	for _, f := range [][2]string{{"--segment", q.Segment}, {"--dataset", q.Dataset}, {"--trained", strings.Join(q.Trained, ",")}} {
		if f[1] != "" {
			args = append(args, f[0], f[1])
		}
	}
	if length > 0 {
		args = append(args, "--window", length.String(), "--to", to.UTC().Format(time.RFC3339))
	}
	return question{kind: analyze.KindWhy, args: args, here: func(ctx context.Context, e *analyze.Env) (any, wire.Verdict, error) {
		q.Window = e.Window(cmp.Or(length, wire.Seconds(e.Config.Outliers.WindowSeconds)), to)
		report, verdict, err := analyze.Why(ctx, e, q)
		return report, verdict, err
	}}
}

func (p *Plugin) completeWhy(cmd *cobra.Command) {
	names := map[string]func(*v1alpha1.ModelMonitor) []string{
		"threshold": thresholdNames, "segment": segmentNames, "run": runNames, "dataset": datasetDigests, "version": versionNames,
	}
	// It fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("revision", p.completeRevision)
	for flag, of := range names {
		// It fails only for a flag that is not there.
		_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) != 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			c, err := p.connect(&p.flags)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			m, err := c.monitor(cmd.Context(), args[0])
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return of(m), cobra.ShellCompDirectiveNoFileComp
		})
	}
}
