// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		exit int
		want string
	}{
		"nothing":           {nil, exitUsage, "there are: backup, migrate, serve"},
		"no such command":   {[]string{"dance"}, exitUsage, `no command "dance"`},
		"no such flag":      {[]string{"serve", "--dance"}, exitUsage, "flag provided but not defined"},
		"one word too many": {[]string{"serve", "now"}, exitUsage, `unexpected argument "now"`},
		"help":              {[]string{"serve", "--help"}, 0, "-oidc-client-secret"},
		"nothing to copy":   {[]string{"migrate", "--from", "sqlite:queue.db"}, exitUsage, "--from and --to must be given"},
		"no document":       {[]string{"serve", "--config", "/nowhere/review.v1.json"}, 1, "reading the document of the queue"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			if got := run(t.Context(), c.args, &stderr); got != c.exit || !strings.Contains(stderr.String(), c.want) {
				t.Errorf("exit %d: %s", got, &stderr)
			}
		})
	}
}
