// SPDX-License-Identifier: Apache-2.0

package label

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record/columnar"
)

// parquet yields what became of each row of a Parquet file.
func (d *Decoder) parquet(r io.ReaderAt, size int64) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		out, number := new(Line), int64(0)
		for in, err := range parquetInputs(r, size) {
			if err != nil {
				yield(nil, err)
				return
			}
			if number++; !yield(d.finish(out, number, in), nil) {
				return
			}
		}
	}
}

// parquetInputs yields what each row holds.
func parquetInputs(r io.ReaderAt, size int64) iter.Seq2[*input, error] {
	return func(yield func(*input, error) bool) {
		file, err := columnar.Open(r, size)
		if err != nil {
			yield(nil, unreadable(err))
			return
		}
		var sources []*source
		for _, c := range file.Columns() {
			if to := names[c.Name]; to != nil && !c.List {
				s := &source{name: c.Name, to: to, column: c, cursor: file.Cursor(c)}
				defer s.cursor.Close()
				sources = append(sources, s)
			}
		}
		if len(sources) == 0 {
			yield(nil, fmt.Errorf("%w: it has none of our columns, such as label_key and label", ErrUnreadable))
			return
		}
		for range file.NumRows() {
			in := new(input)
			var err error
			for _, s := range sources {
				err = errors.Join(err, s.read(in))
			}
			if err != nil {
				yield(nil, unreadable(err))
				return
			}
			if !yield(in, nil) {
				return
			}
		}
	}
}

func unreadable(err error) error {
	if errors.Is(err, ErrDamaged) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return err
}

// source is a column of a file on its way into inputs.
type source struct {
	name   string
	to     func(*input) *string
	column columnar.Column
	cursor *columnar.Cursor
}

func (s *source) read(in *input) error {
	v, err := s.cursor.Value()
	if err != nil || v.IsNull() {
		return err
	}
	if s.column.Unit > 0 && (s.name == "prediction_ts" || s.name == "observed_ts") {
		if v.Int64() < 0 || v.Int64() > math.MaxInt64/int64(s.column.Unit) {
			return fmt.Errorf("%w: column %s has a time before 1970 or after 2262", ErrUnreadable, s.name)
		}
		t := time.Unix(0, v.Int64()*int64(s.column.Unit)).UTC().Truncate(time.Microsecond)
		if s.name == "observed_ts" {
			in.observedT = t
		} else {
			in.predicT = t
		}
		return nil
	}
	switch v.Kind() {
	case parquet.ByteArray, parquet.FixedLenByteArray:
		b := v.ByteArray()
		*s.to(in) = string(b[:min(len(b), maxLine)]) // What is cut is longer than any field may be: the row is refused.
	case parquet.Boolean:
		if s.name == "label" {
			in.truth = new(v.Boolean())
			return nil
		}
		*s.to(in) = strconv.FormatBool(v.Boolean())
	case parquet.Int32:
		*s.to(in) = strconv.FormatInt(int64(v.Int32()), 10)
	case parquet.Int64:
		*s.to(in) = strconv.FormatInt(v.Int64(), 10)
	case parquet.Float:
		*s.to(in) = text(float64(v.Float()), 32)
	case parquet.Double:
		*s.to(in) = text(v.Double(), 64)
	default:
		return fmt.Errorf("%w: column %s is of the type %s: write text, numbers, truth values or timestamps", ErrUnreadable, s.name, v.Kind())
	}
	return nil
}

// text is a number as text. NaN, which some writers use for NULL, is none.
func text(x float64, bits int) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'f', -1, bits)
}
