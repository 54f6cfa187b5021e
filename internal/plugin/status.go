// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

type status struct {
	everywhere bool
	output     output
}

func (p *Plugin) statusCommand() *cobra.Command {
	s := &status{output: outputText}
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show how models are: all of a namespace in a table, or one with everything that was found",
		Example: `  kubectl vedette status -A
  kubectl vedette status flights -n flights`,
		Args:              arguments(0, 1, "at most one NAME"),
		ValidArgsFunction: p.completeMonitor(0),
		RunE:              func(cmd *cobra.Command, args []string) error { return p.status(cmd.Context(), s, args) },
	}
	cmd.Flags().BoolVarP(&s.everywhere, "all-namespaces", "A", false, "Show the models of all namespaces")
	cmd.Flags().VarP(&s.output, "output", "o", "text or json")
	return cmd
}

func (p *Plugin) status(ctx context.Context, s *status, args []string) error {
	c, err := p.connect(&p.flags)
	switch {
	case err != nil:
		return err
	case len(args) == 0:
		return p.statusOfAll(ctx, c, s)
	case s.everywhere:
		return usage("a NAME is of one namespace: leave out --all-namespaces")
	}
	m, err := c.monitor(ctx, args[0])
	if err != nil {
		return err
	}
	v := viewOf(m)
	if v.Queues, err = c.queues(ctx, m); err != nil {
		fmt.Fprintf(p.Stderr, "the queues are left out: %v\n", err)
	}
	if s.output == outputJSON {
		return writeJSON(p.Stdout, v)
	}
	return p.statusPage(&v).write(p.Stdout)
}

func (p *Plugin) statusOfAll(ctx context.Context, c *cluster, s *status) error {
	var list v1alpha1.ModelMonitorList
	var in []client.ListOption
	where := "any namespace"
	if !s.everywhere {
		in, where = append(in, client.InNamespace(c.namespace)), fmt.Sprintf("the namespace %q", c.namespace)
	}
	if err := c.client.List(ctx, &list, in...); err != nil {
		return fmt.Errorf("listing ModelMonitors: %w", err)
	}
	views := make([]monitorView, len(list.Items))
	for i := range list.Items {
		views[i] = viewOf(&list.Items[i])
	}
	if s.output == outputJSON {
		return writeJSON(p.Stdout, views)
	}
	if len(views) == 0 {
		fmt.Fprintf(p.Stderr, "There is no ModelMonitor in %s.\n", where)
		return nil
	}
	return fleetPage(views, s.everywhere, p.Now()).write(p.Stdout)
}

func fleetPage(views []monitorView, namespaces bool, now time.Time) *page {
	head := []string{"NAME", "READY", "HEALTH", "DRIFT", "OUTLIERS", "PODS", "MODE", "AGE"}
	rows := [][]string{head}
	for i := range views {
		v := &views[i]
		rows = append(rows, []string{
			v.Name, v.condition(v1alpha1.ConditionReady).Status, v.condition(v1alpha1.ConditionWithinThresholds).Reason,
			v.condition(v1alpha1.ConditionDriftDetected).Reason, number(v.Outliers), v.pods(), v.Mode, age(now, v.Created),
		})
	}
	if namespaces {
		rows[0] = append([]string{"NAMESPACE"}, rows[0]...)
		for i := range views {
			rows[i+1] = append([]string{views[i].Namespace}, rows[i+1]...)
		}
	}
	out := &page{}
	out.table(rows)
	return out
}

// pods are those with a current sidecar, of all.
func (v *monitorView) pods() string {
	if v.Pods == nil {
		return ""
	}
	return fmt.Sprintf("%d/%d", v.Pods.Current, v.Pods.Pods)
}
