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
	"path"
	"path/filepath"
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
)

const usage = `Usage: analyze KIND [flags]

Kinds:
  baseline   compute the reference that drift and outliers are measured against
  drift      compare a window of traffic with the baseline
  outliers   show the riskiest predictions of a window, and why
  check      find out whether the store works and the baseline is there

Exit codes: 0 stable or done, 10 drift, 11 could not tell, 1 failed, 2 usage.
With --verdict-file: 0 whenever a verdict was reached.

Flags:
`

// command is one invocation, with what it may touch outside.
type command struct {
	stdout, stderr io.Writer
	now            func() time.Time
}

type options struct {
	kind        string
	config      string
	credentials string
	writer      string
	verdictFile string
	window      time.Duration
	to          string
	top         int
	output      string
	verbose     bool
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
	defer func() {
		if err := env.Bucket.Close(); err != nil {
			env.Log.Warn("closing the store", "error", err)
		}
	}()
	if o.writer != "" {
		if env.Writer, err = store.Open(ctx, config.Store.URL, o.writer); err != nil {
			return wire.Verdict{}, fmt.Errorf("opening the store as the sidecars do: %w", err)
		}
		defer func() {
			if err := env.Writer.Close(); err != nil {
				env.Log.Warn("closing the store", "error", err)
			}
		}()
	}
	window, err := o.windowOf(env)
	if err != nil {
		return wire.Verdict{}, err
	}
	switch o.kind {
	case analyze.KindBaseline:
		verdict, err := analyze.Baseline(ctx, env)
		if err == nil {
			fmt.Fprintf(c.stdout, "%d rows; the reference is in %s\n", verdict.Rows, path.Dir(verdict.Report))
			if verdict.Message != "" {
				fmt.Fprintln(c.stdout, verdict.Message)
			}
		}
		return verdict, err
	case analyze.KindDrift:
		report, verdict, err := analyze.Drift(ctx, env, window)
		if err != nil {
			return wire.Verdict{}, err
		}
		return verdict, o.print(c.stdout, report)
	case analyze.KindOutliers:
		report, verdict, err := analyze.Outliers(ctx, env, window, o.top)
		if err != nil {
			return wire.Verdict{}, err
		}
		return verdict, o.print(c.stdout, report)
	default:
		verdict := analyze.Check(ctx, env)
		if verdict.Outcome == wire.OutcomeSucceeded {
			fmt.Fprintln(c.stdout, "the store can be written, read and listed, and no baseline is missing")
		}
		return verdict, nil
	}
}

// printable is a report that people and programs can read.
type printable interface {
	WriteText(w io.Writer) error
	WriteJSON(w io.Writer) error
}

func (o options) print(w io.Writer, report printable) error {
	if o.output == "json" {
		return report.WriteJSON(w)
	}
	return report.WriteText(w)
}

func exitCode(outcome wire.Outcome) int {
	switch outcome {
	case wire.OutcomeStable, wire.OutcomeSucceeded:
		return exitStable
	case wire.OutcomeDrift:
		return exitDrift
	case wire.OutcomeInsufficient:
		return exitInsufficient
	default:
		return exitFailed
	}
}

func (c *command) parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("analyze", flag.ContinueOnError)
	flags.SetOutput(c.stderr)
	flags.StringVar(&o.config, "config", filepath.Join(naming.ConfigMount, naming.ConfigDir, naming.ConfigFile), "configuration `file`")
	flags.StringVar(&o.credentials, "credentials", filepath.Join(naming.ConfigMount, naming.CredentialsDir), "`folder` with the store's credentials, one file a key")
	flags.StringVar(&o.writer, "writer-credentials", "", "`folder` with the sidecars' credentials, to check that they may write (check)")
	flags.StringVar(&o.verdictFile, "verdict-file", "", "write the verdict to this `file`, and exit with 0 whenever one was reached")
	flags.DurationVar(&o.window, "window", 0, "length of the window, such as 1h (drift, outliers); the configuration's when 0")
	flags.StringVar(&o.to, "to", "", "end of the window as RFC 3339 `time` (drift, outliers); two flush intervals ago when empty")
	flags.IntVar(&o.top, "top", 10, "how many predictions to show (outliers)")
	flags.StringVar(&o.output, "o", "text", "output `format`: text or json (drift, outliers)")
	flags.BoolVar(&o.verbose, "v", false, "log what is read")
	flags.Usage = func() {
		fmt.Fprint(c.stderr, usage)
		flags.PrintDefaults()
	}
	if len(args) > 0 {
		o.kind, args = args[0], args[1:]
	}
	switch o.kind {
	case analyze.KindBaseline, analyze.KindDrift, analyze.KindOutliers, analyze.KindCheck:
	case "-h", "--help", "help":
		flags.Usage()
		return o, flag.ErrHelp
	default:
		flags.Usage()
		return o, errUsage
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	return o, c.validate(o, flags.Args())
}

func (c *command) validate(o options, rest []string) error {
	var wrong string
	switch {
	case len(rest) > 0:
		wrong = fmt.Sprintf("unexpected argument %q", rest[0])
	case o.output != "text" && o.output != "json":
		wrong = fmt.Sprintf("-o is %q, want text or json", o.output)
	case o.top < 1 || o.top > analyze.MaxTop:
		wrong = fmt.Sprintf("--top is %d, want 1 to %d", o.top, analyze.MaxTop)
	case o.window < 0:
		wrong = fmt.Sprintf("--window is %s, want a positive duration", o.window)
	default:
		if _, err := o.end(); err == nil {
			return nil
		}
		wrong = fmt.Sprintf("--to is %q, want a time such as 2001-06-01T00:00:00Z", o.to)
	}
	fmt.Fprintf(c.stderr, "analyze %s: %s\n", o.kind, wrong)
	return errUsage
}

func (o options) end() (time.Time, error) {
	if o.to == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, o.to)
}

// windowOf is the window of the flags, or else of the configuration.
func (o options) windowOf(env *analyze.Env) (analyze.Window, error) {
	length := o.window
	if length == 0 {
		seconds := env.Config.Drift.WindowSeconds
		if o.kind == analyze.KindOutliers {
			seconds = env.Config.Outliers.WindowSeconds
		}
		length = wire.Seconds(seconds)
	}
	to, err := o.end()
	if err != nil {
		return analyze.Window{}, err
	}
	return env.Window(length, to), nil
}

// runID is unique to the run and sorts by time.
func runID(now time.Time) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return now.Format("20060102T150405Z") + "-" + hex.EncodeToString(b[:])
}
