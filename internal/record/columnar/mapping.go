// SPDX-License-Identifier: Apache-2.0

package columnar

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"
)

// Mapping ties one column to a field of a row of type R. It has Put and Get, or, for a list, Strings or Numbers.
type Mapping[R any] struct {
	Name string
	Node parquet.Node
	// Put is the row's value; the zero Value is NULL. Get is its inverse.
	Put func(*R) parquet.Value
	Get func(*R, parquet.Value, *Text)
	// Strings and Numbers are the lists of a row.
	Strings func(*R) *[]string
	Numbers func(*R) *[]float64
}

// TextOf maps a string; the empty one is NULL.
func TextOf[R any, T ~string](name string, node parquet.Node, field func(*R) *T) Mapping[R] {
	return Mapping[R]{
		Name: name, Node: node,
		Put: func(r *R) parquet.Value { return StringValue(string(*field(r))) },
		Get: func(r *R, v parquet.Value, t *Text) { *field(r) = T(t.Of(v)) },
	}
}

// NumberOf maps a number; NaN is NULL.
func NumberOf[R any](name string, field func(*R) *float64) Mapping[R] {
	return Mapping[R]{
		Name: name, Node: Double,
		Put: func(r *R) parquet.Value { return DoubleValue(*field(r)) },
		Get: func(r *R, v parquet.Value, _ *Text) {
			if *field(r) = math.NaN(); !v.IsNull() {
				*field(r) = v.Double()
			}
		},
	}
}

// CountOf maps a whole number, which is never NULL.
func CountOf[R any](name string, field func(*R) *int64) Mapping[R] {
	return Mapping[R]{
		Name: name, Node: Int64,
		Put: func(r *R) parquet.Value { return parquet.Int64Value(*field(r)) },
		Get: func(r *R, v parquet.Value, _ *Text) { *field(r) = v.Int64() },
	}
}

// FlagOf maps a truth value, which is never NULL.
func FlagOf[R any](name string, field func(*R) *bool) Mapping[R] {
	return Mapping[R]{
		Name: name, Node: Boolean,
		Put: func(r *R) parquet.Value { return parquet.BooleanValue(*field(r)) },
		Get: func(r *R, v parquet.Value, _ *Text) { *field(r) = v.Boolean() },
	}
}

// TimeOf maps a time in microseconds; the zero time is NULL.
func TimeOf[R any](name string, field func(*R) *time.Time) Mapping[R] {
	return Mapping[R]{
		Name: name, Node: Timestamp,
		Put: func(r *R) parquet.Value {
			if field(r).IsZero() {
				return parquet.Value{}
			}
			return parquet.Int64Value(field(r).UnixMicro())
		},
		Get: func(r *R, v parquet.Value, _ *Text) {
			if *field(r) = (time.Time{}); !v.IsNull() {
				*field(r) = time.UnixMicro(v.Int64()).UTC()
			}
		},
	}
}

// StringsOf maps a list of strings.
func StringsOf[R any](name string, node parquet.Node, field func(*R) *[]string) Mapping[R] {
	return Mapping[R]{Name: name, Node: node, Strings: field}
}

// NumbersOf maps a list of numbers.
func NumbersOf[R any](name string, field func(*R) *[]float64) Mapping[R] {
	return Mapping[R]{Name: name, Node: Doubles, Numbers: field}
}

// Append appends the values of r, one column after the other, to row.
func Append[R any](row parquet.Row, columns []Mapping[R], r *R) parquet.Row {
	for i := range columns {
		switch c := &columns[i]; {
		case c.Strings != nil:
			row = List(row, i, *c.Strings(r), ElementValue)
		case c.Numbers != nil:
			row = List(row, i, *c.Numbers(r), parquet.DoubleValue)
		default:
			row = Leaf(row, i, c.Put(r))
		}
	}
	return row
}

// SchemaOf is the schema of the columns, in their order.
func SchemaOf[R any](name string, columns []Mapping[R]) (*parquet.Schema, error) {
	fields := make([]Field, len(columns))
	for i, c := range columns {
		fields[i] = Field{Name: c.Name, Node: c.Node}
	}
	return Schema(name, fields)
}

// Walker reads the mapped columns of a file into rows, one after the other. Close it.
type Walker[R any] struct {
	columns []Mapping[R]
	cursors []*Cursor
	texts   []Text
}

// Walk starts at the first row. sources are the columns of the file that mappings are read from, in the same order.
func Walk[R any](f *File, mappings []Mapping[R], sources []Column) *Walker[R] {
	w := &Walker[R]{columns: mappings, cursors: make([]*Cursor, len(sources)), texts: make([]Text, len(sources))}
	for i, s := range sources {
		w.cursors[i] = f.Cursor(s)
	}
	return w
}

// Next fills r with the next row. Lists reuse their memory.
func (w *Walker[R]) Next(r *R) error {
	for i := range w.columns {
		if err := w.read(r, i); err != nil {
			return fmt.Errorf("reading column %q: %w", w.columns[i].Name, err)
		}
	}
	return nil
}

func (w *Walker[R]) read(r *R, i int) error {
	var err error
	c, cursor, text := &w.columns[i], w.cursors[i], &w.texts[i]
	switch {
	case c.Strings != nil:
		list := c.Strings(r)
		*list = (*list)[:0]
		err = cursor.List(func(v parquet.Value) { *list = append(*list, text.Of(v)) })
	case c.Numbers != nil:
		list := c.Numbers(r)
		*list = (*list)[:0]
		err = cursor.List(func(v parquet.Value) { *list = append(*list, v.Double()) })
	default:
		var v parquet.Value
		if v, err = cursor.Value(); err == nil {
			c.Get(r, v, text)
		}
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it ends before the last row", ErrDamaged)
	}
	return err
}

// Close releases what the cursors hold.
func (w *Walker[R]) Close() {
	for _, c := range w.cursors {
		c.Close()
	}
}
