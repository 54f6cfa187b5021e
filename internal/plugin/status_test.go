// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestStatus(t *testing.T) {
	f := newFixture(t, flights(), young(), wrappers.MakeMonitor("payments", "fraud").Obj())
	for name, args := range map[string][]string{
		"of a namespace":               {"status"},
		"of another namespace":         {"status", "-n", "payments"},
		"of all namespaces":            {"status", "-A"},
		"of one":                       {"status", "flights"},
		"of one nothing is known of":   {"status", "young"},
		"of one as JSON":               {"status", "flights", "-o", "json"},
		"of all namespaces as JSON":    {"status", "-A", "-o", "json"},
		"of a namespace without any":   {"status", "-n", "empty"},
		"of a namespace without, JSON": {"status", "-n", "empty", "-o", "json"},
	} {
		t.Run(name, func(t *testing.T) {
			golden.File(t, "status "+name+".txt", []byte(f.must(args...)))
		})
	}
}

func TestWhoGetsItWrongIsToldWhat(t *testing.T) {
	f := newFixture(t, flights(), cronOf(flights(), "drift"))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a command that is not there":       {[]string{"statsu"}, exitUsage, `there is no command "statsu"`},
		"a flag that is not there":          {[]string{"status", "--nonsense"}, exitUsage, "see kubectl vedette status --help"},
		"a format that is not there":        {[]string{"status", "-o", "yaml"}, exitUsage, "want text or json"},
		"two names":                         {[]string{"status", "a", "b"}, exitUsage, "want at most one NAME"},
		"a name in all namespaces":          {[]string{"status", "-A", "flights"}, exitUsage, "leave out --all-namespaces"},
		"a monitor that is not there":       {[]string{"status", "gone"}, exitFailed, `there is no ModelMonitor "gone" in the namespace "flights"`},
		"a monitor in another namespace":    {[]string{"status", "flights", "-n", "payments"}, exitFailed, `in the namespace "payments"`},
		"an analysis that is not scheduled": {[]string{"run", "outliers", "flights"}, exitUsage, "it has drift"},
		"a run of nothing":                  {[]string{"run", "drift"}, exitUsage, "want a KIND and a NAME"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := f.run(c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) || !strings.HasPrefix(stderr, "kubectl vedette: ") {
				t.Errorf("exit code %d, %q; want %d, %q", code, stderr, c.code, c.says)
			}
		})
	}
}

func TestWhatComesFromOutsideDoesNotBreakTheTerminal(t *testing.T) {
	m := flights()
	m.Status.Analyses[1].Message = "\x1b[31mred\x1b[0m and a\ttab"
	stdout := newFixture(t, m).must("status", "flights")
	if strings.ContainsAny(stdout, "\x1b\t") {
		t.Errorf("control characters came through: %q", stdout)
	}
}

func TestNamesAreCompletedFromTheCluster(t *testing.T) {
	f := newFixture(t, flights(), young(), wrappers.MakeMonitor("payments", "fraud").Obj(), cronOf(flights(), "drift"), cronOf(flights(), "outliers"))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"monitors":                      {[]string{"status", ""}, "flights\nyoung\n:4\n"},
		"monitors of another namespace": {[]string{"status", "-n", "payments", ""}, "fraud\n:4\n"},
		"nothing behind the name":       {[]string{"status", "flights", ""}, ":4\n"},
		"kinds":                         {[]string{"run", ""}, "drift\noutliers\n:4\n"},
		"the monitor of a run":          {[]string{"run", "drift", ""}, "flights\nyoung\n:4\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := f.must(append([]string{"__complete"}, c.args...)...); got != c.want {
				t.Errorf("completed %q, want %q", got, c.want)
			}
		})
	}
}
