// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

var checkKind = kind{analyze.KindCheck, "find out whether the store works and the baseline is there", func(flags *flag.FlagSet) analysis {
	c := &check{}
	flags.StringVar(&c.writer, "writer-credentials", "", "`folder` with the sidecars' credentials, to check that they may write")
	return c
}}

type check struct {
	writer string
}

func (*check) validate(args []string) error { return noArguments(args) }

func (c *check) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	if c.writer != "" {
		writer, err := store.Open(ctx, env.Config.Store.URL, c.writer)
		if err != nil {
			return wire.Verdict{}, fmt.Errorf("opening the store as the sidecars do: %w", err)
		}
		defer closeStore(env, writer)
		env.Writer = writer
	}
	verdict := analyze.Check(ctx, env)
	if verdict.Outcome == wire.OutcomeSucceeded {
		fmt.Fprintln(stdout, "the store can be written, read and listed, and no baseline is missing")
	}
	return verdict, nil
}
