// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/spool"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/wire"
)

// BenchmarkCall is what one call with one instance of ten features in two segments costs off the path.
func BenchmarkCall(b *testing.B) {
	metrics := telemetry.New("m", telemetry.Gauges{InFlight: func() float64 { return 0 }, SpoolBytes: func() float64 { return 0 }})
	log := slog.New(slog.DiscardHandler)
	p := New(Options{
		Metrics: metrics, Budget: proxy.NewBudget(1 << 20), QueueItems: 1, Clock: time.Now, Start: time.Unix(0, 0), Log: log,
		Spool: spool.Open(spool.Options{Dir: b.TempDir(), Limit: 1 << 40, Tiers: []string{"records", "predictions", "profiles"}, Observer: metrics, Log: log}),
	})
	c := config()
	c.Schema.Features = nil
	for name := range strings.FieldsSeq("amount age hour velocity_1h velocity_24h distance_km") {
		c.Schema.Features = append(c.Schema.Features, wire.Feature{Name: name, Type: wire.Numeric})
	}
	for name := range strings.FieldsSeq("country merchant weekday channel") {
		c.Schema.Features = append(c.Schema.Features, wire.Feature{Name: name, Type: wire.Categorical})
	}
	c.Schema.Prediction.Score = "response.score"
	c.Segments = []wire.Segment{{Name: "web", When: "f.channel == 'web'"}, {Name: "large", When: "f.amount > 1000.0"}}
	compiled, err := plan.Compile(plan.Source{Config: c})
	if err != nil {
		b.Fatal(err)
	}
	compiled.Metrics = metrics.Bind(compiled.Binding())
	request := []byte(`{"instances":[{"amount":125.5,"age":41,"country":"FR","merchant":"books-and-more","hour":14,"weekday":"Tue","channel":"web",` +
		`"velocity_1h":2,"velocity_24h":9,"distance_km":12.75,"note":"` + strings.Repeat("x", 260) + `"}]}`)
	response := []byte(`{"predictions":[{"score":0.0731,"label":"ok","explanation":"` + strings.Repeat("y", 940) + `"}]}`)
	b.ReportAllocs()
	for b.Loop() {
		ex := proxy.NewExchange(p.Budget, 1<<18, false)
		ex.Plan, ex.Path, ex.Status, ex.RequestID, ex.Start = compiled, "/v1/models/m:predict", http.StatusOK, "id", time.Unix(1_000_000_000, 0)
		ex.Request.Bytes, ex.Response.Bytes = request, response
		p.process(item{ex: ex, sequence: 1})
	}
}
