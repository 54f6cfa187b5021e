// SPDX-License-Identifier: Apache-2.0

// Command kubectl-vedette is a plugin of kubectl: kubectl vedette shows what Vedette found, and why. It works with the
// rights of whoever runs it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/internal/plugin"
)

func main() {
	log.SetLogger(logr.Discard()) // what there is to say, the commands say
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit((&plugin.Plugin{Stdout: os.Stdout, Stderr: os.Stderr, Now: time.Now}).Run(ctx, os.Args[1:]))
}
