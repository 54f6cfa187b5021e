// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/analyze/upkeep"
	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/wire"
)

var retentionKind = kind{upkeep.KindRetention, "delete what has been kept long enough", func(flags *flag.FlagSet) analysis {
	r := &retention{}
	r.output.define(flags)
	flags.BoolVar(&r.lifecycle, "lifecycle", false, "delete nothing, but print the rules by which an S3 bucket deletes the same by itself, some days later")
	return r
}}

type retention struct {
	output    outputFlag
	lifecycle bool
}

func (r *retention) validate(args []string) error {
	return first(noArguments(args), r.output.validate())
}

func (r *retention) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	if !r.lifecycle {
		return r.output.upkeep(stdout)(upkeep.Retention(ctx, upkeepEnv(env)))
	}
	root, err := url.Parse(env.Config.Store.URL)
	if err != nil || root.Scheme != "s3" {
		return wire.Verdict{}, analyze.InvalidConfig(errors.New("only an S3 store has lifecycle rules"))
	}
	verdict := wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: upkeep.KindRetention, Run: env.Run, Config: env.Config.Revision, Outcome: wire.OutcomeSucceeded}}
	return verdict, upkeep.WriteLifecycle(stdout, env.Config, root.Path)
}

var compactKind = kind{upkeep.KindCompact, "make one file of the files of each hour", func(flags *flag.FlagSet) analysis {
	c := &compact{}
	c.output.define(flags)
	return c
}}

type compact struct{ output outputFlag }

func (c *compact) validate(args []string) error { return first(noArguments(args), c.output.validate()) }

func (c *compact) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	return c.output.upkeep(stdout)(upkeep.Compact(ctx, upkeepEnv(env)))
}

var eraseKind = kind{upkeep.KindErase, "remove a subject from everything that is kept", func(flags *flag.FlagSet) analysis {
	e := &erase{stdin: os.Stdin}
	e.output.define(flags)
	flags.StringVar(&e.labelKey, "label-key", "", "plain business `key` of the subject; - reads it from standard input, where no list of processes shows it")
	flags.StringVar(&e.recordID, "record-id", "", "`id` of a single row")
	e.hashKey.define(flags)
	return e
}}

type erase struct {
	output             outputFlag
	hashKey            hashKeyFlag
	labelKey, recordID string
	stdin              io.Reader
}

func (e *erase) validate(args []string) error {
	if (e.labelKey == "") == (e.recordID == "") {
		return errors.New("exactly one of --label-key and --record-id must be given")
	}
	return first(noArguments(args), e.output.validate())
}

func (e *erase) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	of, name := erasure.RecordID, e.recordID
	if e.labelKey != "" {
		stored, err := e.stored(env.Config.Schema.LabelKey)
		if err != nil {
			return wire.Verdict{}, err
		}
		of, name = erasure.LabelKey, stored
	}
	return e.output.upkeep(stdout)(upkeep.Erase(ctx, upkeepEnv(env), of, name))
}

// maxLabelKey bounds what is read from standard input.
const maxLabelKey = 64 << 10

// stored is the label key in the form in which rows store it.
func (e *erase) stored(c wire.LabelKey) (string, error) {
	plain := e.labelKey
	if plain == "-" {
		b, err := io.ReadAll(io.LimitReader(e.stdin, maxLabelKey))
		if err != nil {
			return "", fmt.Errorf("reading the label key: %w", err)
		}
		if plain = strings.TrimRight(string(b), "\r\n"); plain == "" {
			return "", errors.New("standard input holds no label key")
		}
	}
	hashKey, err := e.hashKey.read()
	if err != nil {
		return "", err
	}
	name, ok := label.Key(c, hashKey, plain)
	if !ok {
		return "", analyze.InvalidConfig(errors.New("label keys are stored as hashes, and their key is not there: name its file by --hash-key"))
	}
	return name, nil
}

// upkeepEnv lets a run use the machine's clock and its folder for temporary files.
func upkeepEnv(env *analyze.Env) *upkeep.Env {
	return &upkeep.Env{Env: env, Dir: os.TempDir(), Clock: time.Now, Wait: func(ctx context.Context, d time.Duration) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		}
	}}
}

// upkeep prints the report of a run.
func (f *outputFlag) upkeep(w io.Writer) func(*upkeep.Report, wire.Verdict, error) (wire.Verdict, error) {
	return func(report *upkeep.Report, verdict wire.Verdict, err error) (wire.Verdict, error) {
		if err != nil {
			return wire.Verdict{}, err
		}
		return verdict, f.print(w, report)
	}
}
