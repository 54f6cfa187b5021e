// SPDX-License-Identifier: Apache-2.0

package outlier_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// cellSchema has a number that segments shift and widen, and a category with a long tail, so that the baseline has hundreds of
// categories once and the traffic brings new ones.
var cellSchema = wire.Schema{
	Features:   []wire.Feature{{Name: "x", Type: wire.Numeric}, {Name: "c", Type: wire.Categorical}, {Name: "n", Type: wire.Numeric}},
	Prediction: wire.Prediction{Kind: wire.Regression},
}

// cellSegments overlap freely: a row is in each with its probability, whatever the others say.
var cellSegments = []struct {
	name         string
	share        float64
	scale, shift float64
}{
	{"wide", 0.5, 2, 0}, {"shifted", 0.45, 1, 1.5}, {"narrow", 0.42, 0.5, 0}, {"plain", 0.4, 1, 0}, {"heavy", 0.4, 1.5, 0.5}, {"rare", 0.01, 4, 0},
}

func cellNames() (names []string) {
	for _, s := range cellSegments {
		names = append(names, s.name)
	}
	return names
}

func cellRow(r *rand.Rand) *record.Row {
	row := &record.Row{RecordID: strconv.FormatUint(r.Uint64(), 36), Score: math.NaN(), Confidence: math.NaN(), Entropy: math.NaN(), Margin: math.NaN()}
	scale, shift := 1.0, 0.0
	for _, s := range cellSegments {
		if r.Float64() < s.share {
			row.Segments = append(row.Segments, s.name)
			scale, shift = scale*s.scale, shift+s.shift
		}
	}
	row.Features = []record.Value{
		{Kind: record.Number, Num: shift + scale*r.NormFloat64()},
		{Kind: record.String, Str: fmt.Sprint(int(math.Pow(r.Float64(), -0.7)))},
		{Kind: record.Number, Num: float64(min(r.IntN(10), 3))}, // mostly ties
	}
	return row
}

// cellSummary is the summary of n rows, calibrated for a rate.
func cellSummary(n int, r *rand.Rand, segments []string, rate float64) *outlier.Summary {
	rows := make([]*record.Row, n)
	var series []*profile.Series
	for _, f := range cellSchema.Features {
		series = append(series, profile.NewSeries(profile.Key{Feature: f.Name}, f.Type, 0))
	}
	for i := range rows {
		rows[i] = cellRow(r)
		for j, v := range rows[i].Features {
			series[j].Observe(v)
		}
	}
	sum := outlier.Summary{Rows: int64(n)}
	for _, s := range series {
		sum.Features = append(sum.Features, outlier.Summarize(s))
	}
	scorer, calibrator := outlier.NewReference(cellSchema, &sum), outlier.NewCalibrator(segments)
	for _, row := range rows {
		scorer.Score(row)
		calibrator.Observe(row, 1)
	}
	sum.Cells = calibrator.Cells(rate)
	return &sum
}

// TestEverySegmentHasTheRate: on other rows of the same kind as the baseline's, the share of outliers is the configured one
// within 20 %, in all traffic and in each of the overlapping segments of at least 40,000 rows, though their scores differ. At a rate of 2 %, 40,000 rows of each kind make the standard error 5 % of the rate, so that
// the whole test fails by chance less than once in 10,000 times.
func TestEverySegmentHasTheRate(t *testing.T) {
	t.Parallel()
	const rows, rate = 110_000, 0.02
	r := rand.New(rand.NewPCG(7, 7))
	sum := cellSummary(rows, r, cellNames(), rate)
	pooled := *sum
	pooled.Cells = cellSummary(rows, r, nil, rate).Cells
	judge := func(sum *outlier.Summary) map[string]float64 {
		scorer := outlier.NewScorer(cellSchema, sum, rate)
		r := rand.New(rand.NewPCG(8, 8))
		outliers, all := map[string]float64{}, map[string]float64{}
		for range rows {
			row := cellRow(r)
			is := scorer.Score(row)
			for _, s := range append(row.Segments, "") {
				all[s]++
				if is {
					outliers[s]++
				}
			}
		}
		for s, n := range all {
			if n < 40_000 {
				delete(outliers, s)
				continue
			}
			outliers[s] /= n * rate
		}
		return outliers
	}
	relative := judge(sum)
	if len(relative) != 6 {
		t.Fatalf("segments %v", relative)
	}
	for s, share := range relative {
		t.Logf("segment %q: %.3f of the rate", s, share)
		if math.Abs(share-1) > 0.2 {
			t.Errorf("the rate in %q is %.3f of what it should be", s, share)
		}
	}
	worst := 0.0
	for _, share := range judge(&pooled) {
		worst = max(worst, math.Abs(share-1))
	}
	if worst < 0.3 {
		t.Errorf("without cells the worst segment is off by %v: this test shows nothing", worst)
	}
}

// TestTiesKeepTheRate: of rows that are all alike, as many are outliers as are asked for, and always the same.
func TestTiesKeepTheRate(t *testing.T) {
	t.Parallel()
	calibrator := outlier.NewCalibrator(nil)
	row := &record.Row{OutlierScore: 1}
	for range 10_000 {
		calibrator.Observe(row, 1)
	}
	schema := wire.Schema{Prediction: wire.Prediction{Kind: wire.BinaryClassification}}
	sum := &outlier.Summary{Cells: calibrator.Cells(0.01)}
	tied := func(id string) *record.Row {
		// Without a baseline's tail an entropy of 0.9 has a surprise of 1.
		return &record.Row{RecordID: id, Entropy: 0.9, Confidence: 0.7, Margin: 0.4, Score: 0.3}
	}
	scorer := outlier.NewScorer(schema, sum, 0.01)
	const n = 100_000
	outliers := 0
	for i := range n {
		id := strconv.Itoa(i)
		is := scorer.Score(tied(id))
		if is != scorer.Score(tied(id)) {
			t.Fatal("a row was judged in two ways")
		}
		if is {
			outliers++
		}
	}
	// Four and a half standard errors.
	if got := float64(outliers) / n; math.Abs(got-0.01) > 4.5*math.Sqrt(0.01/n) {
		t.Errorf("the share of outliers is %v, want 0.01", got)
	}
	above := tied("x")
	above.Entropy = 0.999
	if !scorer.Score(above) {
		t.Error("what is above all of the baseline is no outlier")
	}
	if outlier.NewScorer(schema, sum, 0).Score(above) {
		t.Error("there is an outlier at a rate of 0")
	}
}

// TestABaselineTooSmallForTheRate still finds what it never saw.
func TestABaselineTooSmallForTheRate(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 9))
	scorer := outlier.NewScorer(cellSchema, cellSummary(50, r, cellNames(), 0.001), 0.001)
	for range 100 {
		row := cellRow(r)
		row.Features[0].Num = 1e6
		if !scorer.Score(row) {
			t.Fatal("a number a million times as large as any is no outlier")
		}
	}
}

// TestALowerRateTakesLargerCells: cells that were made for one rate serve another.
func TestALowerRateTakesLargerCells(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(10, 10))
	sum := cellSummary(20_000, r, cellNames(), 0.05)
	for _, rate := range []float64{0.001, 0.01, 0.3, 1} {
		scorer := outlier.NewScorer(cellSchema, sum, rate)
		const n = 20_000
		outliers := 0.0
		for range n {
			if scorer.Score(cellRow(r)) {
				outliers++
			}
		}
		if tolerance := 5 * math.Sqrt(2*rate/n); math.Abs(outliers/n-rate) > tolerance {
			t.Errorf("the share of outliers is %v, want %v within %v", outliers/n, rate, tolerance)
		}
	}
}

func TestCalibratorIsBounded(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 32 {
		names = append(names, fmt.Sprint("s", i))
	}
	r := rand.New(rand.NewPCG(11, 11))
	calibrator := outlier.NewCalibrator(names)
	row := &record.Row{}
	for range 50_000 {
		row.Segments = row.Segments[:0]
		for _, name := range names {
			if r.IntN(2) == 0 {
				row.Segments = append(row.Segments, name)
			}
		}
		row.OutlierScore = r.ExpFloat64()
		calibrator.Observe(row, 1)
	}
	cells := calibrator.Cells(0.3)
	if _, err := decode(outlier.Summary{Cells: cells}); err != nil {
		t.Error(err)
	}
	leaves, rows := 0, int64(0)
	var count func(c *outlier.Cell)
	count = func(c *outlier.Cell) {
		if c.Segment != "" {
			count(c.In)
			count(c.Out)
			return
		}
		leaves++
		for _, n := range c.Counts {
			rows += n
		}
	}
	count(cells)
	if leaves != 64 || rows < 4096 || rows > 50_000 {
		t.Errorf("%d cells of %d rows", leaves, rows)
	}
	if outlier.NewCalibrator(names).Cells(0.1) != nil {
		t.Error("there are cells of no rows")
	}
}

func decode(s outlier.Summary) (*outlier.Summary, error) {
	b, err := outlier.Encode(s)
	if err != nil {
		return nil, err
	}
	return outlier.Decode(b)
}

func TestCellsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	leaf := func() *outlier.Cell { return &outlier.Cell{Steps: []int32{0, 64}, Counts: []int64{90, 10}} }
	deep := leaf()
	for range 70 {
		deep = &outlier.Cell{Segment: "s", In: deep, Out: leaf()}
	}
	for name, cell := range map[string]*outlier.Cell{
		"no scores":                 {},
		"fewer counts than scores":  {Steps: []int32{0, 64}, Counts: []int64{90}},
		"scores out of order":       {Steps: []int32{64, 0}, Counts: []int64{90, 10}},
		"a score beyond the last":   {Steps: []int32{1 << 20}, Counts: []int64{90}},
		"a negative score":          {Steps: []int32{-1}, Counts: []int64{90}},
		"no rows":                   {Steps: []int32{0}, Counts: []int64{0}},
		"more rows than there are":  {Steps: []int32{0, 1}, Counts: []int64{1 << 50, 1}},
		"one side":                  {Segment: "s", In: leaf()},
		"divided and with scores":   {Segment: "s", In: leaf(), Out: leaf(), Steps: []int32{0}},
		"nested too deep":           deep,
		"a side that has no scores": {Segment: "s", In: leaf(), Out: &outlier.Cell{}},
	} {
		if _, err := decode(outlier.Summary{Cells: cell}); !errors.Is(err, outlier.ErrSummary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzSummary: whatever a summary says, it is refused or can be scored with.
func FuzzSummary(f *testing.F) {
	r := rand.New(rand.NewPCG(12, 12))
	b, err := outlier.Encode(*cellSummary(500, r, cellNames(), 0.1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 0.001)
	f.Add([]byte(`{"version":1,"digest":"0123456789abcdef","cells":{"segment":"a","in":{"steps":[1],"counts":[2]},"out":{"steps":[1],"counts":[2]}}}`), 1.0)
	f.Add([]byte(`{"version":1,"digest":"0123456789abcdef","features":[{"name":"x","type":"Numeric","rows":1,"deviations":[1,2]}],"prediction":{"temperature":-1}}`), 0.5)
	rows := []*record.Row{cellRow(r), {Features: []record.Value{{}, {}, {}}}, {}}
	f.Fuzz(func(t *testing.T, b []byte, rate float64) {
		sum, err := outlier.Decode(b)
		if err != nil {
			return
		}
		for _, schema := range []wire.Schema{cellSchema, schema} {
			scorer := outlier.NewScorer(schema, sum, rate)
			for _, row := range rows {
				scorer.Score(row)
				if row.OutlierScore > 12 {
					t.Errorf("score %v", row.OutlierScore)
				}
			}
		}
	})
}
