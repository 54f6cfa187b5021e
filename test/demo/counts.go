// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/harness"
)

// countTimeout covers a flush, an upload and a scrape.
const countTimeout = time.Minute

// equality is something that must add up.
type equality struct {
	what string
	want int64
	// sum is PromQL.
	sum string
}

// checkCounts compares what was sent with what the sidecars counted, exactly.
func (d *demo) checkCounts(ctx context.Context) error {
	requests, instances := d.may.Requests+d.june.Requests, d.may.Instances+d.june.Instances
	of := func(metric, labels string) string {
		return fmt.Sprintf(`sum(%s{namespace=%q%s}) or vector(0)`, metric, flightsNamespace, labels)
	}
	for _, e := range []equality{
		{"requests sent = " + naming.MetricRequests, requests, of(naming.MetricRequests, "")},
		{"of them answered with 2xx", requests, of(naming.MetricRequests, `,code="2xx"`)},
		{"predictions sent = " + naming.MetricInstances, instances, of(naming.MetricInstances, "")},
		{"= profiled + skipped", instances, "(" + of(naming.MetricProfiled, "") + ") + (" + of(naming.MetricProfileSkipped, "") + ")"},
		{"= prediction rows stored + dropped", instances,
			"(" + of(naming.MetricRowsStored, `,tier="predictions"`) + ") + (" + of(naming.MetricRowsDropped, `,tier="predictions"`) + ")"},
	} {
		err := harness.Until(ctx, countTimeout, e.what, func(ctx context.Context) (bool, string, error) {
			got, err := d.prometheus.Sum(ctx, e.sum)
			return int64(got) == e.want, fmt.Sprintf("got %v, want %d", got, e.want), err
		})
		if err != nil {
			return err
		}
		d.sayf("%9d  %s", e.want, e.what)
	}
	return d.showSegments(ctx)
}

// showSegments prints what Prometheus knows of each segment, and fails when one of the monitor's has no metrics.
func (d *demo) showSegments(ctx context.Context) error {
	m, err := d.monitor(ctx)
	if err != nil {
		return err
	}
	of := func(metric string) string {
		return fmt.Sprintf(`sum by (segment) (%s{namespace=%q})`, metric, flightsNamespace)
	}
	columns := []string{
		of(naming.MetricSegmentRequests),
		fmt.Sprintf(`1000 * histogram_quantile(0.99, sum by (segment, le) (%s_bucket{namespace=%q}))`, naming.MetricSegmentLatency, flightsNamespace),
		of(naming.MetricSegmentConfidence+"_sum") + " / " + of(naming.MetricSegmentConfidence+"_count"),
	}
	values := map[string][]float64{}
	for _, column := range columns {
		samples, err := d.prometheus.Query(ctx, column)
		if err != nil {
			return err
		}
		for _, s := range samples {
			values[s.Labels["segment"]] = append(values[s.Labels["segment"]], s.Value)
		}
	}
	d.sayf("%-10s %9s %8s %11s", "SEGMENT", "REQUESTS", "P99", "CONFIDENCE")
	for _, segment := range m.Spec.Segments {
		v := values[string(segment.Name)]
		if len(v) != len(columns) {
			return fmt.Errorf("finding metrics of segment %[3]s: Prometheus has %[1]d of %[2]d", len(v), len(columns), segment.Name)
		}
		d.sayf("%-10s %9.0f %6.1fms %11.3f", segment.Name, v[0], v[1], v[2])
	}
	return nil
}

// contents counts what the store holds of a folder.
type contents struct {
	objects     int
	bytes, rows int64
}

// checkStore counts objects and rows by tier in the store itself, and compares the predictions with what was sent.
func (d *demo) checkStore(ctx context.Context) error {
	for _, folder := range []store.Folder{store.Predictions, store.Records, store.Profiles} {
		c, err := d.contents(ctx, folder)
		if err != nil {
			return err
		}
		d.sayf("%-12s %4d objects %8d rows %10d bytes", folder, c.objects, c.rows, c.bytes)
		if want := d.may.Instances + d.june.Instances; folder == store.Predictions && c.rows != want {
			return fmt.Errorf("the store holds %d predictions, want the %d that were sent", c.rows, want)
		}
		if c.rows == 0 {
			return fmt.Errorf("the store holds no %s", folder)
		}
	}
	for item, err := range d.bucket.List(ctx, layout.Prefix()+"reports/") {
		if err != nil {
			return err
		}
		if strings.HasSuffix(item.Key, ".json") {
			d.sayf("%s", item.Key)
		}
	}
	return nil
}

func (d *demo) contents(ctx context.Context, folder store.Folder) (contents, error) {
	var c contents
	for item, err := range d.bucket.List(ctx, layout.Prefix()+string(folder)+"/") {
		if err != nil {
			return c, err
		}
		object, err := d.bucket.Open(ctx, item.Key)
		if err != nil {
			return c, err
		}
		file, err := parquet.OpenFile(object, object.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		if err != nil {
			return c, fmt.Errorf("opening %s: %w", item.Key, err)
		}
		c.objects++
		c.bytes += item.Size
		c.rows += file.NumRows()
	}
	if c.objects == 0 {
		return c, errors.New("the store holds no " + string(folder))
	}
	return c, nil
}
