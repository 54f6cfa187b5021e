// SPDX-License-Identifier: Apache-2.0

// Package prometheus asks a Prometheus, with the credentials and the tenant of the class, which thresholds of a monitor are
// violated and what was counted of a rollout. It reads Secrets of the manager's namespace only, and writes nothing.
package prometheus

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/promql"
)

// Bounds of one question: an answer for 32 thresholds in 33 segments takes less than 1 MiB.
const (
	maxAnswer = 4 << 20
	timeout   = 3 * time.Second
)

// Client asks Prometheus servers over HTTP. It is safe for concurrent use.
type Client struct {
	secrets   Secrets
	namespace string
	now       func() time.Time
	// plain is what servers without credentials are asked over.
	plain *connection

	mu    sync.Mutex
	known map[string]*connection // by the name of the Secret
}

// NewClient makes a client that reads credentials from Secrets of the namespace, the manager's own.
func NewClient(secrets Secrets, namespace string, now func() time.Time) *Client {
	return &Client{secrets: secrets, namespace: namespace, now: now, plain: connect(&credentials{}), known: map[string]*connection{}}
}

// Errors that say why a server gave no answer, besides that it could not be reached, and SecretError.
var (
	// ErrRefused means that it refuses the credentials or the tenant.
	ErrRefused = errors.New("it refuses the credentials or the tenant")
	// ErrUntrusted means that no known authority vouches for its certificate.
	ErrUntrusted = errors.New("its certificate is not trusted")
)

// Check finds out whether a server can be asked.
func (c *Client) Check(ctx context.Context, server Server) error {
	if _, err := c.query(ctx, server, "vector(1)"); err != nil {
		return fmt.Errorf("asking Prometheus: %w", err)
	}
	return nil
}

// Thresholds returns the recorded verdicts on the thresholds of a monitor. Missing ones had too few samples.
func (c *Client) Thresholds(ctx context.Context, server Server, namespace, name string) ([]monitor.Sample, error) {
	query := promql.Select(naming.RuleThresholdViolated, promql.Equal("namespace", namespace), promql.Equal("monitor", name))
	result, err := c.query(ctx, server, query)
	if err != nil {
		return nil, fmt.Errorf("asking Prometheus: %w", err)
	}
	samples := make([]monitor.Sample, 0, len(result))
	for _, r := range result {
		value, err := r.number()
		if err != nil {
			return nil, fmt.Errorf("reading Prometheus's answer: %w", err)
		}
		samples = append(samples, monitor.Sample{Threshold: r.Metric["threshold"], Segment: r.Metric["segment"], Value: value})
	}
	return samples, nil
}

type answer struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Data   struct {
		ResultType string   `json:"resultType"`
		Result     []series `json:"result"`
	} `json:"data"`
}

type series struct {
	Metric map[string]string  `json:"metric"`
	Value  [2]json.RawMessage `json:"value"`
}

func (s series) number() (float64, error) {
	var text string
	if err := json.Unmarshal(s.Value[1], &text); err != nil {
		return 0, fmt.Errorf("a value that is no string: %w", err)
	}
	return strconv.ParseFloat(text, 64)
}

func (c *Client) query(ctx context.Context, server Server, query string) ([]series, error) {
	return c.within(ctx, timeout, server, query)
}

// within asks, and waits no longer than the limit.
func (c *Client) within(ctx context.Context, limit time.Duration, server Server, query string) ([]series, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	body := strings.NewReader(url.Values{"query": {query}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(server.URL, "/")+"/api/v1/query", body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.do(req, server)
	if untrusted := (*tls.CertificateVerificationError)(nil); errors.As(err, &untrusted) {
		return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	return decode(resp)
}

// decode takes the series out of an answer.
func decode(resp *http.Response) ([]series, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%w: status %d", ErrRefused, resp.StatusCode)
	case resp.StatusCode/100 == 3:
		return nil, fmt.Errorf("status %d, a redirect to %.200q, which is not followed: put the address itself into spec.prometheus.url", resp.StatusCode, resp.Header.Get("Location"))
	case err != nil:
		return nil, err
	case len(b) > maxAnswer:
		return nil, fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("status %d, and an answer that is not Prometheus's: %w", resp.StatusCode, err)
	}
	if a.Status != "success" {
		return nil, fmt.Errorf("status %d: %.200s", resp.StatusCode, a.Error)
	}
	if a.Data.ResultType != "vector" {
		return nil, fmt.Errorf("an answer of type %q, want a vector", a.Data.ResultType)
	}
	return a.Data.Result, nil
}
