// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// TestCounting replays calls of every kind and checks that all counts agree, exactly.
func TestCounting(t *testing.T) {
	b := newBench(t, predict)
	c := config(b.storeURL())
	b.configure(c)
	b.start()

	r := rand.New(rand.NewPCG(1, 2))
	var want struct{ requests, instances, profiled, undecodable, limit, noAnswer, outliers, atl int }
	for range 400 {
		want.requests++
		n := 1 + r.IntN(5)
		var instances []string
		var outliers, atl int
		for range n {
			score, origin := r.Float64(), []string{"ATL", "LAX"}[r.IntN(2)]
			if score > 0.95 {
				outliers++
			}
			if origin == "ATL" {
				atl++
			}
			instances = append(instances, fmt.Sprintf(`{"distance":%d,"origin":%q,"score":%g}`, r.IntN(2000), origin, score))
		}
		switch r.IntN(10) {
		case 0: // An answer that is no JSON.
			b.predict(body(append(instances, `{"broken":true}`)...))
			want.instances, want.undecodable = want.instances+1, want.undecodable+1
		case 1: // A request that is none.
			b.predict(`{"instances":`)
			want.instances, want.noAnswer = want.instances+1, want.noAnswer+1
		case 2: // A model that fails: its inputs are kept.
			b.predict(body(append(instances, `{"status":500}`)...))
			want.instances, want.noAnswer = want.instances+n+1, want.noAnswer+n+1
		case 3:
			b.predict(body(`{"status":504}`))
			want.instances, want.noAnswer = want.instances+1, want.noAnswer+1
		case 4: // Longer than the limit.
			b.predict(body(`{"origin":"` + strings.Repeat("x", 17<<10) + `"}`))
			want.instances, want.limit = want.instances+1, want.limit+1
		default:
			b.predict(body(instances...))
			want.instances, want.profiled = want.instances+n, want.profiled+n
			want.outliers, want.atl = want.outliers+outliers, want.atl+atl
		}
	}
	for range 7 {
		b.client.Get(b.url + "/v1/models/flights") //nolint:errcheck // Only its being counted matters.
	}
	got := b.eventually("all calls decoded", func(v map[string]float64) bool {
		return v[naming.MetricInstances] == float64(want.instances)
	})
	for name, want := range map[string]int{
		naming.MetricRequests:                        want.requests,
		naming.MetricLatency:                         want.requests,
		naming.MetricRequestBytes:                    want.requests,
		naming.MetricOtherRequests:                   7,
		naming.MetricProfiled:                        want.profiled,
		naming.MetricProfileSkipped + "/undecodable": want.undecodable,
		naming.MetricProfileSkipped + "/limit":       want.limit,
		naming.MetricProfileSkipped + "/no_answer":   want.noAnswer,
		naming.MetricProfileSkipped + "/dropped":     0,
		naming.MetricDropped:                         0,
		naming.MetricRows + "/predictions":           want.instances,
		naming.MetricOutliers:                        want.outliers,
		naming.MetricConfidence:                      want.profiled,
	} {
		if got[name] != float64(want) {
			t.Errorf("%s is %v, want %d", name, got[name], want)
		}
	}

	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	outcomes := map[record.Outcome]int{}
	ids := map[string]bool{}
	var outliers, atl int
	for _, row := range b.stored(record.Predictions) {
		outcomes[row.Outcome]++
		ids[row.RecordID] = true
		if row.KeepReason == record.KeepOutlier {
			outliers++
		}
		if row.Outcome == record.OutcomeOK && len(row.Segments) > 0 && row.Segments[0] == "ATL" {
			atl++
		}
		if row.ModelVersion != "7" || row.Monitor != monitor || row.Role != "primary" || row.KeepProbability != 1 {
			t.Fatalf("a row is %+v", row)
		}
	}
	if len(ids) != want.instances || outliers != want.outliers || atl != want.atl ||
		outcomes[record.OutcomeUndecodable] != want.undecodable+want.limit || outcomes[record.OutcomeError]+outcomes[record.OutcomeTimeout] != want.noAnswer {
		t.Errorf("%d rows, %d outliers, %d ATL, outcomes %v; want %+v", len(ids), outliers, atl, outcomes, want)
	}
	var records int
	for _, row := range b.stored(record.Records) {
		if row.KeepReason == record.KeepSampled && row.KeepProbability != 0.25 || row.KeepReason == record.KeepOutlier && row.KeepProbability != 1 {
			t.Fatalf("a record is kept as %s with probability %v", row.KeepReason, row.KeepProbability)
		}
		records++
	}
	if float64(records) != got[naming.MetricRows+"/records"] || records < want.outliers {
		t.Errorf("%d records, %v counted", records, got[naming.MetricRows+"/records"])
	}
	profiles := b.profiled()
	coverage := maps.Collect(profiles["/"+profile.Coverage].Categories.All())
	wantCoverage := map[string]int64{
		"instances": int64(want.instances), "profiled": int64(want.profiled), "skipped:undecodable": int64(want.undecodable),
		"skipped:limit": int64(want.limit), "skipped:no_answer": int64(want.noAnswer),
	}
	if d := cmp.Diff(wantCoverage, coverage); d != "" {
		t.Errorf("coverage in the profiles (-want +got):\n%s", d)
	}
	if n := profiles["ATL/distance"].Count; n != int64(want.atl) {
		t.Errorf("%d values of distance in ATL, want %d", n, want.atl)
	}
}

func TestSeriesBudget(t *testing.T) {
	b := newBench(t, predict)
	c := config(b.storeURL())
	c.Capture.FlushSeconds = 0.01
	c.Segments = nil
	for i := range 5 {
		c.Segments = append(c.Segments, wire.Segment{Name: fmt.Sprint("s", i), When: "true"})
	}
	b.configure(c)
	b.start()
	b.predict(body(`{"score":0.5}`))
	b.eventually("an upload", func(v map[string]float64) bool { return v[naming.MetricRowsStored] > 0 })
	if _, count := b.series(); count != 20*(5+1)+30 {
		t.Errorf("%d series with 5 segments, want %d as the formula says", count, 20*(5+1)+30)
	}
}

func TestLabelKeys(t *testing.T) {
	b := newBench(t, predict)
	c := config(b.storeURL())
	c.Schema.LabelKey = wire.LabelKey{Path: "request.id", Store: wire.LabelKeyKeyedHash}
	b.configure(c)
	b.start()
	b.predict(body(`{"id":"a"}`))
	b.eventually("a missing key", func(v map[string]float64) bool { return v[naming.MetricCaptureErrors+"/label_key"] == 1 })
	b.write("hash", "secret")
	b.eventually("the key", func(before map[string]float64) bool {
		b.predict(body(`{"id":"a"}`))
		// A fault is counted before its instance: those of before have all of theirs now.
		v, _ := b.series()
		return before[naming.MetricInstances] > v[naming.MetricCaptureErrors+"/label_key"]
	})
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, row := range b.stored(record.Predictions) {
		keys[row.LabelKey] = true
	}
	// From: printf a | openssl dgst -sha256 -hmac secret
	want := map[string]bool{"": true, "4048c44911916043ff626895ff78c5262764685b6cb9a03ce07886a9effb924c": true}
	if d := cmp.Diff(want, keys); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
}

func TestOutliersAgainstABaseline(t *testing.T) {
	b := newBench(t, predict)
	// A distance that was always 100 plus or minus a little, in a baseline whose scores never passed 4.
	tail := outlier.Tail{1, 2, 2.5, 3, 3.2, 3.4, 3.6, 3.8, 4}
	raw, err := outlier.Encode(outlier.Summary{
		Rows: 10_000, Cuts: tail,
		Features: []outlier.FeatureSummary{{Name: "distance", Type: wire.Numeric, Rows: 10_000, Median: 100, MAD: 1, Deviations: tail}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := config(b.storeURL())
	c.Baseline.Name = "may"
	c.Outliers = wire.Outliers{Rate: 0.001}
	b.configure(c)
	key := store.Layout{Cluster: c.Cluster, Namespace: c.Namespace, Monitor: c.Monitor}.Baseline("may", outlier.SummaryFile)
	if err := os.MkdirAll(filepath.Dir(filepath.Join(b.path("store"), key)), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join("store", key), string(raw))
	b.start()
	b.eventually("an outlier", func(v map[string]float64) bool {
		b.predict(body(`{"distance":100.5,"score":0.9}`, `{"distance":5000,"score":0.9}`))
		return v[naming.MetricOutliers] > 0 // The summary is loaded beside the traffic.
	})
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	summary, err := outlier.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[record.KeepReason]int{}
	for _, row := range b.stored(record.Records) {
		if row.BaselineDigest == "" {
			continue // from before it was loaded
		}
		seen[row.KeepReason]++
		if far := row.Features[0].Num == 5000; far != (row.KeepReason == record.KeepOutlier) || row.BaselineDigest != summary.Digest {
			t.Errorf("distance %v, score %v, kept as %s, digest %s", row.Features[0].Num, row.OutlierScore, row.KeepReason, row.BaselineDigest)
		}
	}
	if seen[record.KeepOutlier] == 0 {
		t.Error("no outlier is stored")
	}
}
