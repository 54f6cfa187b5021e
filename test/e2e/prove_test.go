// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/duckdb"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

var proofDir = flag.String("proof", "", "the folder to write the results of the long proofs to; without it they do not run")

// proof is a test that takes minutes, and whose result is kept. Only "make prove" runs it.
func proof(t *testing.T) {
	if *proofDir == "" {
		t.Skip("make prove runs it")
	}
}

// keep writes a result. The lines are a table's.
func (s *scene) keep(name, title string, lines [][2]string) {
	s.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n`make prove` on %s, %d cores, %s/%s.\n\n| | |\n|---|---|\n", title, time.Now().UTC().Format("2006-01-02 15:04 MST"),
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, line := range lines {
		fmt.Fprintf(&b, "| %s | %s |\n", line[0], line[1])
	}
	if err := os.MkdirAll(*proofDir, 0o755); err != nil {
		s.Fatal(err)
	}
	path := filepath.Join(*proofDir, time.Now().UTC().Format("2006-01-02")+"-"+name+".md")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		s.Fatal(err)
	}
	s.Log(b.String())
}

// observed sends requests and keeps how long each answer took, and which requests were answered with 200.
type observed struct {
	via          http.RoundTripper
	since, until time.Time
	mu           sync.Mutex
	sent         int
	took         []time.Duration
	answered     map[string]bool
}

func observe(via http.RoundTripper) *observed {
	return &observed{via: via, since: time.Now(), answered: map[string]bool{}}
}

// RoundTrip implements http.RoundTripper.
func (o *observed) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	response, err := o.via.RoundTrip(r)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent++
	if err != nil {
		return nil, err
	}
	o.took = append(o.took, time.Since(start))
	if response.StatusCode == http.StatusOK {
		o.answered[r.Header.Get(traffic.RequestIDHeader)] = true
	}
	return response, nil
}

// quantiles are the median, the 99th percentile and the maximum.
func (o *observed) quantiles() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.Sort(o.took)
	at := func(p float64) time.Duration {
		return o.took[min(int(p*float64(len(o.took))), len(o.took)-1)].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("p50 %s, p99 %s, max %s", at(0.5), at(0.99), at(1))
}

// TestProveStoreOutage stops the store for minutes under heavier load than TestTrafficFlowsWhileTheStoreIsDown.
func TestProveStoreOutage(t *testing.T) {
	proof(t)
	const flightsPerSecond, length = 600, 3 * time.Minute
	s := newScene(t, "prove-outage")
	server := s.ownStore()
	s.start()
	config := traffic.Config{Flights: s.flights(data.May, flightsPerSecond*30), Rate: flightsPerSecond, Batch: 8, Concurrency: 8}
	healthy, down := observe(api), observe(api)
	config.IDPrefix, config.Transport = "before", healthy
	before := s.replay(config)
	s.settled(before.Instances)
	back := s.stop(server)
	config.IDPrefix, config.Transport = "during", down
	config.Flights = slices.Repeat(s.flights(data.June, flightsPerSecond*60), int(length/time.Minute))
	during := s.replay(config)
	waiting, err := s.counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	back()
	rows, dropped := s.stored(before.Instances + during.Instances)
	s.keep("store-outage", "The store is down under load", [][2]string{
		{"load", fmt.Sprintf("%d predictions per second in requests of %d, through the API server's proxy", flightsPerSecond, config.Batch)},
		{"the store was down for", length.String()},
		{"requests meanwhile", fmt.Sprintf("%d, all of them answered with 200", during.Requests)},
		{"answers before", healthy.quantiles()},
		{"answers meanwhile", down.quantiles()},
		{"waiting in the spool at the end", fmt.Sprintf("%.0f bytes", waiting.sum(naming.MetricSpoolBytes))},
		{"predictions sent", fmt.Sprint(before.Instances + during.Instances)},
		{"rows stored afterwards", fmt.Sprintf("%d, no two with the same id", rows)},
		{"dropped and counted", fmt.Sprint(dropped)},
	})
}

// TestProveKills kills the sidecar of one of two pods again and again while requests flow. What was stored must stay,
// and nothing may be stored twice; what waited in memory when the process died is lost.
func TestProveKills(t *testing.T) {
	proof(t)
	if !cluster.Local {
		t.Skip("a container's process can be killed only where the node is this machine")
	}
	const flightsPerSecond, kills = 50, 5 // the kubelet doubles its wait before a restart each time
	s := newScene(t, "prove-kills")
	s.monitor.Spec.Source.Sidecar.Keep = v1alpha1.KeepPercent{Predictions: "100", Features: "0"}
	s.deployment.Spec.Replicas = new(int32(2))
	s.start()
	pods, err := s.pods(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	victim := &pods[0]

	client := observe(api)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan traffic.Result, 1)
	config := traffic.Config{Flights: s.flights(data.May, 0), Rate: flightsPerSecond, Batch: 1, Concurrency: 4, Transport: client}
	go func() {
		result, _ := s.tryReplay(ctx, config) // the error is that it was stopped
		ended <- result
	}()
	stored := map[string]object{}
	for n := range int32(kills) {
		s.waitStores(len(stored))
		_, now := s.download(s.layout().Prefix())
		s.compareObjects(stored, now)
		maps.Copy(stored, now)
		s.kill(victim)
		s.waitRestarted(victim, n+1)
	}
	s.waitStores(len(stored))
	stop()
	sent := <-ended
	s.until(reloadTimeout, "all rows to be stored", func(ctx context.Context) (bool, string, error) {
		c, err := s.counts(ctx)
		return c.sum(naming.MetricRows) == c.sum(naming.MetricRowsStored) && c.sum(naming.MetricSpoolBytes) == 0, "some wait", err
	})
	dir, now := s.download(s.layout().Prefix())
	s.compareObjects(stored, now)

	rows := duckdb.Query(t, "SELECT request_id, count(*)::INTEGER AS rows FROM "+table(dir, store.Predictions)+" WHERE status = 200 GROUP BY request_id")
	for _, row := range rows {
		if row["rows"] != 1.0 {
			t.Errorf("request %v has %v rows, want 1", row["request_id"], row["rows"])
		}
		if !strings.HasPrefix(fmt.Sprint(row["request_id"]), s.namespace) {
			t.Errorf("request %v was never sent", row["request_id"])
		}
	}
	s.keep("sidecar-kills", "The sidecar is killed while requests flow", [][2]string{
		{"load", fmt.Sprintf("%d requests per second", flightsPerSecond)},
		{"SIGKILLs", fmt.Sprintf("%d, of the sidecar of one of two pods; the kubelet waits longer before each restart", kills)},
		{"requests sent", fmt.Sprint(sent.Requests)},
		{"answered with 200", fmt.Sprint(len(client.answered))},
		{"rows stored", fmt.Sprintf("%d, one a request", len(rows))},
		{"answered, and lost with the process's memory", fmt.Sprintf("%d; a kill may lose what its pod answered in the flush interval, %s, before it",
			len(client.answered)-len(rows), s.class.Spec.Flush)},
		{"objects stored before a kill that have changed", "0 of " + fmt.Sprint(len(stored))},
	})
}

// waitStores waits until more objects are stored than there were.
func (s *scene) waitStores(objects int) {
	s.Helper()
	b := s.bucket()
	s.until(reloadTimeout, fmt.Sprintf("more than %d objects", objects), func(ctx context.Context) (bool, string, error) {
		n := 0
		for _, err := range b.List(ctx, s.layout().Prefix()) {
			if err != nil {
				return false, "", err
			}
			n++
		}
		return n > objects, fmt.Sprintf("there are %d", n), nil
	})
}

// compareObjects fails unless what was stored is stored still, as it was.
func (s *scene) compareObjects(before, now map[string]object) {
	s.Helper()
	for key, o := range before {
		if now[key] != o {
			s.Errorf("object %s was %v and is %v", key, o, now[key])
		}
	}
}

// ownStore gives the scene an S3 server of its own.
func (s *scene) ownStore() types.NamespacedName {
	s.Helper()
	objects, err := s3Server(s.Context(), s.namespace)
	if err != nil {
		s.Fatal(err)
	}
	if err := cluster.Apply(s.Context(), objects); err != nil {
		s.Fatal(err)
	}
	server := types.NamespacedName{Namespace: s.namespace, Name: "s3"}
	if err := cluster.Rolled(s.Context(), startTimeout, server); err != nil {
		s.Fatal(err)
	}
	s.class.Spec.Store.URL = storeURL("s3." + s.namespace)
	s.bucket()
	return server
}
