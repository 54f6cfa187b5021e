// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/vedette-dev/vedette/internal/record"
)

// csvReader reads comma-separated values (RFC 4180) with a header. An empty cell is a missing value.
type csvReader struct {
	rows    *csv.Reader
	wanted  []Wanted
	columns []int
	ended   bool
}

func openCSV(r io.Reader, wanted []Wanted) (*csvReader, error) {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the header: %w: it is empty", ErrDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", damagedCSV(err))
	}
	if len(header) > maxFieldsCSV {
		return nil, fmt.Errorf("reading the header: %w: %d columns are more than %d", ErrDamaged, len(header), maxFieldsCSV)
	}
	index := make(map[string]int, len(header))
	for i, name := range header {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\uFEFF"))
		if _, twice := index[name]; !twice {
			index[strings.Clone(name)] = i
		}
	}
	c := &csvReader{rows: rows, wanted: wanted, columns: make([]int, len(wanted))}
	for i, w := range wanted {
		if c.columns[i], err = match(w, index); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Next implements Reader.
func (c *csvReader) Next(columns [][]record.Value) (int, error) {
	for n := range BatchRows {
		if c.ended {
			return end(n)
		}
		row, err := c.rows.Read()
		if errors.Is(err, io.EOF) {
			c.ended = true
			return end(n)
		}
		if err != nil {
			c.ended = true
			return n, damagedCSV(err)
		}
		for i, at := range c.columns {
			if at < 0 || row[at] == "" {
				columns[i][n] = missing
			} else {
				columns[i][n] = fromText(c.wanted[i].Type, row[at])
			}
		}
	}
	return BatchRows, nil
}

func end(rows int) (int, error) {
	if rows == 0 {
		return 0, io.EOF
	}
	return rows, nil
}

// Found implements Reader.
func (c *csvReader) Found(column int) bool { return c.columns[column] >= 0 }

// Close implements Reader.
func (c *csvReader) Close() error { return nil }

// damagedCSV marks an error of the format; one of the store below stays what it is.
func damagedCSV(err error) error {
	if format := (*csv.ParseError)(nil); errors.As(err, &format) {
		return fmt.Errorf("%w: %w", ErrDamaged, format)
	}
	return err
}
