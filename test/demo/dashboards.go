// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/test/harness"
)

// dashboardsPattern finds the dashboards that Vedette ships. Without a Grafana, it is their queries that are tried.
const dashboardsPattern = "config/grafana/*.json"

// dashboard is what is read of a Grafana dashboard.
type dashboard struct {
	Title  string  `json:"title"`
	Panels []panel `json:"panels"`
}

type panel struct {
	Title   string  `json:"title"`
	Panels  []panel `json:"panels"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

// variables are what a person would choose, and what Grafana itself sets.
var variables = map[string]string{
	"namespace": flightsNamespace, "monitor": monitorKey.Name, "model": monitorKey.Name, "version": ".*", "segment": ".*",
	"__rate_interval": "1m", "__interval": "15s", "__range": "10m",
}

var variable = regexp.MustCompile(`\$\{?(\w+)(?::\w+)?\}?`)

// dashboardTimeout covers a scrape of everything, so that a pod that has just started is no failure.
const dashboardTimeout = time.Minute

// checkDashboards evaluates every query of every panel, and wants at least one series of each.
func (d *demo) checkDashboards(ctx context.Context) error {
	files, err := filepath.Glob(d.cluster.Path(dashboardsPattern))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("there is no dashboard %s (%w)", dashboardsPattern, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading a dashboard: %w", err)
		}
		var board dashboard
		if err := json.Unmarshal(b, &board); err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		queries := board.queries()
		if len(queries) == 0 {
			return fmt.Errorf("%s has no queries", file)
		}
		err = harness.Until(ctx, dashboardTimeout, "series for every panel of "+board.Title, func(ctx context.Context) (bool, string, error) {
			var errs []error
			for _, q := range queries {
				errs = append(errs, d.tryQuery(ctx, q))
			}
			err := errors.Join(errs...)
			return err == nil, "", err
		})
		if err != nil {
			return err
		}
		d.sayf("%s: all of its %d queries have series", board.Title, len(queries))
	}
	return nil
}

// query is one expression of a dashboard, and where it is.
type query struct{ where, expression string }

func (b dashboard) queries() []query {
	var queries []query
	var walk func(panels []panel)
	walk = func(panels []panel) {
		for _, p := range panels {
			for _, t := range p.Targets {
				queries = append(queries, query{"panel " + p.Title, t.Expr})
			}
			walk(p.Panels)
		}
	}
	walk(b.Panels)
	return queries
}

func (d *demo) tryQuery(ctx context.Context, q query) error {
	var unknown []string
	expression := variable.ReplaceAllStringFunc(q.expression, func(s string) string {
		name := variable.FindStringSubmatch(s)[1]
		value, ok := variables[name]
		if !ok {
			unknown = append(unknown, name)
		}
		return value
	})
	if len(unknown) > 0 {
		return fmt.Errorf("%s: unknown variables %s", q.where, strings.Join(unknown, ", "))
	}
	samples, err := d.prometheus.Query(ctx, expression)
	if err == nil && len(samples) == 0 {
		err = fmt.Errorf("no series for %s", expression)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", q.where, err)
	}
	return nil
}
