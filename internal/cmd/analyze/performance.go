// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"io"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/wire"
)

var performanceKind = kind{analyze.KindPerformance, "measure the answers of a window by what was right", func(flags *flag.FlagSet) analysis {
	p := &performance{}
	p.window.define(flags)
	p.key.define(flags)
	defineSince(flags, &p.since)
	p.output.define(flags)
	return p
}}

type performance struct {
	window windowFlags
	key    hashKeyFlag
	since  time.Time
	output outputFlag
}

func (p *performance) validate(args []string) error {
	return first(noArguments(args), p.output.validate(), p.window.validate())
}

func (p *performance) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (verdict wire.Verdict, err error) {
	if env.HashKey, err = p.key.read(); err != nil {
		return wire.Verdict{}, err
	}
	env.LabelsSince = p.since
	to, err := p.window.end()
	if err != nil {
		return wire.Verdict{}, err
	}
	length := p.window.length
	if length == 0 {
		length = wire.Seconds(env.Config.Labels.WindowSeconds)
	}
	report, verdict, err := analyze.Performance(ctx, env, env.PerformanceWindow(length, to))
	if err != nil {
		return wire.Verdict{}, err
	}
	return verdict, p.output.print(stdout, report)
}
