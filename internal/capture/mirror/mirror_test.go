// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const path = "/v1/models/m:predict"

// fixture is a mirror between a shadow and a primary, with the parts of proxy and pipeline played by hand.
type fixture struct {
	*Mirror
	t       *testing.T
	plan    *plan.Plan
	budget  *proxy.Budget
	address string // of the shadow
}

func newFixture(t *testing.T, shadow, primary http.HandlerFunc) *fixture {
	t.Helper()
	metrics := telemetry.New("m", telemetry.Gauges{InFlight: func() float64 { return 0 }, SpoolBytes: func() float64 { return 0 }})
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	f := &fixture{t: t, budget: proxy.NewBudget(1 << 20), address: serve(shadow)}
	f.Mirror = New(Options{
		Metrics: metrics, Upstream: serve(primary), Clock: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { f.Drain(context.Background()) })
	f.schema(wire.Schema{Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"no", "yes"}}})
	return f
}

func (f *fixture) schema(s wire.Schema) {
	f.t.Helper()
	var err error
	f.plan, err = plan.Compile(plan.Source{Config: wire.Config{Monitor: "m", Schema: s, Capture: wire.Capture{BodyLimitBytes: 4 << 10}}})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) document() wire.Mirror {
	return wire.Mirror{
		Rollout: "r", Primary: "p", Candidate: "c", Attempt: "1", Address: f.address, Share: 1, TimeoutSeconds: 30, MaxInFlight: 8, MaxBytes: 1 << 20,
	}
}

func (f *fixture) use(change func(*wire.Mirror)) {
	d := f.document()
	if change != nil {
		change(&d)
	}
	f.Use(&d)
}

// offer plays the proxy's part, up to the end of the request's body.
func (f *fixture) offer(id, body string) *proxy.Exchange {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, "http://model"+path+"?a=1", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("X-Request-Id", id)
	return f.offerRequest(r, id, body)
}

func (f *fixture) offerRequest(r *http.Request, id, body string) *proxy.Exchange {
	ex := proxy.NewExchange(f.budget, 4<<10, false)
	ex.Plan, ex.Path, ex.RequestID, ex.Start, ex.Offers = f.plan, path, id, time.Now(), f.Wants(r)
	ex.Request.Bytes = []byte(body)
	if ex.Offers {
		f.Offer(r, ex)
	}
	return ex
}

// answered is a primary's answer of one instance.
func answered200(score float64) Primary {
	label := "no"
	if score >= 0.5 {
		label = "yes"
	}
	return Primary{
		Outcome: record.OutcomeOK, Status: http.StatusOK, Whole: true, End: time.Now(),
		Instances: []Instance{{RecordID: "x-1-0", Prediction: label, Score: score, Confidence: max(score, 1-score), Entropy: 0.5}},
	}
}

// finish waits for a pair, and finishes it.
func (f *fixture) finish() []record.Pair {
	f.t.Helper()
	<-f.Ready()
	var rows []record.Pair
	for _, p := range f.Take() {
		rows = append(rows, p.Finish()...)
	}
	return rows
}

// counts are the counters of pairs, by name and labels in their order.
func (f *fixture) counts() map[string]float64 {
	f.t.Helper()
	families, err := f.Metrics.Gatherer().Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	v := map[string]float64{}
	for _, family := range families {
		name, ok := strings.CutPrefix(family.GetName(), "vedette_pair")
		if !ok || name == "_latency_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			key := name
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "model", "rollout", "candidate", "attempt", "run":
				default:
					key += "/" + l.GetValue()
				}
			}
			v[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return v
}

func score(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)                  //nolint:errcheck // It is not looked at.
		io.WriteString(w, `{"predictions":[`+s+`]}`) //nolint:errcheck // The reader checks.
	}
}

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
		"an answer beyond the limit":      {shadow: score(`0.75,"` + strings.Repeat("x", 5<<10) + `"`), primary: answered200(0.25), outcome: record.PairIncomparable, status: "ok/ok"},
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
		PairID: "x-1-0", RequestID: "id", Rollout: "r", PrimaryRevision: "p", CandidateRevision: "c", PrimaryVersion: wire.UnknownVersion,
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

func TestWhatIsSent(t *testing.T) {
	var mu sync.Mutex
	got := map[string]*http.Request{}
	bodies := map[string]string{}
	keep := func(side string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			got[side], bodies[side] = r, string(b)
			mu.Unlock()
			score("0.5")(w, r)
		}
	}
	f := newFixture(t, keep("shadow"), keep("primary"))
	f.use(func(m *wire.Mirror) { m.Model, m.Header, m.ReplicaShare = "next", "X-Dry-Run", 1 })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://model"+path+"?a=1&b", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"X-Request-Id": "id", "Traceparent": "00-1-2-00", "Authorization": "Bearer x", "Cookie": "a=b", "Content-Type": "application/json",
		"Connection": "X-Hop", "X-Hop": "1", "Te": "trailers", "Expect": "100-continue",
	} {
		r.Header.Set(name, value)
	}
	f.offerRequest(r, "id", `{"instances":[1]}`).Pair.(*Pair).Answered(answered200(0.5))
	f.finish()
	want := http.Header{
		"X-Request-Id": {"id"}, "Traceparent": {"00-1-2-00"}, "Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "Content-Type": {"application/json"},
		"Content-Length": {"17"}, "X-Dry-Run": {"true"},
	}
	for side, tt := range map[string]struct{ mark, uri string }{
		"shadow": {"true", "/v1/models/next:predict?a=1&b"}, "primary": {"replica", path + "?a=1&b"},
	} {
		want.Set(naming.HeaderShadow, tt.mark)
		r := got[side]
		if d := cmp.Diff(want, r.Header); d != "" || r.RequestURI != tt.uri || r.Host != "model" || r.Method != http.MethodPost || bodies[side] != `{"instances":[1]}` {
			t.Errorf("%s: %s %s of %s, body %q, headers (-want +got):\n%s", side, r.Method, r.RequestURI, r.Host, bodies[side], d)
		}
	}
}

func TestRenaming(t *testing.T) {
	for from, want := range map[string]string{
		"/v1/models/a:predict":             "/v1/models/b%20c:predict",
		"/v2/models/a/infer":               "/v2/models/b%20c/infer",
		"/v2/models/a/versions/3/infer":    "/v2/models/b%20c/versions/3/infer",
		"/serving/v1/models/a%2Fx:predict": "/serving/v1/models/b%20c:predict",
		"/predict":                         "/predict",
	} {
		u, err := url.Parse("http://h" + from)
		if err != nil {
			t.Fatal(err)
		}
		if rename(u, "b c"); u.EscapedPath() != want {
			t.Errorf("%s becomes %s, want %s", from, u.EscapedPath(), want)
		}
	}
}

func TestWhatIsNotMirrored(t *testing.T) {
	f := newFixture(t, func(http.ResponseWriter, *http.Request) { t.Error("the shadow was asked") }, score(""))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://model"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Wants(r) {
		t.Error("a request is wanted without a document")
	}
	f.use(func(m *wire.Mirror) { m.Share = 0 })
	if ex := f.offer("id", "{}"); ex.Pair != nil || ex.Offers {
		t.Errorf("a share of 0 makes a pair: %+v", ex)
	}
	f.use(nil)
	r.Header.Set(naming.HeaderShadow, "true")
	if f.Wants(r) {
		t.Error("a copy is wanted")
	}
	f.Use(nil)
	r.Header.Del(naming.HeaderShadow)
	if f.Wants(r) {
		t.Error("a request is wanted after the document vanished")
	}
	if len(f.Take()) > 0 {
		t.Error("there are pairs")
	}
}

// TestAHungShadowTakesNoMoreThanItsBounds holds that copies in flight and bytes are bounded, that what is beyond is dropped, and
// that the end loses what is still out.
func TestAHungShadowTakesNoMoreThanItsBounds(t *testing.T) {
	release := make(chan struct{})
	f := newFixture(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // It is not looked at.
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}, score(""))
	defer close(release)
	const bound = 16 << 10
	f.use(func(m *wire.Mirror) { m.MaxInFlight, m.MaxBytes = 100, bound })
	body := `{"instances":[1]}` + strings.Repeat(" ", 1000)
	for range 200 {
		f.offer("id", body).Pair.(*Pair).Answered(answered200(0.5))
		if held := f.Held(); held > bound {
			t.Fatalf("%d bytes are held, the bound is %d", held, bound)
		}
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	f.Drain(over)
	outcomes := map[record.PairOutcome]int{}
	for _, p := range f.Take() {
		for _, row := range p.Finish() {
			outcomes[row.Outcome]++
		}
	}
	// A pair holds its body of 1,017 bytes, its head and path of 34, 1 KiB, and 256 bytes of the primary's answer; the last may be
	// lost for lack of those.
	if outcomes[record.PairDropped]+outcomes[record.PairLost] != 200 || outcomes[record.PairLost] < 7 || outcomes[record.PairLost] > 8 {
		t.Errorf("outcomes %v", outcomes)
	}
	if f.Held() != 0 {
		t.Errorf("%d bytes are held", f.Held())
	}
	if p := f.offer("id", body).Pair.(*Pair); p.sent {
		t.Error("a copy is sent after the end")
	}
}

func TestAPrimaryThatDisagreesWithItselfIsAskedMore(t *testing.T) {
	f := newFixture(t, score("0.5"), score("0.75"))
	f.use(func(m *wire.Mirror) { m.ReplicaShare = 1 })
	f.current.Load().agreed.Store(5000)
	f.use(func(m *wire.Mirror) { m.ReplicaShare, m.Share = 1, 0.99 }) // the same primary: what is known of it holds
	if got := f.counts()["_replica_share"]; got != 0.01 {
		t.Errorf("the share is %v after 5000 that agreed", got)
	}
	p := &Pair{mirror: f.Mirror, target: f.current.Load(), plan: f.plan}
	p.learn(finding{outcome: record.PairCompared, replicated: true, rows: []record.Pair{{
		ReplicaSame: new(true), Primary: record.Answer{Score: 0.75}, Replica: record.Answer{Score: 0.8},
	}}})
	if got := f.counts()["_replica_share"]; got != 1 {
		t.Errorf("the share is %v after one that differed", got)
	}
}

func TestAFaultOfOursIsCaught(t *testing.T) {
	f := newFixture(t, score("0.5"), score(""))
	f.use(nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://model"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	ex := proxy.NewExchange(f.budget, 4<<10, false)
	ex.RequestID, ex.Plan = "id", "no plan"
	f.Offer(r, ex)
	if ex.Pair != nil {
		t.Error("there is a pair")
	}
	f.Clock = func() time.Time { panic("a fault") }
	p := &Pair{mirror: f.Mirror, target: f.current.Load(), plan: f.plan}
	f.ask(p, &p.shadow, copyOf(r, nil, "127.0.0.1:1", ""))
	if p.shadow.result != notAsked {
		t.Errorf("the side is %+v", p.shadow)
	}
	f.Clock = time.Now
}
