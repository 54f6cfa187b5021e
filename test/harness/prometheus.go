// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// Prometheus asks a Prometheus server.
type Prometheus struct {
	// URL is its root, for example "http://127.0.0.1:9090".
	URL string
}

// Sample is one series of an instant vector.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query evaluates an expression now. A scalar is a sample without labels.
func (p Prometheus) Query(ctx context.Context, expression string) ([]Sample, error) {
	type point [2]any // Unix seconds, and the value as a string
	var data struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	}
	if err := p.get(ctx, "/api/v1/query", url.Values{"query": {expression}}, &data); err != nil {
		return nil, fmt.Errorf("querying %q: %w", expression, err)
	}
	value := func(p point) (float64, error) {
		s, ok := p[1].(string)
		if !ok {
			return 0, fmt.Errorf("value %v is no string", p[1])
		}
		return strconv.ParseFloat(s, 64)
	}
	if data.ResultType == "scalar" {
		var p point
		if err := json.Unmarshal(data.Result, &p); err != nil {
			return nil, fmt.Errorf("querying %q: %w", expression, err)
		}
		v, err := value(p)
		return []Sample{{Value: v}}, err
	}
	var vector []struct {
		Metric map[string]string `json:"metric"`
		Value  point             `json:"value"`
	}
	if err := json.Unmarshal(data.Result, &vector); err != nil {
		return nil, fmt.Errorf("querying %q: result of type %s: %w", expression, data.ResultType, err)
	}
	samples := make([]Sample, len(vector))
	for i, s := range vector {
		v, err := value(s.Value)
		if err != nil {
			return nil, fmt.Errorf("querying %q: %w", expression, err)
		}
		samples[i] = Sample{Labels: s.Metric, Value: v}
	}
	return samples, nil
}

// Sum evaluates an expression and adds its samples up; 0 when there is none.
func (p Prometheus) Sum(ctx context.Context, expression string) (float64, error) {
	samples, err := p.Query(ctx, expression)
	sum := 0.0
	for _, s := range samples {
		sum += s.Value
	}
	return sum, err
}

// Alert is an alert that is pending or fires.
type Alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	// State is "pending" or "firing".
	State    string    `json:"state"`
	ActiveAt time.Time `json:"activeAt"`
}

// Alerts lists the active alerts.
func (p Prometheus) Alerts(ctx context.Context) ([]Alert, error) {
	var data struct {
		Alerts []Alert `json:"alerts"`
	}
	err := p.get(ctx, "/api/v1/alerts", nil, &data)
	return data.Alerts, err
}

func (p Prometheus) get(ctx context.Context, path string, query url.Values, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking Prometheus: %w", err)
	}
	defer response.Body.Close()
	answer := struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   any    `json:"data"`
	}{Data: data}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return fmt.Errorf("asking Prometheus: status %d: %w", response.StatusCode, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("asking Prometheus: %s", answer.Error)
	}
	return nil
}
