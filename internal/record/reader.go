// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record/columnar"
)

// ErrDamaged means that a file is not what it should be: cut short, changed on its way, or not of ours.
var ErrDamaged = columnar.ErrDamaged

// Reader reads a file of rows of any tier and any release. It is not safe for concurrent use.
type Reader struct {
	// Features names the values of Row.Features.
	Features []string

	file    *columnar.File
	columns []column
	sources []columnar.Column
}

// NewReader opens a file of size bytes. With names, only those columns are read, and the other fields of the rows stay
// zero, or NaN where NaN means unknown; "f_*" stands for all features.
func NewReader(r io.ReaderAt, size int64, names ...string) (*Reader, error) {
	file, err := columnar.Open(r, size)
	if err != nil {
		return nil, fmt.Errorf("opening a file of rows: %w", err)
	}
	known := map[string]column{}
	for _, c := range slices.Concat(columns, recordColumns) {
		known[c.Name] = c
	}
	rd := &Reader{file: file}
	for _, source := range file.Columns() {
		name, isFeature := strings.CutPrefix(source.Name, featurePrefix)
		if len(names) > 0 && !slices.Contains(names, source.Name) && (!isFeature || !slices.Contains(names, featurePrefix+"*")) {
			continue
		}
		c, ok := known[source.Name]
		if !ok {
			if !isFeature {
				continue // A column of a later release.
			}
			if c, ok = featureFrom(name, source.Kind, len(rd.Features)); ok {
				rd.Features = append(rd.Features, name)
			}
		}
		if !ok || !columnar.Fits(c.Node, source) {
			return nil, fmt.Errorf("opening a file of rows: column %.80q: %w: its type is not ours", source.Name, ErrDamaged)
		}
		rd.columns, rd.sources = append(rd.columns, c), append(rd.sources, source)
	}
	return rd, nil
}

func featureFrom(name string, kind parquet.Kind, i int) (column, bool) {
	switch kind {
	case parquet.Double:
		return columnOf(name, columnar.Double, Number, i), true
	case parquet.Boolean:
		return columnOf(name, columnar.Boolean, Bool, i), true
	case parquet.ByteArray:
		return columnOf(name, columnar.String, String, i), true
	default:
		return column{}, false
	}
}

// NumRows is the number of rows.
func (r *Reader) NumRows() int64 { return r.file.NumRows() }

// Metadata is the value of a key of the file's metadata.
func (r *Reader) Metadata(key string) (string, bool) { return r.file.Metadata(key) }

// Rows yields the rows in their order. A row is valid until the next one: clone its slices to keep them. It ends after
// the first error.
func (r *Reader) Rows() iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		walker := columnar.Walk(r.file, r.columns, r.sources)
		defer walker.Close()
		row := Row{
			Features: make([]Value, len(r.Features)),
			Score:    nan, Confidence: nan, Entropy: nan, Margin: nan, OutlierScore: nan, LatencyMS: nan, TTFBMS: nan, KeepProbability: nan,
		}
		for range r.file.NumRows() {
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
