// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/wire"
)

var outliersKind = kind{analyze.KindOutliers, "show the riskiest predictions of a window, and why", func(flags *flag.FlagSet) analysis {
	o := &outliers{}
	o.window.define(flags)
	o.output.define(flags)
	flags.IntVar(&o.top, "top", 10, "how many predictions to show")
	return o
}}

type outliers struct {
	window windowFlags
	output outputFlag
	top    int
}

func (o *outliers) validate(args []string) error {
	if o.top < 1 || o.top > analyze.MaxTop {
		return fmt.Errorf("--top is %d, want 1 to %d", o.top, analyze.MaxTop)
	}
	return first(noArguments(args), o.output.validate(), o.window.validate())
}

func (o *outliers) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	window, err := o.window.of(env, env.Config.Outliers.WindowSeconds)
	if err != nil {
		return wire.Verdict{}, err
	}
	report, verdict, err := analyze.Outliers(ctx, env, window, o.top)
	if err != nil {
		return wire.Verdict{}, err
	}
	return verdict, o.output.print(stdout, report)
}
