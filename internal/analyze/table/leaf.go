// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// leaf is a cursor over the values of one column.
type leaf struct {
	typ wire.FeatureType
	// present is the definition level of a value that is there.
	present byte
	// logical is what the column's integers mean; pages do not carry it.
	logical *format.LogicalType
	chunks  []parquet.ColumnChunk
	source  *errorKeeper

	pages parquet.Pages
	page  parquet.Page
	// row and value are the positions in the page; nulls have a row and no value.
	row, rows, value int
	levels           []byte
	data             encoding.Values

	// dictionary holds the values of dict, read once per chunk.
	dict       parquet.Dictionary
	dictionary []record.Value
}

// fill reads exactly len(dst) values.
func (l *leaf) fill(dst []record.Value) error {
	for len(dst) > 0 {
		for l.row == l.rows {
			if err := l.advance(); err != nil {
				return err
			}
		}
		n := min(len(dst), l.rows-l.row)
		if err := l.read(dst[:n]); err != nil {
			return err
		}
		dst = dst[n:]
	}
	return nil
}

// advance moves to the next page.
func (l *leaf) advance() error {
	l.release()
	for {
		if l.pages == nil {
			if len(l.chunks) == 0 {
				return fmt.Errorf("%w: a column has fewer values than the file has rows", ErrDamaged)
			}
			l.pages, l.chunks = l.chunks[0].Pages(), l.chunks[1:]
		}
		page, err := l.pages.ReadPage()
		if err == nil {
			return l.start(page)
		}
		if !errors.Is(err, io.EOF) {
			return l.source.classify(err)
		}
		if err := l.closePages(); err != nil {
			return l.source.classify(err)
		}
	}
}

func (l *leaf) start(page parquet.Page) error {
	l.page, l.row, l.value = page, 0, 0
	l.rows = int(page.NumRows())
	l.levels, l.data = page.DefinitionLevels(), page.Data()
	if len(l.levels) != 0 && len(l.levels) != l.rows {
		return fmt.Errorf("%w: a page has %d rows and %d definition levels", ErrDamaged, l.rows, len(l.levels))
	}
	dict := page.Dictionary()
	if dict == nil || dict == l.dict {
		return nil
	}
	l.dict, l.dictionary = dict, make([]record.Value, dict.Len())
	convert, err := l.converter(dict.Page())
	if err != nil {
		return err
	}
	for i := range l.dictionary {
		l.dictionary[i] = convert(i)
	}
	return nil
}

// read fills dst from the current page, which holds at least as many rows.
func (l *leaf) read(dst []record.Value) error {
	convert, err := l.values()
	if err != nil {
		return err
	}
	if len(l.levels) == 0 {
		for i := range dst {
			dst[i] = convert(l.value + i)
		}
		l.value += len(dst)
	} else {
		for i, level := range l.levels[l.row : l.row+len(dst)] {
			if level != l.present {
				dst[i] = missing
				continue
			}
			dst[i] = convert(l.value)
			l.value++
		}
	}
	l.row += len(dst)
	return nil
}

// values is the reader of the current page's values by their position in it.
func (l *leaf) values() (func(int) record.Value, error) {
	if l.page.Dictionary() == nil {
		return l.converter(l.page)
	}
	indexes := l.data.Int32()
	return func(i int) record.Value { return l.dictionary[indexes[i]] }, nil
}

// converter reads plain values of a page as the declared type.
func (l *leaf) converter(page parquet.Page) (func(int) record.Value, error) {
	data, t := page.Data(), l.typ
	unit := l.unit()
	switch kind := page.Type().Kind(); kind {
	case parquet.Double:
		v := data.Double()
		return func(i int) record.Value { return fromNumber(t, v[i]) }, nil
	case parquet.Float:
		v := data.Float()
		return func(i int) record.Value { return fromNumber(t, float64(v[i])) }, nil
	case parquet.Int32:
		v := data.Int32()
		if l.unsigned() {
			return func(i int) record.Value { return fromNumber(t, float64(uint32(v[i]))) }, nil
		}
		return func(i int) record.Value { return fromNumber(t, float64(v[i])/unit) }, nil
	case parquet.Int64:
		v := data.Int64()
		if l.unsigned() {
			return func(i int) record.Value { return fromNumber(t, float64(uint64(v[i]))) }, nil
		}
		return func(i int) record.Value { return fromNumber(t, float64(v[i])/unit) }, nil
	case parquet.Boolean:
		bits := data.Boolean()
		return func(i int) record.Value { return fromBool(t, bits[i/8]>>(i%8)&1 == 1) }, nil
	case parquet.ByteArray:
		b, offsets := data.ByteArray()
		return func(i int) record.Value { return fromText(t, string(b[offsets[i]:offsets[i+1]])) }, nil
	default:
		return nil, fmt.Errorf("%w: values of the Parquet type %s", ErrColumn, kind)
	}
}

// unit is what an integer is divided by: a power of ten for a decimal, else one.
func (l *leaf) unit() float64 {
	if l.logical != nil {
		if decimal, ok := l.logical.Value.(*format.DecimalType); ok {
			return math.Pow10(int(decimal.Scale))
		}
	}
	return 1
}

func (l *leaf) unsigned() bool {
	if l.logical == nil {
		return false
	}
	integer, ok := l.logical.Value.(*format.IntType)
	return ok && !integer.IsSigned
}

func (l *leaf) release() {
	if l.page != nil {
		parquet.Release(l.page)
		l.page, l.row, l.rows = nil, 0, 0
	}
}

func (l *leaf) closePages() error {
	err := l.pages.Close()
	l.pages, l.dict, l.dictionary = nil, nil, nil
	return err
}

func (l *leaf) close() error {
	l.release()
	if l.pages == nil {
		return nil
	}
	return l.closePages()
}
