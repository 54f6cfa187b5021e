// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
)

// TestIdsAreRememberedForAnHourOfAVersion: the memory of a run must not grow with its window. That an id is forgotten is
// seen by its being new again where no upload of ours would put it.
func TestIdsAreRememberedForAnHourOfAVersion(t *testing.T) {
	e := testEnv(t)
	begin := lastHour.From.Truncate(time.Hour)
	rows := flightsOf(10, 3)
	write := func(version string, hour time.Time, name string) {
		for i := range rows {
			rows[i].RecordID, rows[i].Time = fmt.Sprint("r", i), hour
		}
		var b bytes.Buffer
		w, err := record.NewWriter(&b, record.Predictions, e.Config.Schema.Features, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if err := w.Write(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		put(t, e, e.layout().Rows(store.Predictions, version, hour, name), b.Bytes())
	}
	write("v1", begin, "a")
	write("v1", begin, "b") // twice under two names
	write("v1", begin.Add(time.Hour), "a")
	write("v2", begin, "a")
	visited := int64(0)
	read, err := eachRow(t.Context(), e, store.Predictions, Window{From: begin, To: begin.Add(2 * time.Hour)}, nil, func(*record.Row) error {
		visited++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if visited != 30 || read.rows != 30 || read.repeated != 10 || read.files != 4 {
		t.Errorf("%d rows of %d files visited, %d repeated; want 30 of 4, and 10 repeated", visited, read.files, read.repeated)
	}
}
