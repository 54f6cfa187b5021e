// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"
)

// width is how many columns of a terminal a line may take.
const width = 120

// output says how something is printed.
type output string

const (
	outputText output = "text"
	outputJSON output = "json"
)

// String implements pflag.Value.
func (o *output) String() string { return string(*o) }

// Type implements pflag.Value.
func (*output) Type() string { return "format" }

// Set implements pflag.Value.
func (o *output) Set(s string) error {
	switch output(s) {
	case outputText, outputJSON:
		*o = output(s)
		return nil
	}
	return fmt.Errorf("want %s or %s", outputText, outputJSON)
}

func writeJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// page collects text for a person. It starts tables and paragraphs with an empty line between them.
type page struct {
	b strings.Builder
}

func (p *page) gap() {
	if p.b.Len() > 0 {
		p.b.WriteByte('\n')
	}
}

// table adds rows, the first of which is its head. A table of a head only is left out.
func (p *page) table(rows [][]string) {
	if len(rows) < 2 {
		return
	}
	p.gap()
	p.rows(rows)
}

// rows adds rows in columns.
func (p *page) rows(rows [][]string) {
	t := tabwriter.NewWriter(&p.b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	_ = t.Flush() // a builder takes everything
}

// text adds a text, cut into lines that are indented.
func (p *page) text(indent int, s string) {
	line := 0
	for word := range strings.FieldsSeq(printable(s)) {
		n := utf8.RuneCountInString(word)
		switch {
		case line == 0:
			p.b.WriteString(strings.Repeat(" ", indent))
			line = indent
		case line+1+n > width:
			p.b.WriteString("\n" + strings.Repeat(" ", indent))
			line = indent
		default:
			p.b.WriteByte(' ')
			line++
		}
		p.b.WriteString(word)
		line += n
	}
	p.b.WriteByte('\n')
}

// write writes the page, without what tables leave at the end of lines.
func (p *page) write(w io.Writer) error {
	for line := range strings.Lines(p.b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	return nil
}

// printable keeps what came from outside from breaking a table or a terminal; an empty cell is a dash.
func printable(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// clip cuts s to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// fit clips the last column to what the others leave of a line.
func fit(rows [][]string) {
	last := len(rows[0]) - 1
	left := width
	for column := range last {
		widest := 0
		for _, row := range rows {
			widest = max(widest, utf8.RuneCountInString(printable(row[column])))
		}
		left -= widest + 2
	}
	for _, row := range rows {
		row[last] = clip(row[last], max(left, len(rows[0][last])))
	}
}

// age is how long ago t was, as kubectl says it.
func age(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return duration.HumanDuration(max(now.Sub(t), 0))
}

// span is a window of time; the day is said once where it is the same.
func span(from, to time.Time) string {
	if from.IsZero() || to.IsZero() {
		return ""
	}
	from, to = from.UTC(), to.UTC()
	end := time.DateOnly + " 15:04Z"
	if from.Truncate(24 * time.Hour).Equal(to.Truncate(24 * time.Hour)) {
		end = "15:04Z"
	}
	return from.Format(time.DateOnly+" 15:04") + " to " + to.Format(end)
}
