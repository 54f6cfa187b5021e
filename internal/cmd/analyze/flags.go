// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/wire"
)

// windowFlags say which window a kind looks at.
type windowFlags struct {
	length time.Duration
	to     string
}

func (f *windowFlags) define(flags *flag.FlagSet) {
	flags.DurationVar(&f.length, "window", 0, "length of the window, such as 1h; the configuration's when 0")
	flags.StringVar(&f.to, "to", "", "end of the window as RFC 3339 `time`; two flush intervals ago when empty")
}

func (f *windowFlags) validate() error {
	if f.length < 0 {
		return fmt.Errorf("--window is %s, want a positive duration", f.length)
	}
	if _, err := f.end(); err != nil {
		return fmt.Errorf("--to is %q, want a time such as 2001-06-01T00:00:00Z", f.to)
	}
	return nil
}

// given says whether the flags name the window.
func (f *windowFlags) given() bool { return f.length != 0 || f.to != "" }

func (f *windowFlags) end() (time.Time, error) {
	if f.to == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, f.to)
}

// of is the window of the flags; seconds is the length that the configuration names.
func (f *windowFlags) of(env *analyze.Env, seconds float64) (analyze.Window, error) {
	length := f.length
	if length == 0 {
		length = wire.Seconds(seconds)
	}
	to, err := f.end()
	return env.Window(length, to), err
}

// printable is a report that people and programs can read.
type printable interface {
	WriteText(w io.Writer) error
	WriteJSON(w io.Writer) error
}

// outputFlag says how a report is printed.
type outputFlag string

func (f *outputFlag) define(flags *flag.FlagSet) {
	flags.StringVar((*string)(f), "o", "text", "output `format`: text or json")
}

func (f *outputFlag) validate() error {
	if *f != "text" && *f != "json" {
		return fmt.Errorf("-o is %q, want text or json", string(*f))
	}
	return nil
}

func (f *outputFlag) print(w io.Writer, report printable) error {
	if *f == "json" {
		return report.WriteJSON(w)
	}
	return report.WriteText(w)
}

// first is the first error that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
