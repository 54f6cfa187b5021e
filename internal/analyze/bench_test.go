// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

const (
	benchRows     = 1_000_000
	benchFeatures = 20
)

// BenchmarkDrift1Mx20 goes from a raw Parquet dataset of a million rows and twenty features, of which five are
// categorical, to a verdict: it computes the baseline, with outlier cuts, and compares a window of a million instances
// with it. rows/s counts the rows of the dataset, rows/cpu-s the same by the processor time of the process, which a busy
// machine does not falsify; peak-MB is the most heap in use.
func BenchmarkDrift1Mx20(b *testing.B) {
	e := testEnv(b)
	e.Config.Segments, e.Config.Thresholds = nil, nil
	e.Config.Baseline.DatasetURL = "datasets/wide.parquet"
	e.Config.Schema.Features = nil
	for i := range benchFeatures {
		f := wire.Feature{Name: fmt.Sprintf("x%02d", i), Type: wire.Numeric}
		if i%4 == 3 {
			f.Type = wire.Categorical
		}
		e.Config.Schema.Features = append(e.Config.Schema.Features, f)
	}
	put(b, e, e.layout().Prefix()+e.Config.Baseline.DatasetURL, wideDataset(b, e.Config.Schema.Features))
	rng := rand.New(rand.NewPCG(1, 1))
	writeProfiles(b, e, lastHour, "pod-1", traffic(e, lastHour, benchRows, func(int) record.Row { return wideRow(rng) }))
	// A Job has a memory limit, which the collector knows: without one it would only show how lazy it may be.
	runtime.GC()

	stop := peakHeap(b)
	spent := cpuTime(b)
	var baseline, drift time.Duration
	for b.Loop() {
		begin := time.Now()
		if v, err := Baseline(b.Context(), e); err != nil || v.Rows != benchRows {
			b.Fatalf("baseline: %+v, %v", v.VerdictHeader, err)
		}
		baseline += time.Since(begin)
		begin = time.Now()
		e.Run = fmt.Sprint("run-", begin.UnixNano())
		if _, v, err := Drift(b.Context(), e, e.Window(time.Hour, time.Time{})); err != nil || v.Outcome != wire.OutcomeStable {
			b.Fatalf("drift: %+v, %v", v.VerdictHeader, err)
		}
		drift += time.Since(begin)
	}
	peak := stop()
	b.ReportMetric(float64(benchRows*b.N)/(baseline+drift).Seconds(), "rows/s")
	b.ReportMetric(float64(benchRows*b.N)/(cpuTime(b)-spent).Seconds(), "rows/cpu-s")
	b.ReportMetric(baseline.Seconds()/float64(b.N), "baseline-s")
	b.ReportMetric(drift.Seconds()/float64(b.N), "drift-s")
	b.ReportMetric(peak, "peak-MB")
}

// cpuTime is the processor time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakHeap watches the heap until the returned function is called, which tells the most that was in use, in MB.
func peakHeap(b *testing.B) func() float64 {
	b.Helper()
	done, stopped := make(chan struct{}), make(chan struct{})
	var peak uint64
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	var once sync.Once
	stop := func() { once.Do(func() { close(done); <-stopped }) }
	b.Cleanup(stop)
	return func() float64 { stop(); return float64(peak) / 1e6 }
}

func wideRow(rng *rand.Rand) record.Row {
	r := record.Row{Features: make([]record.Value, benchFeatures), Score: rng.Float64(), ModelVersion: "v1"}
	r.Prediction = "ontime"
	if r.Score >= 0.5 {
		r.Prediction = "late"
	}
	for i := range r.Features {
		if i%4 == 3 {
			r.Features[i] = record.Value{Kind: record.String, Str: categories[rng.IntN(len(categories))]}
		} else {
			r.Features[i] = record.Value{Kind: record.Number, Num: math.Exp(rng.NormFloat64()) * float64(i+1)}
		}
	}
	return r
}

var categories = func() (names [200]string) {
	for i := range names {
		names[i] = fmt.Sprintf("category-%03d", i)
	}
	return names
}()

// wideDataset is the dataset of the benchmark.
func wideDataset(b *testing.B, features []wire.Feature) []byte {
	b.Helper()
	group := parquet.Group{"score": parquet.Leaf(parquet.DoubleType)}
	for _, f := range features {
		group[f.Name] = parquet.Leaf(parquet.DoubleType)
		if f.Type == wire.Categorical {
			group[f.Name] = parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
		}
	}
	var out bytes.Buffer
	w := parquet.NewGenericWriter[any](&out, parquet.NewSchema("wide", group), parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(100_000))
	rng := rand.New(rand.NewPCG(2, 2))
	rows := make([]parquet.Row, 1000)
	for range benchRows / len(rows) {
		for i := range rows {
			r := wideRow(rng)
			row := parquet.Row{parquet.DoubleValue(r.Score).Level(0, 0, 0)} // columns are in the order of their names
			for j, v := range r.Features {
				if v.Kind == record.String {
					row = append(row, parquet.ByteArrayValue([]byte(v.Str)).Level(0, 0, j+1))
				} else {
					row = append(row, parquet.DoubleValue(v.Num).Level(0, 0, j+1))
				}
			}
			rows[i] = row
		}
		if _, err := w.WriteRows(rows); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}
