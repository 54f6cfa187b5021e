// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestOutcomes(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // It is not looked at.
		<-r.Context().Done()
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	failed := Primary{Outcome: record.OutcomeError, Status: 500, Whole: true, End: time.Now(), Instances: []Instance{Unknown("x-1-0")}}
	refused := Primary{Outcome: record.OutcomeError, Status: 400, Whole: true, End: time.Now(), Instances: []Instance{Unknown("x-1-0")}}
	cancelled := Primary{Outcome: record.OutcomeCancelled, End: time.Now(), Instances: []Instance{Unknown("x-1-0")}}
	unreadable := Primary{Outcome: record.OutcomeUndecodable, Status: 200, Whole: true, End: time.Now(), Instances: []Instance{Unknown("x-1")}}
	short := func(m *wire.Mirror) { m.TimeoutSeconds = 0.05 }
	for name, tt := range map[string]struct {
		shadow  http.HandlerFunc
		change  func(*wire.Mirror)
		primary Primary
		lose    bool
		outcome record.PairOutcome
		status  string // as labels; empty: not counted
		spoiled bool   // counted as an answer that is another
	}{
		"both answer":                        {shadow: score("0.75"), primary: answered200(0.25), outcome: record.PairCompared, status: "ok/ok"},
		"the primary fails":                  {shadow: score("0.75"), primary: failed, outcome: record.PairPrimaryError, status: "error/ok"},
		"the shadow fails":                   {shadow: status(500), primary: answered200(0.25), outcome: record.PairShadowError, status: "ok/error"},
		"the shadow refuses":                 {shadow: status(422), primary: answered200(0.25), outcome: record.PairShadowError, status: "ok/invalid"},
		"both refuse":                        {shadow: status(400), primary: refused, outcome: record.PairBothError, status: "invalid/invalid"},
		"the shadow hangs":                   {shadow: hang, change: short, primary: answered200(0.25), outcome: record.PairShadowTimeout, status: "ok/error"},
		"the primary fails, the other hangs": {shadow: hang, change: short, primary: failed, outcome: record.PairBothError, status: "error/error"},
		"the shadow says it took too long":   {shadow: status(504), primary: answered200(0.25), outcome: record.PairShadowTimeout, status: "ok/error"},
		"the shadow is not there, which says nothing about it": {
			change: func(m *wire.Mirror) { m.Address = "127.0.0.1:1" }, primary: answered200(0.25),
			outcome: record.PairShadowUnreachable,
		},
		"the shadow breaks off": {
			shadow: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				io.WriteString(w, "{") //nolint:errcheck // The reader checks.
			},
			primary: answered200(0.25), outcome: record.PairShadowError, status: "ok/error",
		},
		"an answer that is no JSON":       {shadow: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{") }, primary: answered200(0.25), outcome: record.PairIncomparable, status: "ok/ok", spoiled: true}, //nolint:errcheck // The reader checks.
		"an answer of another length":     {shadow: score("0.75,0.5"), primary: answered200(0.25), outcome: record.PairIncomparable, status: "ok/ok", spoiled: true},
		"an answer beyond the limit":      {shadow: score(`0.75,"` + strings.Repeat("x", 5<<10) + `"`), primary: answered200(0.25), outcome: record.PairDropped},
		"one beside a primary that fails": {shadow: score(`0.75,"` + strings.Repeat("x", 5<<10) + `"`), primary: failed, outcome: record.PairDropped},
		"a failure beyond the limit": {
			shadow: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				io.WriteString(w, strings.Repeat("x", 5<<10)) //nolint:errcheck // The reader checks.
			},
			primary: answered200(0.25), outcome: record.PairShadowError, status: "ok/error",
		},
		"the primary's cannot be decoded": {shadow: score("0.75"), primary: unreadable, outcome: record.PairIncomparable, status: "ok/ok"},
		"a redirect, which is an answer":  {shadow: status(302), primary: answered200(0.25), outcome: record.PairIncomparable, status: "ok/ok", spoiled: true},
		"the client gives up":             {shadow: score("0.75"), primary: cancelled, outcome: record.PairCancelled},
		"no copy may be in flight":        {change: func(m *wire.Mirror) { m.MaxInFlight = 0 }, primary: answered200(0.25), outcome: record.PairDropped},
		"no memory for the request":       {change: func(m *wire.Mirror) { m.MaxBytes = 1 << 10 }, primary: answered200(0.25), outcome: record.PairDropped},
		"no memory for the answer":        {shadow: score("0.75"), change: func(m *wire.Mirror) { m.MaxBytes = 1 << 11 }, primary: answered200(0.25), outcome: record.PairDropped},
		"the primary's record is lost":    {shadow: score("0.75"), lose: true, outcome: record.PairLost},
	} {
		t.Run(name, func(t *testing.T) {
			shadow := tt.shadow
			if shadow == nil {
				shadow = func(http.ResponseWriter, *http.Request) { t.Error("the shadow was asked") }
			}
			f := newFixture(t, shadow, func(http.ResponseWriter, *http.Request) { t.Error("the primary was asked again") })
			f.use(tt.change)
			ex := f.offer("id", strings.Repeat(" ", 300)+`{"instances":[1]}`)
			p := ex.Pair.(*Pair)
			if tt.primary.Outcome == record.OutcomeOK {
				tt.primary.End = time.Now()
			}
			if ex.Release(); tt.lose {
				p.Lose("x-1-0")
			} else {
				p.Answered(tt.primary)
			}
			rows := f.finish()
			if len(rows) != 1 || rows[0].Outcome != tt.outcome || rows[0].RequestID != "id" || (rows[0].Same != nil) != (tt.outcome == record.PairCompared) {
				t.Fatalf("rows %+v, want one %s", rows, tt.outcome)
			}
			want := map[string]float64{"s_total/" + string(tt.outcome) + "/all": 1}
			if tt.status != "" {
				want["_status_total/"+strings.Split(tt.status, "/")[0]+"/all/"+strings.Split(tt.status, "/")[1]] = 1
			}
			got := f.counts()
			if other := got["_agreement_total/none/all/other"]; tt.outcome != record.PairCompared && (other == 1) != tt.spoiled {
				t.Errorf("%v answers are others", other)
			}
			for key := range got {
				if !strings.HasPrefix(key, "s_total") && !strings.HasPrefix(key, "_status") {
					delete(got, key)
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("counts (-want +got):\n%s", d)
			}
			if held := f.Held(); held != 0 {
				t.Errorf("%d bytes are held", held)
			}
		})
	}
}

func TestWhatAPairShows(t *testing.T) {
	f := newFixture(t, score("0.75"), score("0.25"))
	f.use(func(m *wire.Mirror) { m.ReplicaShare, m.LatencySegments, m.ShadowVersion = 1, []string{"a"}, "2" })
	ex := f.offer("id", `{"instances":[1]}`)
	primary := answered200(0.375)
	primary.Instances[0].Segments = []string{"a", "b"}
	ex.Pair.(*Pair).Answered(primary)
	rows := f.finish()
	none := math.NaN()
	want := record.Pair{
		PairID: "x-1-0", RequestID: "id", Rollout: "r", PrimaryRevision: "p", CandidateRevision: "c", Attempt: "1", PrimaryVersion: wire.UnknownVersion,
		ShadowVersion: "2", Segments: []string{"a", "b"}, Outcome: record.PairCompared, ReplicaProbability: 1,
		Primary: record.Answer{Status: 200, Prediction: "no", Score: 0.375, Confidence: 0.625, Entropy: 0.5},
		Shadow:  record.Answer{Status: 200, Prediction: "yes", Score: 0.75, Confidence: 0.75, Entropy: 0.8112781244591328},
		Replica: record.Answer{Status: 200, Prediction: "no", Score: 0.25, Confidence: 0.75, Entropy: 0.8112781244591328},
		Same:    new(false), ReplicaSame: new(true),
	}
	for _, a := range []*record.Answer{&want.Primary, &want.Shadow, &want.Replica} {
		a.LatencyMS = none
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { n := p.Last().String(); return n == ".LatencyMS" || n == ".Time" }, cmp.Ignore())
	if d := cmp.Diff([]record.Pair{want}, rows, ignore, cmpopts.EquateApprox(0, 1e-9)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if r := rows[0]; !(r.Primary.LatencyMS >= 0 && r.Shadow.LatencyMS > 0 && r.Replica.LatencyMS > 0) {
		t.Errorf("latencies %v, %v, %v", r.Primary.LatencyMS, r.Shadow.LatencyMS, r.Replica.LatencyMS)
	}
	counts := f.counts()
	for _, segment := range []string{"all", "a", "b"} {
		for key, want := range map[string]float64{
			"s_total/compared/" + segment:                    1,
			"_agreement_total/same/" + segment + "/other":    1,
			"_difference_sum_total/up/score/" + segment:      0.375,
			"_difference_sum_total/up/confidence/" + segment: 0.125,
			"_difference_sum_total/up/excess/" + segment:     0.25,
			"_difference_count_total/excess/" + segment:      1,
			"_difference_squares_total/score/" + segment:     0.140625,
			"_difference_sum_total/down/score/" + segment:    0,
			"_score_crossings_total/0.5/up/" + segment:       1,
			"_score_crossings_total/0.7/up/" + segment:       1,
			"_scores_total/" + segment:                       1,
		} {
			if got, ok := counts[key]; !ok || math.Abs(got-want) > 1e-12 {
				t.Errorf("%s is %v, %v, want %v", key, got, ok, want)
			}
		}
	}
	if got := counts["_replica_share"]; got != 1 {
		t.Errorf("the share of replicas is %v", got)
	}
}

// That the value of a regression happens to lie between 0 and 1 makes it no probability.
func TestOnlyProbabilitiesCrossCuts(t *testing.T) {
	for kind, want := range map[wire.PredictionKind]float64{wire.BinaryClassification: 1, wire.Regression: 0} {
		f := newFixture(t, score("0.75"), score(""))
		f.schema(wire.Schema{Prediction: wire.Prediction{Kind: kind}})
		f.use(nil)
		ex := f.offer("id", `{"instances":[1]}`)
		primary := answered200(0.25)
		if kind == wire.Regression {
			primary.Instances[0].Prediction = ""
		}
		ex.Pair.(*Pair).Answered(primary)
		f.finish()
		counts := f.counts()
		if counts["s_total/compared/all"] != 1 || counts["_scores_total/all"] != want || counts["_score_crossings_total/0.5/up/all"] != want {
			t.Errorf("of a %s: %v", kind, counts)
		}
	}
}

func TestOneInstanceOfEachScopeCounts(t *testing.T) {
	f := newFixture(t, score("0.75,0.75,0.25,0.75"), score(""))
	f.use(nil)
	ex := f.offer("id", `{"instances":[1,2,3,4]}`)
	primary := answered200(0.25)
	primary.Instances = nil
	for _, segment := range []string{"a", "a", "b", "a"} {
		in := answered200(0.25).Instances[0]
		in.Segments = []string{segment}
		primary.Instances = append(primary.Instances, in)
	}
	ex.Pair.(*Pair).Answered(primary)
	if rows := f.finish(); len(rows) != 4 || rows[3].Instance != 3 {
		t.Fatalf("rows %+v", rows)
	}
	counts := f.counts()
	for key, want := range map[string]float64{
		"s_total/compared/all": 1, "s_total/compared/a": 1, "s_total/compared/b": 1,
		"_agreement_total/none/a/other": 1, "_agreement_total/none/b/same": 1,
	} {
		if counts[key] != want {
			t.Errorf("%s is %v, want %v", key, counts[key], want)
		}
	}
	if n := counts["_agreement_total/none/all/same"] + counts["_agreement_total/none/all/other"]; n != 1 {
		t.Errorf("%v instances count for all traffic", n)
	}
}

func TestNumbersWithinTheToleranceAreTheSame(t *testing.T) {
	f := newFixture(t, score("10.5"), score(""))
	f.schema(wire.Schema{Prediction: wire.Prediction{Kind: wire.Regression}})
	for attempt, tt := range map[string]struct {
		tolerance wire.Tolerance
		want      bool
	}{
		"1": {wire.Tolerance{}, false},
		"2": {wire.Tolerance{Absolute: 0.5}, true},
		"3": {wire.Tolerance{Absolute: 0.3, Relative: 0.01}, false},
		"4": {wire.Tolerance{Absolute: 0.3, Relative: 0.02}, true},
	} {
		f.use(func(m *wire.Mirror) { m.Tolerance, m.Attempt = tt.tolerance, attempt })
		ex := f.offer("id", `{"instances":[1]}`)
		primary := answered200(10)
		primary.Instances[0].Prediction = ""
		ex.Pair.(*Pair).Answered(primary)
		if rows := f.finish(); rows[0].Same == nil || *rows[0].Same != tt.want {
			t.Errorf("%+v: same is %v, want %v", tt.tolerance, rows[0].Same, tt.want)
		}
	}
}
