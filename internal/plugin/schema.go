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
	"github.com/vedette-dev/vedette/internal/infer"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Where a schema is inferred from.
const (
	fromTraffic  = "traffic"
	fromMetadata = "metadata"
)

type inferSchema struct {
	store                storeFlags
	output               output
	from, service, model string
	window               time.Duration
	calls                int
}

func (p *Plugin) schemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "schema", Short: "Work on the schema of a model", Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.inferCommand())
	return cmd
}

func (p *Plugin) inferCommand() *cobra.Command {
	s := &inferSchema{output: outputText}
	cmd := &cobra.Command{
		Use:   "infer NAME",
		Short: "Guess spec.schema from traffic or from the model's metadata, as YAML to paste",
		Long: `Guess spec.schema of a ModelMonitor, as YAML to read, correct and paste.

From traffic, it looks at bodies that were kept: set source.sidecar.keep.bodies of the monitor to a few percent for a while. From
metadata, it asks the model server for v2/models/NAME of the Open Inference Protocol, through the API server's proxy of a Service; that
works before there is a monitor.`,
		Example: `  kubectl vedette schema infer flights
  kubectl vedette schema infer flights --from metadata --service flights:http`,
		Args:              arguments(1, 1, "a NAME"),
		ValidArgsFunction: p.completeMonitor(0),
		RunE:              func(cmd *cobra.Command, args []string) error { return p.inferSchema(cmd.Context(), s, args[0]) },
	}
	s.store.define(cmd)
	cmd.Flags().VarP(&s.output, "output", "o", "text (YAML to paste) or json")
	cmd.Flags().StringVar(&s.from, "from", fromTraffic, "Where to look: traffic or metadata")
	cmd.Flags().StringVar(&s.service, "service", "", "`name[:port]` of the Service to ask for metadata; NAME when empty")
	cmd.Flags().StringVar(&s.model, "model", "", "Name of the model at its server; NAME when empty")
	cmd.Flags().DurationVar(&s.window, "window", 24*time.Hour, "Length of the window of traffic")
	cmd.Flags().IntVar(&s.calls, "calls", 1000, "How many calls to look at")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions([]string{fromTraffic, fromMetadata}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (p *Plugin) inferSchema(ctx context.Context, s *inferSchema, name string) error {
	if s.calls < 1 || s.calls > analyze.MaxCalls {
		return usage("--calls is %d, want 1 to %d", s.calls, analyze.MaxCalls)
	}
	c, err := p.connect(&p.flags)
	if err != nil {
		return err
	}
	var schema infer.Schema
	switch s.from {
	case fromTraffic:
		schema, err = p.schemaOfTraffic(ctx, c, s, name)
	case fromMetadata:
		schema, err = schemaOfMetadata(ctx, c, s, name)
	default:
		err = usage("--from is %q, want %s or %s", s.from, fromTraffic, fromMetadata)
	}
	if err != nil {
		return err
	}
	if s.output == outputJSON {
		return writeJSON(p.Stdout, schema)
	}
	_, err = fmt.Fprint(p.Stdout, schemaYAML(&schema))
	return err
}

func (p *Plugin) schemaOfTraffic(ctx context.Context, c *cluster, s *inferSchema, name string) (infer.Schema, error) {
	m, err := c.monitor(ctx, name)
	if err != nil {
		return infer.Schema{}, err
	}
	q := question{
		kind: analyze.KindSchema, args: []string{"-o", "json", "--window", s.window.String(), "--calls", strconv.Itoa(s.calls)},
		here: func(ctx context.Context, e *analyze.Env) (any, wire.Verdict, error) {
			report, verdict, err := analyze.InferSchema(ctx, e, e.Window(s.window, time.Time{}), int64(s.calls))
			return report, verdict, err
		},
	}
	var schema infer.Schema
	if err := p.ask(ctx, c, m, &s.store, q, &schema); err != nil {
		return infer.Schema{}, err
	}
	if len(schema.Features) == 0 {
		return schema, fmt.Errorf("none of %d calls of the last %s could be read: set spec.source.sidecar.keep.bodies of the monitor to a few percent for a while, or use --from metadata", schema.Calls, s.window)
	}
	return schema, nil
}

func schemaOfMetadata(ctx context.Context, c *cluster, s *inferSchema, name string) (infer.Schema, error) {
	service, port, _ := strings.Cut(cmp.Or(s.service, name), ":")
	path := "v2/models/" + cmp.Or(s.model, name)
	document, err := c.proxied(ctx, c.namespace, service, port, path)
	if err != nil {
		return infer.Schema{}, fmt.Errorf("asking the Service %q for %s (--service and --model name others): %w", service, path, err)
	}
	return infer.FromMetadata(document)
}

// schemaYAML is a schema as it stands in a ModelMonitor, with what was seen as comments.
func schemaYAML(s *infer.Schema) string {
	var b strings.Builder
	line := func(indent int, text, comment string) {
		b.WriteString(strings.Repeat(" ", indent) + text)
		if comment != "" {
			b.WriteString(" # " + printable(comment))
		}
		b.WriteByte('\n')
	}
	b.WriteString("# Guessed")
	if s.Calls > 0 {
		fmt.Fprintf(&b, " from %d calls with %d instances", s.Calls-s.Unreadable, s.Instances)
	}
	b.WriteString(": read it, correct it, and put it below spec of the ModelMonitor.\n")
	if s.Unreadable > 0 {
		fmt.Fprintf(&b, "# %d calls could not be read.\n", s.Unreadable)
	}
	for _, n := range s.Notes {
		b.WriteString("# " + clip(printable(n), width-2) + "\n")
	}
	line(0, "schema:", "")
	if s.LabelKey != "" {
		line(2, "labelKey:", "different in each call")
		line(4, "path: "+quoted(s.LabelKey), "")
	}
	line(2, "features:", "")
	for _, f := range s.Features {
		line(2, "- name: "+f.Name, f.Seen)
		line(4, "type: "+string(f.Type), "")
		if f.Path != "" {
			line(4, "path: "+quoted(f.Path), "")
		}
		if f.Required {
			line(4, "presence: Required", "")
		}
		if f.Origin != "" {
			line(4, "origin: "+strconv.Quote(f.Origin), "")
		}
	}
	if p := s.Prediction; p != nil {
		line(2, "prediction:", p.Seen)
		line(4, "kind: "+string(p.Kind), "")
		for _, field := range [][2]string{{"score", p.Score}, {"label", p.Label}, {"scores", p.Scores}} {
			if field[1] != "" {
				line(4, field[0]+": "+quoted(field[1]), "")
			}
		}
		if len(p.Classes) > 0 {
			line(4, "classes:", "")
			for _, class := range p.Classes {
				line(4, "- "+quoted(class), "")
			}
		}
	}
	return b.String()
}

// quoted is a string that YAML takes for one whatever is in it.
func quoted(s string) string { return strconv.Quote(s) }
