// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/vedette-dev/vedette/internal/capture/mirror"
	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/spool"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/record"
)

// Options configure a Pipeline. All but Mirror are required.
type Options struct {
	Metrics *telemetry.Metrics
	// Budget bounds the bodies that wait, in bytes.
	Budget *proxy.Budget
	// QueueItems bounds the calls that wait to be decoded.
	QueueItems int
	Spool      *spool.Spool
	// Mirror copies requests to a shadow; nil for none.
	Mirror *mirror.Mirror
	// Pod and PodUID name the pod; Start is when the container started. Together with a number they name files.
	Pod, PodUID string
	Start       time.Time
	Clock       func() time.Time
	Log         *slog.Logger
}

// Pipeline takes calls from the proxy and writes rows and profiles to the spool.
type Pipeline struct {
	Options
	current  atomic.Pointer[plan.Plan]
	queue    chan item
	sequence atomic.Uint64
	dropped  atomic.Int64 // since the worker last put them into the profiles

	worker worker // of the goroutine that runs Run
}

// New makes a pipeline that captures nothing until it has a plan.
func New(o Options) *Pipeline {
	p := &Pipeline{Options: o, queue: make(chan item, o.QueueItems)}
	p.worker = newWorker(p)
	return p
}

// SetPlan changes what holds from the next request on; nil stops all capture.
func (p *Pipeline) SetPlan(next *plan.Plan) { p.current.Store(next) }

// Run works until ctx ends, then works off what is in the queue and completes all files. tick should come about once a
// second: flushes are due at ticks.
func (p *Pipeline) Run(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case it := <-p.queue:
			p.process(it)
		case <-p.Mirror.Ready():
			p.pairs()
		case now := <-tick:
			p.guard(func() { p.worker.tick(now) })
		case <-ctx.Done():
			p.finish()
			return
		}
	}
}

func (p *Pipeline) finish() {
	for {
		select {
		case it := <-p.queue:
			p.process(it)
		default:
			p.pairs()
			p.guard(p.worker.flush)
			return
		}
	}
}

func (p *Pipeline) process(it item) {
	defer it.ex.Release()
	var c *call
	if !p.guard(func() { c = p.worker.build(it) }) {
		p.drop(it.ex.Plan.(*plan.Plan).Metrics, telemetry.DropInternal)
		p.worker.lose(it)
		return
	}
	p.guard(func() { p.worker.take(c, it.ex) })
	p.guard(func() { p.worker.hand(c, it) })
}

// pairs finishes what the mirror has completed.
func (p *Pipeline) pairs() {
	for _, pair := range p.Mirror.Take() {
		var rows []record.Pair
		if !p.guard(func() { rows = pair.Finish() }) {
			p.Metrics.Current().Fault(telemetry.FaultMirror)
			pair.Spoil()
			continue
		}
		p.guard(func() { p.worker.writePairs(pair.Plan(), rows) })
	}
}

// guard keeps a fault of ours from ending the process, and with it the traffic.
func (p *Pipeline) guard(f func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			p.Log.Error("a fault in capture", "fault", v, "stack", string(debug.Stack()))
			ok = false
		}
	}()
	f()
	return true
}

// profileBytes bounds the profiles of the windows that are open.
const profileBytes = 16 << 20
