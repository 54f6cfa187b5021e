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
	"slices"
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
	c.hashKey.define(flags)
	return c
}}

type compact struct {
	output  outputFlag
	hashKey hashKeyFlag
}

func (c *compact) validate(args []string) error { return first(noArguments(args), c.output.validate()) }

func (c *compact) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (verdict wire.Verdict, err error) {
	if env.HashKey, err = c.hashKey.read(); err != nil {
		return wire.Verdict{}, err
	}
	return c.output.upkeep(stdout)(upkeep.Compact(ctx, upkeepEnv(env)))
}

var eraseKind = kind{upkeep.KindErase, "remove a subject from everything that is kept", func(flags *flag.FlagSet) analysis {
	e := &erase{stdin: os.Stdin}
	e.output.define(flags)
	flags.StringVar(&e.labelKey, "label-key", "", "plain business `key` of the subject; - reads it from standard input, where no list of processes shows it")
	flags.StringVar(&e.labelKeyFile, "label-key-file", "", "`file` that holds the plain business key, such as one of a Secret")
	flags.StringVar(&e.recordID, "record-id", "", "`id` of a single row")
	e.hashKey.define(flags)
	return e
}}

type erase struct {
	output                           outputFlag
	hashKey                          hashKeyFlag
	labelKey, labelKeyFile, recordID string
	stdin                            io.Reader
}

func (e *erase) validate(args []string) error {
	given := slices.DeleteFunc([]string{e.labelKey, e.labelKeyFile, e.recordID}, func(s string) bool { return s == "" })
	if len(given) != 1 {
		return errors.New("exactly one of --label-key, --label-key-file and --record-id must be given")
	}
	return first(noArguments(args), e.output.validate())
}

func (e *erase) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (verdict wire.Verdict, err error) {
	if env.HashKey, err = e.hashKey.read(); err != nil {
		return wire.Verdict{}, err
	}
	of, name, plain := erasure.RecordID, e.recordID, e.recordID
	if e.recordID == "" {
		if plain, err = e.plain(); err != nil {
			return wire.Verdict{}, err
		}
		var ok bool
		if name, ok = label.Key(env.Config.Schema.LabelKey, env.HashKey, plain); !ok {
			return wire.Verdict{}, analyze.InvalidConfig(errors.New("label keys are stored as hashes, and their key is not there: name its file by --hash-key"))
		}
		of = erasure.LabelKey
	}
	keep := upkeepEnv(env)
	keep.Plain = plain
	return e.output.upkeep(stdout)(upkeep.Erase(ctx, keep, of, name))
}

// maxLabelKey bounds what is read of a label key.
const maxLabelKey = 64 << 10

// plain is the label key as it was given. A line end behind it is not part of it.
func (e *erase) plain() (string, error) {
	from := e.stdin
	switch {
	case e.labelKeyFile != "":
		file, err := os.Open(e.labelKeyFile)
		if err != nil {
			return "", fmt.Errorf("reading the label key: %w", err)
		}
		defer file.Close() //nolint:errcheck // It was only read.
		from = file
	case e.labelKey != "-":
		return e.labelKey, nil
	}
	b, err := io.ReadAll(io.LimitReader(from, maxLabelKey))
	if err != nil {
		return "", fmt.Errorf("reading the label key: %w", err)
	}
	plain := strings.TrimRight(string(b), "\r\n")
	if plain == "" {
		return "", errors.New("no label key was given: the file, or standard input, is empty")
	}
	return plain, nil
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
