// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
)

// worker is the state of the goroutine that works off the queue.
type worker struct {
	*Pipeline
	recordPrefix string

	// plan is that of the open files and profiles.
	plan     *plan.Plan
	profiles *profile.Set
	since    time.Time // when the profiles were last taken
	files    map[fileKey]*rowFile
	number   uint64 // of the last file
	failing  bool   // the last file could not be begun
}

func newWorker(p *Pipeline) worker {
	sum := xxhash.Sum64String(fmt.Sprintf("%s/%d", p.PodUID, p.Start.UnixNano()))
	return worker{Pipeline: p, recordPrefix: fmt.Sprintf("%016x", sum), files: map[fileKey]*rowFile{}}
}

// use prepares for a call under p. Files and profiles of other columns, or another place, are completed first.
func (w *worker) use(p *plan.Plan) {
	if w.plan == p {
		return
	}
	if w.plan != nil && w.plan.Shape != p.Shape {
		w.flush()
		w.profiles = nil
	}
	w.plan = p
	if w.profiles == nil {
		w.profiles = profile.NewSet(p.Features, profileBytes)
		w.since = w.Clock()
	}
}

// take counts a call, profiles it, and writes what is kept of it.
func (w *worker) take(c *call, ex *proxy.Exchange) {
	w.use(c.plan)
	m := c.plan.Metrics
	if c.reached {
		for _, s := range c.segments {
			m.SegmentCall(s, c.counted)
		}
	}
	for range c.faults {
		m.Fault(telemetry.FaultExpression)
	}
	for range c.unhashed {
		m.Fault(telemetry.FaultLabelKey)
	}
	u := fraction(ex.RequestID)
	b := bodies{ex: ex}
	for i := range c.rows {
		w.profile(c, &c.rows[i])
		w.keep(c, &c.rows[i], &b, u)
	}
	m.Instances(len(c.rows)) // last: who reads a number of instances finds all of them in the other counts
}

func (w *worker) profile(c *call, in *instance) {
	m := c.plan.Metrics
	m.Prediction(in.segments, in.Confidence, in.Entropy)
	if in.outlier {
		m.Outlier(in.segments, in.class)
	}
	switch {
	case c.skip != "":
		m.Skipped(c.skip, 1)
		w.profiles.Skip(in.Time, in.ModelVersion, string(c.skip), 1)
	case w.profiles.Observe(&in.Row):
		m.Profiled(1)
	default:
		m.Skipped(telemetry.SkipLimit, 1)
	}
}

func (w *worker) keep(c *call, in *instance, b *bodies, u float64) {
	predictions, records, withBodies := choose(c.plan.Config.Capture.Keep, u, in.outlier)
	if predictions.probability > 0 {
		in.KeepProbability, in.KeepReason = predictions.probability, predictions.reason
		w.write(c.plan, record.Predictions, &in.Row)
	}
	if records.probability > 0 {
		in.KeepProbability, in.KeepReason = records.probability, records.reason
		if withBodies {
			b.put(&in.Row)
		}
		w.write(c.plan, record.Records, &in.Row)
	}
}

// maxBodyCopies bounds, in bytes, how often the bodies of one call are written: they stand on each of its rows, and a
// call may have many.
const maxBodyCopies = 4 << 20

// bodies are those of a call on their way into its rows.
type bodies struct {
	ex                *proxy.Exchange
	request, response string // digests; empty before the first row
	copied            int    // bytes that were written
}

// put sets the columns of a row: the digests always, the bodies on the first row, and on more of them while there is
// room. Rows of one call have the same request id and the same digests.
func (b *bodies) put(r *record.Row) {
	if b.copied == 0 {
		b.request, b.response = b.ex.Request.SHA256(), b.ex.Response.SHA256()
	}
	r.RequestSHA256, r.ResponseSHA256 = b.request, b.response
	size := len(b.ex.Request.Bytes) + len(b.ex.Response.Bytes)
	if b.copied > 0 && b.copied+size > maxBodyCopies {
		return
	}
	b.copied += size
	r.Request, r.Response = b.ex.Request.Bytes, b.ex.Response.Bytes
}

// tick completes what has waited for the flush interval.
func (w *worker) tick(now time.Time) {
	if w.plan == nil {
		// Nothing was decoded yet; what was dropped is to be seen in the profiles all the same.
		p := w.current.Load()
		if p == nil || w.dropped.Load() == 0 {
			return
		}
		w.use(p)
	}
	interval := w.plan.Config.Capture.Flush()
	for k, f := range w.files {
		if now.Sub(f.begun) >= interval {
			w.complete(k, f)
		}
	}
	// Profiles that fill up are written early: series of the same minute are merged when they are read.
	if now.Sub(w.since) >= interval || w.profiles.Bytes() >= profileBytes/2 {
		w.flushProfiles(now)
	}
}

// flush completes everything.
func (w *worker) flush() {
	for k, f := range w.files {
		w.complete(k, f)
	}
	if w.plan != nil {
		w.flushProfiles(w.Clock())
	}
}
