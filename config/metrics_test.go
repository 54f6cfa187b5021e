// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/yaml"
)

// foreign are the metrics of libraries that our alerts and dashboards use.
var foreign = []string{
	"up", "controller_runtime_reconcile_errors_total", "controller_runtime_reconcile_total",
	"controller_runtime_webhook_latency_seconds", "certwatcher_read_certificate_errors_total",
}

var (
	metricName = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	// notNames are the parts of an expression in which words are no metrics: strings, selectors, labels to group by, ranges.
	notNames = regexp.MustCompile(`"[^"]*"|\{[^}]*\}|(by|without|on|ignoring|group_left|group_right) *\([^)]*\)|\[[^\]]*\]`)
	suffix   = regexp.MustCompile(`_(bucket|sum|count)$`)
	variable = regexp.MustCompile(`\$\{?\w+\}?`)
)

// functions of PromQL that our expressions use.
var functions = []string{
	"absent", "and", "avg", "bool", "count", "histogram_quantile", "increase", "max", "max_over_time", "min", "or", "rate", "sum", "time", "unless", "vector",
}

// TestMetricsExist wants every metric of an alert or a dashboard to be one that a program exposes or a rule records.
func TestMetricsExist(t *testing.T) {
	known := slices.Concat(foreign, exposed(t), recorded(t))
	for where, expressions := range map[string][]string{"alerts": alerts(t), "fleet": queries(t, "fleet"), "monitor": queries(t, "monitor")} {
		for _, e := range expressions {
			for _, name := range metricName.FindAllString(notNames.ReplaceAllString(e, " "), -1) {
				if slices.Contains(functions, name) || slices.Contains(known, name) || slices.Contains(known, suffix.ReplaceAllString(name, "")) {
					continue
				}
				t.Errorf("%s: %s is no known metric, in %s", where, name, e)
			}
		}
	}
}

// TestExpressions has promtool read every expression.
func TestExpressions(t *testing.T) {
	promtool := os.Getenv("VEDETTE_PROMTOOL")
	if promtool == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("VEDETTE_PROMTOOL is not set: run the tests with make test")
		}
		t.Skip("VEDETTE_PROMTOOL is not set: run the tests with make test")
	}
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for i, e := range slices.Concat(alerts(t), queries(t, "fleet"), queries(t, "monitor")) {
		e = strings.ReplaceAll(e, "$__rate_interval", "1m")
		rules = append(rules, rule{fmt.Sprintf("test:%d", i), variable.ReplaceAllString(e, "x")})
	}
	b, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "test", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestDashboards wants what Grafana needs to tell panels and boards apart, and the variables that people filter by.
func TestDashboards(t *testing.T) {
	for name, want := range map[string][]string{
		"fleet":   {"datasource", "namespace"},
		"monitor": {"datasource", "namespace", "monitor", "version", "segment"},
	} {
		d := board(t, name)
		if d.UID != "vedette-"+name {
			t.Errorf("%s: uid %q", name, d.UID)
		}
		var variables []string
		for _, v := range d.Templating.List {
			variables = append(variables, v.Name)
		}
		if !slices.Equal(variables, want) {
			t.Errorf("%s: variables %q, want %q", name, variables, want)
		}
		seen := map[int]bool{}
		for _, p := range d.Panels {
			if seen[p.ID] {
				t.Errorf("%s: two panels have the id %d", name, p.ID)
			}
			seen[p.ID] = true
			if p.Type != "row" && len(p.Targets) == 0 {
				t.Errorf("%s: panel %q asks for nothing", name, p.Title)
			}
			for _, q := range p.Targets {
				for _, v := range variable.FindAllString(q.Expr, -1) {
					if v = strings.Trim(v, "${}"); v != "__rate_interval" && !slices.Contains(variables, v) {
						t.Errorf("%s: panel %q uses the variable %s, which the dashboard has not", name, p.Title, v)
					}
				}
			}
		}
	}
}

// dashboard is what the tests read of one.
type dashboard struct {
	UID        string
	Templating struct{ List []struct{ Name string } }
	Panels     []struct {
		ID          int
		Type, Title string
		Targets     []struct{ Expr string }
	}
}

func board(t *testing.T, name string) dashboard {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("grafana", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

func queries(t *testing.T, name string) []string {
	t.Helper()
	var all []string
	for _, p := range board(t, name).Panels {
		for _, q := range p.Targets {
			all = append(all, q.Expr)
		}
	}
	return all
}

// TestOperatorAlertsHaveARunbook wants the section of docs/alerts.md that each alert points at.
func TestOperatorAlertsHaveARunbook(t *testing.T) {
	b, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range operatorAlerts(t) {
		want := "https://github.com/vedette-dev/vedette/blob/main/docs/alerts.md#" + strings.ToLower(r.Alert)
		if got := r.Annotations["runbook_url"]; got != want {
			t.Errorf("%s: runbook %q, want %q", r.Alert, got, want)
		}
		if !strings.Contains(string(b), "\n### "+r.Alert+"\n") {
			t.Errorf("%s: docs/alerts.md has no section", r.Alert)
		}
	}
}

// TestOperatorAlertsFire has promtool run the alerts on series that call for them.
func TestOperatorAlertsFire(t *testing.T) {
	promtool := os.Getenv("VEDETTE_PROMTOOL")
	if promtool == "" {
		t.Skip("VEDETTE_PROMTOOL is not set: run the tests with make test")
	}
	rule := &monitoringv1.PrometheusRule{}
	convert(t, read(t, "prometheus/alerts.yaml")[0], rule)
	rules, err := yaml.Marshal(rule.Spec)
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("testdata/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"alerts.yaml": rules, "alerts_test.yaml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", filepath.Join(dir, "alerts_test.yaml")).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

func operatorAlerts(t *testing.T) []monitoringv1.Rule {
	t.Helper()
	rule := &monitoringv1.PrometheusRule{}
	convert(t, read(t, "prometheus/alerts.yaml")[0], rule)
	var all []monitoringv1.Rule
	for _, g := range rule.Spec.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func alerts(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, r := range operatorAlerts(t) {
		all = append(all, r.Expr.String())
	}
	return all
}

// exposed are the metrics that package naming names.
func exposed(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/naming/metrics.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Metric") {
			name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return true
	})
	return names
}

// recorded are the series that the rules of a monitor with every signal record.
func recorded(t *testing.T) []string {
	t.Helper()
	rule := &monitoringv1.PrometheusRule{}
	convert(t, read(t, "../internal/build/rules/testdata/full.yaml")[0], rule)
	names := map[string]bool{}
	for _, g := range rule.Spec.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				names[r.Record] = true
			}
		}
	}
	return slices.Collect(maps.Keys(names))
}
