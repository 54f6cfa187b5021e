// SPDX-License-Identifier: Apache-2.0

package profile_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

var minute = time.Date(2001, 5, 31, 12, 34, 0, 0, time.UTC)

func TestBucketsAreFixedForEver(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]int32{
		0: 0, 1: 130945, -1: -130945, 2: 131073, 1.5: 131009, 1 + 1.0/128: 130946, math.Nextafter(1+1.0/128, 0): 130945,
		math.SmallestNonzeroFloat64: 1, -math.MaxFloat64: -262016, 0.1: 130509,
	} {
		if got := profile.BucketOf(x); got != want {
			t.Errorf("BucketOf(%v) = %d, want %d", x, got, want)
		}
	}
	if got := profile.BucketOf(math.Copysign(0, -1)); got != 0 {
		t.Errorf("BucketOf(-0) = %d, want 0", got)
	}
}

func FuzzBucket(f *testing.F) {
	f.Add(1.0, 2.0)
	f.Add(-1e-320, 1e300)
	f.Fuzz(func(t *testing.T, x, y float64) {
		if !finite(x) || !finite(y) {
			t.Skip()
		}
		b := profile.BucketOf(x)
		lo, hi := profile.Bounds(b)
		if x < lo || x > hi || x > 0 && x >= hi || x < 0 && x <= lo {
			t.Errorf("%v is not within the bounds [%v, %v] of its bucket %d", x, lo, hi, b)
		}
		if x < y && b > profile.BucketOf(y) {
			t.Errorf("the buckets of %v and %v are not in order", x, y)
		}
		if a := math.Abs(x); a > 1e-300 && a < 1e300 && hi-lo > a/127 {
			t.Errorf("the bucket of %v is %v wide", x, hi-lo)
		}
	})
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// wild are values that plain addition gets wrong.
func wild(r *rand.Rand) float64 {
	switch r.IntN(6) {
	case 0:
		return math.Float64frombits(r.Uint64()&^(0x7FF<<52) | uint64(r.IntN(2046))<<52)
	case 1:
		return math.Ldexp(r.NormFloat64(), -1070)
	case 2:
		return 0
	case 3:
		return math.MaxFloat64 * (1 - 2*float64(r.IntN(2)))
	default:
		return r.NormFloat64() * 1e3
	}
}

func TestSumIsExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var sum, left, right profile.Sum
		exact := new(big.Float).SetPrec(5000)
		for range r.IntN(60) {
			x := wild(r)
			sum.Add(x)
			if r.IntN(2) == 0 {
				left.Add(x)
			} else {
				right.Add(x)
			}
			exact.Add(exact, new(big.Float).SetFloat64(x))
		}
		want, _ := exact.Float64()
		left.Merge(&right)
		if got := sum.Float64(); got != want {
			t.Fatalf("the sum is %v, want %v", got, want)
		}
		if got := left.Float64(); got != want {
			t.Fatalf("the merged sum is %v, want %v", got, want)
		}
	}
}

// script is a random sequence of observations.
func observe(s *profile.Series, r *rand.Rand) {
	switch k := r.IntN(20); {
	case k == 0:
		s.ObserveMissing()
	case k == 1:
		s.ObserveInvalid()
	case s.Type == wire.Categorical:
		s.ObserveCategory(fmt.Sprint("category ", int(math.Abs(r.NormFloat64())*1500)))
	case k == 2:
		s.ObserveNumber([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}[r.IntN(3)])
	default:
		s.ObserveNumber(wild(r))
	}
}

// encode is the canonical form of a series: whatever is equal is stored equally.
func encode(t *testing.T, all ...*profile.Series) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := profile.Write(&b, all); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// However observations are divided among series, and in whatever order these are merged, the bytes are those of the
// one series that saw them all.
func TestMergingIsExactAndOrderFree(t *testing.T) {
	t.Parallel()
	for _, typ := range []wire.FeatureType{wire.Numeric, wire.Categorical} {
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 7))
			key := profile.Key{Window: minute, Version: "v", Feature: "f"}
			fresh := func() *profile.Series { return profile.NewSeries(key, typ, 0.5) }
			whole, parts := fresh(), []*profile.Series{fresh(), fresh(), fresh(), fresh()}
			for range 4000 {
				seed := r.Uint64()
				observe(whole, rand.New(rand.NewPCG(seed, 0)))
				observe(parts[r.IntN(len(parts))], rand.New(rand.NewPCG(seed, 0)))
			}
			want := encode(t, whole)
			for range 5 {
				r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
				// One after the other, and pairwise after a way through a file.
				left, right := fresh(), fresh()
				merge(t, left, parts[0], parts[1])
				merge(t, right, parts[2], parts[3])
				if got := encode(t, left, right); len(got) == 0 {
					t.Fatal("nothing was written")
				}
				stored, err := profile.Read(bytes.NewReader(encode(t, left)), int64(len(encode(t, left))))
				if err != nil {
					t.Fatal(err)
				}
				merge(t, right, stored...)
				if !bytes.Equal(encode(t, right), want) {
					t.Fatalf("%s, seed %d: the merged series differs from the one that saw everything", typ, seed)
				}
			}
		}
	}
}

// TestFilesMergeAsTheirSeriesDo: however the same values are spread over files, merging the files gives the same bytes.
func TestFilesMergeAsTheirSeriesDo(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	names := []string{"a", "b", "c"}
	fresh := func() map[string]*profile.Series { return map[string]*profile.Series{} }
	whole, parts := fresh(), []map[string]*profile.Series{fresh(), fresh(), fresh()}
	at := func(m map[string]*profile.Series, i int) *profile.Series {
		k := profile.Key{Window: minute.Add(time.Duration(i%4) * time.Minute), Version: "v", Feature: names[i%3]}
		id := fmt.Sprint(k)
		if m[id] == nil {
			m[id] = profile.NewSeries(k, wire.Numeric, 0)
		}
		return m[id]
	}
	for i := range 5_000 {
		x := wild(random)
		at(whole, i).ObserveNumber(x)
		at(parts[random.IntN(3)], i).ObserveNumber(x)
	}
	// The schema changed in the first minute: that is counted apart.
	other := profile.NewSeries(profile.Key{Window: minute, Version: "v", Feature: "a"}, wire.Categorical, 0)
	other.ObserveCategory("x")
	whole["other"], parts[1]["other"] = other, other

	var files []*profile.Reader
	for _, part := range parts {
		files = append(files, reader(t, encode(t, slices.Collect(maps.Values(part))...)))
	}
	var merged []*profile.Series
	for s, err := range profile.Merged(files...) {
		if err != nil {
			t.Fatal(err)
		}
		merged = append(merged, s)
	}
	if len(merged) != len(whole) {
		t.Errorf("%d series, want %d", len(merged), len(whole))
	}
	if !bytes.Equal(encode(t, slices.Collect(maps.Values(whole))...), encode(t, merged...)) {
		t.Error("the merged files hold other counts than one file of all values")
	}
}

func reader(t *testing.T, file []byte) *profile.Reader {
	t.Helper()
	r, err := profile.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Foreign() {
		t.Error("our own file has foreign columns")
	}
	return r
}

func merge(t *testing.T, into *profile.Series, parts ...*profile.Series) {
	t.Helper()
	for _, p := range parts {
		if err := into.Merge(p); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSeriesOfDifferentThingsAreNotMerged(t *testing.T) {
	t.Parallel()
	a := profile.NewSeries(profile.Key{Feature: "f"}, wire.Numeric, 0)
	for name, b := range map[string]*profile.Series{
		"another feature": profile.NewSeries(profile.Key{Feature: "g"}, wire.Numeric, 0),
		"another type":    profile.NewSeries(profile.Key{Feature: "f"}, wire.Text, 0),
		"another origin":  profile.NewSeries(profile.Key{Feature: "f"}, wire.Numeric, 1),
	} {
		if err := a.Merge(b); !errors.Is(err, profile.ErrIncompatible) {
			t.Errorf("merging %s = %v, want ErrIncompatible", name, err)
		}
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	s := profile.NewSeries(profile.Key{Feature: "year"}, wire.Numeric, 2000)
	for _, x := range []float64{2001, 2002, 2003, 2006} {
		s.ObserveNumber(x)
	}
	s.ObserveNumber(math.Inf(1))
	if s.Mean() != 2003 || math.Abs(s.StdDev()-math.Sqrt(14.0/3)) > 1e-12 || s.Min != 2001 || s.Max != 2006 || s.Count != 4 || s.Invalid != 1 {
		t.Errorf("mean %v, sd %v, min %v, max %v, count %d, invalid %d", s.Mean(), s.StdDev(), s.Min, s.Max, s.Count, s.Invalid)
	}
	empty := profile.NewSeries(profile.Key{}, wire.Numeric, 0)
	if !math.IsNaN(empty.Mean()) || !math.IsNaN(empty.StdDev()) || !math.IsNaN(empty.Quantile(0.5)) {
		t.Error("an empty series has moments or quantiles")
	}
}

func TestQuantilesAndBins(t *testing.T) {
	t.Parallel()
	s := profile.NewSeries(profile.Key{}, wire.Numeric, 0)
	for i := range 10_000 {
		s.ObserveNumber(float64(i-5000) / 100)
	}
	for p, want := range map[float64]float64{0: -50, 0.1: -40, 0.25: -25, 0.9: 40, 1: 49.99} {
		if got := s.Quantile(p); math.Abs(got-want) > 0.35 {
			t.Errorf("Quantile(%v) = %v, want about %v", p, got, want)
		}
	}
	cuts := s.Cuts(10)
	counts := cuts.Count(s)
	if len(counts) != 10 || slices.Min(counts) < 900 || slices.Max(counts) > 1100 {
		t.Errorf("10 bins hold %v of 10,000 values", counts)
	}
	if edges := cuts.Edges(0); !slices.IsSorted(edges) || len(edges) != 9 {
		t.Errorf("the bins meet at %v", edges)
	}
}

func TestBinsOfFewDifferentValues(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		values map[float64]int
		want   []int64
	}{
		"none":                          {nil, []int64{0}},
		"one value":                     {map[float64]int{3: 10}, []int64{10}},
		"two values":                    {map[float64]int{0: 50, 1: 50}, []int64{50, 50}},
		"a value with most of the mass": {map[float64]int{0: 900, 1: 50, 2: 50}, []int64{900, 50, 50}},
		"the mass at the end":           {map[float64]int{0: 5, 1: 5, 2: 990}, []int64{10, 990}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := profile.NewSeries(profile.Key{}, wire.Numeric, 0)
			for v, n := range tc.values {
				for range n {
					s.ObserveNumber(v)
				}
			}
			if diff := cmp.Diff(tc.want, s.Cuts(10).Count(s)); diff != "" {
				t.Errorf("bins (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDistinct(t *testing.T) {
	t.Parallel()
	s := profile.NewSeries(profile.Key{}, wire.Categorical, 0)
	for i := range 1000 {
		s.ObserveCategory(fmt.Sprint(i % 300))
	}
	if got := s.Categories.Distinct(); got != 300 {
		t.Errorf("Distinct = %v, want 300", got)
	}
	for i := range 50_000 {
		s.ObserveCategory(fmt.Sprint("user ", i))
	}
	if got := s.Categories.Distinct(); math.Abs(got-50_300) > 5_000 || s.Categories.Len() != profile.MaxCategories {
		t.Errorf("Distinct = %v of 50,300, with %d categories", got, s.Categories.Len())
	}
}

var schema = []wire.Feature{
	{Name: "distance", Type: wire.Numeric}, {Name: "origin", Type: wire.Categorical},
	{Name: "weekend", Type: wire.Boolean}, {Name: "note", Type: wire.Text},
}

func row(at time.Time, segments ...string) *record.Row {
	return &record.Row{
		Time: at, ModelVersion: "v1", Segments: segments, Score: 0.25, Prediction: "late",
		Features: []record.Value{
			{Kind: record.Number, Num: 500}, {Kind: record.String, Str: "ATL"}, {Kind: record.Bool, Num: 1}, {Kind: record.String, Str: "héé"},
		},
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	set := profile.NewSet(schema, 1<<20)
	set.Observe(row(minute.Add(59*time.Second), "atl"))
	set.Observe(row(minute))
	bad := row(minute)
	bad.Features, bad.Score, bad.Prediction = []record.Value{{Kind: record.String, Str: "x"}, {}, {Kind: record.Invalid}}, math.NaN(), ""
	set.Observe(bad)
	set.Skip(minute, "v1", "truncated", 2)
	set.Observe(row(minute.Add(time.Minute)))

	if early := set.Take(minute.Add(59 * time.Second)); len(early) != 0 {
		t.Errorf("Take before the window ended yields %d series", len(early))
	}
	got := map[string]string{}
	for _, s := range set.Take(minute.Add(time.Minute)) {
		text := fmt.Sprintf("%d/%d/%d", s.Count, s.Missing, s.Invalid)
		for name, n := range s.Categories.All() {
			text += fmt.Sprintf(" %s=%d", name, n)
		}
		got[s.Segment+"/"+s.Feature] = text
	}
	want := map[string]string{
		"/distance": "2/0/1", "/origin": "2/1/0 ATL=2", "/weekend": "2/0/1 true=2", "/note": "2/1/0",
		"/_score": "2/1/0", "/_class": "2/1/0 late=2", "/_coverage": "10/0/0 instances=5 profiled=3 skipped:truncated=2",
		"atl/distance": "1/0/0", "atl/origin": "1/0/0 ATL=1", "atl/weekend": "1/0/0 true=1", "atl/note": "1/0/0",
		"atl/_score": "1/0/0", "atl/_class": "1/0/0 late=1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series, as count/missing/invalid and categories (-want +got):\n%s", diff)
	}
	if rest := set.Take(minute.Add(time.Hour)); len(rest) != 7 || set.Bytes() != 0 {
		t.Errorf("the next window has %d series, want 7; %d bytes are left", len(rest), set.Bytes())
	}
}

func TestAFullSetSkipsAndCounts(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	set := profile.NewSet(schema, limit)
	profiled := 0
	for i := range 20_000 {
		r := row(minute)
		r.Features[1].Str = fmt.Sprint("category ", i)
		r.Features[0].Num = float64(i)
		if set.Observe(r) {
			profiled++
		}
	}
	if set.Bytes() > limit+8<<10 {
		t.Errorf("the set takes %d bytes, more than %d", set.Bytes(), limit)
	}
	var coverage *profile.Series
	for _, s := range set.Take(minute.Add(time.Hour)) {
		if s.Feature == profile.Coverage {
			coverage = s
		}
	}
	c := &coverage.Categories
	if c.Count(profile.CoverageInstances) != 20_000 || c.Count(profile.CoverageProfiled) != int64(profiled) ||
		c.Count(profile.CoverageSkipped+profile.SkippedMemory) != int64(20_000-profiled) || profiled == 0 || profiled == 20_000 {
		t.Errorf("profiled %d, coverage: %d instances, %d profiled, %d skipped", profiled,
			c.Count(profile.CoverageInstances), c.Count(profile.CoverageProfiled), c.Count(profile.CoverageSkipped+profile.SkippedMemory))
	}
}

func TestFilesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	set := profile.NewSet(schema, 1<<24)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 2000 {
		in := row(minute.Add(time.Duration(i)*100*time.Millisecond), "atl", "weekend")
		in.Features[0].Num = wild(r)
		in.Score = r.Float64()
		set.Observe(in)
	}
	file := encode(t, set.Take(minute.Add(time.Hour))...)
	all, err := profile.Read(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, all...); !bytes.Equal(file, again) {
		t.Error("a file that was read and written again differs")
	}
	merged, incompatible := profile.Merge(all)
	if len(merged) != 3*6+1 || len(incompatible) != 0 {
		t.Errorf("Merge yields %d series, and %d incompatible ones", len(merged), len(incompatible))
	}
}

func FuzzRead(f *testing.F) {
	set := profile.NewSet(schema, 1<<20)
	set.Observe(row(minute, "atl"))
	var b bytes.Buffer
	if err := profile.Write(&b, set.Take(minute.Add(time.Hour))); err != nil {
		f.Fatal(err)
	}
	f.Add(0, byte(0))
	f.Add(100, byte(255))
	f.Fuzz(func(t *testing.T, at int, change byte) {
		damaged := bytes.Clone(b.Bytes())
		damaged[uint(at)%uint(len(damaged))] ^= change
		if _, err := profile.Read(bytes.NewReader(damaged), int64(len(damaged))); err != nil && !errors.Is(err, profile.ErrDamaged) {
			t.Errorf("Read = %v, want ErrDamaged", err)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	features := make([]wire.Feature, 20)
	r := record.Row{Time: minute, ModelVersion: "v1", Segments: []string{"atl"}, Score: 0.5, Prediction: "late", Features: make([]record.Value, 20)}
	for i := range features {
		features[i] = wire.Feature{Name: fmt.Sprint("f", i), Type: wire.Numeric}
		r.Features[i] = record.Value{Kind: record.Number}
		if i%5 == 0 {
			features[i].Type, r.Features[i] = wire.Categorical, record.Value{Kind: record.String, Str: "ATL"}
		}
	}
	set := profile.NewSet(features, 1<<26)
	random := rand.New(rand.NewPCG(1, 1))
	values := make([]float64, 4096)
	for i := range values {
		values[i] = random.NormFloat64() * 100
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for i := range r.Features {
			r.Features[i].Num = values[n&4095]
			n++
		}
		if !set.Observe(&r) {
			b.Fatal("the set is full")
		}
	}
	b.ReportMetric(float64(set.Bytes()), "setbytes")
}
