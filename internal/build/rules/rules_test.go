// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// maxRule is what prometheus-operator accepts for one PrometheusRule.
const maxRule = 512 << 10

// full is a monitor with every signal.
func full() *wrappers.Monitor {
	return wrappers.MakeMonitor("payments", "fraud").UID("uid").Binary().Dataset("may.parquet").
		Segment("atl", "f.country == 'US'").Segment("lax", "f.age > 3.0").
		Threshold(v1alpha1.Threshold{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.01", Severity: v1alpha1.SeverityCritical}).
		Threshold(v1alpha1.Threshold{Name: "p99", Signal: v1alpha1.SignalLatencySeconds, Quantile: "0.99", Max: "0.05", For: "1m", MinSamples: 10}).
		Threshold(v1alpha1.Threshold{Name: "timeouts", Signal: v1alpha1.SignalTimeoutRatio, Max: "0.001", Window: "10m"}).
		Threshold(v1alpha1.Threshold{Name: "load", Signal: v1alpha1.SignalRequestsPerSecond, Min: "0.1", Max: "1000"}).
		Threshold(v1alpha1.Threshold{Name: "sure", Signal: v1alpha1.SignalMeanConfidence, Min: "0.6", Segments: []v1alpha1.ItemName{"lax"}}).
		Threshold(v1alpha1.Threshold{Name: "unsure", Signal: v1alpha1.SignalMeanEntropy, Max: "0.9"}).
		Threshold(v1alpha1.Threshold{Name: "loss", Signal: v1alpha1.SignalCaptureLossRatio, Max: "0.05"}).
		Threshold(v1alpha1.Threshold{Name: "drift", Signal: v1alpha1.SignalPredictionDrift, Max: "0.2", Segments: []v1alpha1.ItemName{"atl"}}).
		Threshold(v1alpha1.Threshold{Name: "recall", Signal: v1alpha1.SignalRecall, Min: "0.8", Severity: v1alpha1.SeverityCritical})
}

// hostile is a monitor whose texts would be templates if they were not escaped.
func hostile() *wrappers.Monitor {
	m := wrappers.MakeMonitor("payments", "fraud").UID("uid").
		Threshold(v1alpha1.Threshold{Name: "errors", Signal: v1alpha1.SignalErrorRatio, Max: "0.01"})
	m.Spec.Alerting = v1alpha1.Alerting{
		Labels:     map[string]string{"team": `{{ query "up" }} "quoted"`},
		RunbookURL: "https://runbooks/{{ .Secret }}",
	}
	return m
}

func build(w *wrappers.Monitor) *unstructured.Unstructured {
	m := w.Obj()
	return Build(m, monitor.Bound(m, wrappers.MakeClass("standard")))
}

func TestGolden(t *testing.T) {
	for name, w := range map[string]*wrappers.Monitor{
		"full":    full(),
		"observe": full().Mode(v1alpha1.ModeObserve),
		"least":   wrappers.MakeMonitor("payments", "fraud").UID("uid"),
		"hostile": hostile(),
	} {
		t.Run(name, func(t *testing.T) {
			golden.Object(t, name, build(w).Object, &monitoringv1.PrometheusRule{})
		})
	}
}

func TestEveryAlertHasARunbook(t *testing.T) {
	b, err := os.ReadFile("../../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	var rule monitoringv1.PrometheusRule
	parse(t, build(full()), &rule)
	for _, g := range rule.Spec.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			anchor, ok := strings.CutPrefix(r.Annotations["runbook_url"], runbooks)
			if !ok || !strings.Contains(strings.ToLower(string(b)), "\n### "+anchor+"\n") {
				t.Errorf("%s: docs/alerts.md has no section for %s", r.Alert, r.Annotations["runbook_url"])
			}
		}
	}
}

// The other signals of performance are described, too.
func TestEverySignalOfPerformanceHasARunbook(t *testing.T) {
	b, err := os.ReadFile("../../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []v1alpha1.Signal{
		v1alpha1.SignalAccuracy, v1alpha1.SignalPrecision, v1alpha1.SignalF1, v1alpha1.SignalAUC, v1alpha1.SignalLogLoss, v1alpha1.SignalBrier,
		v1alpha1.SignalMAE, v1alpha1.SignalRMSE, v1alpha1.SignalEscalationRatio, v1alpha1.SignalCriticalErrorRatio, v1alpha1.SignalCostPerDay,
		v1alpha1.SignalLabelCoverage,
	} {
		if !strings.Contains(string(b), "\n### "+string(s)+"\n") {
			t.Errorf("docs/alerts.md has no section for %s", s)
		}
	}
}

func TestObserveRaisesNoAlert(t *testing.T) {
	var rule monitoringv1.PrometheusRule
	parse(t, build(full().Mode(v1alpha1.ModeObserve)), &rule)
	for _, g := range rule.Spec.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				t.Errorf("group %s has the alert %s", g.Name, r.Alert)
			}
		}
	}
}

func TestTheLargestMonitorFitsIntoOneRule(t *testing.T) {
	w := wrappers.MakeMonitor(strings.Repeat("n", 63), strings.Repeat("m", 40)).UID("uid").Binary()
	var all []v1alpha1.ItemName
	for i := range 32 {
		name := fmt.Sprintf("%s-%02d", strings.Repeat("s", 60), i)
		w.Segment(name, "true")
		all = append(all, v1alpha1.ItemName(name))
	}
	for i := range 32 {
		w.Threshold(v1alpha1.Threshold{
			Name: v1alpha1.ItemName(fmt.Sprintf("%s-%02d", strings.Repeat("t", 60), i)), Segments: all,
			Signal: v1alpha1.SignalErrorRatio, Min: "0.000000001", Max: "0.999999999", Window: "99999s", For: "99999s",
		})
	}
	w.Spec.Alerting.RunbookURL = "https://" + strings.Repeat("r", 1016)
	w.Spec.Alerting.Labels = map[string]string{}
	for i := range 16 {
		w.Spec.Alerting.Labels[fmt.Sprintf("l%062d", i)] = strings.Repeat("v", 256)
	}
	b, err := yaml.Marshal(build(w).Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	if len(b) >= maxRule {
		t.Errorf("the rule takes %d bytes, prometheus-operator accepts %d", len(b), maxRule)
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
	for name, w := range map[string]*wrappers.Monitor{"full": full(), "observe": full().Mode(v1alpha1.ModeObserve), "hostile": hostile()} {
		spec, err := yaml.Marshal(build(w).Object["spec"])
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

func parse(t *testing.T, from, to any) {
	t.Helper()
	b, err := yaml.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(b, to); err != nil {
		t.Fatal(err)
	}
}
