// SPDX-License-Identifier: Apache-2.0

package columnar

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// ErrDamaged means that a file is not what it should be: cut short, changed on its way, or not Parquet at all.
var ErrDamaged = errors.New("the Parquet file is damaged")

// File is an open file. It is not safe for concurrent use.
type File struct {
	parquet *parquet.File
	source  *source
	columns []Column
}

// source remembers the failures to read bytes: every other failure is damage.
type source struct {
	io.ReaderAt
	size int64
	err  error
}

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > s.size {
		return 0, fmt.Errorf("it refers to byte %d of %d", off, s.size)
	}
	n, err := s.ReaderAt.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// Open reads the footer of a file.
func Open(r io.ReaderAt, size int64) (f *File, err error) {
	src := &source{ReaderAt: r, size: size}
	defer src.explain(&err)
	p, err := parquet.OpenFile(src, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	// Here, because a damaged schema can provoke panics, too.
	return &File{parquet: p, source: src, columns: columnsOf(p)}, nil
}

// explain turns an error or a panic of the decoder, which damaged pages provoke, into an error that wraps ErrDamaged,
// unless it was the reading of the bytes that failed.
func (s *source) explain(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
	switch {
	case *err == nil:
	case s.err != nil:
		*err = s.err
	default:
		*err = fmt.Errorf("%w: %w", ErrDamaged, *err)
	}
}

// NumRows is the number of rows.
func (f *File) NumRows() int64 { return f.parquet.NumRows() }

// Metadata is the value of a key of the file's metadata.
func (f *File) Metadata(key string) (string, bool) { return f.parquet.Lookup(key) }

// Column is one column of a file. Kind is the kind of its values, or of the elements of its lists.
type Column struct {
	Name string
	Kind parquet.Kind
	List bool
	// Unit is what the integers of a timestamp count; 0 for other columns.
	Unit time.Duration

	index int
	depth byte // the definition level of a value that is there
}

// Columns are the columns in their order, leaving out nested ones, which nothing of ours has.
func (f *File) Columns() []Column { return f.columns }

func columnsOf(f *parquet.File) []Column {
	var all []Column
	for _, c := range f.Root().Columns() {
		leaf := c
		for !leaf.Leaf() && len(leaf.Columns()) == 1 {
			leaf = leaf.Columns()[0]
		}
		if leaf.Leaf() && leaf.MaxRepetitionLevel() <= 1 {
			all = append(all, Column{
				Name: c.Name(), Kind: leaf.Type().Kind(), List: leaf.MaxRepetitionLevel() == 1, Unit: unitOf(leaf.Type()),
				index: leaf.Index(), depth: byte(leaf.MaxDefinitionLevel()),
			})
		}
	}
	return all
}

// unitOf is the unit of a timestamp in UTC; 0 for any other type. One of local time does not say when it was.
func unitOf(t parquet.Type) time.Duration {
	logical := t.LogicalType()
	if logical == nil || t.Kind() != parquet.Int64 {
		return 0
	}
	timestamp, ok := logical.Value.(*format.TimestampType)
	if !ok || !timestamp.IsAdjustedToUTC || timestamp.Unit.Value == nil {
		return 0
	}
	return timestamp.Unit.Value.Duration()
}

// Fits says whether a column has the type of a node.
func Fits(node parquet.Node, c Column) bool {
	list := !node.Leaf()
	for !node.Leaf() {
		node = node.Fields()[0]
	}
	return c.List == list && node.Type().Kind() == c.Kind
}

// Cursor walks along one column, row by row.
type Cursor struct {
	column Column
	file   *File
	groups []parquet.RowGroup
	values parquet.ColumnChunkValueReader
	buffer [128]parquet.Value
	next   int
	filled int
}

// Cursor starts at the first row of a column.
func (f *File) Cursor(c Column) *Cursor {
	return &Cursor{column: c, file: f, groups: f.parquet.RowGroups()}
}

// Value is the value of the next row, the zero Value for NULL. It is valid until the next call. After the last row
// there is io.EOF.
func (c *Cursor) Value() (parquet.Value, error) {
	if c.next == c.filled {
		if err := c.fill(); err != nil {
			return parquet.Value{}, err
		}
	}
	v := c.buffer[c.next]
	c.next++
	return v, nil
}

// List calls add with each element of the next row's list.
func (c *Cursor) List(add func(parquet.Value)) error {
	v, err := c.Value()
	if err != nil {
		return err
	}
	if v.DefinitionLevel() == int(c.column.depth) {
		add(v)
	}
	for {
		if c.next == c.filled {
			if err := c.fill(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
		if v = c.buffer[c.next]; v.RepetitionLevel() == 0 {
			return nil
		}
		c.next++
		add(v)
	}
}

// Close releases what the cursor holds.
func (c *Cursor) Close() {
	if c.values != nil {
		_ = c.values.Close() // Nothing was written.
		c.values = nil
	}
	c.groups = nil
}

func (c *Cursor) fill() (err error) {
	c.next, c.filled = 0, 0
	for c.filled == 0 {
		if c.values == nil && len(c.groups) == 0 {
			return io.EOF
		}
		if err := c.read(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cursor) read() (err error) {
	defer c.file.source.explain(&err)
	if c.values == nil {
		chunk := c.groups[0].ColumnChunks()[c.column.index]
		c.groups = c.groups[1:]
		c.values = parquet.NewColumnChunkValueReader(chunk)
	}
	c.filled, err = c.values.ReadValues(c.buffer[:])
	if errors.Is(err, io.EOF) {
		err = c.values.Close()
		c.values = nil
	}
	return err
}

// Text copies strings out of the values of one column. Where a value repeats, so does its copy.
type Text struct{ last string }

// Of is the string that v holds, "" for NULL.
func (t *Text) Of(v parquet.Value) string {
	if v.IsNull() {
		return ""
	}
	if b := v.ByteArray(); string(b) != t.last {
		t.last = string(b)
	}
	return t.last
}
