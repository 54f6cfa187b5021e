// SPDX-License-Identifier: Apache-2.0

// Package table reads datasets, Parquet or CSV, as typed columns, a batch of rows at a time. It owns how a cell of a
// file becomes a record.Value and what is a damaged file. It knows nothing of stores, monitors or statistics.
//
// Parquet is read page by page into values of the declared type, never row by row. Memory is bounded by one page
// of each wanted column and one batch.
package table

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// BatchRows is the number of rows of a full batch: enough to spread the cost of a call, and small enough that a batch
// of twenty columns stays in the processor's cache.
const BatchRows = 1024

// Limits on what a file may ask of memory. Longer cells are cut as the sidecar cuts them: a category must be the same
// on both sides.
const (
	maxCategoryBytes = 256
	maxTextBytes     = 4096
	maxFieldsCSV     = 4096
)

var (
	// ErrDamaged means that a file is not what its name says, or is broken. What was read before stays valid.
	ErrDamaged = errors.New("the file is damaged")
	// ErrColumn means that a file lacks a wanted column or has it in a form that cannot be read.
	ErrColumn = errors.New("unusable column")
)

// Wanted is a column to read.
type Wanted struct {
	// Names are the names that the column may have, the best first.
	Names []string
	// Type is what its values are read as.
	Type wire.FeatureType
	// Optional columns may be absent: all values are then missing.
	Optional bool
}

// Reader yields batches of rows.
type Reader interface {
	// Next fills columns, one slice for each wanted column, each of BatchRows values, and returns the number of rows
	// that it filled. It returns 0 and io.EOF at the end. Strings stay valid after the next call.
	Next(columns [][]record.Value) (rows int, err error)
	// Found reports whether the wanted column with this index is in the file.
	Found(column int) bool
	// Close releases the reader.
	Close() error
}

// NewBatch makes the columns of a batch.
func NewBatch(columns int) [][]record.Value {
	cells := make([]record.Value, columns*BatchRows)
	batch := make([][]record.Value, columns)
	for i := range batch {
		batch[i] = cells[i*BatchRows : (i+1)*BatchRows : (i+1)*BatchRows]
	}
	return batch
}

// Supported reports whether files of this name can be read.
func Supported(name string) bool {
	return strings.EqualFold(path.Ext(name), ".parquet") || strings.EqualFold(path.Ext(name), ".csv")
}

// Open opens a file by the extension of its name: .parquet or .csv.
func Open(name string, r io.ReaderAt, size int64, wanted []Wanted) (Reader, error) {
	switch strings.ToLower(path.Ext(name)) {
	case ".parquet":
		return openParquet(r, size, wanted)
	case ".csv":
		return openCSV(io.NewSectionReader(r, 0, size), wanted)
	}
	return nil, fmt.Errorf("opening %.200q: %w: want a name that ends in .parquet or .csv", name, ErrDamaged)
}

// match finds the index of the first of the wanted names in a header, or -1.
func match(w Wanted, index map[string]int) (int, error) {
	for _, name := range w.Names {
		if i, ok := index[name]; ok {
			return i, nil
		}
	}
	if w.Optional {
		return -1, nil
	}
	return -1, fmt.Errorf("%w: none is named %s", ErrColumn, strings.Join(w.Names, " or "))
}

// recovered turns a panic of the Parquet library on damaged bytes into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %.200v", ErrDamaged, r)
	}
}
