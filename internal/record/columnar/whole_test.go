// SPDX-License-Identifier: Apache-2.0

package columnar_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/record/columnar"
	"github.com/vedette-dev/vedette/internal/wire"
)

var features = []wire.Feature{{Name: "zulu", Type: wire.Numeric}, {Name: "origin", Type: wire.Categorical}}

// unsorted is a file of rows whose times are shuffled.
func unsorted(t testing.TB, rows int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, record.Records, features, nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, i := range rng.Perm(rows) {
		row := record.Row{
			RecordID: fmt.Sprintf("r-%06d", i), Time: time.Unix(1e9+int64(i/2), 0), Score: float64(i), Model: "m",
			Features: []record.Value{{Kind: record.Number, Num: float64(i)}, {Kind: record.String, Str: "ATL"}},
			Segments: []string{"a", "b"}[:i%3], Scores: []float64{0.25, 0.75}[:i%3], Request: bytes.Repeat([]byte("x"), i%50),
		}
		if err := w.Write(&row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, b []byte) *columnar.File {
	t.Helper()
	f, err := columnar.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sorted writes the rows of a file in the order of time, with little or much memory.
func sorted(t testing.TB, in []byte, limit int) (out []byte, spilled bool) {
	t.Helper()
	f := open(t, in)
	ts, dir := f.Leaves()["ts"], t.TempDir()
	s := columnar.NewSorter(f.Schema(), dir, limit, func(a, b parquet.Row) int {
		return cmp.Compare(columnar.ValueOf(a, ts).Int64(), columnar.ValueOf(b, ts).Int64())
	})
	for row, err := range f.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(row); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	w := columnar.NewWriter(&b, f.Schema(), nil)
	for row, err := range s.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after, _ := os.ReadDir(dir); len(after) != 0 {
		t.Errorf("%d temporary files are left", len(after))
	}
	return b.Bytes(), len(left) > 0
}

func TestRowsAreSortedWholeInBoundedMemory(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	in := unsorted(t, rows)
	out, spilled := sorted(t, in, 1<<30)
	if spilled {
		t.Error("parts were written although there was room")
	}
	again, spilled := sorted(t, in, 1<<20)
	if !spilled {
		t.Error("no parts were written")
	}
	if !bytes.Equal(out, again) {
		t.Error("with less memory the result is another")
	}
	if twice, _ := sorted(t, out, 1<<20); !bytes.Equal(out, twice) {
		t.Error("what is sorted changes when it is sorted again")
	}
	if len(out) > len(in)*11/10 {
		t.Errorf("%d bytes became %d: encodings were lost", len(in), len(out))
	}
	was, is := contents(t, in), contents(t, out)
	if len(is) != rows {
		t.Errorf("%d rows, want %d", len(is), rows)
	}
	for id, row := range was {
		if is[id] != row {
			t.Fatalf("row %s was %s, is %s", id, row, is[id])
		}
	}
}

func contents(t testing.TB, file []byte) map[string]string {
	t.Helper()
	r, err := record.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for row, err := range r.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		out[row.RecordID] = fmt.Sprint(*row)
	}
	return out
}

func TestDamageIsToldInWholeRows(t *testing.T) {
	t.Parallel()
	whole := unsorted(t, 1_000)
	told := 0
	for at := 0; at < len(whole)-100; at += 97 {
		file := bytes.Clone(whole)
		for i := range 8 {
			file[at+i] ^= 0xff
		}
		f, err := columnar.Open(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			continue // Opening tells of it, too.
		}
		for _, err := range f.Rows() {
			if err != nil && !errors.Is(err, columnar.ErrDamaged) {
				t.Fatalf("damage at %d: %v, want ErrDamaged", at, err)
			}
			if err != nil {
				told++
			}
		}
	}
	if told == 0 {
		t.Error("no damage was told")
	}
}
