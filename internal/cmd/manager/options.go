// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// options are what the flags say.
type options struct {
	captureImage   string
	analyzeImage   string
	reviewImage    string
	namespace      string
	namespaces     []string
	metricsAddress string
	healthAddress  string
	verdictAddress string
	leaderElection bool
	injection      injection
	certProvider   certProvider
	certDir        string
	webhookPort    int
	// auditCredentials is the folder with the credentials of the audit logs.
	auditCredentials string
	logLevel         slog.Level
}

// injection says whether the webhook is served.
type injection string

const (
	injectionEnabled  injection = "Enabled"
	injectionDisabled injection = "Disabled"
)

// certProvider says who makes the webhook's certificate.
type certProvider string

const (
	certProviderSelf        certProvider = "Self"
	certProviderCertManager certProvider = "CertManager"
)

// parse reads the flags. On an error it has written what was wrong, and how to use them, to w.
func parse(args []string, w io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("manager", flag.ContinueOnError)
	fs.SetOutput(w)
	fs.StringVar(&o.captureImage, "capture-image", "ghcr.io/vedette-dev/capture:v0.1.0", "image of the capture sidecar, where a MonitorClass names none")
	fs.StringVar(&o.analyzeImage, "analyze-image", "ghcr.io/vedette-dev/analyze:v0.1.0", "image of the analysis Jobs")
	fs.StringVar(&o.reviewImage, "review-image", "ghcr.io/vedette-dev/review:v0.1.0", "image of the pages of AnnotationQueues")
	fs.StringVar(&o.namespace, "namespace", "vedette-system", "namespace of the manager's own objects: its lease, its certificate, and the Secrets of Prometheus's credentials")
	fs.Func("namespaces", "comma-separated namespaces to watch; all when empty", func(s string) error {
		o.namespaces = split(s)
		return nil
	})
	fs.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "address of the metrics, served by HTTPS to clients who may read them; 0 turns them off")
	fs.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	fs.StringVar(&o.verdictAddress, "verdict-bind-address", "0", "address of the verdicts on candidates, served by HTTP to whoever can reach it; 0 turns them off")
	fs.BoolVar(&o.leaderElection, "leader-elect", true, "whether one replica leads; without it there must be no other")
	fs.Func("injection", "whether the sidecar is injected: Enabled or Disabled (default Enabled)", oneOf(&o.injection, injectionEnabled, injectionDisabled))
	fs.Func("cert-provider", "who makes the webhook's certificate: Self or CertManager (default Self)", oneOf(&o.certProvider, certProviderSelf, certProviderCertManager))
	fs.StringVar(&o.certDir, "cert-dir", "/var/run/vedette/certificate", "folder where the Secret with the webhook's certificate is mounted")
	fs.IntVar(&o.webhookPort, "webhook-port", 9443, "port of the webhook")
	fs.StringVar(&o.auditCredentials, "audit-credentials", "/var/run/vedette/audit", "folder where the Secret with the credentials of the audit logs is mounted; without it, the identity of the pod is used")
	fs.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "least level that is logged: DEBUG, INFO, WARN or ERROR")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		err := fmt.Errorf("unexpected argument %q: everything is a flag", fs.Arg(0))
		fmt.Fprintln(w, err)
		return o, err
	}
	if o.captureImage == "" || o.analyzeImage == "" || o.reviewImage == "" || o.namespace == "" {
		err := errors.New("--capture-image, --analyze-image, --review-image and --namespace must not be empty")
		fmt.Fprintln(w, err)
		return o, err
	}
	return o, nil
}

// oneOf sets target to its first value, and makes a flag that accepts any of them.
func oneOf[T ~string](target *T, values ...T) func(string) error {
	*target = values[0]
	return func(s string) error {
		for _, v := range values {
			if s == string(v) {
				*target = v
				return nil
			}
		}
		return fmt.Errorf("must be one of %v", values)
	}
}

func split(s string) []string {
	var out []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
