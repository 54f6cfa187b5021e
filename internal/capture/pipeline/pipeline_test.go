// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/spool"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a pipeline whose clock stands, and which is driven by hand.
type fixture struct {
	*Pipeline
	t   *testing.T
	now time.Time
}

func newFixture(t *testing.T, items int, spoolBytes int64) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2026, 5, 1, 10, 59, 30, 0, time.UTC)}
	metrics := telemetry.New("m", telemetry.Gauges{InFlight: func() float64 { return 0 }, SpoolBytes: func() float64 { return 0 }})
	log := slog.New(slog.DiscardHandler)
	f.Pipeline = New(Options{
		Metrics: metrics, Budget: proxy.NewBudget(1 << 20), QueueItems: items,
		Spool: spool.Open(spool.Options{
			Dir: t.TempDir(), Limit: spoolBytes, Observer: metrics, Log: log,
			Tiers: []string{telemetry.TierRecords, telemetry.TierPredictions, telemetry.TierProfiles},
		}),
		Pod: "p", PodUID: "uid", Start: f.now, Clock: func() time.Time { return f.now }, Log: log,
	})
	return f
}

func config() wire.Config {
	return wire.Config{
		Monitor: "m", Mode: wire.ModeEnforce,
		Capture: wire.Capture{Keep: wire.Keep{Predictions: 1}, FlushSeconds: 60},
		Schema: wire.Schema{
			Features:   []wire.Feature{{Name: "a", Type: wire.Numeric}},
			Prediction: wire.Prediction{Kind: wire.BinaryClassification},
		},
	}
}

func (f *fixture) configure(c wire.Config) *plan.Plan {
	f.t.Helper()
	p, err := plan.Compile(plan.Source{Config: c})
	if err != nil {
		f.t.Fatal(err)
	}
	p.Metrics = f.Metrics.Bind(p.Binding())
	f.SetPlan(p)
	return p
}

// call plays the part of the proxy for a call with two instances.
func (f *fixture) call(id string) {
	f.t.Helper()
	f.callWith(id, `{"instances":[[1],[2]]}`, `{"predictions":[0.75,0.25]}`)
}

func (f *fixture) callWith(id, request, response string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, "http://m/v1/models/m:predict", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	ex := f.Begin(r)
	if ex == nil {
		f.t.Fatal("the call is not recorded")
	}
	ex.Path, ex.RequestID, ex.Start, ex.Status = r.URL.Path, id, f.now, http.StatusOK
	ex.Request.Bytes, ex.Request.Complete = []byte(request), true
	ex.Response.Bytes, ex.Response.Complete = []byte(response), true
	f.End(ex)
}

// work lets the worker process what waits.
func (f *fixture) work() {
	for len(f.queue) > 0 {
		f.process(<-f.queue)
	}
}

// uploads returns the rows of each file that the spool would upload, by the folder of its key.
func (f *fixture) uploads() map[string][]record.Row {
	f.t.Helper()
	sink := &sink{t: f.t, files: map[string][]record.Row{}}
	u := spool.NewUploader(f.Spool)
	u.SetSink(sink)
	if err := u.Drain(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return sink.files
}

type sink struct {
	t     *testing.T
	files map[string][]record.Row
}

func (s *sink) Create(_ context.Context, key string, body io.Reader) error {
	content, err := io.ReadAll(body)
	if err != nil || strings.Contains(key, "/profiles/") {
		return err
	}
	r, err := record.NewReader(strings.NewReader(string(content)), int64(len(content)))
	if err != nil {
		return err
	}
	folder := key[:strings.LastIndexByte(key, '/')]
	for row, err := range r.Rows() {
		if err != nil {
			return err
		}
		kept := *row
		kept.Features = slices.Clone(row.Features)
		s.files[folder] = append(s.files[folder], kept)
	}
	return nil
}

// values are the counters that the identities are about.
func (f *fixture) values() map[string]float64 {
	f.t.Helper()
	families, err := f.Metrics.Gatherer().Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	v := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			parts := []string{strings.TrimPrefix(family.GetName(), "vedette_")}
			for _, l := range m.GetLabel() {
				if l.GetName() == "reason" || l.GetName() == "tier" {
					parts = append(parts, l.GetValue())
				}
			}
			if n := m.GetCounter().GetValue(); n != 0 {
				v[strings.Join(parts, "/")] += n
			}
		}
	}
	return v
}

func TestAFullQueueDropsTheNewest(t *testing.T) {
	f := newFixture(t, 2, 1<<20)
	f.configure(config())
	for i := range 5 {
		f.call(strconv.Itoa(i))
	}
	f.work()
	want := map[string]float64{
		"requests_total": 5, "instances_total": 2*2 + 3, "profiled_instances_total": 4, "rows_total/predictions": 4,
		"profile_skipped_total/dropped": 3, "capture_dropped_total/queue": 3,
	}
	if d := cmp.Diff(want, f.values()); d != "" {
		t.Errorf("counts (-want +got):\n%s", d)
	}
	if used := f.Budget.Used(); used != 0 {
		t.Errorf("%d bytes are still taken", used)
	}
	f.worker.flush()
	for _, rows := range f.uploads() {
		var ids []string
		for _, row := range rows {
			ids = append(ids, row.RequestID+" "+row.RecordID[17:])
		}
		if d := cmp.Diff([]string{"0 1-0", "0 1-1", "1 2-0", "1 2-1"}, ids); d != "" {
			t.Errorf("rows (-want +got):\n%s", d)
		}
	}
}

func TestACallThatNeedsTooMuchMemoryIsSkipped(t *testing.T) {
	f := newFixture(t, 10, 1<<20)
	c := config()
	for i := range 255 {
		c.Schema.Features = append(c.Schema.Features, wire.Feature{Name: fmt.Sprint("f", i), Type: wire.Numeric})
	}
	f.configure(c)
	ones := "[1" + strings.Repeat(",1", 2_000) + "]"
	f.callWith("x", `{"instances":`+ones+`}`, `{"predictions":`+ones+`}`)
	f.work()
	want := map[string]float64{
		"requests_total": 1, "instances_total": 1, "profile_skipped_total/limit": 1, "rows_total/predictions": 1,
	}
	if d := cmp.Diff(want, f.values()); d != "" {
		t.Errorf("counts (-want +got):\n%s", d)
	}
	f.worker.flush()
	for _, rows := range f.uploads() {
		if len(rows) != 1 || rows[0].Outcome != record.OutcomeUndecodable {
			t.Errorf("rows %+v, want one that is undecodable", rows)
		}
	}
}

// TestBodiesOfALargeCall: what a call writes does not grow with instances times bodies.
func TestBodiesOfALargeCall(t *testing.T) {
	f := newFixture(t, 10, 64<<20)
	c := config()
	c.Capture.Keep = wire.Keep{Bodies: 1}
	c.Capture.BodyLimitBytes = 1 << 20
	f.configure(c)
	const n = 40
	ones := "[1" + strings.Repeat(",1", n-1) + "]"
	request := `{"instances":` + ones + `,"padding":"` + strings.Repeat("x", 500<<10) + `"}`
	f.callWith("x", request, `{"predictions":`+ones+`}`)
	f.work()
	f.worker.flush()
	for _, rows := range f.uploads() {
		var with int
		for i, row := range rows {
			if row.Request != nil {
				with++
			}
			if i == 0 && string(row.Request) != request || row.RequestSHA256 == "" || row.RequestSHA256 != rows[0].RequestSHA256 {
				t.Errorf("row %d has %d bytes of the request and the digest %q", i, len(row.Request), row.RequestSHA256)
			}
		}
		if len(rows) != n || with != maxBodyCopies/(501<<10) {
			t.Errorf("%d of %d rows have bodies, want %d of %d", with, len(rows), maxBodyCopies/(501<<10), n)
		}
		return
	}
	t.Error("there are no records")
}

// TestProfilesOfAWideSchemaAreFlushedEarly: the widest schema and all segments that a monitor may have, and a flush
// interval in which they would not fit into memory.
func TestProfilesOfAWideSchemaAreFlushedEarly(t *testing.T) {
	f := newFixture(t, 10, 64<<20)
	c := config()
	c.Capture.FlushSeconds = 3600
	for i := range 255 {
		c.Schema.Features = append(c.Schema.Features, wire.Feature{Name: fmt.Sprint("f", i), Type: wire.Numeric})
	}
	for i := range 32 {
		c.Segments = append(c.Segments, wire.Segment{Name: fmt.Sprint("s", i), When: "true"})
	}
	f.configure(c)
	const minutes = 12
	for minute := range minutes {
		f.callWith(strconv.Itoa(minute), `{"instances":[{"a":1}]}`, `{"predictions":[0.75]}`)
		f.work()
		f.now = f.now.Add(time.Minute)
		f.worker.tick(f.now)
		if n := f.worker.profiles.Bytes(); n >= profileBytes/2 {
			t.Errorf("%d bytes of profiles are left after a tick", n)
		}
	}
	v := f.values()
	if v["profiled_instances_total"] != minutes || v["profile_skipped_total/limit"] != 0 {
		t.Errorf("%v instances are profiled, %v skipped; want %d and 0", v["profiled_instances_total"], v["profile_skipped_total/limit"], minutes)
	}
}

func TestAFaultOfOursIsCounted(t *testing.T) {
	f := newFixture(t, 10, 1<<20)
	p := f.configure(config())
	f.call("x")
	p.Decoder = nil
	f.work()
	want := map[string]float64{
		"requests_total": 1, "instances_total": 1, "profile_skipped_total/dropped": 1, "capture_dropped_total/internal": 1,
	}
	if d := cmp.Diff(want, f.values()); d != "" {
		t.Errorf("counts (-want +got):\n%s", d)
	}
}

func TestRowsThatFindNoRoomAreCounted(t *testing.T) {
	f := newFixture(t, 10, 100)
	f.configure(config())
	f.call("x")
	f.work()
	f.worker.flush()
	v := f.values()
	if v["rows_total/predictions"] != 2 || v["rows_dropped_total/predictions"] != 2 || v["capture_dropped_total/spool"] != 2 || v["rows_dropped_total/profiles"] == 0 {
		t.Errorf("counted %v", v)
	}
	if f.Spool.Bytes() != 0 {
		t.Errorf("%d bytes are left in the spool", f.Spool.Bytes())
	}
}

func TestFilesByHourAndFlushInterval(t *testing.T) {
	f := newFixture(t, 10, 1<<20)
	f.configure(config())
	f.call("before the hour")
	f.work()
	f.now = f.now.Add(45 * time.Second)
	f.call("after the hour")
	f.work()
	f.worker.tick(f.now)
	if n := f.Spool.Waiting(); n != 0 {
		t.Errorf("%d files are complete before the flush interval", n)
	}
	f.now = f.now.Add(15 * time.Second)
	f.worker.tick(f.now)
	if n := len(f.worker.files); n != 1 {
		t.Errorf("%d files are open after the flush interval of the first", n)
	}
	f.now = f.now.Add(time.Minute)
	f.worker.tick(f.now)
	got := map[string]int{}
	for folder, rows := range f.uploads() {
		got[folder[strings.Index(folder, "/predictions/")+1:]] = len(rows)
	}
	want := map[string]int{"predictions/version=unknown/dt=2026-05-01/hh=10": 2, "predictions/version=unknown/dt=2026-05-01/hh=11": 2}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestAnotherSchemaBeginsOtherFiles(t *testing.T) {
	f := newFixture(t, 10, 1<<20)
	c := config()
	c.Capture.Keep.Features = 1
	f.configure(c)
	f.call("one feature")
	c.Schema.Features = append(c.Schema.Features, wire.Feature{Name: "b", Type: wire.Numeric, Path: "request[0]"})
	f.configure(c)
	f.call("two features")
	f.work()
	if n := f.Spool.Waiting(); n != 3 { // predictions, records, profiles
		t.Errorf("%d files are complete after the change", n)
	}
	f.worker.flush()
	features := map[string]int{}
	for _, rows := range f.uploads() {
		for _, row := range rows {
			if len(row.Features) > 0 {
				features[row.RequestID] = len(row.Features)
			}
		}
	}
	if d := cmp.Diff(map[string]int{"one feature": 1, "two features": 2}, features); d != "" {
		t.Errorf("features (-want +got):\n%s", d)
	}
}

func TestRunEndsWithAllComplete(t *testing.T) {
	f := newFixture(t, 10, 1<<20)
	f.configure(config())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.call("x")
	f.Run(ctx, nil)
	if n := len(f.uploads()); n != 1 {
		t.Errorf("%d files of rows", n)
	}
}

func TestSamplesAreEvenAndNested(t *testing.T) {
	const n = 100_000
	keep := wire.Keep{Predictions: 0.5, Features: 0.1, Bodies: 0.01}
	var predictions, records, bodies int
	for i := range n {
		p, r, b := choose(keep, fraction(fmt.Sprintf("request-%d", i)), false)
		if r.probability > 0 && p.probability == 0 || b && r.probability == 0 {
			t.Fatal("a smaller share is no part of a larger one")
		}
		if p.probability > 0 {
			predictions++
		}
		if r.probability > 0 {
			records++
		}
		if b {
			bodies++
		}
	}
	for share, got := range map[float64]int{0.5: predictions, 0.1: records, 0.01: bodies} {
		if sd := math.Sqrt(n * share * (1 - share)); math.Abs(float64(got)-n*share) > 5*sd {
			t.Errorf("%d of %d are kept with probability %v", got, n, share)
		}
	}
}

func TestChoices(t *testing.T) {
	tests := map[string]struct {
		keep                 wire.Keep
		u                    float64
		outlier              bool
		predictions, records kept
		bodies               bool
	}{
		"all":                          {wire.Keep{Predictions: 1}, 0.999, false, kept{1, record.KeepSampled}, kept{}, false},
		"none":                         {wire.Keep{}, 0, false, kept{}, kept{}, false},
		"an outlier is always kept":    {wire.Keep{Predictions: 0.1}, 0.9, true, kept{1, record.KeepOutlier}, kept{1, record.KeepOutlier}, false},
		"also where it is in a sample": {wire.Keep{Predictions: 1, Features: 0.5, Bodies: 0.5}, 0.1, true, kept{1, record.KeepOutlier}, kept{1, record.KeepOutlier}, true},
		"bodies need a record":         {wire.Keep{Bodies: 0.2}, 0.1, false, kept{}, kept{0.2, record.KeepSampled}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, r, b := choose(tt.keep, tt.u, tt.outlier)
			if p != tt.predictions || r != tt.records || b != tt.bodies {
				t.Errorf("got %v, %v, %v", p, r, b)
			}
		})
	}
}

// TestFractionIsFixed holds what primary, shadow and feedback of all releases must agree on.
func TestFractionIsFixed(t *testing.T) {
	const published = 0xd24ec4f1a98c6e5b // XXH64 of "a" with seed 0
	if got, want := fraction("a"), float64(published>>11)/(1<<53); got != want {
		t.Errorf("fraction of a is %v, want %v", got, want)
	}
}
