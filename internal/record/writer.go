// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record/columnar"
	"github.com/vedette-dev/vedette/internal/wire"
)

var nan = math.NaN()

// Writer writes the rows of one tier as Parquet. It is not safe for concurrent use.
type Writer struct {
	parquet *columnar.Writer
	columns []column
	row     parquet.Row
}

// NewWriter starts a file of the tier; the records tier has one column a feature. Equal rows, features and meta give
// equal bytes.
func NewWriter(w io.Writer, tier Tier, features []wire.Feature, meta map[string]string) (*Writer, error) {
	rw := &Writer{columns: slices.Clone(columns)}
	if tier == Records {
		rw.columns = append(rw.columns, recordColumns...)
		for i, f := range features {
			rw.columns = append(rw.columns, featureOf(f, i))
		}
	}
	schema, err := columnar.SchemaOf("vedette", rw.columns)
	if err != nil {
		return nil, fmt.Errorf("starting a file of %s: %w", tier, err)
	}
	rw.parquet = columnar.NewWriter(w, schema, meta)
	return rw, nil
}

// Write appends a row. It keeps nothing of it. Features that are missing, invalid, or of another kind than was
// declared are NULL, as are empty strings and NaN.
func (w *Writer) Write(r *Row) error {
	w.row = columnar.Append(w.row[:0], w.columns, r)
	if err := w.parquet.Write(w.row); err != nil {
		return fmt.Errorf("writing a row: %w", err)
	}
	return nil
}

// Size is how many bytes the file has by now. What is not compressed yet counts in full.
func (w *Writer) Size() int64 { return w.parquet.Size() }

// Close ends the file. It does not close what the file is written to.
func (w *Writer) Close() error {
	if err := w.parquet.Close(); err != nil {
		return fmt.Errorf("ending a file of rows: %w", err)
	}
	return nil
}
