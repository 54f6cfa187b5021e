// SPDX-License-Identifier: Apache-2.0

package outlier_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

var schema = wire.Schema{
	Features: []wire.Feature{
		{Name: "distance", Type: wire.Numeric, Required: true, Min: new(0.0), Max: new(5000.0)},
		{Name: "origin", Type: wire.Categorical},
		{Name: "class", Type: wire.Categorical, Values: []string{"eco", "biz"}},
		{Name: "weekend", Type: wire.Boolean},
		{Name: "note", Type: wire.Text},
	},
	Prediction: wire.Prediction{Kind: wire.BinaryClassification},
}

// usual is a row like most of the baseline.
func usual() *record.Row {
	return &record.Row{
		Features: []record.Value{
			{Kind: record.Number, Num: 1000}, {Kind: record.String, Str: "ATL"}, {Kind: record.String, Str: "eco"},
			{Kind: record.Bool, Num: 1}, {Kind: record.String, Str: strings.Repeat("x", 20)},
		},
		Score: 0.02, Confidence: 0.98, Entropy: 0.14, Margin: 0.96,
	}
}

const baselineRows = 20_000

// random is a row of the baseline: distances are normal, origins as frequent as Zipf has it.
func random(r *rand.Rand) *record.Row {
	row := usual()
	row.RecordID = strconv.FormatUint(r.Uint64(), 16)
	row.Features[0].Num = 1000 + 100*r.NormFloat64()
	row.Features[1].Str = []string{"ATL", "LAX", "ORD", "JFK"}[int(4*math.Pow(r.Float64(), 3))]
	row.Features[3].Num = float64(r.IntN(2))
	row.Features[4].Str = strings.Repeat("x", 10+r.IntN(20))
	row.Score = math.Pow(r.Float64(), 4) / 2
	row.Confidence, row.Entropy, row.Margin = outlier.Uncertainty([]float64{1 - row.Score, row.Score})
	return row
}

// baseline is made once, as analyze makes one: profiles, then scores, then cuts.
func baseline(t testing.TB) *outlier.Summary {
	t.Helper()
	sum, err := madeBaseline()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

var madeBaseline = sync.OnceValues(func() (*outlier.Summary, error) {
	r := rand.New(rand.NewPCG(1, 1))
	series := make([]*profile.Series, len(schema.Features))
	for i, f := range schema.Features {
		series[i] = profile.NewSeries(profile.Key{Feature: f.Name}, f.Type, 0)
	}
	entropy := profile.NewSeries(profile.Key{}, wire.Numeric, 0)
	var rows []*record.Row
	for range baselineRows {
		row := random(r)
		rows = append(rows, row)
		for i, v := range row.Features {
			series[i].Observe(v)
		}
		entropy.ObserveNumber(row.Entropy)
	}
	sum := outlier.Summary{Rows: baselineRows}
	for _, s := range series {
		sum.Features = append(sum.Features, outlier.Summarize(s))
	}
	sum.Prediction.Entropy = outlier.NewTail(entropy)
	scorer := outlier.NewReference(schema, &sum)
	scores := profile.NewSeries(profile.Key{}, wire.Numeric, 0)
	calibrator := outlier.NewCalibrator(nil)
	for _, row := range rows {
		if scorer.Score(row) {
			return nil, errors.New("there is an outlier, but no cut")
		}
		scores.ObserveNumber(row.OutlierScore)
		calibrator.Observe(row, 1)
	}
	sum.Cuts, sum.Cells = outlier.NewTail(scores), calibrator.Cells(0.001)
	b, err := outlier.Encode(sum)
	if err != nil {
		return nil, err
	}
	return outlier.Decode(b)
})

func TestTheRateOfTheBaselineIsKept(t *testing.T) {
	t.Parallel()
	sum := baseline(t)
	for _, rate := range []float64{0.1, 0.01, 0.003} {
		scorer := outlier.NewScorer(schema, sum, rate)
		r := rand.New(rand.NewPCG(2, 2)) // other rows than the baseline's, of the same kind
		outliers := 0
		for range baselineRows {
			if scorer.Score(random(r)) {
				outliers++
			}
		}
		// Five standard errors of both samples: it fails once in a million.
		if got, tolerance := float64(outliers)/baselineRows, 5*math.Sqrt(2*rate/baselineRows); math.Abs(got-rate) > tolerance {
			t.Errorf("the share of outliers is %v, want %v within %v", got, rate, tolerance)
		}
	}
}

func TestScore(t *testing.T) {
	t.Parallel()
	scorer := outlier.NewScorer(schema, baseline(t), 0.001)
	for name, tc := range map[string]struct {
		change     func(*record.Row)
		outlier    bool
		least      float64
		reasons    []string
		violations []string
	}{
		"the usual": {func(*record.Row) {}, false, 0, nil, nil},
		"an uncertain prediction": {
			func(r *record.Row) { r.Confidence, r.Entropy, r.Margin = 0.5, 1, 0 }, true, 4, []string{"entropy"}, nil,
		},
		"a number far off":               {func(r *record.Row) { r.Features[0].Num = 2000 }, true, 4.5, []string{"z:distance"}, nil},
		"an unseen category":             {func(r *record.Row) { r.Features[1].Str = "XYZ" }, true, 4.3, []string{"unseen:origin"}, nil},
		"a long text":                    {func(r *record.Row) { r.Features[4].Str = strings.Repeat("y", 500) }, true, 4, []string{"length:note"}, nil},
		"a short text":                   {func(r *record.Row) { r.Features[4].Str = "yy" }, true, 4, []string{"length:note"}, nil},
		"a missing value that never was": {func(r *record.Row) { r.Features[3] = record.Value{} }, true, 4.3, []string{"missing:weekend"}, nil},
		"a required value that is missing": {
			func(r *record.Row) { r.Features[0] = record.Value{} }, true, 6, []string{"schema:distance:missing"}, []string{"distance:missing"},
		},
		"a value out of range": {
			func(r *record.Row) { r.Features[0].Num = -1 }, true, 6, []string{"schema:distance:range"}, []string{"distance:range"},
		},
		"a value of the wrong type": {
			func(r *record.Row) { r.Features[0] = record.Value{Kind: record.Invalid} }, true, 6, []string{"schema:distance:type"}, []string{"distance:type"},
		},
		"two at once, the worse first": {
			func(r *record.Row) { r.Features[2].Str, r.Features[1].Str = "first", "XYZ" },
			true, 6, []string{"schema:class:values", "unseen:origin"}, []string{"class:values"},
		},
		"too few features": {
			func(r *record.Row) { r.Features = nil }, true, 6,
			[]string{"schema:distance:missing", "missing:origin", "missing:class", "missing:weekend", "missing:note"}, []string{"distance:missing"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := usual()
			row.Violations, row.OutlierReasons = []string{"of before"}, []string{"of before"}
			tc.change(row)
			if got := scorer.Score(row); got != tc.outlier || !(row.OutlierScore >= tc.least) || row.OutlierScore > 12 {
				t.Errorf("Score = %v with score %v, want %v with at least %v", got, row.OutlierScore, tc.outlier, tc.least)
			}
			if !slices.Equal(row.OutlierReasons, tc.reasons) || !slices.Equal(row.Violations, tc.violations) {
				t.Errorf("reasons %q, violations %q; want %q, %q", row.OutlierReasons, row.Violations, tc.reasons, tc.violations)
			}
		})
	}
}

func TestWithoutABaseline(t *testing.T) {
	t.Parallel()
	scorer := outlier.NewScorer(schema, nil, 0.5)
	row := usual()
	row.Entropy, row.Features[1].Str = 0.991, "XYZ"
	if scorer.Score(row) || math.Abs(row.OutlierScore+math.Log10(0.009)) > 1e-9 || !slices.Equal(row.OutlierReasons, []string{"entropy"}) {
		t.Errorf("score %v, reasons %q; want 2.05 by entropy alone, and no outlier", row.OutlierScore, row.OutlierReasons)
	}
	nan := math.NaN()
	row = &record.Row{Score: nan, Confidence: nan, Entropy: nan, Margin: nan}
	if outlier.NewScorer(wire.Schema{}, nil, 0.5).Score(row) || !math.IsNaN(row.OutlierScore) {
		t.Errorf("the score of nothing is %v, want NaN", row.OutlierScore)
	}
}

func TestAChangedDeclarationIsNotMeasured(t *testing.T) {
	t.Parallel()
	changed := wire.Schema{Features: []wire.Feature{{Name: "origin", Type: wire.Numeric}}}
	row := &record.Row{Features: []record.Value{{Kind: record.Number, Num: 1e9}}, Score: math.NaN(), Entropy: math.NaN(), Confidence: math.NaN()}
	if outlier.NewScorer(changed, baseline(t), 0.01).Score(row); !math.IsNaN(row.OutlierScore) {
		t.Errorf("the score is %v, want NaN", row.OutlierScore)
	}
}

func TestRegression(t *testing.T) {
	t.Parallel()
	s := profile.NewSeries(profile.Key{}, wire.Numeric, 0)
	r := rand.New(rand.NewPCG(5, 5))
	for range 5000 {
		s.ObserveNumber(r.NormFloat64())
	}
	score := outlier.Summarize(s)
	scorer := outlier.NewScorer(wire.Schema{Prediction: wire.Prediction{Kind: wire.Regression}},
		&outlier.Summary{Prediction: outlier.PredictionSummary{Score: &score}}, 0)
	row := &record.Row{Score: 8, Entropy: math.NaN()}
	if scorer.Score(row); row.OutlierScore < 3.5 || !slices.Equal(row.OutlierReasons, []string{"score"}) {
		t.Errorf("score %v, reasons %q", row.OutlierScore, row.OutlierReasons)
	}
}

func TestConstantsAndRareCategories(t *testing.T) {
	t.Parallel()
	constant := profile.NewSeries(profile.Key{Feature: "c"}, wire.Numeric, 0)
	rare := profile.NewSeries(profile.Key{Feature: "r"}, wire.Categorical, 0)
	for i := range 10_000 {
		constant.ObserveNumber(5)
		rare.ObserveCategory([]string{"often", "seldom", "seldom too"}[min(2, (i+20)/10_000*(1+i%2))])
	}
	scorer := outlier.NewScorer(wire.Schema{Features: []wire.Feature{{Name: "c", Type: wire.Numeric}, {Name: "r", Type: wire.Categorical}}},
		&outlier.Summary{Features: []outlier.FeatureSummary{outlier.Summarize(constant), outlier.Summarize(rare)}}, 0)
	score := func(c float64, r string) float64 {
		row := &record.Row{
			Features: []record.Value{{Kind: record.Number, Num: c}, {Kind: record.String, Str: r}},
			Entropy:  math.NaN(), Confidence: math.NaN(),
		}
		scorer.Score(row)
		return row.OutlierScore
	}
	if got := score(5, "often"); got != 0 {
		t.Errorf("the score of the usual is %v, want 0", got)
	}
	if got := score(5.1, "often"); got < 4 || got > 4.7 {
		t.Errorf("the score of another value of a constant is %v, want about that of 1 in 10,000", got)
	}
	// Both are in 10 of 10,000: what is as rare is 20 of 10,000, and the row itself.
	if got, want := score(5, "seldom"), -math.Log10(21.0/10_001); math.Abs(got-want) > 1e-9 {
		t.Errorf("the score of a rare category is %v, want %v", got, want)
	}
}

func TestUncertainty(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for name, tc := range map[string]struct {
		p    []float64
		want [3]float64
	}{
		"certain":           {[]float64{0, 1, 0}, [3]float64{1, 0, 1}},
		"even":              {[]float64{0.25, 0.25, 0.25, 0.25}, [3]float64{0.25, 1, 0}},
		"binary":            {[]float64{0.25, 0.75}, [3]float64{0.75, 0.8112781244591328, 0.5}},
		"one class":         {[]float64{1}, [3]float64{nan, nan, nan}},
		"logits":            {[]float64{-1, 3}, [3]float64{nan, nan, nan}},
		"not adding up":     {[]float64{0.5, 0.2}, [3]float64{nan, nan, nan}},
		"not a number":      {[]float64{nan, 1}, [3]float64{nan, nan, nan}},
		"rounded by server": {[]float64{0.33, 0.33, 0.33}, [3]float64{0.33, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, e, m := outlier.Uncertainty(tc.p)
			for i, got := range []float64{c, e, m} {
				if want := tc.want[i]; math.Abs(got-want) > 1e-2 && name == "rounded by server" || math.IsNaN(got) != math.IsNaN(want) ||
					name != "rounded by server" && math.Abs(got-want) > 1e-12 {
					t.Errorf("Uncertainty = %v, %v, %v; want %v", c, e, m, tc.want)
				}
			}
		})
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	tail := make(outlier.Tail, 9) // of 1000 values: down to one in a thousand
	for i := range tail {
		tail[i] = -math.Log10(outlier.Rates[i])
	}
	for x, want := range map[float64]float64{0: 0, 0.1: 0, 1: 1, 2.5: 2.5, 3: 3, 30: 5, 1e9: 12, math.Inf(1): 12, math.Inf(-1): 0} {
		if got := tail.Surprise(x); math.Abs(got-want) > 1e-7 {
			t.Errorf("Surprise(%v) = %v, want %v", x, got, want)
		}
	}
	for rate, want := range map[float64]float64{0.5: math.Log10(2), 0.01: 2, 0.003: -math.Log10(0.003), 1e-9: 3, 0: math.Inf(1), 1: math.Log10(2)} {
		if got := tail.At(rate); math.Abs(got-want) > 1e-9 {
			t.Errorf("At(%v) = %v, want %v", rate, got, want)
		}
	}
	// Of many equal values, none is more surprising than all of them together.
	if got := (outlier.Tail{0, 1, 1, 1, 2}).Surprise(1); math.Abs(got+math.Log10(0.2)) > 1e-7 {
		t.Errorf("the surprise of a frequent value is %v, want that of 0.2", got)
	}
	if !math.IsNaN(outlier.Tail(nil).Surprise(1)) || !math.IsInf(outlier.Tail(nil).At(0.1), 1) {
		t.Error("an empty tail knows something")
	}
}

func TestSummaryDocument(t *testing.T) {
	t.Parallel()
	sum := baseline(t)
	again, err := outlier.Encode(*sum)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := outlier.Decode(again)
	if diff := cmp.Diff(sum, decoded); err != nil || diff != "" {
		t.Errorf("error %v, summary (-want +got):\n%s", err, diff)
	}
	for name, text := range map[string]string{"nothing": "", "no JSON": "x", "a later version": `{"version": 2}`, "no digest": `{"version": 1}`} {
		if _, err := outlier.Decode([]byte(text)); !errors.Is(err, outlier.ErrSummary) {
			t.Errorf("Decode of %s = %v, want ErrSummary", name, err)
		}
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		values func(*rand.Rand) float64
		want   float64
	}{
		"years":             {func(r *rand.Rand) float64 { return float64(1995 + r.IntN(10)) }, 2000},
		"kelvin":            {func(r *rand.Rand) float64 { return 293 + r.NormFloat64() }, 293},
		"distances":         {func(r *rand.Rand) float64 { return 100 + 2000*r.Float64() }, 0},
		"around zero":       {func(r *rand.Rand) float64 { return r.NormFloat64() }, 0},
		"a constant":        {func(*rand.Rand) float64 { return 7 }, 0},
		"negative and near": {func(r *rand.Rand) float64 { return -84.4 + r.Float64()/10 }, -84.4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := profile.NewSeries(profile.Key{}, wire.Numeric, 0)
			r := rand.New(rand.NewPCG(9, 9))
			for range 5000 {
				s.ObserveNumber(tc.values(r))
			}
			if got := outlier.Origin(s); math.Abs(got-tc.want) > 0.01*math.Abs(tc.want) {
				t.Errorf("Origin = %v, want %v", got, tc.want)
			}
		})
	}
	features := (&outlier.Summary{Features: []outlier.FeatureSummary{{Name: "year", Type: wire.Numeric, Origin: 2000}}}).
		Origins([]wire.Feature{{Name: "year", Type: wire.Numeric}, {Name: "other", Type: wire.Numeric, Origin: 3}})
	if features[0].Origin != 2000 || features[1].Origin != 3 {
		t.Errorf("Origins = %+v", features)
	}
}

func BenchmarkScore(b *testing.B) {
	scorer := outlier.NewScorer(schema, baseline(b), 0.001)
	r := rand.New(rand.NewPCG(3, 3))
	rows := make([]*record.Row, 1024)
	for i := range rows {
		rows[i] = random(r)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		scorer.Score(rows[i&1023])
		i++
	}
}

// BenchmarkScoreWide is a row of fifty features and ten classes, at a temperature, in five of thirty-two segments.
func BenchmarkScoreWide(b *testing.B) {
	r := rand.New(rand.NewPCG(4, 4))
	wide := wire.Schema{Prediction: wire.Prediction{Kind: wire.MulticlassClassification}}
	sum := outlier.Summary{Rows: baselineRows}
	for i := range 50 {
		f := wire.Feature{Name: fmt.Sprint("f", i), Type: wire.Numeric}
		if i%5 == 4 {
			f.Type = wire.Categorical
		}
		series := profile.NewSeries(profile.Key{Feature: f.Name}, f.Type, 0)
		for range baselineRows {
			series.Observe(wideValue(r, f))
		}
		wide.Features, sum.Features = append(wide.Features, f), append(sum.Features, outlier.Summarize(series))
	}
	sum.Prediction = outlier.PredictionSummary{Temperature: 1.5, Entropy: outlier.Tail{0.5, 0.6}, Ambiguity: outlier.Tail{0.5, 0.6}, Doubt: outlier.Tail{0.5, 0.6}}
	var segments []string
	for i := range 32 {
		segments = append(segments, fmt.Sprint("segment-", i))
	}
	row := func() *record.Row {
		out := &record.Row{RecordID: strconv.FormatUint(r.Uint64(), 36), Scores: make([]float64, 10)}
		for _, f := range wide.Features {
			out.Features = append(out.Features, wideValue(r, f))
		}
		for i := range out.Scores {
			out.Scores[i] = 0.1
		}
		for _, i := range r.Perm(32)[:5] {
			out.Segments = append(out.Segments, segments[i])
		}
		return out
	}
	reference, calibrator := outlier.NewReference(wide, &sum), outlier.NewCalibrator(segments)
	for range 2 * baselineRows {
		out := row()
		reference.Score(out)
		calibrator.Observe(out, 1)
	}
	sum.Cells = calibrator.Cells(0.05)
	scorer := outlier.NewScorer(wide, &sum, 0.05)
	rows := make([]*record.Row, 1024)
	for i := range rows {
		rows[i] = row()
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		scorer.Score(rows[i&1023])
		i++
	}
}

func wideValue(r *rand.Rand, f wire.Feature) record.Value {
	if f.Type == wire.Categorical {
		return record.Value{Kind: record.String, Str: fmt.Sprint("category-", int(math.Pow(r.Float64(), -0.7)))}
	}
	return record.Value{Kind: record.Number, Num: r.NormFloat64()}
}

func TestScoringAllocatesNothing(t *testing.T) {
	sum := *baseline(t)
	sum.Prediction.Temperature = 1.5
	scorer := outlier.NewScorer(schema, &sum, 0.001)
	row := usual()
	row.Features[1].Str, row.Features[0] = "XYZ", record.Value{}
	scorer.Score(row) // The slices of reasons and violations have their room now.
	if n := testing.AllocsPerRun(100, func() { scorer.Score(row) }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}
