// SPDX-License-Identifier: Apache-2.0

package page

import (
	"math"
	"strconv"

	"github.com/vedette-dev/vedette/internal/review/desk"
)

// featureRow is a feature in the table, with the pictures beside it.
type featureRow struct {
	desk.Feature
	Plot       *plot
	HasShare   bool
	ShareWidth string
}

func newFeatureRow(f desk.Feature) featureRow {
	row := featureRow{Feature: f}
	row.Name = desk.Name(f.Name)
	if f.Range != nil {
		row.Plot = newPlot(*f.Range, row.Name+": "+f.Text+", "+f.Usual)
	}
	if row.HasShare = !math.IsNaN(f.Share); row.HasShare {
		row.ShareWidth = share(f.Share)
	}
	return row
}

// plot places a value beside the usual span, in a drawing that is 200 wide.
type plot struct{ Low, Span, Median, Value, Label string }

const (
	plotWidth = 200
	// plotEdge keeps what is at the end within the drawing.
	plotEdge = 6
)

// newPlot scales so that the usual span is at least a sixth of the drawing, unless the value is farther off than that allows.
func newPlot(r desk.Range, label string) *plot {
	half := max(r.High-r.Low, math.Abs(r.Median)*0.05, math.SmallestNonzeroFloat32) * 1.5
	from, to := min(r.Low-half, r.Value), max(r.High+half, r.Value)
	at := func(x float64) float64 { return plotEdge + (x-from)/(to-from)*(plotWidth-2*plotEdge) }
	low, high := at(r.Low), at(r.High)
	return &plot{Low: coordinate(low), Span: coordinate(max(high-low, 1.5)), Median: coordinate(at(r.Median)), Value: coordinate(at(r.Value)), Label: label}
}

func coordinate(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }

// share is how far a bar of 100 reaches for a share in [0, 1].
func share(x float64) string {
	if math.IsNaN(x) {
		return "0"
	}
	return coordinate(100 * max(0, min(1, x)))
}
