// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/wire"
)

var whyKind = kind{analyze.KindWhy, "show the predictions behind a violation, with their traces, labels and datasets", func(flags *flag.FlagSet) analysis {
	y := &why{}
	y.window.define(flags)
	y.output.define(flags)
	flags.StringVar(&y.segment, "segment", "", "`name` of the segment that is meant; all traffic when empty")
	flags.StringVar((*string)(&y.rank), "rank", string(analyze.RankRisk), fmt.Sprintf("which predictions come first: one of %v", analyze.Rankings))
	flags.IntVar(&y.top, "top", 10, "how many predictions to show")
	flags.StringVar(&y.dataset, "dataset", "", "`digest` of a dataset whose records to show, whatever the window")
	flags.StringVar(&y.trained, "trained", "", "`digests` of datasets, separated by commas, to say which of the records are in them")
	return y
}}

type why struct {
	window                    windowFlags
	output                    outputFlag
	rank                      analyze.Ranking
	segment, dataset, trained string
	top                       int
}

func (y *why) validate(args []string) error {
	if y.top < 1 || y.top > analyze.MaxTop {
		return fmt.Errorf("--top is %d, want 1 to %d", y.top, analyze.MaxTop)
	}
	if !slices.Contains(analyze.Rankings, y.rank) {
		return fmt.Errorf("--rank is %q, want one of %v", string(y.rank), analyze.Rankings)
	}
	return first(noArguments(args), y.output.validate(), y.window.validate())
}

func (y *why) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	window, err := y.window.of(env, env.Config.Outliers.WindowSeconds)
	if err != nil {
		return wire.Verdict{}, err
	}
	q := analyze.WhyQuestion{Window: window, Segment: y.segment, Rank: y.rank, Top: y.top, Dataset: y.dataset}
	if y.trained != "" {
		q.Trained = strings.Split(y.trained, ",")
	}
	report, verdict, err := analyze.Why(ctx, env, q)
	if err != nil {
		return wire.Verdict{}, err
	}
	return verdict, y.output.print(stdout, report)
}
