// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/capture/mirror"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/wire"
)

// mirrored is a fixture that mirrors everything to a shadow.
func mirrored(t *testing.T, items int) *fixture {
	t.Helper()
	f := newFixture(t, items, 1<<20)
	shadow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)                      //nolint:errcheck // It is not looked at.
		io.WriteString(w, `{"predictions":[0.75,0.25]}`) //nolint:errcheck // The sidecar checks.
	}))
	t.Cleanup(shadow.Close)
	f.Mirror = mirror.New(mirror.Options{Metrics: f.Metrics, Upstream: "127.0.0.1:1", Clock: time.Now, Log: f.Log})
	t.Cleanup(func() { f.Mirror.Drain(context.Background()) })
	f.Mirror.Use(&wire.Mirror{
		Rollout: "r", Primary: "p", Candidate: "c", Attempt: "1", Address: strings.TrimPrefix(shadow.URL, "http://"),
		Share: 1, TimeoutSeconds: 30, MaxInFlight: 8, MaxBytes: 1 << 20,
	})
	return f
}

// mirrorCall plays the part of the proxy for a call that is offered, unless its body never ends.
func (f *fixture) mirrorCall(id string, whole bool) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, "http://m/v1/models/m:predict", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	ex := f.Begin(r)
	ex.Path, ex.RequestID, ex.Start, ex.Status, ex.Result = r.URL.Path, id, f.now, http.StatusOK, proxy.Answered
	ex.Request.Bytes, ex.Request.Complete = []byte(`{"instances":[[1],[2]]}`), whole
	if whole {
		f.Offer(r, ex)
	}
	ex.Response.Bytes, ex.Response.Complete = []byte(`{"predictions":[0.75,0.25]}`), true
	f.End(ex)
}

// outcomes are the counters of pairs in all traffic, and of faults and rows that were lost.
func (f *fixture) outcomes() map[string]float64 {
	f.t.Helper()
	families, err := f.Metrics.Gatherer().Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			switch {
			case family.GetName() == "vedette_pairs_total" && labels["segment"] == "all":
				counts[labels["outcome"]] += m.GetCounter().GetValue()
			case labels["tier"] == "pairs", labels["reason"] == "mirror":
				counts[family.GetName()] += m.GetCounter().GetValue()
			}
		}
	}
	return counts
}

func TestEveryCallThatIsMirroredIsOnePair(t *testing.T) {
	for name, tt := range map[string]struct {
		items int
		do    func(*fixture)
		want  map[string]float64
	}{
		"compared":                               {10, func(f *fixture) { f.mirrorCall("a", true) }, map[string]float64{"compared": 1, "vedette_rows_total": 2}},
		"never offered, as its body did not end": {10, func(f *fixture) { f.mirrorCall("a", false) }, map[string]float64{"dropped": 1, "vedette_rows_total": 2}},
		"the queue is full":                      {0, func(f *fixture) { f.mirrorCall("a", true) }, map[string]float64{"lost": 1, "vedette_rows_total": 1}},
		"of no instance": {10, func(f *fixture) {
			f.mirrorCall("a", true)
			it := <-f.queue
			it.ex.Request.Bytes, it.ex.Response.Bytes = []byte(`{"instances":[]}`), []byte(`{"predictions":[]}`)
			f.queue <- it
		}, map[string]float64{"incomparable": 1, "vedette_rows_total": 1}},
		"a fault while the call is decoded": {10, func(f *fixture) {
			f.mirrorCall("a", true)
			f.current.Load().Decoder = nil
		}, map[string]float64{"lost": 1, "vedette_rows_total": 1}},
		"a fault while the shadow's answer is decoded": {10, func(f *fixture) {
			f.mirrorCall("a", true)
			f.work()
			f.current.Load().Decoder = nil
		}, map[string]float64{"lost": 1, "vedette_capture_errors_total": 1, "vedette_rows_total": 1, "vedette_rows_dropped_total": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			f := mirrored(t, tt.items)
			f.configure(config())
			tt.do(f)
			f.work()
			<-f.Mirror.Ready()
			f.pairs()
			if d := cmp.Diff(tt.want, f.outcomes()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if held := f.Mirror.Held(); held != 0 {
				t.Errorf("%d bytes are held", held)
			}
			f.worker.flush()
		})
	}
}
