// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// schema is that of the sample, as far as it matters here.
func schema() wire.Schema {
	return wire.Schema{
		Features: []wire.Feature{
			{Name: "hour", Type: wire.Numeric}, {Name: "weekday", Type: wire.Categorical}, {Name: "origin", Type: wire.Categorical},
			{Name: "destination", Type: wire.Categorical}, {Name: "distance", Type: wire.Numeric}, {Name: "origin_delay_2h", Type: wire.Numeric},
		},
		Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{model.OnTime, model.Late}},
	}
}

// baseline is the summary that sidecars would score with: that of the flights of May that are never replayed.
func baseline(ctx context.Context) (*outlier.Summary, error) {
	dir, err := os.MkdirTemp("", "vedette-study")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	bucket, err := store.Open(ctx, "file://"+dir, "")
	if err != nil {
		return nil, err
	}
	defer bucket.Close()
	e := &analyze.Env{
		Config: wire.Config{
			Cluster: "study", Namespace: "flights", Monitor: "flights", Schema: schema(),
			Baseline: wire.Baseline{Name: "may", DatasetURL: "baselines/may.parquet"},
			Outliers: wire.Outliers{Rate: 0.001},
		},
		Bucket: bucket, Now: time.Date(2001, 6, 1, 0, 0, 0, 0, time.UTC), Run: "study", Log: slog.New(slog.DiscardHandler),
	}
	layout := store.Layout{Cluster: "study", Namespace: "flights", Monitor: "flights"}
	var dataset bytes.Buffer
	if _, err := data.WriteBaseline(&dataset); err != nil {
		return nil, err
	}
	if err := bucket.Put(ctx, layout.Prefix()+"baselines/may.parquet", dataset.Bytes()); err != nil {
		return nil, err
	}
	if _, err := analyze.Baseline(ctx, e); err != nil {
		return nil, err
	}
	document, err := bucket.Get(ctx, layout.Baseline("may", outlier.SummaryFile), 1<<24)
	if err != nil {
		return nil, fmt.Errorf("reading the summary: %w", err)
	}
	return outlier.Decode(document)
}

// rowOf is a flight as the sidecar records it, without the model's answer.
func rowOf(f data.Flight) record.Row {
	r := record.Row{Features: []record.Value{
		{Kind: record.Number, Num: float64(f.Hour())}, {Kind: record.String, Str: f.Weekday()},
		{Kind: record.String, Str: f.Origin}, {Kind: record.String, Str: f.Destination},
		{Kind: record.Number, Num: float64(f.Distance)}, {Kind: record.Number, Num: f.OriginDelay2h},
	}}
	switch f.Origin {
	case "ATL", "LAX", "ORD", "DFW":
		r.Segments = append(r.Segments, strings.ToLower(f.Origin))
	}
	if f.Distance >= 1500 {
		r.Segments = append(r.Segments, "long-haul")
	}
	return r
}

// answer adds what the model says.
func answer(r *record.Row, score float64) {
	r.Score, r.Prediction, r.OutlierScore = score, model.Label(score), math.NaN()
	r.Confidence, r.Entropy, r.Margin = outlier.Uncertainty([]float64{1 - score, score})
}
