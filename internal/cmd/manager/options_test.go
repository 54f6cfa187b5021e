// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/testing/apiserver"
)

func TestParse(t *testing.T) {
	defaults := options{
		captureImage:     "ghcr.io/vedette-dev/capture:v0.1.0",
		analyzeImage:     "ghcr.io/vedette-dev/analyze:v0.1.0",
		reviewImage:      "ghcr.io/vedette-dev/review:v0.1.0",
		namespace:        "vedette-system",
		metricsAddress:   ":8443",
		healthAddress:    ":8081",
		verdictAddress:   "0",
		leaderElection:   true,
		injection:        injectionEnabled,
		certProvider:     certProviderSelf,
		certDir:          "/var/run/vedette/certificate",
		webhookPort:      9443,
		auditCredentials: "/var/run/vedette/audit",
	}
	with := func(change func(*options)) options {
		o := defaults
		change(&o)
		return o
	}
	for name, tt := range map[string]struct {
		args    []string
		want    options
		wantErr string
	}{
		"nothing is needed": {want: defaults},
		"namespaces are split, and blanks between them ignored": {args: []string{"--namespaces=a, b,"}, want: with(func(o *options) { o.namespaces = []string{"a", "b"} })},
		"injection is turned off":                               {args: []string{"--injection=Disabled"}, want: with(func(o *options) { o.injection = injectionDisabled })},
		"cert-manager makes the certificate":                    {args: []string{"--cert-provider=CertManager"}, want: with(func(o *options) { o.certProvider = certProviderCertManager })},
		"verdicts are served":                                   {args: []string{"--verdict-bind-address=:8082"}, want: with(func(o *options) { o.verdictAddress = ":8082" })},
		"the level is a word":                                   {args: []string{"--log-level=DEBUG"}, want: with(func(o *options) { o.logLevel = slog.LevelDebug })},
		"an unknown word names the known ones":                  {args: []string{"--injection=off"}, wantErr: "must be one of [Enabled Disabled]"},
		"an unknown flag":                                       {args: []string{"--verbose"}, wantErr: "not defined"},
		"an argument that is no flag":                           {args: []string{"start"}, wantErr: `unexpected argument "start"`},
		"an empty image":                                        {args: []string{"--capture-image="}, wantErr: "must not be empty"},
		"an empty image of the pages":                           {args: []string{"--review-image="}, wantErr: "must not be empty"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			got, err := parse(tt.args, &out)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) || !strings.Contains(out.String(), tt.wantErr) {
					t.Errorf("error %v, written %q; want both to contain %q", err, out.String(), tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(options{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFlagsOfManifests has every flag that a manifest or the Makefile sets read.
func TestFlagsOfManifests(t *testing.T) {
	flag := regexp.MustCompile(`(?m)^ *(?:- |value: )(--[a-z-]+=\S+)$|internal/cmd/manager (--.*)$`)
	found := 0
	check := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range flag.FindAllStringSubmatch(string(b), -1) {
			found++
			var out strings.Builder
			if _, err := parse(strings.Fields(m[1]+m[2]), &out); err != nil {
				t.Errorf("%s: %s", path, out.String())
			}
		}
	}
	check(apiserver.File("Makefile"))
	for _, dir := range []string{"manager", "certmanager", "verdicts", "overlays"} {
		err := filepath.WalkDir(apiserver.File("config/"+dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				check(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 6 {
		t.Errorf("only %d flags were found", found)
	}
}
