// SPDX-License-Identifier: Apache-2.0

package analyze

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

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// csvOf writes flights as the columns of a dataset.
func csvOf(rows []record.Row) []byte {
	var b bytes.Buffer
	b.WriteString("origin,delay,f_hour,holiday,score,note\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "%s,%v,%v,%v,%v,ignored\n", r.Features[0].Str, r.Features[1].Num, r.Features[2].Num, r.Features[3].Num != 0, r.Score)
	}
	return b.Bytes()
}

func flightsOf(n int, seed uint64) []record.Row {
	rng := rand.New(rand.NewPCG(seed, seed))
	rows := make([]record.Row, n)
	for i := range rows {
		rows[i] = flight(rng, false)
	}
	return rows
}

func baselineFiles(t testing.TB, e *Env) (profiles []byte, summary *outlier.Summary) {
	t.Helper()
	profiles, err := e.Bucket.Get(t.Context(), e.layout().Baseline("may", profileFile), 1<<28)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := e.Bucket.Get(t.Context(), e.layout().Baseline("may", outlier.SummaryFile), 1<<28)
	if err != nil {
		t.Fatal(err)
	}
	if summary, err = outlier.Decode(raw); err != nil {
		t.Fatal(err)
	}
	return profiles, summary
}

func TestBaselineOfADataset(t *testing.T) {
	e := testEnv(t)
	rows := flightsOf(20_000, 1)
	put(t, e, e.layout().Prefix()+"datasets/may.csv", csvOf(rows))
	v, err := Baseline(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if v.Outcome != wire.OutcomeSucceeded || v.Rows != 20_000 || v.Message != "" || v.Report != "baselines/may/summary.json" {
		t.Errorf("verdict %+v", v.VerdictHeader)
	}
	profiles, summary := baselineFiles(t, e)

	// The profiles are those that a sidecar would have made of the same rows, segments included.
	set := profile.NewSet(e.Config.Schema.Features, math.MaxInt)
	for _, r := range rows {
		r.Time = now
		set.Observe(&r)
	}
	stored, err := profile.Read(bytes.NewReader(profiles), int64(len(profiles)))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := profile.Merge(stored)
	want := set.Take(now.Add(time.Hour))
	for _, w := range want {
		if w.Feature == profile.Coverage {
			continue
		}
		found := false
		for _, g := range got {
			if g.Segment == w.Segment && g.Feature == w.Feature {
				found = true
				if g.Count != w.Count || g.Missing != w.Missing || g.Mean() != w.Mean() || w.IsNumeric() && g.Quantile(0.9) != w.Quantile(0.9) {
					t.Errorf("%s in %q: %d rows with mean %v, want %d with %v", w.Feature, w.Segment, g.Count, g.Mean(), w.Count, w.Mean())
				}
				if diff := cmp.Diff(outlier.Count(w), outlier.Count(g)); diff != "" {
					t.Errorf("%s in %q: %s", w.Feature, w.Segment, diff)
				}
			}
		}
		if !found {
			t.Errorf("no profile of %s in %q", w.Feature, w.Segment)
		}
	}
	if windows := windowsOf(stored); windows < referenceBlocks || windows >= 2*referenceBlocks {
		t.Errorf("%d blocks, want %d to twice as many", windows, referenceBlocks)
	}

	if summary.Rows != 20_000 || len(summary.Features) != 4 || len(summary.Prediction.Classes) != 2 || len(summary.Prediction.Entropy) == 0 {
		t.Errorf("summary of %d rows, %d features, classes %v", summary.Rows, len(summary.Features), summary.Prediction.Classes)
	}
	// By construction about one row in a hundred scores above the cut of one per cent.
	scorer := outlier.NewScorer(e.Config.Schema, summary, 0.01)
	outliers := 0
	for i, r := range rows {
		r.RecordID = fmt.Sprint(i)
		r.Confidence, r.Entropy, r.Margin = outlier.Uncertainty([]float64{1 - r.Score, r.Score})
		if scorer.Score(&r) {
			outliers++
		}
	}
	if outliers < 150 || outliers > 250 {
		t.Errorf("%d of 20,000 rows are outliers at 1 %%", outliers)
	}
	if c := summary.Cells; c == nil || c.Segment == "" {
		t.Errorf("cells %+v, want those of two segments", c)
	}
}

func windowsOf(series []*profile.Series) int {
	windows := map[time.Time]bool{}
	for _, s := range series {
		windows[s.Window] = true
	}
	return len(windows)
}

func TestBaselineIsDeterministic(t *testing.T) {
	files := flightsOf(5_000, 2)
	build := func() ([]byte, string) {
		e := testEnv(t)
		e.Config.Baseline.DatasetURL = "datasets/may"
		// In a folder, and in two files: it is the rows in their order that count.
		put(t, e, e.layout().Prefix()+"datasets/may/part-1.csv", csvOf(files[:2_000]))
		put(t, e, e.layout().Prefix()+"datasets/may/part-2.csv", csvOf(files[2_000:]))
		put(t, e, e.layout().Prefix()+"datasets/may/README.md", []byte("not data"))
		if _, err := Baseline(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		profiles, summary := baselineFiles(t, e)
		return profiles, summary.Digest
	}
	first, firstDigest := build()
	second, secondDigest := build()
	if !bytes.Equal(first, second) || firstDigest != secondDigest {
		t.Error("the same rows gave two baselines")
	}
}

func TestBaselineThatCannotBeMade(t *testing.T) {
	cases := map[string]struct {
		prepare func(t *testing.T, e *Env)
		reason  string
		says    string
	}{
		"no baseline declared":     {func(_ *testing.T, e *Env) { e.Config.Baseline = wire.Baseline{} }, ReasonConfigInvalid, "baseline.name is empty"},
		"a path out of the folder": {func(_ *testing.T, e *Env) { e.Config.Baseline.DatasetURL = "../other/may.csv" }, ReasonConfigInvalid, `without ".."`},
		"no dataset yet":           {func(*testing.T, *Env) {}, ReasonDatasetMissing, "upload it as test/flights/delays/datasets/may.csv"},
		"an empty folder": {func(_ *testing.T, e *Env) { e.Config.Baseline.DatasetURL = "datasets/may" }, ReasonDatasetMissing,
			"upload Parquet or CSV files below test/flights/delays/datasets/may/"},
		"a segment that does not compile": {func(t *testing.T, e *Env) {
			e.Config.Segments[0].When = "f.nothing > 1"
			put(t, e, e.layout().Prefix()+"datasets/may.csv", csvOf(flightsOf(10, 1)))
		}, ReasonConfigInvalid, `segment "atl"`},
		"no column of the schema": {func(t *testing.T, e *Env) {
			put(t, e, e.layout().Prefix()+"datasets/may.csv", []byte("a,b\n1,2\n"))
		}, ReasonDatasetUnusable, "no column of any feature"},
		"no rows": {func(t *testing.T, e *Env) {
			put(t, e, e.layout().Prefix()+"datasets/may.csv", []byte("origin,delay\n"))
		}, ReasonDatasetUnusable, "no rows"},
		"damaged from the start": {func(t *testing.T, e *Env) {
			put(t, e, e.layout().Prefix()+"datasets/may.csv", nil)
		}, ReasonDatasetUnusable, "no"},
		"no traffic to make it of": {func(_ *testing.T, e *Env) {
			e.Config.Baseline = wire.Baseline{Name: wire.BaselineTrailing, TrailingSeconds: 3600}
		}, ReasonDatasetUnusable, "no rows"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := testEnv(t)
			c.prepare(t, e)
			_, err := Baseline(t.Context(), e)
			if err == nil {
				t.Fatal("no error")
			}
			if v := e.Failed(KindBaseline, err); v.Reason != c.reason || !strings.Contains(v.Message, c.says) {
				t.Errorf("%s %q, want %s that says %q", v.Reason, v.Message, c.reason, c.says)
			}
			if _, err := e.Bucket.Open(t.Context(), e.layout().Baseline("may", outlier.SummaryFile)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("a summary is there (%v), though the run failed", err)
			}
		})
	}
}

func TestBaselineSaysWhatItLacks(t *testing.T) {
	e := testEnv(t)
	e.Config.Baseline.DatasetURL = "datasets/may"
	put(t, e, e.layout().Prefix()+"datasets/may/1.csv", []byte("origin,delay\nATL,1\nLAX,2\n"))
	put(t, e, e.layout().Prefix()+"datasets/may/2.parquet", []byte("PAR1 no more PAR1"))
	v, err := Baseline(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"no column for hour, holiday", "1 damaged files", "2.parquet"} {
		if !strings.Contains(v.Message, says) {
			t.Errorf("message %q does not say %q", v.Message, says)
		}
	}
	if v.Rows != 2 {
		t.Errorf("%d rows, want those of the sound file", v.Rows)
	}
}

func TestAFeatureFarFromZeroGetsAnOrigin(t *testing.T) {
	e := testEnv(t)
	rng := rand.New(rand.NewPCG(3, 3))
	var b bytes.Buffer
	b.WriteString("hour\n")
	for range 5_000 {
		fmt.Fprintf(&b, "%v\n", 1_000_000+rng.NormFloat64())
	}
	put(t, e, e.layout().Prefix()+"datasets/may.csv", b.Bytes())
	if _, err := Baseline(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	_, summary := baselineFiles(t, e)
	features := summary.Origins(e.Config.Schema.Features)
	if features[2].Origin == 0 {
		t.Fatal("hour has no origin, so that its profile tells nothing apart")
	}
	// The sidecars take the origin from the summary; drift must accept what they then count, and see a shift of one
	// part in a million.
	e.Config.Schema.Features = features
	series := traffic(e, lastHour, 2_000, func(int) record.Row {
		return record.Row{Score: math.NaN(), ModelVersion: "v1", Features: []record.Value{
			{}, {}, {Kind: record.Number, Num: 1_000_001 + rng.NormFloat64()}, {},
		}}
	})
	e.Config.Schema.Features = testConfig().Schema.Features
	writeProfiles(t, e, lastHour, "pod-1", series)
	report, _, err := Drift(t.Context(), e, lastHour)
	if err != nil {
		t.Fatal(err)
	}
	if r := find(t, report, "", "hour"); r.Outcome != wire.OutcomeDrift || report.Coverage.Foreign != 0 {
		t.Errorf("hour = %s (%s), %d foreign series; want Drift", r.Outcome, r.Reason, report.Coverage.Foreign)
	}
}

func TestPredictionsOfADatasetAreReadAsTheSidecarReadsThem(t *testing.T) {
	p := wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"ontime", "late"}}
	for label, want := range map[string]string{"late": "late", "1": "late", "0": "ontime", "true": "late", "false": "ontime", "2": "2", "other": "other"} {
		if got := className(p, label); got != want {
			t.Errorf("class of %q = %q, want %q", label, got, want)
		}
	}
	if got := className(wire.Prediction{}, "7"); got != "7" {
		t.Errorf("class of an undeclared 7 = %q", got)
	}
}

// writeRows stores rows of a tier as a sidecar would.
func writeRows(t testing.TB, e *Env, tier record.Tier, name string, rows []record.Row) {
	t.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, tier, e.Config.Schema.Features, nil)
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
	put(t, e, e.layout().Rows(store.Folder(tier), "v1", lastHour.From, name), b.Bytes())
}

func TestBaselineOfTheTrailingTraffic(t *testing.T) {
	e := testEnv(t)
	e.Config.Baseline = wire.Baseline{Name: "may", TrailingSeconds: 3600}
	e.Config.Outliers.Rate = 0.1
	rows := flightsOf(4_000, 4)
	for i := range rows {
		r := &rows[i]
		r.RecordID, r.Time = fmt.Sprint("r", i), lastHour.From.Add(time.Duration(i)*time.Millisecond)
		r.KeepProbability, r.KeepReason = 0.5, record.KeepSampled
		r.Confidence, r.Entropy, r.Margin = outlier.Uncertainty([]float64{1 - r.Score, r.Score})
	}
	writeProfiles(t, e, lastHour, "pod-1", traffic(e, lastHour, 4_000, func(i int) record.Row { return rows[i] }))
	writeRows(t, e, record.Records, "pod-1", rows[:2_000])
	if _, err := Baseline(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	_, summary := baselineFiles(t, e)
	// The half of the rows that was kept stands for all of them, so the tail reaches to 1 in 4,000.
	if summary.Rows != 4_000 || len(summary.Cuts) != len(summary.Features[1].Deviations) {
		t.Errorf("summary of %d rows with %d cuts", summary.Rows, len(summary.Cuts))
	}
	// The segments are those that the sidecar found.
	if c := summary.Cells; c == nil || c.Segment == "" {
		t.Errorf("cells %+v, want some", c)
	}
	if diff := cmp.Diff([]string{"late", "ontime"}, keysOf(summary.Prediction.Classes)); diff != "" {
		t.Error(diff)
	}
}
