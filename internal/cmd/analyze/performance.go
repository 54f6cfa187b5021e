// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

var performanceKind = kind{analyze.KindPerformance, "measure the answers of a window by what was right", func(flags *flag.FlagSet) analysis {
	p := &performance{}
	p.window.define(flags)
	p.key.define(flags)
	flags.StringVar(&p.mirror, "mirror", filepath.Join(naming.ConfigMount, naming.MirrorDir, naming.MirrorFile), "mirror document: the `file` that names the trial whose pairs are judged by labels; while it is missing, none are")
	defineSince(flags, &p.since)
	p.output.define(flags)
	return p
}}

type performance struct {
	window windowFlags
	key    hashKeyFlag
	mirror string
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
	if env.Trial, err = p.trial(env); err != nil {
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

// trial is the one that goes on for the monitor; nil where there is none. A document of another release is told, and left alone: the
// measures do not depend on it.
func (p *performance) trial(env *analyze.Env) (*wire.Mirror, error) {
	document, err := os.ReadFile(p.mirror)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the mirror document: %w", err)
	}
	m, _, err := wire.DecodeMirror(document)
	if err != nil {
		env.Log.Warn("no pairs are judged by labels", "file", p.mirror, "error", err)
		return nil, nil
	}
	if m.Namespace != env.Config.Namespace || m.Monitor != env.Config.Monitor {
		env.Log.Warn("no pairs are judged by labels: the mirror document is of another monitor", "file", p.mirror)
		return nil, nil
	}
	return &m, nil
}
