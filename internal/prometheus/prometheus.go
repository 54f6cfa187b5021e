// SPDX-License-Identifier: Apache-2.0

// Package prometheus asks a Prometheus which thresholds of a monitor are violated.
package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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

// Client asks Prometheus servers over HTTP.
type Client struct {
	// HTTP sends requests; http.DefaultClient when nil.
	HTTP *http.Client
}

// Thresholds returns the recorded verdicts on the thresholds of a monitor. Missing ones had too few samples.
func (c Client) Thresholds(ctx context.Context, address, namespace, name string) ([]monitor.Sample, error) {
	query := promql.Select(naming.RuleThresholdViolated, promql.Equal("namespace", namespace), promql.Equal("monitor", name))
	result, err := c.query(ctx, address, query)
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

func (c Client) query(ctx context.Context, address, query string) ([]series, error) {
	return c.within(ctx, timeout, address, query)
}

// within asks, and waits no longer than the limit.
func (c Client) within(ctx context.Context, limit time.Duration, address, query string) ([]series, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	body := strings.NewReader(url.Values{"query": {query}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(address, "/")+"/api/v1/query", body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxAnswer {
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
