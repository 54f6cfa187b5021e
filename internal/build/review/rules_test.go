// SPDX-License-Identifier: Apache-2.0

package review

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestAlertsHaveARunbook wants the section of docs/alerts.md that each alert points at.
func TestAlertsHaveARunbook(t *testing.T) {
	b, err := os.ReadFile("../../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range least().alerts() {
		if !strings.Contains(string(b), "\n### "+a.name+"\n") {
			t.Errorf("docs/alerts.md has no section %s", a.name)
		}
	}
}

// TestPromtool lets Prometheus's own tool check the rules and run them against the series of testdata/*_test.yaml.
func TestPromtool(t *testing.T) {
	tool := os.Getenv("VEDETTE_PROMTOOL")
	if tool == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("VEDETTE_PROMTOOL is not set: run the tests with make test")
		}
		t.Skip("VEDETTE_PROMTOOL is not set: run the tests with make test")
	}
	dir := t.TempDir()
	for name, p := range map[string]Params{"least": least(), "full": full()} {
		spec, err := yaml.Marshal(Rules(p).Object["spec"])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), spec, 0o600); err != nil {
			t.Fatal(err)
		}
		promtool(t, tool, dir, "check", "rules", "--lint=all", "--lint-fatal", name+".yaml")
	}
	tests, err := filepath.Glob("testdata/*_test.yaml")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests of rules: %v", err)
	}
	for _, path := range tests {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(path), func(t *testing.T) { promtool(t, tool, dir, "test", "rules", filepath.Base(path)) })
	}
}

func promtool(t *testing.T, tool, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
