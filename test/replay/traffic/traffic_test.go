// SPDX-License-Identifier: Apache-2.0

package traffic_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/modelserver/server"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// june is read once: it is large.
var june = sync.OnceValues(func() ([]data.Flight, error) { return data.Load(data.June) })

// flights returns the first n flights of June.
func flights(t *testing.T, n int) []data.Flight {
	t.Helper()
	all, err := june()
	if err != nil {
		t.Fatal(err)
	}
	return all[:n]
}

// recorder is a model server that remembers what it was sent.
type recorder struct {
	next http.Handler

	mu        sync.Mutex
	bodies    map[string]string // by request id
	repeated  []string
	instances int
}

func newRecorder(t *testing.T) (*recorder, *httptest.Server) {
	t.Helper()
	m, err := model.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{next: server.New(server.Config{Model: m, Name: "flights"}), bodies: map[string]string{}}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return r, s
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	r.next.ServeHTTP(w, req)

	r.mu.Lock()
	defer r.mu.Unlock()
	id := req.Header.Get(traffic.RequestIDHeader)
	if _, ok := r.bodies[id]; ok {
		r.repeated = append(r.repeated, id)
	}
	r.bodies[id] = string(body)
	var v2 server.V2Request
	var v1 server.V1Request
	switch {
	case json.Unmarshal(body, &v2) == nil && len(v2.Inputs) > 0:
		r.instances += int(v2.Inputs[0].Shape[0])
	case json.Unmarshal(body, &v1) == nil:
		r.instances += len(v1.Instances)
	}
}

func TestReplayCountsWhatTheServerSaw(t *testing.T) {
	cases := map[string]struct {
		protocol  traffic.Protocol
		flights   int
		batch     int
		anomalies float64
		requests  int64 // 0: depends on the anomalies
	}{
		"v2, the last batch is smaller": {protocol: traffic.OpenInferenceV2, flights: 1003, batch: 10, requests: 101},
		"v2, one by one":                {protocol: traffic.OpenInferenceV2, flights: 100, batch: 1, requests: 100},
		"v2 with anomalies":             {protocol: traffic.OpenInferenceV2, flights: 2000, batch: 16, anomalies: 0.05},
		"v1":                            {protocol: traffic.KServeV1, flights: 1003, batch: 10, requests: 101},
		"v1 with anomalies":             {protocol: traffic.KServeV1, flights: 2000, batch: 16, anomalies: 0.05},
		"nothing to send":               {protocol: traffic.OpenInferenceV2, flights: 0, batch: 16, requests: 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			seen, s := newRecorder(t)
			got, err := traffic.Replay(t.Context(), traffic.Config{
				URL: s.URL, Model: "flights", Protocol: c.protocol, Flights: flights(t, c.flights), Batch: c.batch,
				Concurrency: 4, Anomalies: c.anomalies, IDPrefix: "june",
			})
			if err != nil {
				t.Fatal(err)
			}
			if !got.OK() || got.TransportErrors != 0 || got.FirstError != "" {
				t.Errorf("not every request was answered with 200: %+v", got)
			}
			if got.Requests != int64(len(seen.bodies)) || len(seen.repeated) > 0 {
				t.Errorf("says %d requests, the server saw %d, and again %v", got.Requests, len(seen.bodies), seen.repeated)
			}
			if got.Instances != int64(c.flights) || seen.instances != c.flights {
				t.Errorf("says %d instances, the server saw %d, want %d", got.Instances, seen.instances, c.flights)
			}
			if c.anomalies == 0 && (got.Requests != c.requests || len(got.Planted) > 0) {
				t.Errorf("got %d requests and %d anomalies, want %d and none", got.Requests, len(got.Planted), c.requests)
			}
			for _, p := range got.Planted {
				if body := seen.bodies[p.RequestID]; !strings.Contains(body, p.FlightID) {
					t.Errorf("request %s does not hold the planted flight %s: %s", p.RequestID, p.FlightID, body)
				}
			}
		})
	}
}

func TestAnomalies(t *testing.T) {
	seen, s := newRecorder(t)
	replay := func(share float64) traffic.Result {
		seen.bodies = map[string]string{}
		r, err := traffic.Replay(t.Context(), traffic.Config{
			URL: s.URL, Model: "flights", Protocol: traffic.OpenInferenceV2, Flights: flights(t, 20_000), Batch: 100,
			Concurrency: 4, Anomalies: share, IDPrefix: "june",
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	got := replay(0.01)
	// The flights are fixed, so this is no matter of luck: 200 expected, of each kind a third.
	kinds := map[traffic.Anomaly]int{}
	for _, p := range got.Planted {
		kinds[p.Anomaly]++
		var request server.V2Request
		if err := json.Unmarshal([]byte(seen.bodies[p.RequestID]), &request); err != nil {
			t.Fatal(err)
		}
		inputs := map[string]string{}
		for _, in := range request.Inputs {
			inputs[in.Name] = string(in.Data)
		}
		_, hasDelay := inputs["origin_delay_2h"]
		found := map[traffic.Anomaly]bool{
			traffic.OutOfRange:     inputs["distance"] == "[99999]",
			traffic.UnseenCategory: inputs["origin"] == `["ZZZ"]`,
			traffic.MissingFeature: !hasDelay,
		}
		for a, is := range found {
			if is != (a == p.Anomaly) {
				t.Errorf("flight %s was planted as %s, but %s is %v in %v", p.FlightID, p.Anomaly, a, is, inputs)
			}
		}
		if request.ID != p.RequestID {
			t.Errorf("the body's id is %q, the header's %q", request.ID, p.RequestID)
		}
	}
	for _, a := range []traffic.Anomaly{traffic.OutOfRange, traffic.UnseenCategory, traffic.MissingFeature} {
		if kinds[a] < 45 || kinds[a] > 90 {
			t.Errorf("%d flights have %s, want about 67", kinds[a], a)
		}
	}
	if diff := cmp.Diff(got.Planted, replay(0.01).Planted); diff != "" {
		t.Errorf("another replay plants others:\n%s", diff)
	}
	more := map[string]bool{}
	for _, p := range replay(0.02).Planted {
		more[p.FlightID] = true
	}
	for _, p := range got.Planted {
		if !more[p.FlightID] {
			t.Errorf("flight %s is planted at 1 %%, but not at 2 %%", p.FlightID)
		}
	}
}

func TestReplayCountsFailures(t *testing.T) {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch n.Add(1) % 4 {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 1: // half an answer
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		case 2:
			panic(http.ErrAbortHandler)
		}
	}))
	defer s.Close()
	got, err := traffic.Replay(t.Context(), traffic.Config{
		URL: s.URL, Model: "flights", Protocol: traffic.KServeV1, Flights: flights(t, 400), Batch: 1, Concurrency: 4, IDPrefix: "x",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]int64{200: 100, 503: 100}
	if diff := cmp.Diff(want, got.Responses); diff != "" || got.TransportErrors != 200 || got.Requests != 400 || n.Load() != 400 {
		t.Errorf("the server saw %d requests, a quarter of each kind; got %+v", n.Load(), got)
	}
	if got.FirstError == "" || got.OK() {
		t.Errorf("got %+v, want it not OK, with an error", got)
	}
}

func TestReplayKeepsConnections(t *testing.T) {
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	_, err := traffic.Replay(t.Context(), traffic.Config{
		URL: s.URL, Model: "flights", Protocol: traffic.OpenInferenceV2, Flights: flights(t, 500), Batch: 1, Concurrency: 1, IDPrefix: "x",
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("one worker used %d connections, want 1", n)
	}
}

// transport answers requests without a network, so that time can be faked.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func ok(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func TestReplayHoldsItsRate(t *testing.T) {
	sent := flights(t, 1010)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := traffic.Replay(t.Context(), traffic.Config{
			URL: "http://model", Model: "flights", Protocol: traffic.OpenInferenceV2, Flights: sent, Batch: 10,
			Rate: 100, Concurrency: 2, IDPrefix: "x", Transport: transport(ok),
		})
		if err != nil {
			t.Fatal(err)
		}
		// The first batch goes at once, the other 1000 flights at 100 a second.
		if took := time.Since(start).Round(time.Millisecond); took != 10*time.Second {
			t.Errorf("took %v, want 10s", took)
		}
	})
}

func TestReplayHoldsItsConcurrency(t *testing.T) {
	sent := flights(t, 20)
	synctest.Test(t, func(t *testing.T) {
		var under atomic.Int64
		release := make(chan struct{})
		done := make(chan error)
		go func() {
			_, err := traffic.Replay(t.Context(), traffic.Config{
				URL: "http://model", Model: "flights", Protocol: traffic.OpenInferenceV2, Flights: sent, Batch: 1, Concurrency: 3, IDPrefix: "x",
				Transport: transport(func(r *http.Request) (*http.Response, error) {
					under.Add(1)
					defer under.Add(-1)
					<-release
					return ok(r)
				}),
			})
			done <- err
		}()
		synctest.Wait()
		if n := under.Load(); n != 3 {
			t.Errorf("%d requests are under way, want 3", n)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestReplayStopsWithItsContext(t *testing.T) {
	sent := flights(t, 1000)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		got, err := traffic.Replay(ctx, traffic.Config{
			URL: "http://model", Model: "flights", Protocol: traffic.OpenInferenceV2, Flights: sent, Batch: 1, Rate: 100, Concurrency: 1, IDPrefix: "x",
			Transport: transport(func(r *http.Request) (*http.Response, error) {
				if n++; n == 5 {
					cancel()
				}
				return ok(r)
			}),
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want %v", err, context.Canceled)
		}
		if got.Requests != int64(n) || got.Requests > 6 {
			t.Errorf("says %d requests, sent %d, want 5 or 6", got.Requests, n)
		}
	})
}

func TestReplayRefusesNonsense(t *testing.T) {
	good := traffic.Config{URL: "http://model", Model: "flights", Protocol: traffic.KServeV1, Batch: 1, Concurrency: 1, Transport: transport(ok)}
	cases := map[string]func(*traffic.Config){
		"no url":               func(c *traffic.Config) { c.URL = "" },
		"no model":             func(c *traffic.Config) { c.Model = "" },
		"unknown protocol":     func(c *traffic.Config) { c.Protocol = "v3" },
		"empty batches":        func(c *traffic.Config) { c.Batch = 0 },
		"nobody to send":       func(c *traffic.Config) { c.Concurrency = 0 },
		"negative rate":        func(c *traffic.Config) { c.Rate = -1 },
		"more than all is odd": func(c *traffic.Config) { c.Anomalies = 1.5 },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			if _, err := traffic.Replay(t.Context(), c); err == nil {
				t.Error("got no error")
			}
		})
	}
	if _, err := traffic.Replay(t.Context(), good); err != nil {
		t.Errorf("the configuration that the others spoil: %v", err)
	}
}

func BenchmarkReplay(b *testing.B) {
	all, err := june()
	if err != nil {
		b.Fatal(err)
	}
	m, err := model.Load()
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(server.New(server.Config{Model: m, Name: "flights"}))
	defer s.Close()
	for b.Loop() {
		r, err := traffic.Replay(b.Context(), traffic.Config{
			URL: s.URL, Model: "flights", Protocol: traffic.OpenInferenceV2, Flights: all[:20_000], Batch: 16, Concurrency: 4, IDPrefix: "x",
		})
		if err != nil || !r.OK() {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(20_000*float64(b.N)/b.Elapsed().Seconds(), "flights/s")
}
