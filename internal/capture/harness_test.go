// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/vedette-dev/vedette/internal/capture/reload"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// bench is a sidecar on loopback, with its directories and a model server behind it.
type bench struct {
	t            *testing.T
	dir          string
	options      Options
	url, metrics string
	client       *http.Client
	model        *httptest.Server
	stop         func() error // ends the sidecar as SIGTERM does
}

const monitor = "flights"

func config(storeURL string) wire.Config {
	return wire.Config{
		Cluster: "here", Namespace: "ml", Monitor: monitor, Mode: wire.ModeEnforce,
		Store:    wire.Store{URL: storeURL},
		Capture:  wire.Capture{Keep: wire.Keep{Predictions: 1, Features: 0.25}, BodyLimitBytes: 16 << 10, FlushSeconds: 3600},
		Versions: wire.Versions{Model: wire.VersionSource{PodLabel: "version"}},
		Schema: wire.Schema{
			Features: []wire.Feature{{Name: "distance", Type: wire.Numeric}, {Name: "origin", Type: wire.Categorical}},
			Prediction: wire.Prediction{
				Kind: wire.BinaryClassification, Score: "response.score", Classes: []string{"ontime", "late"},
			},
		},
		Segments: []wire.Segment{{Name: "ATL", When: "f.origin == 'ATL'"}, {Name: "far", When: "f.distance > 900.0"}},
		Outliers: wire.Outliers{Always: []string{"p.score > 0.95"}},
	}
}

// newBench starts a model server; start starts the sidecar.
func newBench(t *testing.T, model http.HandlerFunc) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), model: httptest.NewServer(model)}
	t.Cleanup(b.model.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b.client = &http.Client{Transport: transport}
	for _, d := range []string{"store", "pod", "config", "spool"} {
		if err := os.Mkdir(filepath.Join(b.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.write("pod/labels", "version=\"7\"\n")
	b.options = Options{
		Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", Upstream: strings.TrimPrefix(b.model.URL, "http://"),
		Files:    reload.Files{Config: b.path("config/config.v1.json"), Mirror: b.path("config/mirror.v1.json"), Pod: b.path("pod"), HashKey: b.path("hash")},
		SpoolDir: b.path("spool"), SpoolBytes: 64 << 20,
		Namespace: "ml", Monitor: monitor, Pod: "flights-0", PodUID: "uid",
		DrainTimeout: time.Minute, Clock: time.Now, Log: slog.New(slog.DiscardHandler),
		reloadEvery: 10 * time.Millisecond,
	}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }
func (b *bench) storeURL() string        { return "file://" + b.path("store") }

// write replaces a file at once, as the kubelet does.
func (b *bench) write(name, content string) {
	b.t.Helper()
	if err := os.WriteFile(b.path("next"), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Rename(b.path("next"), b.path(name)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) configure(c wire.Config) {
	b.t.Helper()
	raw, err := wire.Encode(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write("config/config.v1.json", string(raw))
}

func (b *bench) start() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	type addresses struct{ listen, metrics string }
	started := make(chan addresses, 1)
	b.options.started = func(listen, metrics string) { started <- addresses{listen, metrics} }
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, b.options) }()
	select {
	case a := <-started:
		b.url, b.metrics = "http://"+a.listen, "http://"+a.metrics
	case err := <-ended:
		b.t.Fatal(err)
	}
	var once sync.Once
	var result error
	b.stop = func() error {
		once.Do(func() {
			b.client.CloseIdleConnections()
			cancel()
			result = <-ended
		})
		return result
	}
	b.t.Cleanup(func() {
		if err := b.stop(); err != nil {
			b.t.Error(err)
		}
	})
}

func (b *bench) predict(body string) (int, http.Header) {
	b.t.Helper()
	res, err := b.client.Post(b.url+inference, "application/json", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body) //nolint:errcheck // The status tells.
	return res.StatusCode, res.Header
}

// families reads the metrics.
func (b *bench) families() map[string]*dto.MetricFamily {
	b.t.Helper()
	res, err := b.client.Get(b.metrics + "/metrics")
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return families
}

// series reads the metrics: the sum of the values of each name, and of each name with one label.
func (b *bench) series() (values map[string]float64, count int) {
	b.t.Helper()
	values = map[string]float64{}
	for name, f := range b.families() {
		for _, m := range f.GetMetric() {
			var v float64
			switch {
			case m.Counter != nil:
				v, count = m.Counter.GetValue(), count+1
			case m.Gauge != nil:
				v, count = m.Gauge.GetValue(), count+1
			case m.Summary != nil:
				v, count = float64(m.Summary.GetSampleCount()), count+2
			case m.Histogram != nil:
				v, count = float64(m.Histogram.GetSampleCount()), count+2+len(m.Histogram.GetBucket())
			}
			values[name] += v
			for _, l := range m.GetLabel() {
				if l.GetName() != "model" && l.GetName() != "version" {
					values[name+"/"+l.GetValue()] += v
				}
			}
		}
	}
	return values, count
}

// eventually reads the metrics until ok holds, and then once more: the values of one scrape are not of one moment, so what is counted
// before that which ok waits for may be in the next only.
func (b *bench) eventually(what string, ok func(map[string]float64) bool) map[string]float64 {
	b.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		values, _ := b.series()
		if ok(values) {
			values, _ = b.series()
			return values
		}
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("not seen: %s", what)
		}
	}
}

// stored reads all files of a tier in the store.
func (b *bench) stored(tier record.Tier) []record.Row {
	b.t.Helper()
	var rows []record.Row
	b.each(string(tier), func(content []byte) {
		r, err := record.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			b.t.Fatal(err)
		}
		for row, err := range r.Rows() {
			if err != nil {
				b.t.Fatal(err)
			}
			rows = append(rows, *row)
			rows[len(rows)-1].Segments = append([]string(nil), row.Segments...)
			rows[len(rows)-1].Features = append([]record.Value(nil), row.Features...)
		}
	})
	return rows
}

// profiled merges all profiles in the store into one series for each segment and feature.
func (b *bench) profiled() map[string]*profile.Series {
	b.t.Helper()
	var all []*profile.Series
	b.each("profiles", func(content []byte) {
		series, err := profile.Read(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, series...)
	})
	merged, rest := profile.Merge(all)
	if len(rest) > 0 {
		b.t.Fatalf("%d series cannot be merged", len(rest))
	}
	byName := map[string]*profile.Series{}
	for _, s := range merged {
		byName[s.Segment+"/"+s.Feature] = s
	}
	return byName
}

func (b *bench) each(folder string, f func(content []byte)) {
	b.t.Helper()
	root := filepath.Join(b.path("store"), "here", "ml", monitor, folder)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			f(content)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
}

// predict answers V1 requests with the score that each instance asks for. Instances may ask for a status or for an
// answer that is no JSON.
func predict(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Instances []struct {
			Score  float64 `json:"score"`
			Status int     `json:"status"`
			Broken bool    `json:"broken"`
		} `json:"instances"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	predictions := []map[string]float64{}
	for _, in := range req.Instances {
		if in.Status != 0 {
			w.WriteHeader(in.Status)
			return
		}
		if in.Broken {
			io.WriteString(w, `{"predictions":[`) //nolint:errcheck // The client does not look.
			return
		}
		predictions = append(predictions, map[string]float64{"score": in.Score})
	}
	json.NewEncoder(w).Encode(map[string]any{"predictions": predictions}) //nolint:errcheck // The client does not look.
}

const inference = "/v1/models/flights:predict"

func body(instances ...string) string { return `{"instances":[` + strings.Join(instances, ",") + `]}` }
