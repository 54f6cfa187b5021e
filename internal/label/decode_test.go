// SPDX-License-Identifier: Apache-2.0

package label_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/wire"
)

var flights = wire.Schema{
	LabelKey:   wire.LabelKey{Path: "request.flight_id", Store: wire.LabelKeyPlain},
	Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"ontime", "late"}},
}

func decoder(schema wire.Schema) *label.Decoder {
	return &label.Decoder{Schema: schema, Source: label.SourceFile, Received: day, Seed: "digest"}
}

// told is what is compared of a line: the facts, or a part of the problem.
type told struct {
	Number  int64
	Problem string
	Row     label.Row
}

func decode(t *testing.T, d *label.Decoder, f label.Format, file string) ([]told, error) {
	t.Helper()
	var out []told
	for line, err := range d.Decode(f, strings.NewReader(file), int64(len(file))) {
		if err != nil {
			return out, err
		}
		out = append(out, told{line.Number, line.Problem, line.Row})
	}
	return out, nil
}

// fact is a row of a label as the decoder makes it, numbered as it arrived.
func fact(number int64, change func(*label.Row)) label.Row {
	r := label.Row{
		Instance: -1, Kind: label.Truth, Value: nan, Amount: nan, Agreement: nan, Selection: nan,
		Received: day.Add(time.Duration(number-1) * time.Microsecond), Source: label.SourceFile,
	}
	change(&r)
	r.Identify(fmt.Sprintf("digest:%d", number))
	return r
}

func TestDecode(t *testing.T) {
	noon := time.Date(2001, 6, 1, 12, 0, 0, 0, time.UTC)
	late := func(r *label.Row) { r.LabelKey, r.Class = "ATL-1", "late" }
	regression := wire.Schema{Prediction: wire.Prediction{Kind: wire.Regression}}
	for name, c := range map[string]struct {
		format label.Format
		schema wire.Schema
		file   string
		rows   []label.Row
		// problems are parts of what is said of other lines, in their order.
		problems []string
	}{
		"JSON lines of every key": {label.JSONLines, flights,
			"\uFEFF" + `{"record_id":"r","label":"late","comment":"seen"}` + "\r\n\n" + `{"request_id":"q","instance":2,"label":1}` + "\n" + `{"label_key":"ATL-1","label":"late","extra":{"a":1}}`,
			[]label.Row{
				fact(1, func(r *label.Row) { r.RecordID, r.Class, r.Comment = "r", "late", "seen" }),
				fact(3, func(r *label.Row) { r.RequestID, r.Instance, r.Class = "q", 2, "1" }),
				fact(4, late),
			}, nil},
		"a truth value is the index of the class": {label.JSONLines, flights, `{"record_id":"r","label":true}`,
			[]label.Row{fact(1, func(r *label.Row) { r.RecordID, r.Class = "r", "late" })}, nil},
		"times, with their zone": {label.JSONLines, flights,
			`{"label_key":"ATL-1","label":"late","prediction_ts":"2001-06-01T14:00:00+02:00","observed_ts":"2001-06-01 12:00:00Z"}`,
			[]label.Row{fact(1, func(r *label.Row) { late(r); r.PredictionTime, r.Observed = noon, noon })}, nil},
		"events and retractions": {label.JSONLines, flights,
			`{"record_id":"r","event":"cost","amount":"12.5"}` + "\n" + `{"record_id":"r","retracted":true}`,
			[]label.Row{
				fact(1, func(r *label.Row) { r.RecordID, r.Kind, r.Event, r.Amount = "r", label.Event, "cost", 12.5 }),
				fact(2, func(r *label.Row) { r.RecordID, r.Retracted = "r", true }),
			}, nil},
		"a number is the value of a regression": {label.JSONLines, regression, `{"record_id":"r","label":3.5}`,
			[]label.Row{fact(1, func(r *label.Row) { r.RecordID, r.Value = "r", 3.5 })}, nil},
		"SageMaker's ground truth": {label.JSONLines, flights,
			`{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"aaaa-bbbb"},"eventVersion":"0"}` + "\n" +
				`{"groundTruthData":{"data":"bGF0ZQ==","encoding":"BASE64"},"eventMetadata":{"eventId":"e","inferenceId":"i"}}` + "\n" +
				`{"groundTruthData":{"data":"\"late\"","encoding":"JSON"},"eventMetadata":{"eventId":"e"}}`,
			[]label.Row{
				fact(1, func(r *label.Row) { r.RequestID, r.Class = "aaaa-bbbb", "1" }),
				fact(2, func(r *label.Row) { r.RequestID, r.Class = "i", "late" }),
				fact(3, func(r *label.Row) { r.RequestID, r.Class = "e", "late" }),
			}, nil},
		"what would be a guess is refused": {label.JSONLines, flights,
			strings.Join([]string{
				`{"groundTruthData":{"data":"1,0","encoding":"CSV"},"eventMetadata":{"eventId":"e"}}`,
				`{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{}}`,
				`{"record_id":"r","label":["late"]}`,
				`{"record_id":"r","label":"late","prediction_ts":"2001-06-01 12:00:00"}`,
				`{"record_id":"r","request_id":"q","label":"late"}`,
				`{"record_id":"r","label":"late","event":"cost"}`,
				`{"record_id":"r"}`,
				`late`,
				`{"record_id":"` + strings.Repeat("x", 70_000) + `"}`,
			}, "\n"), nil,
			[]string{"send one label", "neither inferenceId nor eventId", "a list or an object", "a time with its zone",
				"exactly one of record_id", "neither class nor value", "exactly one of class and value", "one object a line", "65536 bytes"}},
		"a key of a monitor without keys": {label.JSONLines, regression, `{"label_key":"k","label":1}`, nil, []string{"declares no schema.labelKey"}},
		"true for a regression":           {label.JSONLines, regression, `{"record_id":"k","label":true}`, nil, []string{"no BinaryClassification"}},
		"text for a regression":           {label.JSONLines, regression, `{"record_id":"k","label":"dear"}`, nil, []string{"a finite number"}},
		"CSV": {label.CSV, flights,
			"\uFEFFlabel_key,label,other\nATL-1,late,\"x\ny\"\nATL-1,late\nATL\"1,late,x\n,late,x\nATL-1,late,\n",
			[]label.Row{fact(2, late), fact(7, late)},
			[]string{"2 fields, and the header 3", "no CSV", "exactly one of record_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decode(t, decoder(c.schema), c.format, c.file)
			if err != nil {
				t.Fatal(err)
			}
			var rows []label.Row
			var problems []string
			for _, l := range got {
				if l.Problem == "" {
					rows = append(rows, l.Row)
				} else {
					problems = append(problems, l.Problem)
				}
			}
			if diff := cmp.Diff(c.rows, rows, cmpopts.EquateNaNs()); diff != "" {
				t.Error(diff)
			}
			if len(problems) != len(c.problems) {
				t.Fatalf("problems %q, want %d", problems, len(c.problems))
			}
			for i, want := range c.problems {
				if !strings.Contains(problems[i], want) {
					t.Errorf("problem %d is %q, want %q in it", i, problems[i], want)
				}
			}
		})
	}
}

func TestDecodeParquet(t *testing.T) {
	type row struct {
		Key      *string   `parquet:"label_key,optional"`
		Request  *string   `parquet:"request_id,optional"`
		Instance int32     `parquet:"instance"`
		Late     bool      `parquet:"label"`
		At       time.Time `parquet:"observed_ts,timestamp(millisecond)"`
		Other    []string  `parquet:"other,list"`
	}
	noon := time.Date(2001, 6, 1, 12, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{
		{Request: new("q"), Instance: 1, Late: true, At: noon, Other: []string{"a", "b"}},
		{Key: new("ATL-1"), Instance: 1, At: noon},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := decode(t, decoder(flights), label.Parquet, b.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]told{
		{1, "", fact(1, func(r *label.Row) { r.RequestID, r.Instance, r.Class, r.Observed = "q", 1, "late", noon })},
		{2, "instance is the number of the prediction in its request, from 0: set it beside request_id only", label.Row{}},
	}, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	for n := 0; n < b.Len(); n += 17 {
		if _, err := decode(t, decoder(flights), label.Parquet, b.String()[:n]); !errors.Is(err, label.ErrUnreadable) {
			t.Fatalf("cut at %d of %d: %v", n, b.Len(), err)
		}
	}
}

func TestKeysAreHashedAsTheSidecarDoes(t *testing.T) {
	schema := flights
	schema.LabelKey.Store = wire.LabelKeyKeyedHash
	d := decoder(schema)
	if err := d.Ready(); !errors.Is(err, label.ErrHashKey) {
		t.Errorf("without the key: %v", err)
	}
	d.HashKey = []byte("secret")
	got, err := decode(t, d, label.JSONLines, `{"label_key":"a","label":"late"}`)
	if err != nil || d.Ready() != nil {
		t.Fatal(err, d.Ready())
	}
	// From: printf a | openssl dgst -sha256 -hmac secret
	if want := "4048c44911916043ff626895ff78c5262764685b6cb9a03ce07886a9effb924c"; got[0].Row.LabelKey != want {
		t.Errorf("key %q, want %q", got[0].Row.LabelKey, want)
	}
}

func TestFilesThatCannotBeReadAtAll(t *testing.T) {
	for name, c := range map[string]struct {
		format label.Format
		file   string
	}{
		"CSV without a line":        {label.CSV, ""},
		"CSV without our columns":   {label.CSV, "a,b\n1,2\n"},
		"CSV with a column twice":   {label.CSV, "label,label\n1,2\n"},
		"CSV whose quote is open":   {label.CSV, "label_key,label\n\"" + strings.Repeat("x", 1<<20)},
		"Parquet that is no such":   {label.Parquet, strings.Repeat("x", 100)},
		"Parquet that is not there": {label.Parquet, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := decode(t, decoder(flights), c.format, c.file); !errors.Is(err, label.ErrUnreadable) {
				t.Errorf("error %v, want ErrUnreadable", err)
			}
		})
	}
	gone := errors.New("the store is gone")
	for _, f := range []label.Format{label.JSONLines, label.CSV, label.Parquet} {
		for _, err := range decoder(flights).Decode(f, failing{gone}, 1000) {
			if !errors.Is(err, gone) || errors.Is(err, label.ErrUnreadable) {
				t.Errorf("%s: error %v, want the store's", f, err)
			}
		}
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestFormats(t *testing.T) {
	for name, want := range map[string]label.Format{"a.jsonl": label.JSONLines, "b.NDJSON": label.JSONLines, "c.csv": label.CSV, "d.parquet": label.Parquet, "README.md": ""} {
		if got, ok := label.FormatOf(name); got != want || ok != (want != "") {
			t.Errorf("%s is %q", name, got)
		}
	}
	if label.ClassOf(flights.Prediction, 1) != "late" || label.ClassOf(wire.Prediction{}, 1) != "1" {
		t.Error("classes are named by their declaration, or their index")
	}
}

// Whatever arrives, every line is a row that is valid or a problem that is told, and nothing crashes.
func FuzzDecode(f *testing.F) {
	f.Add(0, []byte(`{"record_id":"r","label":"late"}`))
	f.Add(0, []byte(`{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"e"}}`))
	f.Add(1, []byte("label_key,label\nATL-1,late\n"))
	f.Add(1, []byte("label_key,label\n\"a\nb\",\"c\"\"d\"\n\xff,\x00\n"))
	var b bytes.Buffer
	if err := label.Write(&b, []label.Row{fact(1, func(r *label.Row) { r.RecordID, r.Class = "r", "late" })}); err != nil {
		f.Fatal(err)
	}
	f.Add(2, b.Bytes())
	formats := []label.Format{label.JSONLines, label.CSV, label.Parquet}
	f.Fuzz(func(t *testing.T, format int, file []byte) {
		d := decoder(flights)
		last := int64(0)
		for line, err := range d.Decode(formats[uint(format)%3], bytes.NewReader(file), int64(len(file))) {
			if err != nil {
				if !errors.Is(err, label.ErrUnreadable) && !errors.Is(err, io.EOF) {
					t.Fatalf("error %v is not classified", err)
				}
				return
			}
			if line.Number <= last {
				t.Fatalf("line %d after %d", line.Number, last)
			}
			last = line.Number
			if line.Problem != "" {
				continue
			}
			if err := line.Row.Validate(); err != nil {
				t.Fatal(err)
			}
			if math.IsInf(line.Row.Value, 0) || line.Row.ID == "" {
				t.Fatalf("row %+v", line.Row)
			}
		}
	})
}
