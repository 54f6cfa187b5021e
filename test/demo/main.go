// SPDX-License-Identifier: Apache-2.0

// Command demo runs the whole of Vedette on real flights and a real cluster, step by step, and fails unless everything
// that it promises was observed. "demo down" removes what it made.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/test/harness"
)

// deadline bounds a run; building everything from nothing takes the most of it.
const deadline = 40 * time.Minute

func main() {
	// The libraries' own messages would stand between the demo's.
	quiet := logr.FromSlogHandler(slog.DiscardHandler)
	ctrllog.SetLogger(quiet)
	klog.SetLogger(quiet)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	cluster, err := harness.New(ctx, out)
	if err != nil {
		return err
	}
	d := &demo{out: out, cluster: cluster, now: time.Now}
	switch {
	case len(args) == 1 && args[0] == "down":
		return d.down(ctx)
	case len(args) > 0:
		return errors.New("usage: demo [down]")
	}
	if d.keys, err = os.MkdirTemp("", "vedette-demo-"); err != nil {
		return fmt.Errorf("making a folder for the store's keys: %w", err)
	}
	defer os.RemoveAll(d.keys)
	// Port forwards end with the demo.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = d.play(ctx)
	if err != nil && cluster.Client != nil {
		fmt.Fprint(out, "\nWhat the cluster says:\n")
		diagnosis, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		d.printStatus(diagnosis)
		cluster.Diagnose(diagnosis, out, flightsNamespace, systemNamespace, demoNamespace)
	}
	return err
}
