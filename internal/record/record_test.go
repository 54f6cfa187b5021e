// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

var features = []wire.Feature{
	{Name: "zulu", Type: wire.Numeric},
	{Name: "origin", Type: wire.Categorical},
	{Name: "weekend", Type: wire.Boolean},
	{Name: "note", Type: wire.Text},
}

func fullRow() record.Row {
	return record.Row{
		RecordID: "r", RequestID: "q", TraceID: "t", SpanID: "s", LabelKey: "k",
		Time: time.Date(2001, 6, 1, 2, 3, 4, 567000, time.UTC), LatencyMS: 1.5, TTFBMS: 0.5, Status: 200, Outcome: record.OutcomeOK,
		Monitor: "m", Model: "o", ModelVersion: "v", CodeVersion: "c", FeaturesVersion: "f", DatasetVersion: "d",
		ConfigRevision: "cr", BaselineDigest: "bd", Role: "primary", Pod: "p",
		KeepProbability: 0.25, KeepReason: record.KeepOutlier,
		Features: []record.Value{
			{Kind: record.Number, Num: -2.5}, {Kind: record.String, Str: "ATL"}, {Kind: record.Bool, Num: 1}, {Kind: record.String, Str: ""},
		},
		Prediction: "late", Score: 0.75, Scores: []float64{0.25, 0.75}, Confidence: 0.75, Entropy: 0.8, Margin: 0.5,
		Segments: []string{"atl", "weekend"}, Violations: []string{"zulu:range"}, OutlierScore: 4, OutlierReasons: []string{"entropy"},
		Request: []byte("{}"), Response: []byte{}, RequestSHA256: "a", ResponseSHA256: "b", RequestBytes: 2, ResponseBytes: 1 << 40, Truncated: true,
	}
}

func emptyRow() record.Row {
	nan := math.NaN()
	return record.Row{
		LatencyMS: nan, TTFBMS: nan, KeepProbability: nan, Features: make([]record.Value, 4),
		Score: nan, Confidence: nan, Entropy: nan, Margin: nan, OutlierScore: nan,
	}
}

func write(t testing.TB, tier record.Tier, rows ...record.Row) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, tier, features, map[string]string{"b": "2", "a": "1", "c": "3"})
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
	return b.Bytes()
}

func read(t testing.TB, file []byte, columns ...string) (rows []record.Row, features []string) {
	t.Helper()
	r, err := record.NewReader(bytes.NewReader(file), int64(len(file)), columns...)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range r.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		c := *row
		c.Features = append([]record.Value(nil), row.Features...)
		c.Scores = append([]float64(nil), row.Scores...)
		c.Segments = append([]string(nil), row.Segments...)
		c.Violations = append([]string(nil), row.Violations...)
		c.OutlierReasons = append([]string(nil), row.OutlierReasons...)
		rows = append(rows, c)
	}
	return rows, r.Features
}

var options = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	// Enough for several pages and row groups, dictionaries that overflow, and lists across pages.
	random := rand.NewChaCha8([32]byte{})
	var rows []record.Row
	for i := range 3_000 {
		row := fullRow()
		row.RecordID = time.Duration(i).String()
		row.Time = row.Time.Add(time.Duration(i) * time.Second)
		row.ModelVersion = strings.Repeat(row.RecordID, 3)
		row.Features[0].Num = float64(i)
		row.Segments = row.Segments[:i%3]
		row.Scores = row.Scores[:i%2]
		if i%7 == 0 {
			row = emptyRow()
		}
		row.Request = make([]byte, 2048)
		_, _ = random.Read(row.Request) // It never fails.
		rows = append(rows, row)
	}
	file := write(t, record.Records, rows...)
	got, names := read(t, file)
	if diff := cmp.Diff([]string{"zulu", "origin", "weekend", "note"}, names); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
	if len(got) != len(rows) {
		t.Fatalf("%d rows were read, want %d", len(got), len(rows))
	}
	for i := range rows {
		// Bodies and texts are compared first: it is much faster.
		if !bytes.Equal(rows[i].Request, got[i].Request) {
			t.Fatalf("row %d: the request differs", i)
		}
		rows[i].Request, got[i].Request = nil, nil
		if fmt.Sprint(rows[i]) != fmt.Sprint(got[i]) {
			t.Fatalf("row %d (-want +got):\n%s", i, cmp.Diff(rows[i], got[i], options))
		}
	}
	parsed, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(parsed.RowGroups()); n < 2 {
		t.Errorf("the file has %d row groups, want several: the writer holds one in memory", n)
	}
}

// TestLargeRowsDoNotWaitInMemory: a few bodies fill a row group.
func TestLargeRowsDoNotWaitInMemory(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	rows := make([]record.Row, 20)
	for i := range rows {
		rows[i] = fullRow()
		rows[i].Request = make([]byte, 1<<20)
		random.Read(rows[i].Request) //nolint:errcheck // It never fails.
	}
	file := write(t, record.Records, rows...)
	parsed, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(parsed.RowGroups()); n != len(rows)/2 {
		t.Errorf("the file has %d row groups, want one for every 2 MiB", n)
	}
}

func TestPredictionsAreNarrow(t *testing.T) {
	t.Parallel()
	row := fullRow()
	got, names := read(t, write(t, record.Predictions, row))
	want := row
	want.Features, want.Request, want.Response, want.RequestSHA256, want.ResponseSHA256 = nil, nil, nil, "", ""
	want.RequestBytes, want.ResponseBytes, want.Truncated = 0, 0, false
	if diff := cmp.Diff([]record.Row{want}, got, options); diff != "" || len(names) > 0 {
		t.Errorf("features %q, rows (-want +got):\n%s", names, diff)
	}
}

func TestProjection(t *testing.T) {
	t.Parallel()
	file := write(t, record.Records, fullRow())
	got, names := read(t, file, "score", "f_*")
	want := emptyRow()
	want.Score, want.Features = 0.75, fullRow().Features
	if diff := cmp.Diff([]record.Row{want}, got, options); diff != "" || len(names) != 4 {
		t.Errorf("features %q, rows (-want +got):\n%s", names, diff)
	}
	if _, names = read(t, file, "f_origin"); !cmp.Equal(names, []string{"origin"}) {
		t.Errorf("features = %q, want only origin", names)
	}
}

func TestValuesThatDoNotFitAreNull(t *testing.T) {
	t.Parallel()
	row := emptyRow()
	row.Features = []record.Value{
		{Kind: record.String, Str: "abc"}, {Kind: record.Invalid, Str: "x"}, {Kind: record.Number, Num: 1}, // and one too few
	}
	got, _ := read(t, write(t, record.Records, row))
	if diff := cmp.Diff(make([]record.Value, 4), got[0].Features); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
}

func TestEqualRowsGiveEqualBytes(t *testing.T) {
	t.Parallel()
	first, again := write(t, record.Records, fullRow(), emptyRow()), write(t, record.Records, fullRow(), emptyRow())
	if !bytes.Equal(first, again) {
		t.Error("the same rows gave different files")
	}
}

func TestAFeatureDeclaredTwiceIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := record.NewWriter(&bytes.Buffer{}, record.Records, append(features, features[0]), nil); err == nil {
		t.Error("NewWriter with a feature declared twice succeeded")
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	file := write(t, record.Records, fullRow(), emptyRow())
	for name, damaged := range map[string][]byte{
		"nothing":       nil,
		"a cut file":    file[:len(file)/2],
		"not Parquet":   bytes.Repeat([]byte("x"), 100),
		"a cut footer":  file[:len(file)-9],
		"a wrong magic": append(bytes.Clone(file[:len(file)-4]), "PAR2"...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := readAll(damaged); !errors.Is(err, record.ErrDamaged) {
				t.Errorf("reading = %v, want ErrDamaged", err)
			}
		})
	}
}

// Every part of a file can be damaged: its pages, their headers, and the schema in its footer.
func TestDamagedBytes(t *testing.T) {
	t.Parallel()
	file := write(t, record.Records, fullRow(), emptyRow())
	for at := 0; at < len(file); at += 53 {
		for _, change := range []byte{0x01, 0xFF} {
			damaged := bytes.Clone(file)
			damaged[at] ^= change
			if err := readAll(damaged); err != nil && !errors.Is(err, record.ErrDamaged) {
				t.Errorf("reading with byte %d changed = %v, want ErrDamaged", at, err)
			}
		}
	}
}

type failing struct{}

var errStore = errors.New("the store is unreachable")

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errStore }

func TestAFailureToReadIsNoDamage(t *testing.T) {
	t.Parallel()
	if _, err := record.NewReader(failing{}, 1000); !errors.Is(err, errStore) || errors.Is(err, record.ErrDamaged) {
		t.Errorf("NewReader = %v, want the error of the store alone", err)
	}
}

func readAll(file []byte) error {
	r, err := record.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	for _, err := range r.Rows() {
		if err != nil {
			return err
		}
	}
	return nil
}

func FuzzReader(f *testing.F) {
	file := write(f, record.Records, fullRow(), emptyRow())
	f.Add(0, byte(0))
	f.Add(len(file)-5, byte(1))
	f.Fuzz(func(t *testing.T, at int, change byte) {
		damaged := bytes.Clone(file)
		damaged[uint(at)%uint(len(damaged))] ^= change
		// Any answer is good, but for a crash or an error of another kind.
		if err := readAll(damaged); err != nil && !errors.Is(err, record.ErrDamaged) {
			t.Errorf("reading = %v, want ErrDamaged", err)
		}
	})
}

func BenchmarkWriter(b *testing.B) {
	for _, tier := range []record.Tier{record.Predictions, record.Records} {
		b.Run(string(tier), func(b *testing.B) {
			w, err := record.NewWriter(discard{}, tier, features, nil)
			if err != nil {
				b.Fatal(err)
			}
			row := fullRow()
			b.ReportAllocs()
			for b.Loop() {
				row.Time = row.Time.Add(time.Millisecond)
				row.Score += 1e-6
				if err := w.Write(&row); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(w.Size())/float64(b.N), "filebytes/op")
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
