// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"math"
)

// The picture's frame, in pixels.
const (
	width, height            = 640, 400
	left, right, top, bottom = 64, 24, 48, 56
)

// picture draws accuracy against labels as SVG that suits light and dark pages.
func (s *study) picture(curves map[string][][]measured) []byte {
	low, high := math.Inf(1), math.Inf(-1)
	for _, how := range []string{byPriority, atRandom} {
		for b := range s.budgets {
			p := accuracies(curves[how], b, overall)
			low, high = min(low, p.mean-p.error), max(high, p.mean+p.error)
		}
	}
	low, high = math.Floor(200*low)/200, math.Ceil(200*high)/200
	x := func(b int) float64 {
		return left + float64(b)/float64(len(s.budgets)-1)*(width-left-right)
	}
	y := func(v float64) float64 { return top + (high-v)/(high-low)*(height-top-bottom) }

	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Accuracy in June against the number of labels, by priority and at random">
<style>text{font:13px system-ui,sans-serif;fill:#444}.t{font-size:15px;font-weight:600}.g{stroke:#8884}.p{stroke:#0b6bcb;fill:#0b6bcb}.r{stroke:#c2570c;fill:#c2570c}path{fill:none!important;stroke-width:2.5}rect{opacity:0}@media(prefers-color-scheme:dark){text{fill:#ccc}.p{stroke:#6cb6ff;fill:#6cb6ff}.r{stroke:#ff9d57;fill:#ff9d57}}</style>
<text class="t" x="%d" y="24">Accuracy in June, %%, against the number of labels</text>
`, width, height, left)
	for v := low; v <= high+1e-9; v += 0.005 {
		fmt.Fprintf(&out, `<line class="g" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%.1f</text>`+"\n",
			left, width-right, y(v), y(v), left-8, y(v)+4, 100*v)
	}
	for b, n := range s.budgets {
		fmt.Fprintf(&out, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x(b), height-bottom+22, n)
	}
	for i, how := range []string{byPriority, atRandom} {
		class := how[:1]
		fmt.Fprintf(&out, `<path class="%s" d="`, class)
		for b := range s.budgets {
			command := "L"
			if b == 0 {
				command = "M"
			}
			fmt.Fprintf(&out, "%s%.1f %.1f", command, x(b), y(accuracies(curves[how], b, overall).mean))
		}
		out.WriteString("\"/>\n")
		for b := range s.budgets {
			p := accuracies(curves[how], b, overall)
			fmt.Fprintf(&out, `<line class="%s" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><circle class="%s" cx="%.1f" cy="%.1f" r="3.5"/>`+"\n",
				class, x(b), x(b), y(p.mean-p.error), y(p.mean+p.error), class, x(b), y(p.mean))
		}
		name := "by priority, a tenth at random"
		if how == atRandom {
			name = "at random"
		}
		fmt.Fprintf(&out, `<circle class="%s" cx="%d" cy="%d" r="5"/><text x="%d" y="%d">%s</text>`+"\n", class, left+16+i*220, height-14, left+28+i*220, height-10, name)
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}
