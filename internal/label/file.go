// SPDX-License-Identifier: Apache-2.0

package label

import (
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record/columnar"
)

// columns are all columns in their order. New ones are added, none is taken away or changed.
var columns = []columnar.Mapping[Row]{
	columnar.TextOf("label_id", columnar.String, func(r *Row) *string { return &r.ID }),
	columnar.TextOf("record_id", columnar.String, func(r *Row) *string { return &r.RecordID }),
	columnar.TextOf("request_id", columnar.String, func(r *Row) *string { return &r.RequestID }),
	columnar.TextOf("label_key", columnar.String, func(r *Row) *string { return &r.LabelKey }),
	columnar.CountOf("instance", func(r *Row) *int64 { return &r.Instance }),
	columnar.TimeOf("prediction_ts", func(r *Row) *time.Time { return &r.PredictionTime }),
	columnar.TextOf("kind", columnar.Term, func(r *Row) *Kind { return &r.Kind }),
	columnar.TextOf("class", columnar.Term, func(r *Row) *string { return &r.Class }),
	columnar.NumberOf("value", func(r *Row) *float64 { return &r.Value }),
	columnar.TextOf("event", columnar.Term, func(r *Row) *string { return &r.Event }),
	columnar.NumberOf("amount", func(r *Row) *float64 { return &r.Amount }),
	columnar.FlagOf("retracted", func(r *Row) *bool { return &r.Retracted }),
	columnar.TimeOf("observed_ts", func(r *Row) *time.Time { return &r.Observed }),
	columnar.TimeOf("received_ts", func(r *Row) *time.Time { return &r.Received }),
	columnar.TextOf("source", columnar.Term, func(r *Row) *Source { return &r.Source }),
	columnar.TextOf("queue", columnar.Term, func(r *Row) *string { return &r.Queue }),
	columnar.StringsOf("annotators", columnar.Terms, func(r *Row) *[]string { return &r.Annotators }),
	columnar.NumberOf("agreement", func(r *Row) *float64 { return &r.Agreement }),
	columnar.NumberOf("selection_probability", func(r *Row) *float64 { return &r.Selection }),
	columnar.TextOf("comment", columnar.String, func(r *Row) *string { return &r.Comment }),
}

// Write writes rows as one Parquet file. Equal rows give equal bytes.
func Write(w io.Writer, rows []Row) error {
	schema, err := columnar.SchemaOf("vedette_labels", columns)
	if err != nil {
		return fmt.Errorf("starting a file of labels: %w", err)
	}
	out := columnar.NewWriter(w, schema, nil)
	var values parquet.Row
	for i := range rows {
		values = columnar.Append(values[:0], columns, &rows[i])
		if err := out.Write(values); err != nil {
			return fmt.Errorf("writing a label: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("ending a file of labels: %w", err)
	}
	return nil
}

// ErrDamaged means that a file is not what it should be: cut short, changed on its way, or not of ours.
var ErrDamaged = columnar.ErrDamaged

// Read yields the rows of a file of any release, in their order. A row is valid until the next one: clone its Annotators to
// keep it. It ends after the first error.
func Read(r io.ReaderAt, size int64) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		file, err := columnar.Open(r, size)
		if err != nil {
			yield(nil, fmt.Errorf("opening a file of labels: %w", err))
			return
		}
		var found []columnar.Mapping[Row]
		var sources []columnar.Column
		for _, c := range columns {
			for _, source := range file.Columns() {
				if source.Name != c.Name {
					continue
				}
				if !columnar.Fits(c.Node, source) {
					yield(nil, fmt.Errorf("opening a file of labels: column %q: %w: its type is not ours", c.Name, ErrDamaged))
					return
				}
				found, sources = append(found, c), append(sources, source)
			}
		}
		walker := columnar.Walk(file, found, sources)
		defer walker.Close()
		row := Row{Instance: -1, Value: math.NaN(), Amount: math.NaN(), Agreement: math.NaN(), Selection: math.NaN()}
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
