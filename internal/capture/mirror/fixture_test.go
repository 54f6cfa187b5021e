// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const path = "/v1/models/m:predict"

// fixture is a mirror between a shadow and a primary, with the parts of proxy and pipeline played by hand.
type fixture struct {
	*Mirror
	t       *testing.T
	plan    *plan.Plan
	budget  *proxy.Budget
	address string // of the shadow
}

func newFixture(t *testing.T, shadow, primary http.HandlerFunc) *fixture {
	t.Helper()
	metrics := telemetry.New("m", telemetry.Gauges{InFlight: func() float64 { return 0 }, SpoolBytes: func() float64 { return 0 }})
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	f := &fixture{t: t, budget: proxy.NewBudget(1 << 20), address: serve(shadow)}
	f.Mirror = New(Options{
		Metrics: metrics, Upstream: serve(primary), Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { f.Drain(context.Background()) })
	f.schema(wire.Schema{Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"no", "yes"}}})
	return f
}

func (f *fixture) schema(s wire.Schema) {
	f.t.Helper()
	var err error
	f.plan, err = plan.Compile(plan.Source{Config: wire.Config{Monitor: "m", Schema: s, Capture: wire.Capture{BodyLimitBytes: 4 << 10}}})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) document() wire.Mirror {
	return wire.Mirror{
		Rollout: "r", Primary: "p", Candidate: "c", Attempt: "1", Address: f.address, Share: 1, TimeoutSeconds: 30, MaxInFlight: 8, MaxBytes: 1 << 20,
	}
}

func (f *fixture) use(change func(*wire.Mirror)) {
	d := f.document()
	if change != nil {
		change(&d)
	}
	f.Use(&d)
}

// offer plays the proxy's part, up to the end of the request's body.
func (f *fixture) offer(id, body string) *proxy.Exchange {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, "http://model"+path+"?a=1", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("X-Request-Id", id)
	return f.offerRequest(r, id, body)
}

func (f *fixture) offerRequest(r *http.Request, id, body string) *proxy.Exchange {
	ex := proxy.NewExchange(f.budget, 4<<10, false)
	ex.Plan, ex.Path, ex.RequestID, ex.Start, ex.Offers = f.plan, path, id, time.Now(), f.Wants(r)
	ex.Request.Bytes = []byte(body)
	if ex.Offers {
		f.Offer(r, ex)
	}
	return ex
}

// answered is a primary's answer of one instance.
func answered200(score float64) Primary {
	label := "no"
	if score >= 0.5 {
		label = "yes"
	}
	return Primary{
		Outcome: record.OutcomeOK, Status: http.StatusOK, Whole: true, End: time.Now(),
		Instances: []Instance{{RecordID: "x-1-0", Prediction: label, Score: score, Confidence: max(score, 1-score), Entropy: 0.5}},
	}
}

// finish waits for a pair, and finishes it.
func (f *fixture) finish() []record.Pair {
	f.t.Helper()
	<-f.Ready()
	var rows []record.Pair
	for _, p := range f.Take() {
		rows = append(rows, p.Finish()...)
	}
	return rows
}

// counts are the counters of pairs, by name and labels in their order.
func (f *fixture) counts() map[string]float64 {
	f.t.Helper()
	families, err := f.Metrics.Gatherer().Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	v := map[string]float64{}
	for _, family := range families {
		name, ok := strings.CutPrefix(family.GetName(), "vedette_pair")
		if !ok || name == "_latency_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "model", "rollout", "candidate", "attempt", "run":
				default:
					key += "/" + l.GetValue()
				}
			}
			v[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return v
}

func score(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)                  //nolint:errcheck // It is not looked at.
		io.WriteString(w, `{"predictions":[`+s+`]}`) //nolint:errcheck // The reader checks.
	}
}
