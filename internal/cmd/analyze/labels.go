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

var labelsKind = kind{analyze.KindLabels, "take ground truth and events from the inbox", func(flags *flag.FlagSet) analysis {
	l := &labels{}
	l.key.define(flags)
	defineSince(flags, &l.since)
	l.output.define(flags)
	return l
}}

type labels struct {
	key    hashKeyFlag
	since  time.Time
	output outputFlag
}

func (l *labels) validate(args []string) error { return first(noArguments(args), l.output.validate()) }

func (l *labels) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (verdict wire.Verdict, err error) {
	if env.HashKey, err = l.key.read(); err != nil {
		return wire.Verdict{}, err
	}
	env.LabelsSince = l.since
	report, verdict, err := analyze.Labels(ctx, env)
	if err != nil {
		return wire.Verdict{}, err
	}
	return verdict, l.output.print(stdout, report)
}

// defineSince defines the flag that says which labels are new.
func defineSince(flags *flag.FlagSet, since *time.Time) {
	flags.TextVar(since, "labels-since", time.Time{}, "`time`, as RFC 3339, after which labels were received that the verdict counts: when the model was trained last")
}

// hashKeyFlag names the file with the key of hashed label keys.
type hashKeyFlag string

func (f *hashKeyFlag) define(flags *flag.FlagSet) {
	flags.StringVar((*string)(f), "hash-key", filepath.Join(naming.ConfigMount, naming.HashKeyDir, naming.HashKeyFile), "`file` with the key of hashed label keys")
}

// read is the key; nil where there is none, which only hashed keys need.
func (f *hashKeyFlag) read() ([]byte, error) {
	key, err := os.ReadFile(string(*f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key of hashed label keys: %w", err)
	}
	return key, nil
}
