// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestWithoutConfigurationBytesPass(t *testing.T) {
	b := newBench(t, predict)
	b.start()
	if status, h := b.predict(body(`{"score":0.5}`)); status != 200 || h.Get("X-Request-Id") != "" {
		t.Errorf("status %d, headers %v", status, h)
	}
	if v, _ := b.series(); v[naming.MetricOtherRequests] != 1 || v[naming.MetricRequests] != 0 || v[naming.MetricInstances] != 0 {
		t.Errorf("counted %v", v)
	}
}

func TestReload(t *testing.T) {
	b := newBench(t, predict)
	b.start()
	call := func() { b.predict(body(`{"score":0.5,"origin":"ATL"}`)) }
	inForce := func(revision string) {
		b.eventually("revision "+revision, func(v map[string]float64) bool { return v[naming.MetricConfigInfo+"/"+revision] == 1 })
	}
	revision := func(c wire.Config) string {
		b.configure(c)
		raw, err := os.ReadFile(b.path("config/config.v1.json"))
		if err != nil {
			t.Fatal(err)
		}
		c, _, err = wire.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		return c.Revision
	}
	c := config(b.storeURL())
	first := revision(c)
	inForce(first) // It came after the start.
	call()

	b.write("config/config.v1.json", `{"version":99}`)
	b.eventually("a fault", func(v map[string]float64) bool { return v[naming.MetricCaptureErrors+"/config"] == 1 })
	inForce(first)
	call()

	other := c
	other.Monitor = "another"
	b.configure(other)
	b.eventually("a fault", func(v map[string]float64) bool { return v[naming.MetricCaptureErrors+"/config"] == 2 })

	c.Segments = append([]wire.Segment{{Name: "all", When: "true"}}, c.Segments[0])
	inForce(revision(c))
	call()
	v := b.eventually("3 calls, in series that stayed and in a new one", func(v map[string]float64) bool {
		return v[naming.MetricSegmentRequests+"/all"] == 1 && v[naming.MetricSegmentRequests+"/ATL"] == 3 && v[naming.MetricRequests] == 3
	})
	if _, ok := v[naming.MetricSegmentRequests+"/far"]; ok {
		t.Error("the series of a segment that is no more are still there")
	}

	c.Mode = wire.ModePassThrough
	inForce(revision(c))
	call()
	if v, _ := b.series(); v[naming.MetricRequests] != 3 || v[naming.MetricOtherRequests] != 1 {
		t.Errorf("PassThrough counted %v", v)
	}

	if err := os.Remove(b.path("config/config.v1.json")); err != nil {
		t.Fatal(err)
	}
	b.eventually("no configuration", func(v map[string]float64) bool { return v[naming.MetricConfigInfo] == 0 })
	call()

	b.write("pod/labels", "version=\"8\"\n")
	c.Mode = wire.ModeSuspended
	inForce(revision(c))
	call()
	b.eventually("a call", func(v map[string]float64) bool { return v[naming.MetricInstances] == 1 })
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	versions := map[string]int{}
	for _, row := range b.stored(record.Predictions) {
		versions[row.ModelVersion]++
	}
	if d := cmp.Diff(map[string]int{"7": 3, "8": 1}, versions); d != "" {
		t.Errorf("versions (-want +got):\n%s", d)
	}
}

// TestPassThroughIsUnconditional: a document that stops the capture needs nothing else that is right.
func TestPassThroughIsUnconditional(t *testing.T) {
	wrong := map[string]func(*wire.Config){
		"a segment that does not compile": func(c *wire.Config) { c.Segments[0].When = "news(1) ==" },
		"a path that is none":             func(c *wire.Config) { c.Schema.Features[0].Path = "body.x" },
		"a store that is none":            func(c *wire.Config) { c.Store.URL = "://" },
	}
	documents := map[string]string{
		"a version of which only the mode is known": `{"version":99,"mode":"PassThrough"}`,
		"a form of which only the mode is known":    `{"version":1,"namespace":"ml","monitor":"flights","mode":"PassThrough","capture":"all"}`,
	}
	for name, change := range wrong {
		c := config("file:///nowhere")
		c.Mode = wire.ModePassThrough
		change(&c)
		raw, err := wire.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		documents[name] = string(raw)
	}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, predict)
			b.configure(config(b.storeURL()))
			b.start()
			b.predict(body(`{"score":0.5}`))
			// A call is counted once its answer has left, so the client may be first.
			before := b.eventually("a call that is captured", func(v map[string]float64) bool { return v[naming.MetricRequests] == 1 })
			if before[naming.MetricOtherRequests] != 0 {
				t.Fatalf("%v calls passed before", before[naming.MetricOtherRequests])
			}
			b.write("config/config.v1.json", document)
			b.eventually("a call that is passed through", func(v map[string]float64) bool {
				b.predict(body(`{"score":0.5}`))
				return v[naming.MetricOtherRequests] > 0
			})
		})
	}
}

func TestReadiness(t *testing.T) {
	b := newBench(t, predict)
	b.options.Upstream = "127.0.0.1:1" // A native sidecar starts before the model server. Nobody else will listen there.
	b.start()
	res, err := b.client.Get(b.metrics + "/readyz")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	b.configure(config(b.storeURL()))
	b.eventually("a configuration", func(v map[string]float64) bool { return v[naming.MetricConfigInfo] == 1 })
	if status, _ := b.predict(body(`{}`)); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	v := b.eventually("the call", func(v map[string]float64) bool { return v[naming.MetricInstances] == 1 })
	if v[naming.MetricUnreachable] != 1 || v[naming.MetricRequests] != 0 {
		t.Errorf("%v unreachable, %v requests", v[naming.MetricUnreachable], v[naming.MetricRequests])
	}
}

func TestDrainAcceptsAndThenStoresAll(t *testing.T) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-goOn
		predict(w, r)
	})
	b.configure(config(b.storeURL()))
	b.start()
	answered := make(chan int, 2)
	call := func() {
		res, err := http.Post(b.url+inference, "", strings.NewReader(body(`{"score":0.5}`)))
		if err != nil {
			answered <- 0
			return
		}
		res.Body.Close()
		answered <- res.StatusCode
	}
	go call()
	<-arrived
	ended := make(chan error, 1)
	go func() { ended <- b.stop() }()
	go call() // While it drains.
	<-arrived
	close(goOn)
	if first, second := <-answered, <-answered; first != 200 || second != 200 {
		t.Errorf("answered %d and %d", first, second)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if rows := b.stored(record.Predictions); len(rows) != 2 {
		t.Errorf("%d rows are stored", len(rows))
	}
}

func TestEndingPodLetsConnectionsGo(t *testing.T) {
	b := newBench(t, predict)
	b.configure(config(b.storeURL()))
	b.start()
	for _, ending := range []bool{false, true} {
		res, err := b.client.Post(b.url+inference, "", strings.NewReader(body(`{"score":0.5}`)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK || res.Close != ending {
			t.Errorf("answered %d, and the connection is closed: %t, want 200 and %t", res.StatusCode, res.Close, ending)
		}
		if res, err = b.client.Get(b.metrics + "/ending"); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("telling it that the pod ends: %v, %v", res, err)
		}
		res.Body.Close()
	}
}
