// SPDX-License-Identifier: Apache-2.0

// Package plugin owns what kubectl vedette does: it shows what the operator found, asks the store what it holds, and starts
// analyses. It works with the rights of whoever runs it, and reads no clock: internal/cmd/kubectl-vedette gives it one.
// Nothing imports it but that.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
)

// Exit codes. A run or a question that could not be answered well gives that of analyze.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitDrift        = 10
	exitInsufficient = 11
	exitViolated     = 12
)

// Plugin is one invocation, with what it may touch outside.
type Plugin struct {
	Stdout, Stderr io.Writer
	Now            func() time.Time

	flags   clusterFlags
	connect func(*clusterFlags) (*cluster, error)
}

// Run does what the arguments say, and returns the exit code.
func (p *Plugin) Run(ctx context.Context, args []string) int {
	if p.connect == nil {
		p.connect = (*clusterFlags).connect
	}
	root := p.root() //nolint:contextcheck // cobra hands the context to what completes.
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	code := exitFailed
	if e := (*exit)(nil); errors.As(err, &e) {
		if e.err == nil {
			return e.code
		}
		code = e.code
	}
	if meta.IsNoMatchError(err) {
		err = fmt.Errorf("the cluster has no such kind: is Vedette installed there, and is this the right context? (%w)", err)
	}
	fmt.Fprintf(p.Stderr, "kubectl vedette: %v\n", err)
	return code
}

// exit is an error with an exit code of its own; it says nothing more when err is nil.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return &exit{exitUsage, fmt.Errorf(format, args...)} }

const description = `kubectl vedette shows what Vedette found about the models in a cluster, and why, and decides about the new versions that are tried.
status -A lists the models that are watched, of which the other commands take a NAME, and kubectl get shadowrollouts -A the rollouts.

Exit codes: 0 done, 1 failed, 2 usage; a run that was waited for: 10 drift, 11 could not tell, 12 a threshold is violated.`

func (p *Plugin) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-vedette",
		Short: "See what Vedette found about the models in a cluster, and why",
		Long:  description,
		Example: `  kubectl vedette status -A
  kubectl vedette why flights -n flights
  kubectl vedette rollout status flights -n flights`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl vedette"},
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w: see %s --help", err, cmd.CommandPath())
	})
	p.flags.define(root.PersistentFlags())
	p.completeFlags(root)
	root.AddCommand(p.statusCommand(), p.outliersCommand(), p.whyCommand(), p.runCommand(), p.schemaCommand(), p.auditCommand(),
		p.rolloutCommand(), p.exportCommand())
	return root
}

// noCommand is for a command that only holds others: what follows its name is none of them.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("there is no command %q: see %s --help", args[0], cmd.CommandPath())
	}
	return nil
}

// arguments says how many there may be, and what they are, to whoever gets it wrong.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usage("want %s: see %s --help", what, cmd.CommandPath())
		}
		return nil
	}
}
