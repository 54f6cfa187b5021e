// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// point is the mean over the repeats, and twice its standard error.
type point struct{ mean, error float64 }

func summarize(values []float64) point {
	n := float64(len(values))
	var mean, square float64
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		square += (v - mean) * (v - mean)
	}
	if n < 2 {
		return point{mean, math.NaN()}
	}
	return point{mean, 2 * math.Sqrt(square/(n-1)/n)}
}

// accuracies summarises one budget of one way; difference the gain of the priority, repeat by repeat.
func accuracies(curves [][]measured, budget int, of func(measured) float64) point {
	values := make([]float64, len(curves))
	for i, c := range curves {
		values[i] = of(c[budget])
	}
	return summarize(values)
}

func difference(curves map[string][][]measured, budget int, of func(measured) float64) point {
	values := make([]float64, len(curves[byPriority]))
	for i, c := range curves[byPriority] {
		values[i] = of(c[budget]) - of(curves[atRandom][i][budget])
	}
	return summarize(values)
}

func overall(m measured) float64 { return m.accuracy }
func atlanta(m measured) float64 { return m.atlanta }

// writeTable prints the figures. Budgets are numbered as in the study.
func (s *study) writeTable(w io.Writer, curves map[string][][]measured) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "labels\tpriority %\trandom %\tgain, points\tAtlanta: priority %\trandom %\tgain, points\t")
	for b, n := range s.budgets {
		fmt.Fprintf(t, "%d\t", n)
		for _, of := range []func(measured) float64{overall, atlanta} {
			p, r, d := accuracies(curves[byPriority], b, of), accuracies(curves[atRandom], b, of), difference(curves, b, of)
			fmt.Fprintf(t, "%.2f\t%.2f\t%+.2f ± %.2f\t", 100*p.mean, 100*r.mean, 100*d.mean, 100*d.error)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

const page = `# What labels are worth

Real flights of 2001. The model in production was trained in January; it is June, and Atlanta has regressed. Of %d flights
people are asked for the outcome, in rounds of %d. After each round the model is fitted again, with its January weights as
prior, and measured on %d other flights of June. An annotation queue puts the flights first whose priority is greatest, with the weights
that hold when it declares none, and takes a tenth at random, for unbiased estimates; the other curve takes all at random.
Mean of %d divisions of June; ± is twice the standard error of the difference, division by division.

![Accuracy against the number of labels](images/label-efficiency.svg)

` + "```" + `
%s` + "```" + `

%s

Made by ` + "`go run ./test/study -output docs`" + `, which gives the same figures each time.
`

// writePage writes the page and its picture into a folder.
func (s *study) writePage(dir string, curves map[string][][]measured, repeats int) error {
	var table bytes.Buffer
	if err := s.writeTable(&table, curves); err != nil {
		return err
	}
	text := fmt.Sprintf(page, s.pool, s.round, s.test, repeats, table.String(), s.conclusion(curves))
	if err := os.MkdirAll(filepath.Join(dir, "images"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "images", "label-efficiency.svg"), s.picture(curves), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "label-efficiency.md"), []byte(text), 0o644)
}

// conclusion says what the figures say, whichever way they point.
func (s *study) conclusion(curves map[string][][]measured) string {
	var better, same, worse []string
	for b, n := range s.budgets {
		if n == 0 {
			continue
		}
		switch d := difference(curves, b, overall); {
		case d.mean > d.error:
			better = append(better, fmt.Sprint(n))
		case d.mean < -d.error:
			worse = append(worse, fmt.Sprint(n))
		default:
			same = append(same, fmt.Sprint(n))
		}
	}
	var text []string
	for _, c := range []struct {
		budgets []string
		what    string
	}{{better, "more accurate than"}, {same, "not told apart from"}, {worse, "less accurate than"}} {
		if len(c.budgets) > 0 {
			text = append(text, fmt.Sprintf("With %s labels by priority the model is %s with as many at random.", strings.Join(c.budgets, ", "), c.what))
		}
	}
	return strings.Join(text, " ")
}
