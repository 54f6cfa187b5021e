// SPDX-License-Identifier: Apache-2.0

package label

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// csv yields what became of each line of comma-separated values (RFC 4180) with a header.
func (d *Decoder) csv(r io.Reader) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		bound := &bounded{r: r}
		rows := csv.NewReader(bound)
		rows.ReuseRecord, rows.FieldsPerRecord = true, -1
		columns, err := header(rows)
		if err != nil {
			yield(nil, err)
			return
		}
		out := new(Line)
		for {
			bound.since = 0
			fields, err := rows.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			var format *csv.ParseError
			switch {
			case errors.As(err, &format):
				*out = Line{Number: int64(format.StartLine), Problem: fmt.Sprintf("the line is no CSV (%v): quote fields as RFC 4180 says", format.Err)}
			case err != nil:
				yield(nil, err)
				return
			default:
				line, _ := rows.FieldPos(0)
				d.fields(out, int64(line), columns, fields)
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}

// header finds out where each field goes; nil for those that nobody knows.
func header(rows *csv.Reader) ([]func(*input) *string, error) {
	first, err := rows.Read()
	var format *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it is empty, and has no header", ErrUnreadable)
	case errors.As(err, &format):
		return nil, fmt.Errorf("%w: its header: %w", ErrUnreadable, format.Err)
	case err != nil:
		return nil, err
	case len(first) > maxColumns:
		return nil, fmt.Errorf("%w: its header has %d columns, more than %d", ErrUnreadable, len(first), maxColumns)
	}
	columns := make([]func(*input) *string, len(first))
	found, seen := false, map[string]bool{}
	for i, name := range first {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\uFEFF"))
		columns[i] = names[name]
		if columns[i] != nil && seen[name] {
			return nil, fmt.Errorf("%w: its header has %q twice", ErrUnreadable, name)
		}
		found = found || columns[i] != nil
		seen[strings.Clone(name)] = true
	}
	if !found {
		return nil, fmt.Errorf("%w: its header has none of our columns: the first line must name them, such as label_key,label", ErrUnreadable)
	}
	return columns, nil
}

func (d *Decoder) fields(out *Line, line int64, columns []func(*input) *string, fields []string) {
	if len(fields) != len(columns) {
		*out = Line{Number: line, Problem: fmt.Sprintf("the line has %d fields, and the header %d: send as many", len(fields), len(columns))}
		return
	}
	in := new(input)
	for i, to := range columns {
		if to != nil {
			*to(in) = fields[i]
		}
	}
	d.finish(out, line, in)
}

// maxRecord bounds one line of CSV, which may hold line breaks in quotes. Readers read ahead by a few KiB.
const maxRecord = maxLine + 8<<10

// bounded fails when a line takes more than maxRecord bytes.
type bounded struct {
	r     io.Reader
	since int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.since > maxRecord {
		return 0, fmt.Errorf("%w: a line has more than %d bytes: is a quote not closed?", ErrUnreadable, maxLine)
	}
	n, err := b.r.Read(p)
	b.since += n
	return n, err
}
