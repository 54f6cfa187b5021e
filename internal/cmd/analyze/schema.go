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

var schemaKind = kind{analyze.KindSchema, "guess a schema from the bodies that were kept", func(flags *flag.FlagSet) analysis {
	s := &schema{}
	s.window.define(flags)
	s.output.define(flags)
	flags.Int64Var(&s.calls, "calls", 1000, "how many calls to look at")
	return s
}}

type schema struct {
	window windowFlags
	output outputFlag
	calls  int64
}

func (s *schema) validate(args []string) error {
	if s.calls < 1 || s.calls > analyze.MaxCalls {
		return fmt.Errorf("--calls is %d, want 1 to %d", s.calls, analyze.MaxCalls)
	}
	return first(noArguments(args), s.output.validate(), s.window.validate())
}

func (s *schema) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	window, err := s.window.of(env, env.Config.Outliers.WindowSeconds)
	if err != nil {
		return wire.Verdict{}, err
	}
	report, verdict, err := analyze.InferSchema(ctx, env, window, s.calls)
	if err != nil {
		return wire.Verdict{}, err
	}
	return verdict, s.output.print(stdout, report)
}
