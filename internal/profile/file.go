// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record/columnar"
	"github.com/vedette-dev/vedette/internal/wire"
)

// ErrDamaged means that a file is not what it should be: cut short, changed on its way, or not of ours.
var ErrDamaged = columnar.ErrDamaged

// The columns of a file, in their order. "sum", "sum_squares" are rounded, for people; the exact state follows them.
const (
	colWindow = iota
	colVersion
	colSegment
	colFeature
	colType
	colOrigin
	colCount
	colMissing
	colInvalid
	colMin
	colMax
	colSum
	colSumBase
	colSumDigits
	colSquares
	colSquaresBase
	colSquaresDigits
	colBuckets
	colBucketCounts
	colCategories
	colCategoryCounts
	colOther
)

var fields = []columnar.Field{
	colWindow:         {Name: "window", Node: columnar.Timestamp},
	colVersion:        {Name: "version", Node: columnar.Term},
	colSegment:        {Name: "segment", Node: columnar.Term},
	colFeature:        {Name: "feature", Node: columnar.Term},
	colType:           {Name: "type", Node: columnar.Term},
	colOrigin:         {Name: "origin", Node: columnar.Double},
	colCount:          {Name: "count", Node: columnar.Int64},
	colMissing:        {Name: "missing", Node: columnar.Int64},
	colInvalid:        {Name: "invalid", Node: columnar.Int64},
	colMin:            {Name: "min", Node: columnar.Double},
	colMax:            {Name: "max", Node: columnar.Double},
	colSum:            {Name: "sum", Node: columnar.Double},
	colSumBase:        {Name: "sum_base", Node: columnar.Int64},
	colSumDigits:      {Name: "sum_digits", Node: columnar.Int64s},
	colSquares:        {Name: "sum_squares", Node: columnar.Double},
	colSquaresBase:    {Name: "sum_squares_base", Node: columnar.Int64},
	colSquaresDigits:  {Name: "sum_squares_digits", Node: columnar.Int64s},
	colBuckets:        {Name: "buckets", Node: columnar.Int32s},
	colBucketCounts:   {Name: "bucket_counts", Node: columnar.Int64s},
	colCategories:     {Name: "categories", Node: columnar.Terms},
	colCategoryCounts: {Name: "category_counts", Node: columnar.Int64s},
	colOther:          {Name: "other_count", Node: columnar.Int64},
}

// Write writes series as Parquet, in the order of their keys, and of their types and origins where keys are equal. Equal series give equal bytes, however they came to be.
func Write(w io.Writer, all []*Series) error {
	out, err := NewWriter(w, nil)
	if err != nil {
		return err
	}
	for _, s := range slices.SortedFunc(slices.Values(all), compare) {
		if err := out.Write(s); err != nil {
			return err
		}
	}
	return out.Close()
}

// Writer writes series one after the other, which must come in the order of their keys.
type Writer struct {
	parquet *columnar.Writer
	row     parquet.Row
}

// NewWriter starts a file. Equal series and metadata give equal bytes.
func NewWriter(w io.Writer, metadata map[string]string) (*Writer, error) {
	schema, err := columnar.Schema("vedette_profile", fields)
	if err != nil {
		return nil, fmt.Errorf("writing profiles: %w", err)
	}
	return &Writer{parquet: columnar.NewWriter(w, schema, metadata)}, nil
}

// Write appends a series.
func (w *Writer) Write(s *Series) error {
	w.row = s.appendTo(w.row[:0])
	if err := w.parquet.Write(w.row); err != nil {
		return fmt.Errorf("writing profiles: %w", err)
	}
	return nil
}

// Close ends the file. It does not close what the file is written to.
func (w *Writer) Close() error {
	if err := w.parquet.Close(); err != nil {
		return fmt.Errorf("writing profiles: %w", err)
	}
	return nil
}

func (s *Series) appendTo(row parquet.Row) parquet.Row {
	leaf := func(column int, v parquet.Value) { row = columnar.Leaf(row, column, v) }
	leaf(colWindow, parquet.Int64Value(s.Window.UnixMicro()))
	leaf(colVersion, columnar.ElementValue(s.Version))
	leaf(colSegment, columnar.ElementValue(s.Segment))
	leaf(colFeature, columnar.ElementValue(s.Feature))
	leaf(colType, columnar.ElementValue(string(s.Type)))
	leaf(colOrigin, parquet.DoubleValue(s.Origin))
	leaf(colCount, parquet.Int64Value(s.Count))
	leaf(colMissing, parquet.Int64Value(s.Missing))
	leaf(colInvalid, parquet.Int64Value(s.Invalid))
	leaf(colMin, columnar.DoubleValue(s.Min))
	leaf(colMax, columnar.DoubleValue(s.Max))
	sum := func(column int, sum *Sum) {
		leaf(column, parquet.DoubleValue(sum.Float64()))
		base, digits := sum.state()
		leaf(column+1, parquet.Int64Value(int64(base)))
		row = columnar.List(row, column+2, digits, parquet.Int64Value)
	}
	sum(colSum, &s.Sum)
	sum(colSquares, &s.Squares)
	buckets, counts := collect(s.Buckets.All(), s.Buckets.Len())
	row = columnar.List(row, colBuckets, buckets, parquet.Int32Value)
	row = columnar.List(row, colBucketCounts, counts, parquet.Int64Value)
	names, counts := collect(s.Categories.All(), s.Categories.Len())
	row = columnar.List(row, colCategories, names, columnar.ElementValue)
	row = columnar.List(row, colCategoryCounts, counts, parquet.Int64Value)
	leaf(colOther, parquet.Int64Value(s.Categories.Other))
	return row
}

func collect[K any](seq iter.Seq2[K, int64], n int) (keys []K, counts []int64) {
	keys, counts = make([]K, 0, n), make([]int64, 0, n)
	for k, c := range seq {
		keys, counts = append(keys, k), append(counts, c)
	}
	return keys, counts
}

// Read reads a file of series, of any release since the first.
func Read(r io.ReaderAt, size int64) ([]*Series, error) {
	file, err := NewReader(r, size)
	if err != nil {
		return nil, err
	}
	var all []*Series
	for s, err := range file.All() {
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Reader reads a file of series one after the other, of any release since the first. It is not safe for concurrent use.
type Reader struct{ file *columnar.File }

// NewReader opens a file of size bytes.
func NewReader(r io.ReaderAt, size int64) (*Reader, error) {
	file, err := columnar.Open(r, size)
	if err != nil {
		return nil, fmt.Errorf("reading profiles: %w", err)
	}
	return &Reader{file: file}, nil
}

// Metadata is the value of a key of the file's metadata.
func (r *Reader) Metadata(key string) (string, bool) { return r.file.Metadata(key) }

// Foreign says whether the file has columns of a later release, which writing its series again would lose.
func (r *Reader) Foreign() bool {
	return slices.ContainsFunc(r.file.Columns(), func(c columnar.Column) bool {
		return !slices.ContainsFunc(fields, func(f columnar.Field) bool { return f.Name == c.Name })
	})
}

// All yields the series in their order. It ends after the first error.
func (r *Reader) All() iter.Seq2[*Series, error] {
	return func(yield func(*Series, error) bool) {
		in, err := newFileReader(r.file)
		if err != nil {
			yield(nil, fmt.Errorf("reading profiles: %w", err))
			return
		}
		defer in.close()
		for range r.file.NumRows() {
			s, err := in.series()
			if err != nil {
				yield(nil, fmt.Errorf("reading profiles: %w", err))
				return
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// fileReader reads one series after the other. Its first error stays.
type fileReader struct {
	cursors []*columnar.Cursor
	texts   []columnar.Text
	err     error
}

func newFileReader(file *columnar.File) (*fileReader, error) {
	byName := map[string]columnar.Column{}
	for _, c := range file.Columns() {
		byName[c.Name] = c
	}
	in := &fileReader{texts: make([]columnar.Text, len(fields))}
	for _, f := range fields {
		c, ok := byName[f.Name]
		if !ok || !columnar.Fits(f.Node, c) {
			return nil, fmt.Errorf("%w: column %q is missing or of another type", ErrDamaged, f.Name)
		}
		in.cursors = append(in.cursors, file.Cursor(c))
	}
	return in, nil
}

func (in *fileReader) close() {
	for _, c := range in.cursors {
		c.Close()
	}
}

func (in *fileReader) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: it ends before the last row", ErrDamaged)
	}
	if in.err == nil {
		in.err = err
	}
}

func (in *fileReader) value(column int) parquet.Value {
	v, err := in.cursors[column].Value()
	if err != nil {
		in.fail(err)
	}
	return v
}

func (in *fileReader) text(column int) string { return in.texts[column].Of(in.value(column)) }

func (in *fileReader) double(column int) float64 {
	if v := in.value(column); !v.IsNull() {
		return v.Double()
	}
	return math.NaN()
}

func (in *fileReader) integers(column int) (list []int64) {
	if err := in.cursors[column].List(func(v parquet.Value) { list = append(list, v.Int64()) }); err != nil {
		in.fail(err)
	}
	return list
}

func (in *fileReader) sum(column int) Sum {
	_ = in.value(column) // rounded, for people
	base := in.value(column + 1).Int64()
	sum, err := sumOf(base, in.integers(column+2))
	if err != nil {
		in.fail(fmt.Errorf("%w: %w", ErrDamaged, err))
	}
	return sum
}

func (in *fileReader) series() (*Series, error) {
	s := &Series{
		Key: Key{
			Window:  time.UnixMicro(in.value(colWindow).Int64()).UTC(),
			Version: in.text(colVersion), Segment: in.text(colSegment), Feature: in.text(colFeature),
		},
		Type: wire.FeatureType(in.text(colType)), Origin: in.double(colOrigin),
		Count: in.value(colCount).Int64(), Missing: in.value(colMissing).Int64(), Invalid: in.value(colInvalid).Int64(),
		Min: in.double(colMin), Max: in.double(colMax),
		Sum: in.sum(colSum), Squares: in.sum(colSquares),
	}
	var buckets []int32
	if err := in.cursors[colBuckets].List(func(v parquet.Value) { buckets = append(buckets, v.Int32()) }); err != nil {
		in.fail(err)
	}
	bucketCounts := in.integers(colBucketCounts)
	var names []string
	if err := in.cursors[colCategories].List(func(v parquet.Value) { names = append(names, string(v.ByteArray())) }); err != nil {
		in.fail(err)
	}
	categoryCounts := in.integers(colCategoryCounts)
	s.Categories.Other = in.value(colOther).Int64()
	if in.err != nil {
		return nil, in.err
	}
	return s, s.fill(buckets, bucketCounts, names, categoryCounts)
}

// fill counts what was stored, and checks that it adds up.
func (s *Series) fill(buckets []int32, bucketCounts []int64, names []string, categoryCounts []int64) error {
	bad := func(what string) error {
		return fmt.Errorf("%w: series %.80q: %s", ErrDamaged, s.Feature, what)
	}
	if len(buckets) != len(bucketCounts) || len(names) != len(categoryCounts) || len(names) > MaxCategories {
		return bad("keys and counts differ in number, or are too many")
	}
	if s.Count < 0 || s.Missing < 0 || s.Invalid < 0 || s.Categories.Other < 0 || !finite(s.Origin) {
		return bad("a count is negative or the origin is no number")
	}
	rest := s.Count - s.Categories.Other
	for i, n := range bucketCounts {
		if n <= 0 || n > rest || buckets[i] < -maxBucket || buckets[i] > maxBucket || s.Buckets.Count(buckets[i]) != 0 {
			return bad("its buckets do not add up")
		}
		rest -= n
		s.Buckets.Add(buckets[i], n)
	}
	for i, n := range categoryCounts {
		if n <= 0 || n > rest || s.Categories.Count(names[i]) != 0 {
			return bad("its categories do not add up")
		}
		rest -= n
		s.Categories.Add(names[i], n)
	}
	if rest != 0 {
		return bad("its counts do not add up")
	}
	return nil
}
