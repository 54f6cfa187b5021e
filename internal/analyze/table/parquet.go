// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record"
)

type parquetReader struct {
	leaves []*leaf
	// left is the number of rows that the file still promises.
	left int64
}

func openParquet(r io.ReaderAt, size int64, wanted []Wanted) (_ *parquetReader, err error) {
	defer recovered(&err)
	source := &errorKeeper{r: r}
	file, err := parquet.OpenFile(source, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, source.classify(err)
	}
	index := map[string]int{}
	for i, columnPath := range file.Schema().Columns() {
		index[strings.Join(columnPath, ".")] = i
	}
	p := &parquetReader{left: file.NumRows()}
	for _, w := range wanted {
		at, err := match(w, index)
		if err != nil {
			return nil, err
		}
		if at < 0 {
			p.leaves = append(p.leaves, nil)
			continue
		}
		l := &leaf{typ: w.Type, source: source}
		column, _ := file.Schema().Lookup(file.Schema().Columns()[at]...)
		if column.MaxRepetitionLevel > 0 {
			return nil, fmt.Errorf("%w: %s is a list", ErrColumn, w.Names[0])
		}
		l.present, l.logical = byte(column.MaxDefinitionLevel), column.Node.Type().LogicalType()
		for _, group := range file.RowGroups() {
			l.chunks = append(l.chunks, group.ColumnChunks()[at])
		}
		p.leaves = append(p.leaves, l)
	}
	return p, nil
}

// Next implements Reader.
func (p *parquetReader) Next(columns [][]record.Value) (rows int, err error) {
	defer recovered(&err)
	n := int(min(p.left, BatchRows))
	if n == 0 {
		return 0, io.EOF
	}
	for i, l := range p.leaves {
		if l == nil {
			clear(columns[i][:n])
			continue
		}
		if err := l.fill(columns[i][:n]); err != nil {
			p.left = 0
			return 0, err
		}
	}
	p.left -= int64(n)
	return n, nil
}

// Found implements Reader.
func (p *parquetReader) Found(column int) bool { return p.leaves[column] != nil }

// Close implements Reader.
func (p *parquetReader) Close() (err error) {
	defer recovered(&err)
	var errs []error
	for _, l := range p.leaves {
		if l != nil {
			errs = append(errs, l.close())
		}
	}
	return errors.Join(errs...)
}

// errorKeeper remembers the error of the store below: the library may wrap it beyond recognition, and a store that
// cannot be reached is no damaged file.
type errorKeeper struct {
	r   io.ReaderAt
	err error
}

// ReadAt implements io.ReaderAt.
func (k *errorKeeper) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, ErrDamaged // a footer that points before the file
	}
	n, err := k.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		k.err = err
	}
	return n, err
}

func (k *errorKeeper) classify(err error) error {
	if k.err != nil {
		return k.err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}
