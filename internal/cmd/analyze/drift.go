// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"io"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/wire"
)

var driftKind = kind{analyze.KindDrift, "compare a window of traffic with the baseline", func(flags *flag.FlagSet) analysis {
	d := &drift{}
	d.window.define(flags)
	d.output.define(flags)
	return d
}}

type drift struct {
	window windowFlags
	output outputFlag
}

func (d *drift) validate(args []string) error {
	return first(noArguments(args), d.output.validate(), d.window.validate())
}

func (d *drift) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	window, err := d.window.of(env, env.Config.Drift.WindowSeconds)
	if err != nil {
		return wire.Verdict{}, err
	}
	report, verdict, err := analyze.Drift(ctx, env, window)
	if err != nil {
		return wire.Verdict{}, err
	}
	return verdict, d.output.print(stdout, report)
}
