// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/wire"
)

type outliers struct {
	store  storeFlags
	output output
	top    int
	window time.Duration
	to     string
}

func (p *Plugin) outliersCommand() *cobra.Command {
	o := &outliers{output: outputText}
	cmd := &cobra.Command{
		Use:   "outliers NAME",
		Short: "Show the riskiest predictions of a model, and why they are",
		Example: `  kubectl vedette outliers flights
  kubectl vedette outliers flights --window 1h --top 50 -o json`,
		Args:              arguments(1, 1, "a NAME"),
		ValidArgsFunction: p.completeMonitor(0),
		RunE:              func(cmd *cobra.Command, args []string) error { return p.outliers(cmd.Context(), o, args[0]) },
	}
	o.store.define(cmd)
	cmd.Flags().VarP(&o.output, "output", "o", "text or json")
	cmd.Flags().IntVar(&o.top, "top", 10, "How many predictions to show")
	cmd.Flags().DurationVar(&o.window, "window", 0, "Length of the window, such as 1h; that of the Outliers analysis when 0")
	cmd.Flags().StringVar(&o.to, "to", "", "End of the window as RFC 3339 `time`; as late as the store is complete when empty")
	return cmd
}

func (p *Plugin) outliers(ctx context.Context, o *outliers, name string) error {
	if o.top < 1 || o.top > analyze.MaxTop {
		return usage("--top is %d, want 1 to %d", o.top, analyze.MaxTop)
	}
	to, err := timeFlag("--to", o.to)
	if err != nil {
		return err
	}
	c, err := p.connect(&p.flags)
	if err != nil {
		return err
	}
	m, err := c.monitor(ctx, name)
	if err != nil {
		return err
	}
	q := question{kind: analyze.KindOutliers, args: []string{"-o", "json", "--top", strconv.Itoa(o.top)}}
	if o.window > 0 {
		q.args = append(q.args, "--window", o.window.String())
	}
	if o.to != "" {
		q.args = append(q.args, "--to", o.to)
	}
	q.here = func(ctx context.Context, e *analyze.Env) (any, wire.Verdict, error) {
		length := cmp.Or(o.window, wire.Seconds(e.Config.Outliers.WindowSeconds))
		report, verdict, err := analyze.Outliers(ctx, e, e.Window(length, to), o.top)
		return report, verdict, err
	}
	var report analyze.OutliersReport
	if err := p.ask(ctx, c, m, &o.store, q, &report); err != nil {
		return err
	}
	if o.output == outputJSON {
		return writeJSON(p.Stdout, &report)
	}
	return outliersPage(&report).write(p.Stdout)
}

// timeFlag reads a time of a flag; the zero time when it is empty.
func timeFlag(flag, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, usage("%s is %q, want a time such as 2001-06-01T00:00:00Z", flag, value)
	}
	return t, nil
}

func outliersPage(r *analyze.OutliersReport) *page {
	out := &page{}
	out.text(0, fmt.Sprintf("%s/%s, %s: %d predictions, %d outliers", r.Namespace, r.Monitor, span(r.From, r.To), r.Rows, r.Outliers))
	rows := [][]string{{"#", "TIME", "KEY", "PREDICTION", "SCORE", "RISK", "SEGMENTS", "WHY"}}
	for i := range r.Top {
		t := &r.Top[i]
		rows = append(rows, []string{
			strconv.Itoa(i + 1), t.Time.UTC().Format("01-02 15:04:05"), clip(cmp.Or(t.LabelKey, t.RequestID, t.RecordID), 24), clip(t.Prediction, 12),
			t.Score.String(), t.OutlierScore.String(), clip(strings.Join(t.Segments, ","), 16), strings.Join(t.Reasons, " "),
		})
	}
	fit(rows)
	out.table(rows)
	for i := range r.Top {
		if values := beside(r.Top[i].Features, r.Top[i].Reasons); values != "" {
			out.text(2, fmt.Sprintf("#%d: %s", i+1, values))
		}
	}
	out.damaged(r.Damaged)
	return out
}

// damaged names files that could not be read to their end.
func (p *page) damaged(files []string) {
	if len(files) > 0 {
		p.gap()
		p.text(0, "Damaged files were read up to the damage: "+strings.Join(files, ", "))
	}
}

// beside shows the features that the reasons name, each beside what is usual.
func beside(features []analyze.FeatureValue, reasons []string) string {
	var parts []string
	for _, f := range features {
		for _, reason := range reasons {
			if _, feature := outlier.ClassOf(reason); feature == f.Name {
				text := f.Name + " " + f.Value
				if f.Usual != "" {
					text += " (usually " + f.Usual + ")"
				}
				parts = append(parts, text)
				break
			}
		}
	}
	return strings.Join(parts, ", ")
}
