// SPDX-License-Identifier: Apache-2.0

package data_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// TestSample holds what the demo and the end-to-end tests rely on.
func TestSample(t *testing.T) {
	ids := map[string]data.Window{}
	for _, w := range data.Windows() {
		flights, err := data.Load(w)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(flights, data.Compare) {
			t.Errorf("%s is not in the order of departure", w)
		}
		rows := map[string]int{}
		for _, f := range flights {
			if other, ok := ids[f.ID()]; ok {
				t.Fatalf("flight %s is in %s and in %s", f.ID(), other, w)
			}
			ids[f.ID()] = w
			rows[f.Origin]++
		}
		for _, origin := range []string{"ATL", "BOS", "DEN", "DFW", "JFK", "LAX", "ORD"} {
			if rows[origin] < 1000 {
				t.Errorf("%s has %d flights from %s, want at least 1000", w, rows[origin], origin)
			}
		}
	}
}

func TestLoadUnknownWindow(t *testing.T) {
	if _, err := data.Load("july"); err == nil {
		t.Error("got no error")
	}
}

func TestWriteRoundTrip(t *testing.T) {
	want, err := data.Load(data.May)
	if err != nil {
		t.Fatal(err)
	}
	want = want[:100]
	var b bytes.Buffer
	if err := data.Write(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := parquet.Read[data.Flight](bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].Departure = got[i].Departure.UTC()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flights changed on their way through a file (-want +got):\n%s", diff)
	}
}

func TestSpread(t *testing.T) {
	flights, err := data.Load(data.May)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ n, want int }{
		"a part":               {n: 1000, want: 1000},
		"zero means all":       {n: 0, want: len(flights)},
		"more than there are":  {n: len(flights) + 1, want: len(flights)},
		"exactly all":          {n: len(flights), want: len(flights)},
		"one":                  {n: 1, want: 1},
		"not a whole fraction": {n: 77_777, want: 77_777},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := data.Spread(flights, c.n)
			if len(got) != c.want {
				t.Fatalf("got %d flights, want %d", len(got), c.want)
			}
			if !slices.IsSortedFunc(got, data.Compare) {
				t.Error("the order of departure is lost")
			}
			if last := got[len(got)-1].Departure.Day(); c.n >= 1000 && last != 31 {
				t.Errorf("the last flight is of day %d, want the whole month", last)
			}
		})
	}
}

func TestWriteBaseline(t *testing.T) {
	var b bytes.Buffer
	n, err := data.WriteBaseline(&b)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.Read[data.Reference](bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	flights, err := data.Load(data.MayBaseline)
	if err != nil {
		t.Fatal(err)
	}
	if n != len(flights) || len(rows) != len(flights) {
		t.Fatalf("got %d rows and says %d, want %d", len(rows), n, len(flights))
	}
	for i, r := range rows {
		f := flights[i]
		if r.FlightID != f.ID() || r.Truth != f.Late() || r.Origin != f.Origin || r.Hour != int64(f.Hour()) {
			t.Fatalf("row %d is %+v, want flight %s", i, r, f.ID())
		}
		if r.Score <= 0 || r.Score >= 1 || r.Prediction != model.Label(r.Score) {
			t.Fatalf("row %d has score %v and prediction %q", i, r.Score, r.Prediction)
		}
	}
}
