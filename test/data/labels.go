// SPDX-License-Identifier: Apache-2.0

package data

import (
	"encoding/csv"
	"fmt"
	"io"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// WriteLabels writes what became of flights as comma-separated values, as a warehouse would hand them over: the flight's
// business key, and whether it was late.
func WriteLabels(w io.Writer, flights []Flight) error {
	rows := csv.NewWriter(w)
	lines := [][]string{{"label_key", "label"}}
	for _, f := range flights {
		truth := model.OnTime
		if f.Late() {
			truth = model.Late
		}
		lines = append(lines, []string{f.ID(), truth})
	}
	if err := rows.WriteAll(lines); err != nil {
		return fmt.Errorf("writing the labels: %w", err)
	}
	return nil
}
