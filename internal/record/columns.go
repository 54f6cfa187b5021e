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

// column is one column of the rows.
type column = columnar.Mapping[Row]

// columns are all columns but those of features, in their order. New ones are added, none is taken away or changed:
// files of all releases lie side by side.
var columns = []column{
	columnar.TextOf("record_id", columnar.String, func(r *Row) *string { return &r.RecordID }),
	columnar.TextOf("request_id", columnar.String, func(r *Row) *string { return &r.RequestID }),
	columnar.TextOf("trace_id", columnar.String, func(r *Row) *string { return &r.TraceID }),
	columnar.TextOf("span_id", columnar.String, func(r *Row) *string { return &r.SpanID }),
	columnar.TextOf("label_key", columnar.String, func(r *Row) *string { return &r.LabelKey }),
	columnar.TimeOf("ts", func(r *Row) *time.Time { return &r.Time }),
	columnar.NumberOf("latency_ms", func(r *Row) *float64 { return &r.LatencyMS }),
	columnar.NumberOf("ttfb_ms", func(r *Row) *float64 { return &r.TTFBMS }),
	{
		Name: "status", Node: columnar.Int32,
		Put: func(r *Row) parquet.Value { return parquet.Int32Value(r.Status) },
		Get: func(r *Row, v parquet.Value, _ *columnar.Text) { r.Status = v.Int32() },
	},
	columnar.TextOf("outcome", columnar.Term, func(r *Row) *Outcome { return &r.Outcome }),
	columnar.TextOf("monitor", columnar.Term, func(r *Row) *string { return &r.Monitor }),
	columnar.TextOf("model", columnar.Term, func(r *Row) *string { return &r.Model }),
	columnar.TextOf("model_version", columnar.Term, func(r *Row) *string { return &r.ModelVersion }),
	columnar.TextOf("code_version", columnar.Term, func(r *Row) *string { return &r.CodeVersion }),
	columnar.TextOf("features_version", columnar.Term, func(r *Row) *string { return &r.FeaturesVersion }),
	columnar.TextOf("dataset_version", columnar.Term, func(r *Row) *string { return &r.DatasetVersion }),
	columnar.TextOf("config_revision", columnar.Term, func(r *Row) *string { return &r.ConfigRevision }),
	columnar.TextOf("baseline_digest", columnar.Term, func(r *Row) *string { return &r.BaselineDigest }),
	columnar.TextOf("role", columnar.Term, func(r *Row) *string { return &r.Role }),
	columnar.TextOf("pod", columnar.Term, func(r *Row) *string { return &r.Pod }),
	columnar.NumberOf("keep_probability", func(r *Row) *float64 { return &r.KeepProbability }),
	columnar.TextOf("keep_reason", columnar.Term, func(r *Row) *KeepReason { return &r.KeepReason }),
	columnar.TextOf("prediction", columnar.Term, func(r *Row) *string { return &r.Prediction }),
	columnar.NumberOf("score", func(r *Row) *float64 { return &r.Score }),
	columnar.NumbersOf("scores", func(r *Row) *[]float64 { return &r.Scores }),
	columnar.NumberOf("confidence", func(r *Row) *float64 { return &r.Confidence }),
	columnar.NumberOf("entropy", func(r *Row) *float64 { return &r.Entropy }),
	columnar.NumberOf("margin", func(r *Row) *float64 { return &r.Margin }),
	columnar.StringsOf("segments", columnar.Terms, func(r *Row) *[]string { return &r.Segments }),
	columnar.StringsOf("violations", columnar.Terms, func(r *Row) *[]string { return &r.Violations }),
	columnar.NumberOf("outlier_score", func(r *Row) *float64 { return &r.OutlierScore }),
	columnar.StringsOf("outlier_reasons", columnar.Terms, func(r *Row) *[]string { return &r.OutlierReasons }),
}

// recordColumns are those that only the records tier has, before the ones of features.
var recordColumns = []column{
	body("request", func(r *Row) *[]byte { return &r.Request }),
	body("response", func(r *Row) *[]byte { return &r.Response }),
	columnar.TextOf("request_sha256", columnar.String, func(r *Row) *string { return &r.RequestSHA256 }),
	columnar.TextOf("response_sha256", columnar.String, func(r *Row) *string { return &r.ResponseSHA256 }),
	columnar.CountOf("request_bytes", func(r *Row) *int64 { return &r.RequestBytes }),
	columnar.CountOf("response_bytes", func(r *Row) *int64 { return &r.ResponseBytes }),
	columnar.FlagOf("truncated", func(r *Row) *bool { return &r.Truncated }),
}

func body(name string, field func(*Row) *[]byte) column {
	return column{
		Name: name, Node: columnar.Bytes,
		Put: func(r *Row) parquet.Value {
			if b := *field(r); b != nil {
				return parquet.ByteArrayValue(b)
			}
			return parquet.Value{}
		},
		Get: func(r *Row, v parquet.Value, _ *columnar.Text) {
			if *field(r) = nil; !v.IsNull() {
				*field(r) = append([]byte{}, v.ByteArray()...)
			}
		},
	}
}

// columnOf is the column of feature number i.
func columnOf(name string, node parquet.Node, kind Kind, i int) column {
	c := column{Name: featurePrefix + name, Node: node}
	c.Put = func(r *Row) parquet.Value {
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
	c.Get = func(r *Row, v parquet.Value, t *columnar.Text) {
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
