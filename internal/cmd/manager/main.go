// SPDX-License-Identifier: Apache-2.0

// Command manager is the operator: it watches MonitorClasses and ModelMonitors, and injects the capture sidecar at
// admission. This package turns flags into wiring and owns nothing else.
package main

import (
	"errors"
	"flag"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	}
	logger := logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.logLevel}))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)

	if err := run(ctrl.SetupSignalHandler(), o, logger); err != nil {
		logger.Error(err, "manager failed")
		os.Exit(1)
	}
}
