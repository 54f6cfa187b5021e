// SPDX-License-Identifier: Apache-2.0

package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

func number(x float64) record.Value { return record.Value{Kind: record.Number, Num: x} }
func text(s string) record.Value    { return record.Value{Kind: record.String, Str: s} }
func boolean(x float64) record.Value {
	return record.Value{Kind: record.Bool, Num: x}
}

// readAll reads every row of a file, column by column.
func readAll(name string, data []byte, wanted []Wanted) ([][]record.Value, error) {
	r, err := Open(name, bytes.NewReader(data), int64(len(data)), wanted)
	if err != nil {
		return nil, err
	}
	out, batch := make([][]record.Value, len(wanted)), NewBatch(len(wanted))
	for {
		n, err := r.Next(batch)
		for i := range out {
			out[i] = append(out[i], batch[i][:n]...)
		}
		if errors.Is(err, io.EOF) {
			return out, r.Close()
		}
		if err != nil {
			return out, errors.Join(err, r.Close())
		}
	}
}

func want(t wire.FeatureType, names ...string) Wanted { return Wanted{Names: names, Type: t} }

func TestCSV(t *testing.T) {
	const file = "\uFEFFhour,origin,late,delay\n5,ATL,true,1.5\n,\"LA, X\",0,abc\n1e400,,maybe,NaN\n"
	got, err := readAll("may.csv", []byte(file), []Wanted{
		want(wire.Numeric, "f_hour", "hour"), want(wire.Categorical, "origin"), want(wire.Boolean, "late"), want(wire.Numeric, "delay"),
		{Names: []string{"score"}, Type: wire.Numeric, Optional: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]record.Value{
		{number(5), missing, invalid},
		{text("ATL"), text("LA, X"), missing},
		{boolean(1), boolean(0), invalid},
		{number(1.5), invalid, invalid},
		{missing, missing, missing},
	}, got); diff != "" {
		t.Error(diff)
	}
}

// flight has a column of each physical type, some with nulls, one dictionary-coded.
type flight struct {
	Hour     *float64 `parquet:"f_hour,optional"`
	Distance int32    `parquet:"distance"`
	Weight   int64    `parquet:"weight,decimal(2:18)"`
	Origin   *string  `parquet:"origin,optional,dict"`
	Late     bool     `parquet:"late"`
	Ratio    float32  `parquet:"ratio"`
	Tags     []string `parquet:"tags,list"`
	Big      uint64   `parquet:"big"`
}

func flights(rows int) []flight {
	out := make([]flight, rows)
	for i := range out {
		out[i] = flight{Distance: int32(i) - 5, Weight: int64(i) * 125, Late: i%3 == 0, Ratio: float32(i) / 4, Big: math.MaxUint64 - 1<<20}
		if i%7 != 0 {
			out[i].Hour = new(float64(i % 24))
		}
		if i%5 != 0 {
			out[i].Origin = new(fmt.Sprintf("A%02d", i%40))
		}
	}
	return out
}

func parquetFile(t testing.TB, rows []flight, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[flight](&b, options...)
	for len(rows) > 0 {
		n := min(len(rows), 1500) // several row groups, which do not end where batches do
		if _, err := w.Write(rows[:n]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var flightColumns = []Wanted{
	want(wire.Numeric, "hour", "f_hour"), want(wire.Numeric, "distance"), want(wire.Numeric, "weight"), want(wire.Categorical, "origin"),
	want(wire.Boolean, "late"), want(wire.Numeric, "ratio"), want(wire.Categorical, "distance"), want(wire.Numeric, "big"),
}

func TestParquetReadsEveryValueOfEveryType(t *testing.T) {
	rows := flights(2600)
	for name, options := range map[string][]parquet.WriterOption{
		"one page per column": nil,
		"many small pages":    {parquet.PageBufferSize(256), parquet.Compression(&parquet.Zstd)},
		"data pages v1":       {parquet.PageBufferSize(512), parquet.DataPageVersion(1)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readAll("may.parquet", parquetFile(t, rows, options...), flightColumns)
			if err != nil {
				t.Fatal(err)
			}
			wantColumns := make([][]record.Value, len(flightColumns))
			for _, f := range rows {
				hour, origin, late := missing, missing, boolean(0)
				if f.Hour != nil {
					hour = number(*f.Hour)
				}
				if f.Origin != nil {
					origin = text(*f.Origin)
				}
				if f.Late {
					late = boolean(1)
				}
				for i, v := range []record.Value{
					hour, number(float64(f.Distance)), number(float64(f.Weight) / 100), origin, late,
					number(float64(f.Ratio)), text(strconv.Itoa(int(f.Distance))), number(float64(f.Big)),
				} {
					wantColumns[i] = append(wantColumns[i], v)
				}
			}
			if diff := cmp.Diff(wantColumns, got); diff != "" {
				t.Error(diff[:min(len(diff), 2000)])
			}
		})
	}
}

func TestColumnsThatCannotBeUsed(t *testing.T) {
	file := parquetFile(t, flights(10))
	for name, w := range map[string]Wanted{
		"no such column": want(wire.Numeric, "f_hours", "hours"),
		"a list":         want(wire.Categorical, "tags.list.element"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readAll("may.parquet", file, []Wanted{w}); !errors.Is(err, ErrColumn) {
				t.Errorf("error %v, want ErrColumn", err)
			}
		})
	}
	if _, err := readAll("may.csv", []byte("a,b\n1,2\n"), []Wanted{want(wire.Numeric, "c")}); !errors.Is(err, ErrColumn) {
		t.Errorf("error %v, want ErrColumn", err)
	}
}

func TestDamagedParquetIsAnErrorAndNeverAPanic(t *testing.T) {
	file := parquetFile(t, flights(400), parquet.PageBufferSize(1024))
	whole, err := readAll("may.parquet", file, flightColumns)
	if err != nil {
		t.Fatal(err)
	}
	silent := 0
	for at := 4; at < len(file); at += 113 {
		damaged := bytes.Clone(file)
		damaged[at] ^= 0x55
		got, err := readAll("may.parquet", damaged, flightColumns)
		switch {
		case err == nil && !cmp.Equal(whole, got):
			silent++
		case err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrColumn):
			t.Fatalf("byte %d: error %v is not classified", at, err)
		}
	}
	// Page checksums find flips in pages; some in the footer only rename a column or change a statistic.
	if silent > 4 {
		t.Errorf("%d flipped bytes changed values without an error", silent)
	}
	for _, n := range []int{0, 1, 8, 100, len(file) / 2, len(file) - 1} {
		if _, err := readAll("may.parquet", file[:n], flightColumns); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: error %v, want ErrDamaged", n, err)
		}
	}
}

type brokenStore struct{ err error }

func (b brokenStore) ReadAt([]byte, int64) (int, error) { return 0, b.err }

func TestAnUnreachableStoreIsNoDamagedFile(t *testing.T) {
	gone := errors.New("the store is gone")
	for _, name := range []string{"may.parquet", "may.csv"} {
		_, err := Open(name, brokenStore{gone}, 1000, nil)
		if !errors.Is(err, gone) || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: error %v, want the store's", name, err)
		}
	}
}

func TestUnknownExtension(t *testing.T) {
	if _, err := readAll("may.json", nil, nil); err == nil || !strings.Contains(err.Error(), ".parquet or .csv") {
		t.Errorf("error %v, want one that names the extensions", err)
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("hour,origin\n5,ATL\n")
	f.Add("hour,origin\n5\n")
	f.Add("\"")
	f.Add("hour,origin\n\"a\nb\",\"c\"\"d\"\n\xff,\x00\n")
	wanted := []Wanted{want(wire.Numeric, "hour"), want(wire.Categorical, "origin"), {Names: []string{"late"}, Type: wire.Boolean, Optional: true}}
	f.Fuzz(func(t *testing.T, file string) {
		columns, err := readAll("fuzz.csv", []byte(file), wanted)
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrColumn) {
			t.Fatalf("error %v is not classified", err)
		}
		for _, column := range columns {
			for _, v := range column {
				if v.Kind == record.Number && (math.IsNaN(v.Num) || math.IsInf(v.Num, 0)) {
					t.Fatalf("a number that is none: %v", v)
				}
				if len(v.Str) > 3*maxCategoryBytes {
					t.Fatalf("text of %d bytes", len(v.Str))
				}
			}
		}
	})
}
