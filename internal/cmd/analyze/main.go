// SPDX-License-Identifier: Apache-2.0

// Command analyze runs the batch analyses of one monitor: baseline, drift, outliers and check. It has no permissions
// on the Kubernetes API: it reads a configuration document, works on the capture store, and answers with an exit code
// and, in a Job, with a verdict in the container's termination message.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit((&command{stdout: os.Stdout, stderr: os.Stderr, now: time.Now}).run(ctx, os.Args[1:]))
}
