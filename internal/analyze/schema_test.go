// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// writeRecords stores rows of the records tier, in one file.
func writeRecords(t testing.TB, e *Env, name string, rows []record.Row) {
	t.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, record.Records, e.Config.Schema.Features, nil)
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
	put(t, e, e.layout().Rows(store.Records, "v1", rows[0].Time, name), b.Bytes())
}

func TestASchemaIsGuessedFromEachCallOnce(t *testing.T) {
	e := testEnv(t)
	e.Config.Schema.Features = nil
	var rows []record.Row
	for i := range 60 {
		call := i / 2 // two instances a call, on each of which the bodies stand
		rows = append(rows, record.Row{
			RecordID: fmt.Sprint("r-", i), RequestID: fmt.Sprint("q-", call), Time: lastHour.From.Add(time.Duration(i) * time.Second),
			Request:  fmt.Appendf(nil, `{"instances":[{"delay":%d,"origin":"ATL"},{"delay":3,"origin":"LAX"}]}`, call),
			Response: []byte(`{"predictions":[0.25,0.75]}`),
		})
	}
	rows[59].Request, rows[59].Response = nil, nil // a row whose body was not kept
	writeRecords(t, e, "a", rows)
	r, v, err := InferSchema(t.Context(), e, lastHour, 20)
	if err != nil {
		t.Fatal(err)
	}
	if v.Outcome != wire.OutcomeSucceeded || r.Calls != 20 || r.Instances != 40 {
		t.Errorf("%s of %d calls, %d instances; want 20 and 40", v.Outcome, r.Calls, r.Instances)
	}
	var names []string
	for _, f := range r.Features {
		names = append(names, f.Name+" "+string(f.Type))
	}
	if want := []string{"delay Numeric", "origin Categorical"}; !slices.Equal(names, want) {
		t.Errorf("features %v, want %v", names, want)
	}
	if p := r.Prediction; p == nil || p.Kind != wire.BinaryClassification {
		t.Errorf("prediction %+v", p)
	}
}

func TestWithoutBodiesNothingIsGuessed(t *testing.T) {
	e := testEnv(t)
	writeRecords(t, e, "a", []record.Row{{RecordID: "r", RequestID: "q", Time: lastHour.From}})
	_, v, err := InferSchema(t.Context(), e, lastHour, 20)
	if err != nil || v.Outcome != wire.OutcomeInsufficient {
		t.Errorf("%s (%v), want Insufficient", v.Outcome, err)
	}
}
