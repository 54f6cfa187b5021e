// SPDX-License-Identifier: Apache-2.0

package record

import (
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record/columnar"
	"github.com/vedette-dev/vedette/internal/wire"
)

// featurePrefix starts the names of the columns of features.
const featurePrefix = "f_"

// column is one column of the rows. It has put and get, or, for a list, strings or numbers.
type column struct {
	name string
	node parquet.Node
	// records limits it to the records tier.
	records bool

	// put is the row's value; the zero Value is NULL. get is its inverse.
	put func(*Row) parquet.Value
	get func(*Row, parquet.Value, *columnar.Text)
	// strings and numbers are the lists of a row.
	strings func(*Row) *[]string
	numbers func(*Row) *[]float64
}

// columns are all columns but those of features, in their order. New ones are added, none is taken away or changed:
// files of all releases lie side by side.
var columns = []column{
	text("record_id", columnar.String, func(r *Row) *string { return &r.RecordID }),
	text("request_id", columnar.String, func(r *Row) *string { return &r.RequestID }),
	text("trace_id", columnar.String, func(r *Row) *string { return &r.TraceID }),
	text("span_id", columnar.String, func(r *Row) *string { return &r.SpanID }),
	text("label_key", columnar.String, func(r *Row) *string { return &r.LabelKey }),
	{
		name: "ts", node: columnar.Timestamp,
		put: func(r *Row) parquet.Value {
			if r.Time.IsZero() {
				return parquet.Value{}
			}
			return parquet.Int64Value(r.Time.UnixMicro())
		},
		get: func(r *Row, v parquet.Value, _ *columnar.Text) {
			if r.Time = (time.Time{}); !v.IsNull() {
				r.Time = time.UnixMicro(v.Int64()).UTC()
			}
		},
	},
	number("latency_ms", func(r *Row) *float64 { return &r.LatencyMS }),
	number("ttfb_ms", func(r *Row) *float64 { return &r.TTFBMS }),
	{
		name: "status", node: columnar.Int32,
		put: func(r *Row) parquet.Value { return parquet.Int32Value(r.Status) },
		get: func(r *Row, v parquet.Value, _ *columnar.Text) { r.Status = v.Int32() },
	},
	text("outcome", columnar.Term, func(r *Row) *Outcome { return &r.Outcome }),
	text("monitor", columnar.Term, func(r *Row) *string { return &r.Monitor }),
	text("model", columnar.Term, func(r *Row) *string { return &r.Model }),
	text("model_version", columnar.Term, func(r *Row) *string { return &r.ModelVersion }),
	text("code_version", columnar.Term, func(r *Row) *string { return &r.CodeVersion }),
	text("features_version", columnar.Term, func(r *Row) *string { return &r.FeaturesVersion }),
	text("dataset_version", columnar.Term, func(r *Row) *string { return &r.DatasetVersion }),
	text("config_revision", columnar.Term, func(r *Row) *string { return &r.ConfigRevision }),
	text("baseline_digest", columnar.Term, func(r *Row) *string { return &r.BaselineDigest }),
	text("role", columnar.Term, func(r *Row) *string { return &r.Role }),
	text("pod", columnar.Term, func(r *Row) *string { return &r.Pod }),
	number("keep_probability", func(r *Row) *float64 { return &r.KeepProbability }),
	text("keep_reason", columnar.Term, func(r *Row) *KeepReason { return &r.KeepReason }),
	text("prediction", columnar.Term, func(r *Row) *string { return &r.Prediction }),
	number("score", func(r *Row) *float64 { return &r.Score }),
	{name: "scores", node: columnar.Doubles, numbers: func(r *Row) *[]float64 { return &r.Scores }},
	number("confidence", func(r *Row) *float64 { return &r.Confidence }),
	number("entropy", func(r *Row) *float64 { return &r.Entropy }),
	number("margin", func(r *Row) *float64 { return &r.Margin }),
	{name: "segments", node: columnar.Terms, strings: func(r *Row) *[]string { return &r.Segments }},
	{name: "violations", node: columnar.Terms, strings: func(r *Row) *[]string { return &r.Violations }},
	number("outlier_score", func(r *Row) *float64 { return &r.OutlierScore }),
	{name: "outlier_reasons", node: columnar.Terms, strings: func(r *Row) *[]string { return &r.OutlierReasons }},

	recordsOnly(body("request", func(r *Row) *[]byte { return &r.Request })),
	recordsOnly(body("response", func(r *Row) *[]byte { return &r.Response })),
	recordsOnly(text("request_sha256", columnar.String, func(r *Row) *string { return &r.RequestSHA256 })),
	recordsOnly(text("response_sha256", columnar.String, func(r *Row) *string { return &r.ResponseSHA256 })),
	recordsOnly(length("request_bytes", func(r *Row) *int64 { return &r.RequestBytes })),
	recordsOnly(length("response_bytes", func(r *Row) *int64 { return &r.ResponseBytes })),
	recordsOnly(column{
		name: "truncated", node: columnar.Boolean,
		put: func(r *Row) parquet.Value { return parquet.BooleanValue(r.Truncated) },
		get: func(r *Row, v parquet.Value, _ *columnar.Text) { r.Truncated = v.Boolean() },
	}),
}

func text[T ~string](name string, node parquet.Node, field func(*Row) *T) column {
	return column{
		name: name, node: node,
		put: func(r *Row) parquet.Value { return columnar.StringValue(string(*field(r))) },
		get: func(r *Row, v parquet.Value, t *columnar.Text) { *field(r) = T(t.Of(v)) },
	}
}

func number(name string, field func(*Row) *float64) column {
	return column{
		name: name, node: columnar.Double,
		put: func(r *Row) parquet.Value { return columnar.DoubleValue(*field(r)) },
		get: func(r *Row, v parquet.Value, _ *columnar.Text) {
			if *field(r) = nan; !v.IsNull() {
				*field(r) = v.Double()
			}
		},
	}
}

func length(name string, field func(*Row) *int64) column {
	return column{
		name: name, node: columnar.Int64,
		put: func(r *Row) parquet.Value { return parquet.Int64Value(*field(r)) },
		get: func(r *Row, v parquet.Value, _ *columnar.Text) { *field(r) = v.Int64() },
	}
}

func body(name string, field func(*Row) *[]byte) column {
	return column{
		name: name, node: columnar.Bytes,
		put: func(r *Row) parquet.Value {
			if b := *field(r); b != nil {
				return parquet.ByteArrayValue(b)
			}
			return parquet.Value{}
		},
		get: func(r *Row, v parquet.Value, _ *columnar.Text) {
			if *field(r) = nil; !v.IsNull() {
				*field(r) = append([]byte{}, v.ByteArray()...)
			}
		},
	}
}

func recordsOnly(c column) column {
	c.records = true
	return c
}

// columnOf is the column of feature number i.
func columnOf(name string, node parquet.Node, kind Kind, i int) column {
	c := column{name: featurePrefix + name, node: node}
	c.put = func(r *Row) parquet.Value {
		if i >= len(r.Features) || r.Features[i].Kind != kind {
			return parquet.Value{}
		}
		switch v := &r.Features[i]; kind {
		case Number:
			return columnar.DoubleValue(v.Num)
		case Bool:
			return parquet.BooleanValue(v.Num != 0)
		default:
			return columnar.ElementValue(v.Str)
		}
	}
	c.get = func(r *Row, v parquet.Value, t *columnar.Text) {
		r.Features[i] = Value{}
		if v.IsNull() {
			return
		}
		switch r.Features[i].Kind = kind; kind {
		case Number:
			r.Features[i].Num = v.Double()
		case Bool:
			if v.Boolean() {
				r.Features[i].Num = 1
			}
		default:
			r.Features[i].Str = t.Of(v)
		}
	}
	return c
}

// featureOf is the column of a declared feature.
func featureOf(f wire.Feature, i int) column {
	switch f.Type {
	case wire.Numeric:
		return columnOf(f.Name, columnar.Double, Number, i)
	case wire.Boolean:
		return columnOf(f.Name, columnar.Boolean, Bool, i)
	case wire.Text:
		return columnOf(f.Name, columnar.String, String, i)
	default:
		return columnOf(f.Name, columnar.Term, String, i)
	}
}
