// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/testing/freeport"
)

// TestARealPrometheus asks a Prometheus that wants a password and a client certificate, both of which it checks itself.
func TestARealPrometheus(t *testing.T) {
	a := newAuthority(t)
	url := startPrometheus(t, a, "vedette", "s3cret")
	certificate, key := a.issue(t, "vedette")
	items := map[string]string{
		"url": url, "username": "vedette", "password": "s3cret",
		"ca.crt": string(a.pem), "tls.crt": string(certificate), "tls.key": string(key),
	}
	client := func(change map[string]string) *Client {
		changed := maps.Clone(items)
		maps.Copy(changed, change)
		maps.DeleteFunc(changed, func(_, value string) bool { return value == "" })
		k := &secrets{}
		k.set("prom", changed)
		return NewClient(k, "system", time.Now)
	}
	server := Server{URL: url, Secret: "prom", TenantHeader: "X-Scope-OrgID", Tenant: "team-a"}

	right := client(nil)
	var samples []monitor.Sample
	if err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		samples, err = right.Thresholds(ctx, server, "payments", "fraud")
		return err == nil && len(samples) > 0, nil // it starts, and then evaluates its rules
	}); err != nil {
		t.Fatalf("it does not answer: %v", right.Check(t.Context(), server))
	}
	if diff := cmp.Diff([]monitor.Sample{{Threshold: "p99", Segment: "all", Value: 1}}, samples); diff != "" {
		t.Error(diff)
	}
	if value, err := right.Value(t.Context(), server, "vector(1) + 1"); err != nil || value != 2 {
		t.Errorf("a query yields %v, %v", value, err)
	}
	if _, err := right.Evidence(t.Context(), server, Try{Namespace: "payments", Rollout: "fraud", Candidate: "0123456789", Attempt: "1"}); err != nil {
		t.Errorf("the evidence: %v", err)
	}

	stranger := newAuthority(t)
	theirs, theirKey := stranger.issue(t, "vedette")
	for name, tt := range map[string]struct {
		change map[string]string
		want   error // any where nil
	}{
		"a wrong password":                  {map[string]string{"password": "other"}, ErrRefused},
		"no password":                       {map[string]string{"username": "", "password": ""}, ErrRefused},
		"no client certificate":             {map[string]string{"tls.crt": "", "tls.key": ""}, nil},
		"a client certificate of strangers": {map[string]string{"tls.crt": string(theirs), "tls.key": string(theirKey)}, nil},
		"no authority":                      {map[string]string{"ca.crt": ""}, ErrUntrusted},
		"another authority":                 {map[string]string{"ca.crt": string(stranger.pem)}, ErrUntrusted},
	} {
		if err := client(tt.change).Check(t.Context(), server); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// startPrometheus starts a Prometheus with one recording rule, and returns its address. It may take a moment to answer.
func startPrometheus(t *testing.T, a *authority, username, password string) string {
	t.Helper()
	program := os.Getenv("VEDETTE_PROMETHEUS")
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("VEDETTE_PROMETHEUS is not set: run the tests with make test")
		}
		t.Skip("VEDETTE_PROMETHEUS is not set: run the tests with make test")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := a.issue(t, "prometheus")
	dir := t.TempDir()
	for name, content := range map[string]string{
		"ca.crt": string(a.pem), "tls.crt": string(certificate), "tls.key": string(key),
		"web.yml": fmt.Sprintf(`tls_server_config:
  cert_file: tls.crt
  key_file: tls.key
  client_ca_file: ca.crt
  client_auth_type: RequireAndVerifyClientCert
basic_auth_users:
  %s: %s
`, username, hash),
		"prometheus.yml": "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n",
		"rules.yml": `groups:
- name: vedette
  rules:
  - record: vedette:threshold_violated
    expr: vector(1)
    labels: {namespace: payments, monitor: fraud, threshold: p99, segment: all}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := freeport.Address(t)
	cmd := exec.CommandContext(t.Context(), program, "--config.file=prometheus.yml", "--web.config.file=web.yml", "--storage.tsdb.path=data", "--web.listen-address="+address)
	cmd.Dir = dir
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the end of the test's context ends it
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus said:\n%s", log.String())
		}
	})
	return "https://" + address
}
