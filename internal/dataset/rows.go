// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/record/columnar"
)

// Row is one labelled prediction.
type Row struct {
	// RecordID is the prediction's, LabelID that of the label that held.
	RecordID, LabelID string
	// LabelKey is the business key, as rows store it: what erasing a subject finds it by.
	LabelKey string
	Time     time.Time
	Version  string
	Segments []string
	// Prediction and Score are what the model said.
	Prediction string
	Score      float64
	// Class or Value is what was right.
	Class  string
	Value  float64
	Source string
	// KeepProbability is the probability with which the prediction was kept, Weight its inverse.
	KeepProbability, Weight float64
	KeepReason              string
	// Features are in the order of the version's.
	Features []feature.Value
}

const featurePrefix = "f_"

// columns are all columns but those of features, in their order. New ones are added, none is taken away or changed.
var columns = []columnar.Mapping[Row]{
	columnar.TextOf("record_id", columnar.String, func(r *Row) *string { return &r.RecordID }),
	columnar.TextOf("label_id", columnar.String, func(r *Row) *string { return &r.LabelID }),
	columnar.TextOf("label_key", columnar.String, func(r *Row) *string { return &r.LabelKey }),
	columnar.TimeOf("ts", func(r *Row) *time.Time { return &r.Time }),
	columnar.TextOf("model_version", columnar.Term, func(r *Row) *string { return &r.Version }),
	columnar.StringsOf("segments", columnar.Terms, func(r *Row) *[]string { return &r.Segments }),
	columnar.TextOf("prediction", columnar.Term, func(r *Row) *string { return &r.Prediction }),
	columnar.NumberOf("score", func(r *Row) *float64 { return &r.Score }),
	columnar.TextOf("label", columnar.Term, func(r *Row) *string { return &r.Class }),
	columnar.NumberOf("label_value", func(r *Row) *float64 { return &r.Value }),
	columnar.TextOf("label_source", columnar.Term, func(r *Row) *string { return &r.Source }),
	columnar.NumberOf("keep_probability", func(r *Row) *float64 { return &r.KeepProbability }),
	columnar.NumberOf("weight", func(r *Row) *float64 { return &r.Weight }),
	columnar.TextOf("keep_reason", columnar.Term, func(r *Row) *string { return &r.KeepReason }),
}

// mapping is all columns of a version with the features.
func mapping(features []Feature) []columnar.Mapping[Row] {
	all := slices.Clone(columns)
	for i, f := range features {
		all = append(all, featureColumn(f, i))
	}
	return all
}

// featureColumn is the column of feature number i: values of another kind are NULL, as are missing and invalid ones.
func featureColumn(f Feature, i int) columnar.Mapping[Row] {
	c := columnar.Mapping[Row]{Name: featurePrefix + f.Name}
	kind := feature.String
	switch f.Type {
	case "Numeric":
		kind, c.Node = feature.Number, columnar.Double
	case "Boolean":
		kind, c.Node = feature.Bool, columnar.Boolean
	case "Text":
		c.Node = columnar.String
	default:
		c.Node = columnar.Term
	}
	c.Put = func(r *Row) parquet.Value {
		if i >= len(r.Features) || r.Features[i].Kind != kind {
			return parquet.Value{}
		}
		switch v := &r.Features[i]; kind {
		case feature.Number:
			return columnar.DoubleValue(v.Num)
		case feature.Bool:
			return parquet.BooleanValue(v.Num != 0)
		default:
			return columnar.ElementValue(v.Str)
		}
	}
	c.Get = func(r *Row, v parquet.Value, t *columnar.Text) {
		r.Features[i] = feature.Value{}
		if v.IsNull() {
			return
		}
		r.Features[i].Kind = kind
		switch kind {
		case feature.Number:
			r.Features[i].Num = v.Double()
		case feature.Bool:
			if v.Boolean() {
				r.Features[i].Num = 1
			}
		default:
			r.Features[i].Str = t.Of(v)
		}
	}
	return c
}

// Write writes rows as one Parquet file. Equal rows and features give equal bytes.
func Write(w io.Writer, features []Feature, rows []Row) error {
	all := mapping(features)
	schema, err := columnar.SchemaOf("vedette_dataset", all)
	if err != nil {
		return fmt.Errorf("starting a part of a dataset: %w", err)
	}
	out := columnar.NewWriter(w, schema, nil)
	var values parquet.Row
	for i := range rows {
		values = columnar.Append(values[:0], all, &rows[i])
		if err := out.Write(values); err != nil {
			return fmt.Errorf("writing a row of a dataset: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("ending a part of a dataset: %w", err)
	}
	return nil
}

// Read yields the rows of a part with the features, in their order. A row is valid until the next one: clone its lists to keep
// it. It ends after the first error.
func Read(r io.ReaderAt, size int64, features []Feature) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		file, err := columnar.Open(r, size)
		if err != nil {
			yield(nil, fmt.Errorf("opening a part of a dataset: %w", err))
			return
		}
		var found []columnar.Mapping[Row]
		var sources []columnar.Column
		for _, c := range mapping(features) {
			for _, source := range file.Columns() {
				if source.Name != c.Name {
					continue
				}
				if !columnar.Fits(c.Node, source) {
					yield(nil, fmt.Errorf("opening a part of a dataset: column %q: %w: its type is not ours", c.Name, ErrDamaged))
					return
				}
				found, sources = append(found, c), append(sources, source)
			}
		}
		walker := columnar.Walk(file, found, sources)
		defer walker.Close()
		nan := math.NaN()
		row := Row{Score: nan, Value: nan, KeepProbability: nan, Weight: nan, Features: make([]feature.Value, len(features))}
		for range file.NumRows() {
			if err := walker.Next(&row); err != nil {
				yield(nil, err)
				return
			}
			if !yield(&row, nil) {
				return
			}
		}
	}
}

// LabelSet is the SHA-256, in hex, of the ids of the rows' labels, sorted, each with a line break.
func LabelSet(rows []Row) string {
	ids := make([]string, 0, len(rows))
	for i := range rows {
		ids = append(ids, rows[i].LabelID)
	}
	slices.Sort(ids)
	h := sha256.New()
	for _, id := range ids {
		h.Write([]byte(id + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// PartName names part number n.
func PartName(n int) string { return fmt.Sprintf("part-%05d.parquet", n) }
