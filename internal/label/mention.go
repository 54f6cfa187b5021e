// SPDX-License-Identifier: Apache-2.0

package label

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"iter"
)

// Mention is one line of a file as far as it names whom it is about, whether or not it could be taken.
type Mention struct {
	// Text is the line with its end; nil in a file that is not text.
	Text []byte
	// Unread means that the line is not of its format: only its text can be looked at.
	Unread bool
	// LabelKey is in the form in which it is stored; "" when the key that it must be hashed with is not there.
	RecordID, RequestID, LabelKey string
}

// Mentions yields all lines of a file, which together are a file of text as it is. It ends after the first error:
// ErrUnreadable when the rest cannot be told apart into lines.
func (d *Decoder) Mentions(f Format, file []byte) iter.Seq2[Mention, error] {
	switch f {
	case CSV:
		return d.csvMentions(file)
	case Parquet:
		return func(yield func(Mention, error) bool) {
			for in, err := range parquetInputs(bytes.NewReader(file), int64(len(file))) {
				if err != nil {
					yield(Mention{}, err)
					return
				}
				if !yield(d.mention(in, nil), nil) {
					return
				}
			}
		}
	}
	return func(yield func(Mention, error) bool) {
		for text := range bytes.Lines(file) {
			m := Mention{Text: text}
			if line := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\uFEFF"))); len(line) > 0 {
				if in, err := jsonInput(line); err != nil {
					m.Unread = true
				} else {
					m = d.mention(in, text)
				}
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (d *Decoder) csvMentions(file []byte) iter.Seq2[Mention, error] {
	return func(yield func(Mention, error) bool) {
		rows := csv.NewReader(bytes.NewReader(file))
		rows.ReuseRecord, rows.FieldsPerRecord = true, -1
		columns, err := header(rows)
		if err != nil {
			yield(Mention{}, err)
			return
		}
		from := rows.InputOffset()
		if !yield(Mention{Text: file[:from]}, nil) {
			return
		}
		for {
			fields, err := rows.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			to := rows.InputOffset()
			m := Mention{Text: file[from:to], Unread: err != nil || len(fields) != len(columns)}
			if !m.Unread {
				in := new(input)
				for i, set := range columns {
					if set != nil {
						*set(in) = fields[i]
					}
				}
				m = d.mention(in, m.Text)
			}
			if from = to; !yield(m, nil) {
				return
			}
		}
		if rest := file[from:]; len(rest) > 0 {
			yield(Mention{Text: rest, Unread: true}, nil)
		}
	}
}

func (d *Decoder) mention(in *input, text []byte) Mention {
	m := Mention{Text: text, RecordID: in.recordID, RequestID: in.requestID}
	if in.labelKey != "" {
		m.LabelKey, _ = Key(d.Schema.LabelKey, d.HashKey, in.labelKey)
	}
	return m
}
