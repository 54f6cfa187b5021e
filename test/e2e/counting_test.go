// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/duckdb"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// keepFeatures is the share of predictions that TestEverythingIsCounted keeps with their features. It is the class's
// bound: the monitor asks for more.
const keepFeatures = 0.2

func TestEverythingIsCounted(t *testing.T) {
	t.Parallel()
	s := newScene(t, "counts")
	s.deployment.Spec.Replicas = new(int32(2))
	s.class.Spec.Limits.KeepPercent.Features = "20"
	s.monitor.Spec.Source.Sidecar.Keep = v1alpha1.KeepPercent{Predictions: "100", Features: "25"}
	s.monitor.Spec.Outliers.Always = []v1alpha1.Expression{"f.origin == '" + traffic.AnomalousOrigin + "'"}
	s.start()
	s.waitCondition(reconcileTimeout, v1alpha1.ConditionLimitExceeded, metav1.ConditionTrue, "LimitExceeded")

	v2 := s.replay(traffic.Config{Flights: s.flights(data.May, 2400), Batch: 8, Anomalies: 0.02, IDPrefix: s.namespace + "-v2"})
	v1 := s.replay(traffic.Config{Flights: s.flights(data.June, 800), Batch: 2, Protocol: traffic.KServeV1, IDPrefix: s.namespace + "-v1"})
	for _, call := range oddCalls {
		s.post(call)
	}
	sent := struct{ requests, instances, odd float64 }{
		float64(v2.Requests+v1.Requests) + float64(len(oddCalls)), float64(v2.Instances+v1.Instances) + float64(len(oddCalls)), float64(len(oddCalls)),
	}

	c := s.settled(int64(sent.instances))
	got := map[string]float64{
		"requests":                    c.sum(naming.MetricRequests),
		"requests refused":            c.sum(naming.MetricRequests, "code", "4xx"),
		"instances":                   c.sum(naming.MetricInstances),
		"profiled and skipped":        c.sum(naming.MetricProfiled) + c.sum(naming.MetricProfileSkipped),
		"skipped":                     c.sum(naming.MetricProfileSkipped),
		"prediction rows and dropped": c.sum(naming.MetricRowsStored, "tier", "predictions") + c.sum(naming.MetricDropped),
		"dropped":                     c.sum(naming.MetricDropped),
	}
	want := map[string]float64{
		"requests": sent.requests, "requests refused": 1, "instances": sent.instances, "profiled and skipped": sent.instances,
		"skipped": sent.odd, "prediction rows and dropped": sent.instances, "dropped": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}

	if got := c.series(); len(s.monitor.Spec.Segments) != 5 || got > 150 {
		t.Errorf("a sidecar has %d series with %d segments, want at most 150 with 5", got, len(s.monitor.Spec.Segments))
	}

	dir, _ := s.download(s.layout().Prefix())
	s.checkRows(dir, int64(sent.instances), c)
	s.checkPlanted(dir, v2.Planted)
	s.checkTypes(dir)
	s.checkSample(dir)
}

// oddCalls count as one instance each: what they hold cannot be told apart. The model answers them as it would without
// a sidecar.
var oddCalls = []oddCall{
	{path: infer.path, body: `{"inputs": `, want: http.StatusBadRequest},
	{path: infer.path, body: infer.body, header: http.Header{"Inference-Header-Content-Length": {"nonsense"}}, want: http.StatusOK},
	{path: infer.path, body: infer.body, header: http.Header{"Content-Encoding": {"unheard-of"}}, want: http.StatusOK},
	{
		// Longer than what is looked at of a body.
		path: "/v1/models/" + modelName + ":predict", want: http.StatusOK,
		body: `{"instances": [` + strings.Repeat(`{"origin": "ATL", "destination": "JFK"}, `, 8000) + `{"origin": "ATL"}]}`,
	},
}

// checkRows compares the stored rows with what was sent.
func (s *scene) checkRows(dir string, instances int64, c counts) {
	s.Helper()
	predictions, records := table(dir, store.Predictions), table(dir, store.Records)
	got := s.query(`SELECT count(*) AS rows, count(DISTINCT record_id) AS ids, count(*) FILTER (outcome = 'undecodable') AS undecodable,
		count(*) FILTER (outcome = 'error') AS errors,
		count(*) FILTER (keep_reason = 'outlier') AS outliers, count(DISTINCT version) AS versions, min(version) AS version
		FROM ` + predictions)
	want := map[string]any{
		"rows": fmt.Sprint(instances), "ids": fmt.Sprint(instances), "undecodable": "3", "errors": "1",
		"outliers": fmt.Sprint(c.sum(naming.MetricOutliers)), "versions": "1", "version": "2001-01",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("prediction rows (-want +got):\n%s", diff)
	}
	got = s.query(fmt.Sprintf(`SELECT count(*) - count(DISTINCT record_id) AS repeated,
		count(*) FILTER (keep_reason = 'outlier') AS outliers,
		count(*) FILTER (record_id NOT IN (SELECT record_id FROM %s)) AS strangers FROM %s`, predictions, records))
	want = map[string]any{"repeated": "0", "outliers": fmt.Sprint(c.sum(naming.MetricOutliers)), "strangers": "0"}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("rows with features (-want +got):\n%s", diff)
	}
}

// checkPlanted finds every anomaly that a rule of the monitor makes an outlier among the outliers.
func (s *scene) checkPlanted(dir string, planted []traffic.Planted) {
	s.Helper()
	var ids []string
	for _, p := range planted {
		if p.Anomaly == traffic.UnseenCategory {
			ids = append(ids, "'"+p.RequestID+"'")
		}
	}
	if len(ids) == 0 {
		s.Fatal("the replay planted no anomaly")
	}
	got := s.query(fmt.Sprintf(`SELECT count(*) AS rows FROM %s WHERE keep_reason = 'outlier' AND keep_probability = 1 AND f_origin = '%s'
		AND len(outlier_reasons) > 0 AND request_id IN (%s)`, table(dir, store.Records), traffic.AnomalousOrigin, strings.Join(ids, ", ")))
	if got["rows"] != fmt.Sprint(len(ids)) {
		s.Errorf("%v of %d planted outliers were kept as such", got["rows"], len(ids))
	}
}

// checkTypes lists the columns of features as an independent reader sees them.
func (s *scene) checkTypes(dir string) {
	s.Helper()
	got := map[string]any{}
	for _, row := range duckdb.Query(s, "SELECT column_name, column_type FROM (DESCRIBE SELECT COLUMNS('^f_.*') FROM "+table(dir, store.Records)+")") {
		got[fmt.Sprint(row["column_name"])] = row["column_type"]
	}
	want := map[string]any{
		"f_hour": "DOUBLE", "f_weekday": "VARCHAR", "f_origin": "VARCHAR", "f_destination": "VARCHAR", "f_distance": "DOUBLE", "f_origin_delay_2h": "DOUBLE",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("columns of features (-want +got):\n%s", diff)
	}
}

// checkSample tests the share of rows with features. Requests are kept or left as a whole, by a hash of their ids, so
// requests are what is counted; outliers, which are always kept, are left out. It is one test, which fails by chance once
// in ten thousand runs.
func (s *scene) checkSample(dir string) {
	s.Helper()
	predictions, records := table(dir, store.Predictions), table(dir, store.Records)
	got := s.query(fmt.Sprintf(`SELECT
		(SELECT count(DISTINCT request_id) FROM %[1]s WHERE keep_reason = 'sampled')::INTEGER AS requests,
		(SELECT count(DISTINCT request_id) FROM %[2]s WHERE keep_reason = 'sampled')::INTEGER AS kept,
		(SELECT count(*) FROM %[2]s WHERE keep_reason = 'sampled')::INTEGER AS rows,
		(SELECT count(*) FROM %[1]s WHERE keep_reason = 'sampled' AND request_id IN (SELECT request_id FROM %[2]s WHERE keep_reason = 'sampled'))::INTEGER AS expected,
		(SELECT count(*) FROM %[2]s WHERE keep_reason = 'sampled' AND keep_probability <> %[3]v)::INTEGER AS otherwise`, predictions, records, keepFeatures))
	n, k := int(got["requests"].(float64)), int(got["kept"].(float64))
	if p := binomialTails(n, k, keepFeatures); p < 1e-4 {
		s.Errorf("%d of %d requests were kept with features; at a share of %v that has probability %.2g", k, n, keepFeatures, p)
	}
	if got["rows"] != got["expected"] {
		s.Errorf("of the sampled requests %v rows were kept, want all %v", got["rows"], got["expected"])
	}
	if got["otherwise"] != 0.0 {
		s.Errorf("%v sampled rows have another keep_probability than %v", got["otherwise"], keepFeatures)
	}
}

// binomialTails is twice the probability of the tail of Binomial(n, p) that begins at k: exact, and conservative.
func binomialTails(n, k int, p float64) float64 {
	lower, upper := 0.0, 0.0
	for i := range n + 1 {
		c, _ := math.Lgamma(float64(n + 1))
		a, _ := math.Lgamma(float64(i + 1))
		b, _ := math.Lgamma(float64(n - i + 1))
		mass := math.Exp(c - a - b + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		if i <= k {
			lower += mass
		}
		if i >= k {
			upper += mass
		}
	}
	return min(1, 2*min(lower, upper))
}

func TestClustersShareAStore(t *testing.T) {
	t.Parallel()
	s := newScene(t, "share")
	s.monitor.Spec.Source.Sidecar.Keep = v1alpha1.KeepPercent{Predictions: "100", Features: "0"}
	first, second := s.class, s.class.DeepCopy()
	second.Name, second.Spec.ClusterName = first.Name+"-b", first.Spec.ClusterName+"-b"
	s.create(second)
	t.Cleanup(func() { removeClass(t, second) })
	s.start()
	sent := s.replay(traffic.Config{Flights: s.flights(data.May, 40), Batch: 4, IDPrefix: "first"})
	s.settled(sent.Instances)

	// The same monitor, namespace and store under another cluster's name.
	change(s, s.monitor, func(m *v1alpha1.ModelMonitor) { m.Spec.ClassName = v1alpha1.ObjectName(second.Name) })
	s.waitCaptures()
	more := s.replay(traffic.Config{Flights: s.flights(data.June, 24), Batch: 4, IDPrefix: "second"})
	s.settled(sent.Instances + more.Instances)

	for _, want := range []struct {
		class  *v1alpha1.MonitorClass
		prefix string
		rows   int64
	}{{first, "first", sent.Instances}, {second, "second", more.Instances}} {
		l := s.layout()
		l.Cluster = string(want.class.Spec.ClusterName)
		dir, _ := s.download(l.Prefix())
		got := s.query(fmt.Sprintf("SELECT count(*) AS rows, count(*) FILTER (NOT starts_with(request_id, '%s-')) AS others FROM %s",
			want.prefix, table(dir, store.Predictions)))
		if diff := cmp.Diff(map[string]any{"rows": fmt.Sprint(want.rows), "others": "0"}, got); diff != "" {
			t.Errorf("rows of cluster %s (-want +got):\n%s", l.Cluster, diff)
		}
	}
}
