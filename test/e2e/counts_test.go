// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/vedette-dev/vedette/internal/naming"
)

// counts are the metrics of all sidecars of a scene, read from the sidecars themselves.
type counts []map[string]*dto.MetricFamily

// counts reads the metrics of the scene's pods now.
func (s *scene) counts(ctx context.Context) (counts, error) {
	pods, err := s.pods(ctx)
	if err != nil {
		return nil, err
	}
	var c counts
	for _, pod := range pods {
		url := fmt.Sprintf("%s/api/v1/namespaces/%s/pods/%s:%d/proxy/metrics", cluster.Config.Host, pod.Namespace, pod.Name, naming.MetricsPort)
		body, err := get(ctx, url)
		if err != nil {
			return nil, err
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("reading the metrics of pod %s: %w", pod.Name, err)
		}
		c = append(c, families)
	}
	return c, nil
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := api.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %.200s", url, response.Status, body)
	}
	return string(body), err
}

// sum adds up the series of a metric that have the given labels, names and values in turn.
func (c counts) sum(name string, labels ...string) float64 {
	total := 0.0
	for _, families := range c {
		for _, m := range families[name].GetMetric() {
			if has(m, labels) {
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return total
}

// series is the greatest number of series that a sidecar has.
func (c counts) series() int {
	most := 0
	for _, families := range c {
		n := 0
		for _, family := range families {
			for _, m := range family.GetMetric() {
				switch {
				case m.Histogram != nil:
					n += len(m.Histogram.GetBucket()) + 2
				case m.Summary != nil:
					n += len(m.Summary.GetQuantile()) + 2
				default:
					n++
				}
			}
		}
		most = max(most, n)
	}
	return most
}

// everywhere says whether every sidecar has a series of a metric with the given labels.
func (c counts) everywhere(name string, labels ...string) bool {
	for _, families := range c {
		found := false
		for _, m := range families[name].GetMetric() {
			found = found || has(m, labels)
		}
		if !found {
			return false
		}
	}
	return len(c) > 0
}

func has(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		found := false
		for _, l := range m.GetLabel() {
			found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}
		if !found {
			return false
		}
	}
	return true
}

// waitCaptures waits until every sidecar has the configuration that the monitor's status names.
func (s *scene) waitCaptures() {
	s.Helper()
	s.until(reloadTimeout, "the sidecars to have the configuration", func(ctx context.Context) (bool, string, error) {
		m, err := s.readMonitor(ctx)
		if err != nil {
			return false, "", err
		}
		c, err := s.counts(ctx)
		if err != nil {
			return false, "", err
		}
		revision := m.Status.ConfigRevision
		return revision != "" && m.Status.ObservedGeneration == m.Generation && c.everywhere(naming.MetricConfigInfo, "revision", revision),
			fmt.Sprintf("the monitor has revision %q", revision), nil
	})
}

// settled waits until the sidecars have counted a number of instances and stored or dropped all that they kept of them,
// and returns the counts.
func (s *scene) settled(instances int64) counts {
	s.Helper()
	var c counts
	s.until(reloadTimeout, fmt.Sprintf("%d instances to be stored", instances), func(ctx context.Context) (_ bool, _ string, err error) {
		if c, err = s.counts(ctx); err != nil {
			return false, "", err
		}
		got, rows := c.sum(naming.MetricInstances), c.sum(naming.MetricRows)
		stored, dropped, waiting := c.sum(naming.MetricRowsStored), c.sum(naming.MetricRowsDropped), c.sum(naming.MetricSpoolBytes)
		done := got == float64(instances) && rows > 0 && rows == stored+dropped-c.sum(naming.MetricRowsDropped, "tier", "profiles") && waiting == 0
		return done, fmt.Sprintf("%v instances, %v rows of which %v are stored and %v dropped, %v bytes wait", got, rows, stored, dropped, waiting), nil
	})
	return c
}
