// SPDX-License-Identifier: Apache-2.0

package columnar

import (
	"errors"
	"io"
	"iter"

	"github.com/parquet-go/parquet-go"
)

// Schema is the file's own, with the columns of other releases too, so that its rows can be written again whole.
func (f *File) Schema() *parquet.Schema { return f.parquet.Schema() }

// Rows yields whole rows: all columns, also those that this release does not know. A row is valid until the next one:
// clone it to keep it. It ends after the first error.
func (f *File) Rows() iter.Seq2[parquet.Row, error] {
	return func(yield func(parquet.Row, error) bool) {
		for _, group := range f.parquet.RowGroups() {
			if !f.rowsOf(group, yield) {
				return
			}
		}
	}
}

// rowsPerRead is how many whole rows are decoded at a time.
const rowsPerRead = 32

func (f *File) rowsOf(group parquet.RowGroup, yield func(parquet.Row, error) bool) bool {
	rows := group.Rows()
	defer rows.Close() //nolint:errcheck // Nothing was written.
	var buffer [rowsPerRead]parquet.Row
	for {
		n, err := f.readRows(rows, buffer[:])
		for _, row := range buffer[:n] {
			if !yield(row, nil) {
				return false
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return true
		case err != nil:
			yield(nil, err)
			return false
		}
	}
}

func (f *File) readRows(rows parquet.Rows, buffer []parquet.Row) (n int, err error) {
	for i := range buffer {
		buffer[i] = buffer[i][:0]
	}
	n, err = f.readInto(rows, buffer)
	if err == nil && n == 0 {
		return 0, io.EOF // A reader that has no more rows, and does not say so, would be asked for ever.
	}
	return n, err
}

func (f *File) readInto(rows parquet.Rows, buffer []parquet.Row) (n int, err error) {
	var ended error
	func() {
		defer f.source.explain(&err)
		if n, err = rows.ReadRows(buffer); errors.Is(err, io.EOF) {
			ended, err = err, nil
		}
	}()
	return n, errors.Join(err, ended)
}

// Leaves are the numbers of the leaf columns, as rows carry them, by the name of the column.
func (f *File) Leaves() map[string]int {
	leaves := make(map[string]int, len(f.columns))
	for _, c := range f.columns {
		leaves[c.Name] = c.index
	}
	return leaves
}

// ValueOf is the first value of a leaf column in a row; the zero Value, which is NULL, where there is none.
func ValueOf(row parquet.Row, leaf int) parquet.Value {
	for i := min(leaf, len(row)); i < len(row); i++ { // Each column has one value at least.
		if row[i].Column() == leaf {
			return row[i]
		}
	}
	return parquet.Value{}
}
