// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
)

// BenchmarkPerformance1M joins a million labels, by business key, to a million predictions of an hour, and measures them
// overall and in two segments.
func BenchmarkPerformance1M(b *testing.B) {
	const n = 1_000_000
	x := newBox(b)
	rng := rand.New(rand.NewPCG(1, 1))
	var labels []label.Row
	for file := range 10 {
		var body bytes.Buffer
		w, err := record.NewWriter(&body, record.Predictions, nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		labels = labels[:0]
		for i := range n / 10 {
			id := fmt.Sprintf("b5cbd24a-6d3e-4ad8-b0ff-%012x-%d-0", rng.Uint32(), file*n+i)
			row := predictionAt(id, float64(i)*60/(n/10), func(r *record.Row) {
				r.RequestID, r.LabelKey = fmt.Sprintf("%016x", rng.Uint64()), fmt.Sprintf("transaction-%d", file*n+i)
				if r.Score = rng.Float64(); r.Score > 0.5 {
					r.Prediction = "late"
				}
				r.Segments = []string{[]string{"atl", "lax"}[i%2]}
			})
			if err := w.Write(&row); err != nil {
				b.Fatal(err)
			}
			labels = append(labels, truthOf(func(r *label.Row) {
				if r.LabelKey = row.LabelKey; rng.Float64() > row.Score {
					r.Class = "ontime"
				}
				r.Identify(r.LabelKey)
			}))
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		x.write(b, x.layout().Rows(store.Predictions, "v1", matureHour.From, fmt.Sprintf("pod-%d", file)), body.Bytes(), now)
		body.Reset()
		if err := label.Write(&body, labels); err != nil {
			b.Fatal(err)
		}
		x.write(b, x.layout().Labels(now, fmt.Sprintf("batch-%d", file)), body.Bytes(), now)
	}
	peak := watchHeap(b)
	for b.Loop() {
		x.Run = fmt.Sprintf("run-%d", rng.Uint32())
		r, _, err := Performance(b.Context(), x.Env, x.PerformanceWindow(time.Hour, matureHour.To))
		if err != nil {
			b.Fatal(err)
		}
		if got := r.group("", "").Labelled; got < n*99/100 {
			b.Fatalf("%d of %d predictions are labelled", got, n)
		}
	}
	b.ReportMetric(peak()/(1<<20), "MiB-peak")
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// watchHeap samples the size of the heap until the returned function is called, which gives the greatest.
func watchHeap(b *testing.B) func() float64 {
	done, peak := make(chan struct{}), make(chan float64)
	ticker := time.NewTicker(20 * time.Millisecond)
	go func() {
		most := 0.0
		for {
			select {
			case <-ticker.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = math.Max(most, float64(m.HeapInuse))
			case <-done:
				peak <- most
				return
			}
		}
	}()
	return func() float64 {
		ticker.Stop()
		close(done)
		return <-peak
	}
}
