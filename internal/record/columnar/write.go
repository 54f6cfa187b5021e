// SPDX-License-Identifier: Apache-2.0

// Package columnar owns how Vedette writes and reads Parquet: schemas whose columns keep their order, writers of
// bounded memory and deterministic bytes, and readers that turn damage into an error. It knows no particular table.
package columnar

import (
	"fmt"
	"io"
	"math"
	"unsafe"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Field is one column: a leaf, or a list of leaves.
type Field struct {
	Name string
	Node parquet.Node
}

// Nodes of columns. All but lists are optional: NULL stands for unknown.
var (
	Double    = parquet.Optional(parquet.Leaf(parquet.DoubleType))
	Boolean   = parquet.Optional(parquet.Leaf(parquet.BooleanType))
	Int32     = parquet.Optional(parquet.Int(32))
	Int64     = parquet.Optional(parquet.Int(64))
	Bytes     = parquet.Optional(parquet.Leaf(parquet.ByteArrayType))
	String    = parquet.Optional(parquet.String())
	Timestamp = parquet.Optional(parquet.Encoded(parquet.Timestamp(parquet.Microsecond), &parquet.DeltaBinaryPacked))
	// Term is a string of few different values.
	Term    = parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
	Doubles = parquet.List(parquet.Leaf(parquet.DoubleType))
	Int32s  = parquet.List(parquet.Encoded(parquet.Int(32), &parquet.DeltaBinaryPacked))
	Int64s  = parquet.List(parquet.Encoded(parquet.Int(64), &parquet.DeltaBinaryPacked))
	Strings = parquet.List(parquet.String())
	Terms   = parquet.List(parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
)

// table is a group whose fields keep their order.
type table struct {
	parquet.Group
	fields []parquet.Field
}

func (t table) Fields() []parquet.Field { return t.fields }

// Schema makes a schema whose columns are in the order of fields. Names must differ.
func Schema(name string, fields []Field) (*parquet.Schema, error) {
	t := table{Group: parquet.Group{}}
	for _, f := range fields {
		if _, twice := t.Group[f.Name]; twice {
			return nil, fmt.Errorf("column %q is declared twice", f.Name)
		}
		t.Group[f.Name] = f.Node
	}
	byName := map[string]parquet.Field{}
	for _, f := range t.Group.Fields() {
		byName[f.Name()] = f
	}
	for _, f := range fields {
		t.fields = append(t.fields, byName[f.Name])
	}
	return parquet.NewSchema(name, t), nil
}

// Memory of a writer: one page a column, and one row group. The sidecar has several writers and little memory.
const (
	pageBytes       = 32 << 10
	dictionaryBytes = 64 << 10
	rowGroupBytes   = 2 << 20
)

// Writer writes rows of one schema. It is not safe for concurrent use.
type Writer struct {
	parquet *parquet.GenericWriter[any]
	rows    [1]parquet.Row
	// flushed is the size of the row groups that are written; unsized the number of rows since the last look at it, and
	// unsizedBytes that of their strings.
	flushed               int64
	unsized, unsizedBytes int
}

// NewWriter starts a file. Equal rows and metadata give equal bytes.
func NewWriter(w io.Writer, schema *parquet.Schema, metadata map[string]string) *Writer {
	return &Writer{parquet: parquet.NewGenericWriter[any](w, schema, &parquet.WriterConfig{
		CreatedBy:          "vedette",
		Compression:        &codec,
		PageBufferSize:     pageBytes,
		DictionaryMaxBytes: dictionaryBytes,
		DataPageVersion:    1, // the one that every reader knows
		KeyValueMetadata:   metadata,
	})}
}

var codec = zstd.Codec{Level: zstd.SpeedFastest}

// sizeEvery is how many rows, unless they are large, go by between two looks at the size of the row group, which costs
// as much as a row.
const sizeEvery = 64

// Write appends one row: its values in the order of the schema's leaves, with their levels. It keeps nothing of it.
func (w *Writer) Write(row parquet.Row) error {
	w.rows[0] = row
	if _, err := w.parquet.WriteRows(w.rows[:]); err != nil {
		return err
	}
	for i := range row {
		if row[i].Kind() == parquet.ByteArray {
			w.unsizedBytes += len(row[i].ByteArray())
		}
	}
	if w.unsized++; w.unsized < sizeEvery && w.unsizedBytes < rowGroupBytes {
		return nil
	}
	w.unsized, w.unsizedBytes = 0, 0
	if w.Size()-w.flushed < rowGroupBytes {
		return nil
	}
	if err := w.parquet.Flush(); err != nil {
		return err
	}
	w.flushed = w.Size()
	return nil
}

// Size is how large the file is by now. What is not compressed yet counts in full.
func (w *Writer) Size() int64 { return w.parquet.Size() }

// Close ends the file. It does not close what the file is written to.
func (w *Writer) Close() error { return w.parquet.Close() }

// Leaf appends the value of an optional column to row; the zero Value is NULL. Columns are numbered as in the schema.
func Leaf(row parquet.Row, column int, v parquet.Value) parquet.Row {
	if v.IsNull() {
		return append(row, v.Level(0, 0, column))
	}
	return append(row, v.Level(0, 1, column))
}

// List appends the values of a list to row. An empty list is a value, not NULL.
func List[T any](row parquet.Row, column int, values []T, value func(T) parquet.Value) parquet.Row {
	if len(values) == 0 {
		return append(row, parquet.Value{}.Level(0, 0, column))
	}
	for i, v := range values {
		row = append(row, value(v).Level(min(i, 1), 1, column))
	}
	return row
}

// DoubleValue is a number, or NULL for NaN, which databases sort and compare each in its own way.
func DoubleValue(v float64) parquet.Value {
	if math.IsNaN(v) {
		return parquet.Value{}
	}
	return parquet.DoubleValue(v)
}

// StringValue is a string, or NULL for the empty one. It does not copy: s must live until it is written.
func StringValue(s string) parquet.Value {
	if s == "" {
		return parquet.Value{}
	}
	return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// ElementValue is a string of a list. It does not copy: s must live until it is written.
func ElementValue(s string) parquet.Value {
	return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}
