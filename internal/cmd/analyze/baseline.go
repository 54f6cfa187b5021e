// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/wire"
)

var baselineKind = kind{analyze.KindBaseline, "compute the reference that drift and outliers are measured against", func(*flag.FlagSet) analysis {
	return baseline{}
}}

type baseline struct{}

func (baseline) validate(args []string) error { return noArguments(args) }

func (baseline) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	verdict, err := analyze.Baseline(ctx, env)
	if err == nil {
		fmt.Fprintf(stdout, "%d rows; the reference is in %s\n", verdict.Rows, path.Dir(verdict.Report))
		if verdict.Message != "" {
			fmt.Fprintln(stdout, verdict.Message)
		}
	}
	return verdict, err
}
