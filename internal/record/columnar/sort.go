// SPDX-License-Identifier: Apache-2.0

package columnar

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"unsafe"

	"github.com/parquet-go/parquet-go"
)

// Sorter sorts whole rows of one schema in bounded memory: what does not fit is sorted in parts, which wait in temporary
// files. Rows that compare as equal stay in the order in which they were added. It is not safe for concurrent use.
type Sorter struct {
	schema  *parquet.Schema
	dir     string
	limit   int
	compare func(a, b parquet.Row) int

	rows  []parquet.Row
	bytes int
	parts []*os.File
}

// NewSorter makes a sorter that holds about limit bytes of rows in memory, and the rest in files in dir.
func NewSorter(schema *parquet.Schema, dir string, limit int, compare func(a, b parquet.Row) int) *Sorter {
	return &Sorter{schema: schema, dir: dir, limit: limit, compare: compare}
}

// Add takes a copy of a row.
func (s *Sorter) Add(row parquet.Row) error {
	s.rows = append(s.rows, row.Clone())
	s.bytes += len(row) * int(unsafe.Sizeof(parquet.Value{}))
	for i := range row {
		if kind := row[i].Kind(); kind == parquet.ByteArray || kind == parquet.FixedLenByteArray {
			s.bytes += len(row[i].ByteArray())
		}
	}
	if s.bytes < s.limit {
		return nil
	}
	return s.spill()
}

func (s *Sorter) spill() error {
	slices.SortStableFunc(s.rows, s.compare)
	file, err := os.CreateTemp(s.dir, "part-*.parquet")
	if err != nil {
		return fmt.Errorf("sorting rows: %w", err)
	}
	s.parts = append(s.parts, file)
	w := NewWriter(file, s.schema, nil)
	for _, row := range s.rows {
		if err := w.Write(row); err != nil {
			return fmt.Errorf("sorting rows: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("sorting rows: %w", err)
	}
	s.rows, s.bytes = nil, 0
	return nil
}

// Rows yields all rows in order. A row is valid until the next one. It ends after the first error.
func (s *Sorter) Rows() iter.Seq2[parquet.Row, error] {
	return func(yield func(parquet.Row, error) bool) {
		slices.SortStableFunc(s.rows, s.compare)
		heads := make([]*head, 0, len(s.parts)+1)
		for _, part := range s.parts {
			h, err := s.open(part)
			if err != nil {
				yield(nil, err)
				return
			}
			defer h.stop()
			heads = append(heads, h)
		}
		rest := newHead(func(yield func(parquet.Row, error) bool) {
			for _, row := range s.rows {
				if !yield(row, nil) {
					return
				}
			}
		})
		defer rest.stop()
		merge(append(heads, rest), s.compare, yield)
	}
}

func (s *Sorter) open(part *os.File) (*head, error) {
	info, err := part.Stat()
	if err != nil {
		return nil, fmt.Errorf("sorting rows: %w", err)
	}
	file, err := Open(part, info.Size())
	if err != nil {
		return nil, fmt.Errorf("sorting rows: %w", err)
	}
	return newHead(file.Rows()), nil
}

// head is the next row of a part.
type head struct {
	row  parquet.Row
	err  error
	ok   bool
	next func() (parquet.Row, error, bool)
	stop func()
}

func newHead(rows iter.Seq2[parquet.Row, error]) *head {
	h := &head{}
	h.next, h.stop = iter.Pull2(rows)
	h.advance()
	return h
}

func (h *head) advance() { h.row, h.err, h.ok = h.next() }

// merge yields the rows of sorted parts in order; of equal ones those of the earlier part first.
func merge(heads []*head, compare func(a, b parquet.Row) int, yield func(parquet.Row, error) bool) {
	for {
		var least *head
		for _, h := range heads {
			if h.err != nil {
				yield(nil, h.err)
				return
			}
			if h.ok && (least == nil || compare(h.row, least.row) < 0) {
				least = h
			}
		}
		if least == nil || !yield(least.row, nil) {
			return
		}
		least.advance()
	}
}

// Close removes the temporary files.
func (s *Sorter) Close() error {
	var problems []error
	for _, part := range s.parts {
		problems = append(problems, part.Close(), os.Remove(part.Name()))
	}
	s.parts, s.rows = nil, nil
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("removing the parts of a sort: %w", err)
	}
	return nil
}
