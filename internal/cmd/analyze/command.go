// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Exit codes on a terminal. With --verdict-file the code is 0 whenever a verdict was reached.
const (
	exitStable       = 0
	exitFailed       = 1
	exitUsage        = 2
	exitDrift        = 10
	exitInsufficient = 11
	exitViolated     = 12
)

const usage = `Usage: analyze KIND [flags]

Kinds:
%s
Exit codes: 0 stable or done, 10 drift, 11 could not tell, 12 a threshold is violated, 1 failed, 2 usage.
With --verdict-file: 0 whenever a verdict was reached.

Flags of every kind; analyze KIND --help shows those of one:
`

// kind is one analysis: what it does, in a line, and what it is on the command line.
type kind struct {
	name, summary string
	// define adds the kind's own flags, and gives back the analysis that they describe.
	define func(flags *flag.FlagSet) analysis
}

// analysis is one run of a kind.
type analysis interface {
	// validate says what is wrong with the flags and the arguments behind them; nil when they can be used.
	validate(args []string) error
	// run does it, and prints what a person wants to see.
	run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error)
}

// kinds are all analyses, in the order in which they are explained.
var kinds = []kind{
	baselineKind, driftKind, outliersKind, labelsKind, performanceKind, datasetKind, whyKind, schemaKind, checkKind, retentionKind, compactKind, eraseKind,
}

// command is one invocation, with what it may touch outside.
type command struct {
	stdout, stderr io.Writer
	now            func() time.Time
}

// options are the flags of every kind.
type options struct {
	kind        string
	analysis    analysis
	config      string
	credentials string
	verdictFile string
	verbose     bool
}

func (o *options) define(flags *flag.FlagSet) {
	flags.StringVar(&o.config, "config", filepath.Join(naming.ConfigMount, naming.ConfigDir, naming.ConfigFile), "configuration `file`")
	flags.StringVar(&o.credentials, "credentials", filepath.Join(naming.ConfigMount, naming.CredentialsDir), "`folder` with the store's credentials, one file a key")
	flags.StringVar(&o.verdictFile, "verdict-file", "", "write the verdict to this `file`, and exit with 0 whenever one was reached")
	flags.BoolVar(&o.verbose, "v", false, "log what is read")
}

var errUsage = errors.New("usage")

func (c *command) run(ctx context.Context, args []string) int {
	o, err := c.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitStable
	case err != nil:
		return exitUsage
	}
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelInfo
	}
	env := &analyze.Env{
		Now: c.now().UTC(),
		Log: slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: level})),
	}
	env.Run = runID(env.Now)
	verdict, err := c.analyze(ctx, env, o)
	if err != nil {
		verdict = env.Failed(o.kind, err)
	}
	if verdict.Outcome == wire.OutcomeFailed {
		fmt.Fprintf(c.stderr, "analyze %s: %s: %s\n", o.kind, verdict.Reason, verdict.Message)
	}
	if o.verdictFile == "" {
		return exitCode(verdict.Outcome)
	}
	text, err := wire.EncodeVerdict(verdict)
	if err == nil {
		err = os.WriteFile(o.verdictFile, text, 0o644)
	}
	if err != nil {
		fmt.Fprintf(c.stderr, "analyze %s: writing the verdict: %v\n", o.kind, err)
		return exitFailed
	}
	// A check that finds the store unusable has reached its verdict.
	if verdict.Outcome == wire.OutcomeFailed && o.kind != analyze.KindCheck {
		return exitFailed
	}
	return exitStable
}

func (c *command) analyze(ctx context.Context, env *analyze.Env, o options) (wire.Verdict, error) {
	document, err := os.ReadFile(o.config)
	if err != nil {
		return wire.Verdict{}, analyze.InvalidConfig(err)
	}
	config, unknown, err := wire.Decode(document)
	if err != nil {
		return wire.Verdict{}, analyze.InvalidConfig(err)
	}
	if unknown {
		env.Log.Warn("the configuration holds keys that this release does not know; they are ignored", "file", o.config)
	}
	env.Config = config
	if env.Bucket, err = store.Open(ctx, config.Store.URL, o.credentials); err != nil {
		return wire.Verdict{}, err
	}
	defer closeStore(env, env.Bucket)
	return o.analysis.run(ctx, env, c.stdout)
}

func closeStore(env *analyze.Env, b *store.Bucket) {
	if err := b.Close(); err != nil {
		env.Log.Warn("closing the store", "error", err)
	}
}

func exitCode(outcome wire.Outcome) int {
	switch outcome {
	case wire.OutcomeStable, wire.OutcomeSucceeded:
		return exitStable
	case wire.OutcomeDrift:
		return exitDrift
	case wire.OutcomeInsufficient:
		return exitInsufficient
	case wire.OutcomeViolated:
		return exitViolated
	default:
		return exitFailed
	}
}

func (c *command) parse(args []string) (options, error) {
	var o options
	if len(args) > 0 {
		o.kind, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("analyze "+o.kind, flag.ContinueOnError)
	flags.SetOutput(c.stderr)
	o.define(flags)
	for _, k := range kinds {
		if k.name != o.kind {
			continue
		}
		flags.Usage = func() {
			fmt.Fprintf(c.stderr, "Usage: analyze %s [flags]\n\nanalyze %s: %s.\n\nFlags:\n", k.name, k.name, k.summary)
			flags.PrintDefaults()
		}
		o.analysis = k.define(flags)
		if err := flags.Parse(args); err != nil {
			return o, err
		}
		if err := o.analysis.validate(flags.Args()); err != nil {
			fmt.Fprintf(c.stderr, "analyze %s: %v\n", o.kind, err)
			return o, errUsage
		}
		return o, nil
	}
	c.explain(flags)
	switch o.kind {
	case "-h", "--help", "help":
		return o, flag.ErrHelp
	}
	return o, errUsage
}

func (c *command) explain(flags *flag.FlagSet) {
	var lines strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&lines, "  %-11s %s\n", k.name, k.summary)
	}
	fmt.Fprintf(c.stderr, usage, lines.String())
	flags.PrintDefaults()
}

// noArguments is the error of an argument that is no flag.
func noArguments(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

// runID is unique to the run and sorts by time.
func runID(now time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return now.Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}
