// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestDriftOfOneSegmentIsFoundAndTheOthersAreStable(t *testing.T) {
	e := testEnv(t)
	writeBaseline(t, e, 20_000)
	rng := rand.New(rand.NewPCG(2, 2))
	writeProfiles(t, e, lastHour, "pod-1", traffic(e, lastHour, 8_000, func(int) record.Row { return flight(rng, true) }))
	writeProfiles(t, e, lastHour, "pod-2", traffic(e, lastHour, 2_000, func(int) record.Row { return flight(rng, true) }))

	report, verdict, err := Drift(t.Context(), e, e.Window(time.Hour, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Outcome != wire.OutcomeDrift || verdict.Rows != 10_000 || verdict.Coverage != 1 {
		t.Errorf("verdict %+v, want Drift of 10,000 rows, all covered", verdict.VerdictHeader)
	}
	for feature, want := range map[string]map[string]wire.Outcome{
		"atl": {"delay": wire.OutcomeDrift, profile.Score: wire.OutcomeDrift, "hour": wire.OutcomeStable, "holiday": wire.OutcomeStable},
		"lax": {"delay": wire.OutcomeStable, profile.Score: wire.OutcomeStable, "hour": wire.OutcomeStable, "origin": wire.OutcomeStable},
		"":    {"delay": wire.OutcomeDrift, "origin": wire.OutcomeStable},
	} {
		for name, outcome := range want {
			if got := find(t, report, feature, name); got.Outcome != outcome {
				t.Errorf("%s in %q = %s (psi %v, p %v), want %s", name, feature, got.Outcome, got.PSI, got.PAdjusted, outcome)
			}
		}
	}
	for key, want := range map[[2]string]wire.Outcome{
		{"drift", "atl"}: wire.OutcomeFail, {"scores", "atl"}: wire.OutcomeFail, {"drift", "lax"}: wire.OutcomePass,
		{"scores", "lax"}: wire.OutcomePass, {"missing", ""}: wire.OutcomePass,
	} {
		if got := threshold(t, verdict, key[0], key[1]); got.Outcome != want {
			t.Errorf("threshold %v = %+v, want %s", key, got, want)
		}
	}
	if got := threshold(t, verdict, "drift", "atl"); got.Feature != "delay" || got.Value < 0.5 {
		t.Errorf("worst in atl = %+v, want delay, far beyond the bound", got)
	}
	if first := verdict.Findings[0]; !first.Drifted || first.Segment != "atl" {
		t.Errorf("first finding %+v, want a drift in atl", first)
	}
	predictions := 0
	for _, f := range verdict.Findings {
		if f.Segment == "atl" && f.Feature == "" {
			predictions++
		}
	}
	if predictions != 1 {
		t.Errorf("%d findings on atl's predictions, want the worse of score and class", predictions)
	}
	checkStored(t, e, report, verdict)
}

// checkStored reads the report back from where the verdict says that it is.
func checkStored(t *testing.T, e *Env, report *DriftReport, verdict wire.Verdict) {
	t.Helper()
	if !strings.HasPrefix(verdict.Report, "reports/drift/20010630T110000Z_20010630T120000Z/run-1/") {
		t.Errorf("report at %s, want it below its window and run", verdict.Report)
	}
	raw, err := e.Bucket.Get(t.Context(), e.layout().Prefix()+verdict.Report, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var read DriftReport
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	if len(read.Results) != len(report.Results) || read.Outcome != report.Outcome || !read.Results[0].NewCategories.Low.isNaN() && read.Results[0].Names == nil {
		t.Errorf("the stored report differs: %d results, %s", len(read.Results), read.Outcome)
	}
	raw, err = e.Bucket.Get(t.Context(), e.layout().Report(KindDrift, report.From, report.To, e.Run, resultsFile), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.Read[resultRow](bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(report.Results) || rows[0].Run != "run-1" || rows[0].PSI == nil {
		t.Errorf("%d rows of results, the first %+v", len(rows), rows[0])
	}
	if text, err := wire.EncodeVerdict(verdict); err != nil || len(text) > wire.MaxVerdictBytes {
		t.Errorf("the verdict takes %d bytes (%v)", len(text), err)
	}
	var table bytes.Buffer
	if err := report.WriteText(&table); err != nil || !strings.Contains(table.String(), "delay") {
		t.Errorf("the table is %q (%v)", table.String(), err)
	}
}

func TestDriftNeverPassesWhatItCannotTell(t *testing.T) {
	cases := map[string]struct {
		prepare func(t *testing.T, e *Env)
		reason  string
		says    string
	}{
		"no traffic at all": {
			prepare: func(t *testing.T, e *Env) { writeBaseline(t, e, 5_000) },
			reason:  ReasonTooFewRows, says: "has 0 rows",
		},
		"too few rows": {
			prepare: func(t *testing.T, e *Env) {
				writeBaseline(t, e, 5_000)
				writeTraffic(t, e, 299)
			},
			reason: ReasonTooFewRows, says: "needs 300",
		},
		"no baseline yet": {
			prepare: func(t *testing.T, e *Env) { writeTraffic(t, e, 1_000) },
			reason:  ReasonBaselineMissing, says: `run "analyze baseline"`,
		},
		"no baseline declared": {
			prepare: func(t *testing.T, e *Env) {
				e.Config.Baseline = wire.Baseline{}
				writeTraffic(t, e, 1_000)
			},
			reason: ReasonBaselineMissing, says: "declares no baseline",
		},
		"no traffic in the trailing window": {
			prepare: func(t *testing.T, e *Env) {
				e.Config.Baseline = wire.Baseline{Name: wire.BaselineTrailing, TrailingSeconds: 86400}
				writeTraffic(t, e, 1_000)
			},
			reason: ReasonBaselineMissing, says: "no traffic was profiled from 2001-06-29T11:00:00Z",
		},
		"profiles leave out too much": {
			prepare: func(t *testing.T, e *Env) {
				writeBaseline(t, e, 5_000)
				set := profile.NewSet(e.Config.Schema.Features, math.MaxInt)
				rng := rand.New(rand.NewPCG(3, 3))
				for range 800 {
					r := flight(rng, false)
					r.Time = lastHour.From
					set.Observe(&r)
				}
				set.Skip(lastHour.From, "v1", "cpu", 200)
				writeProfiles(t, e, lastHour, "pod-1", set.Take(now))
			},
			reason: ReasonCoverageTooLow, says: "80.0 %",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := testEnv(t)
			c.prepare(t, e)
			report, verdict, err := Drift(t.Context(), e, e.Window(time.Hour, time.Time{}))
			if err != nil {
				t.Fatal(err)
			}
			if verdict.Outcome != wire.OutcomeInsufficient || verdict.Reason != c.reason || !strings.Contains(verdict.Message, c.says) {
				t.Errorf("verdict %s %s %q, want Insufficient %s that says %q", verdict.Outcome, verdict.Reason, verdict.Message, c.reason, c.says)
			}
			for _, r := range report.Results {
				if r.Outcome != wire.OutcomeInsufficient {
					t.Errorf("%s in %q = %s, want Insufficient", r.Feature, r.Segment, r.Outcome)
				}
			}
			for _, v := range verdict.Thresholds {
				// Missing values are counted, not compared: they need rows, and no baseline.
				if v.Outcome != wire.OutcomeInconclusive && (v.Threshold != "missing" || c.reason != ReasonBaselineMissing) {
					t.Errorf("threshold %+v, want Inconclusive", v)
				}
			}
		})
	}
}

func writeTraffic(t testing.TB, e *Env, rows int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(4, 4))
	writeProfiles(t, e, lastHour, "pod-1", traffic(e, lastHour, rows, func(int) record.Row { return flight(rng, false) }))
}

func TestDriftAgainstTheTrailingWindow(t *testing.T) {
	e := testEnv(t)
	e.Config.Baseline = wire.Baseline{Name: wire.BaselineTrailing, TrailingSeconds: 4 * 3600}
	past := Window{From: lastHour.From.Add(-4 * time.Hour), To: lastHour.From}
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range 4 {
		w := Window{From: past.From.Add(time.Duration(i) * time.Hour), To: past.From.Add(time.Duration(i+1) * time.Hour)}
		writeProfiles(t, e, w, "pod-1", traffic(e, w, 4_000, func(int) record.Row { return flight(rng, false) }))
	}
	writeProfiles(t, e, lastHour, "pod-1", traffic(e, lastHour, 4_000, func(int) record.Row { return flight(rng, true) }))
	report, verdict, err := Drift(t.Context(), e, e.Window(time.Hour, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Outcome != wire.OutcomeDrift || find(t, report, "atl", "delay").Outcome != wire.OutcomeDrift || find(t, report, "lax", "delay").Outcome != wire.OutcomeStable {
		t.Errorf("verdict %+v, want a drift of delay in atl and none in lax", verdict.VerdictHeader)
	}
	if r := find(t, report, "", "delay"); r.RowsReference != 16_000 {
		t.Errorf("the reference has %d rows, want the 16,000 before the window", r.RowsReference)
	}
}

func TestDriftOfMissingValuesAndNewCategories(t *testing.T) {
	e := testEnv(t)
	writeBaseline(t, e, 20_000)
	rng := rand.New(rand.NewPCG(6, 6))
	writeProfiles(t, e, lastHour, "pod-1", traffic(e, lastHour, 4_000, func(i int) record.Row {
		r := flight(rng, false)
		if i%12 == 0 {
			r.Features[1] = record.Value{}
		}
		if i%20 == 0 {
			r.Features[0].Str = "SEA"
		}
		return r
	}))
	report, verdict, err := Drift(t.Context(), e, e.Window(time.Hour, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	if got := find(t, report, "", "delay"); !contains(got.Causes, causeMissing) {
		t.Errorf("delay drifted by %v, want by its missing values", got.Causes)
	}
	origin := find(t, report, "", "origin")
	if !contains(origin.Causes, causeNew) || len(origin.NewNames) != 1 || origin.NewNames[0] != "SEA" {
		t.Errorf("origin drifted by %v with new categories %v, want by SEA", origin.Causes, origin.NewNames)
	}
	if got := threshold(t, verdict, "missing", ""); got.Outcome != wire.OutcomeFail || got.Feature != "delay" {
		t.Errorf("threshold %+v, want Fail", got)
	}
}

func contains(list []string, s string) bool { return strings.Contains(strings.Join(list, ","), s) }

func TestAConstantFeatureThatMovesDrifts(t *testing.T) {
	e := testEnv(t)
	p := newProfiler(e.Config.Schema.Features)
	row := func(hour float64) record.Row {
		return record.Row{Score: math.NaN(), ModelVersion: "v1", Features: []record.Value{{}, {}, {Kind: record.Number, Num: hour}, {}}}
	}
	for range 2_000 {
		r := row(7)
		if err := p.observe(&r); err != nil {
			t.Fatal(err)
		}
	}
	reference, err := p.tally()
	if err != nil {
		t.Fatal(err)
	}
	for name, hour := range map[string]float64{"up": 8, "down": 6, "far below zero": -1e9} {
		t.Run(name, func(t *testing.T) {
			current := newTally(1)
			for _, s := range traffic(e, lastHour, 1_000, func(int) record.Row { return row(hour) }) {
				current.add(0, s)
			}
			results := comparisons(reference, current)
			judge(results, limits{minRows: 300, effect: 0.1, q: 0.05, covered: true})
			for _, r := range results {
				if want := map[bool]wire.Outcome{true: wire.OutcomeDrift, false: wire.OutcomeStable}[r.Feature == "hour"]; r.Outcome != want {
					t.Errorf("%s = %s (psi %v), want %s", r.Feature, r.Outcome, r.PSI, want)
				}
			}
		})
	}
}

func TestAFrequentValueIsToldFromItsNeighbours(t *testing.T) {
	s := profile.NewSeries(profile.Key{}, wire.Numeric, 0)
	for i := range 1_000 {
		switch {
		case i < 500:
			s.ObserveNumber(0)
		default:
			s.ObserveNumber(10 + float64(i%100))
		}
	}
	c := cellsOf(s, s)
	for name, x := range map[string]float64{"below": -1e-9, "between": 1} {
		moved := profile.NewSeries(profile.Key{}, wire.Numeric, 0)
		for range 500 {
			moved.ObserveNumber(x)
		}
		for i, n := range c.count(moved) {
			if n > 0 && c.count(s)[i] > 0 {
				t.Errorf("%s: %v is in the same cell as values of the reference", name, x)
			}
		}
	}
	ref, _ := occupied(c.count(s), c.count(s))
	if len(ref) < 8 || len(ref) > psiBins+1 {
		t.Errorf("%d cells are occupied, want about %d", len(ref), psiBins)
	}
}

func TestDamagedProfilesAreNamedAndLeftOut(t *testing.T) {
	e := testEnv(t)
	writeBaseline(t, e, 5_000)
	writeTraffic(t, e, 1_000)
	bad := e.layout().Rows(store.Profiles, "v1", lastHour.From, "pod-2")
	put(t, e, bad, []byte("PAR1 but nothing else PAR1"))
	report, verdict, err := Drift(t.Context(), e, e.Window(time.Hour, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Outcome != wire.OutcomeStable {
		t.Errorf("verdict %+v, want Stable", verdict.VerdictHeader)
	}
	if c := report.Coverage; c.Files != 1 || c.Damaged != 1 || len(c.DamagedFiles) != 1 || c.DamagedFiles[0] != bad {
		t.Errorf("coverage %+v, want the damaged file named", c)
	}
}

func TestADamagedBaselineFails(t *testing.T) {
	e := testEnv(t)
	put(t, e, e.layout().Baseline("may", profileFile), []byte("nothing of ours"))
	_, _, err := Drift(t.Context(), e, lastHour)
	if got := e.Failed(KindDrift, err); got.Reason != ReasonBaselineDamaged || got.Outcome != wire.OutcomeFailed {
		t.Errorf("verdict %+v, want Failed BaselineDamaged", got.VerdictHeader)
	}
}

func TestDriftRefusesAConfigurationThatCannotJudge(t *testing.T) {
	cases := map[string]struct {
		change func(*wire.Config)
		says   string
	}{
		"no least number of rows": {func(c *wire.Config) { c.Drift.MinRows = 0 }, "drift.minRows is 0"},
		"no effect":               {func(c *wire.Config) { c.Drift.MinEffectPSI = 0 }, "drift.minEffectPSI is 0"},
		"NaN as rate":             {func(c *wire.Config) { c.Drift.FalseDiscoveryRate = math.NaN() }, "drift.falseDiscoveryRate is NaN"},
		"coverage above one":      {func(c *wire.Config) { c.Drift.MinCoverage = 1.5 }, "drift.minCoverage is 1.5"},
		"an empty window":         {func(c *wire.Config) { c.Drift.WindowSeconds = 0 }, "the window is empty"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := testEnv(t)
			c.change(&e.Config)
			_, _, err := Drift(t.Context(), e, e.Window(wire.Seconds(e.Config.Drift.WindowSeconds), time.Time{}))
			v := e.Failed(KindDrift, err)
			if v.Reason != ReasonConfigInvalid || !strings.Contains(v.Message, c.says) {
				t.Errorf("%s %q, want ConfigInvalid that says %q", v.Reason, v.Message, c.says)
			}
		})
	}
}

func TestSeriesOfAnotherSchemaAreForeign(t *testing.T) {
	e := testEnv(t)
	writeBaseline(t, e, 5_000)
	writeTraffic(t, e, 1_000)
	e.Config.Schema.Features[1].Origin = 100
	report, _, err := Drift(t.Context(), e, e.Window(time.Hour, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	if report.Coverage.Foreign == 0 {
		t.Error("no series is foreign, want those of delay")
	}
	var table bytes.Buffer
	if err := report.WriteText(&table); err != nil || !strings.Contains(table.String(), "series were left out") {
		t.Errorf("the table does not say what was left out: %s (%v)", table.String(), err)
	}
	for _, r := range report.Results {
		if r.Feature == "delay" {
			t.Errorf("delay was compared across origins: %+v", r)
		}
	}
}

func TestErrorsOfTheStoreAreClassified(t *testing.T) {
	for reason, err := range map[string]error{
		ReasonCredentialsRefused: store.ErrCredentials, ReasonUnreachable: store.ErrUnreachable, ReasonError: errors.New("other"),
	} {
		if got := testEnv(t).Failed(KindDrift, err).Reason; got != reason {
			t.Errorf("reason of %v = %s, want %s", err, got, reason)
		}
	}
}
