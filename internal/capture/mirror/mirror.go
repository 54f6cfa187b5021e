// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Options configure a Mirror. All are required.
type Options struct {
	Metrics *telemetry.Metrics
	// Upstream is the model server's host:port, which replicas go to.
	Upstream string
	Clock    func() time.Time
	Log      *slog.Logger
}

// Bounds that no document loosens: the sidecar has little memory.
const (
	maxInFlight = 1024
	maxBytes    = 64 << 20
	// maxWaiting bounds the complete pairs that wait to be finished. More than that only come if nothing is finished.
	maxWaiting = 16 << 10
	// pairOverhead is about what a pair takes beside bodies, instanceOverhead what an instance of the primary's answer does.
	pairOverhead     = 1 << 10
	instanceOverhead = 256
)

// Mirror makes pairs. Without a document it does nothing. It is safe for concurrent use.
type Mirror struct {
	Options
	transport *http.Transport
	current   atomic.Pointer[target]
	// ready holds a token when pairs are complete.
	ready chan struct{}
	// base ends when the copies that are in flight are to end.
	base   context.Context
	abort  context.CancelFunc
	copies sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	inFlight int
	held     int64
	complete []*Pair
}

// target is one document in force.
type target struct {
	wire.Mirror
	series *telemetry.Pairs
	// agreed counts the second answers of the primary that were like its first, since the last that was not. It is shared by the
	// documents about one primary.
	agreed *atomic.Int64
}

// New makes a Mirror that copies nothing until it has a document.
func New(o Options) *Mirror {
	m := &Mirror{Options: o, transport: newTransport(), ready: make(chan struct{}, 1)}
	m.base, m.abort = context.WithCancel(context.Background())
	return m
}

// Use changes what holds from the next request on; nil stops mirroring. Pairs go on as they began. It is not safe for
// concurrent use with itself.
func (m *Mirror) Use(document *wire.Mirror) {
	now := m.Clock()
	if document == nil {
		m.current.Store(nil)
		m.Metrics.BindPairs(nil, now)
		return
	}
	t := &target{Mirror: *document, agreed: new(atomic.Int64)}
	t.MaxInFlight, t.MaxBytes = min(t.MaxInFlight, maxInFlight), min(t.MaxBytes, maxBytes)
	t.series = m.Metrics.BindPairs(&telemetry.PairBinding{
		Rollout: t.Rollout, Candidate: t.Candidate, Attempt: t.Attempt, Run: now.Unix(),
	}, now)
	if old := m.current.Load(); old != nil && old.Rollout == t.Rollout && old.Primary == t.Primary {
		t.agreed = old.agreed
	}
	m.current.Store(t)
	t.series.ReplicaShare(t.replicaShare()) // shown once it holds
}

func (t *target) replicaShare() float64 { return replicaShare(t.ReplicaShare, t.agreed.Load()) }

// Wants says whether to offer a request. Copies are never copied again.
func (m *Mirror) Wants(r *http.Request) bool {
	return m != nil && m.current.Load() != nil && len(r.Header[naming.HeaderShadow]) == 0
}

// Offer begins the pair of a request that is chosen, and sends the copies. It does not wait.
func (m *Mirror) Offer(r *http.Request, ex *proxy.Exchange) {
	defer m.guard()
	t := m.choose(ex)
	if t == nil {
		return
	}
	p := m.newPair(t, ex)
	p.request = int64(len(ex.Request.Bytes)) + sizeOf(r)
	if ex.Request.Whole() && m.begin(p, p.request+int64(len(p.path))+pairOverhead) {
		if share := t.replicaShare(); fraction(ex.RequestID, saltReplica) < share {
			p.probability = share
		}
		m.send(p, r, slices.Clone(ex.Request.Bytes))
	}
	ex.Pair = p
}

// Missed begins the pair of a request that was never offered, because it ended before its body was complete.
func (m *Mirror) Missed(ex *proxy.Exchange) {
	defer m.guard()
	if t := m.choose(ex); t != nil {
		p := m.newPair(t, ex)
		p.missed = true
		ex.Pair = p
	}
}

// choose is the document in force, if the request is mirrored by it. If not, it will not be looked at again.
func (m *Mirror) choose(ex *proxy.Exchange) *target {
	t := m.current.Load()
	if t != nil && fraction(ex.RequestID, saltShare) < t.Share {
		return t
	}
	ex.Offers = false
	return nil
}

func (m *Mirror) newPair(t *target, ex *proxy.Exchange) *Pair {
	p := &Pair{
		mirror: m, target: t, plan: ex.Plan.(*plan.Plan),
		requestID: ex.RequestID, path: ex.Path, arrived: ex.Start, whole: m.Clock(),
	}
	p.waiting.Store(1)
	return p
}

// begin takes a place and memory for a pair that is about to be sent. If there are none, it stays as it is.
func (m *Mirror) begin(p *Pair, size int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.inFlight >= p.target.MaxInFlight || m.held+size > p.target.MaxBytes {
		return false
	}
	m.inFlight++
	m.held += size
	m.copies.Add(1)
	p.held, p.sent = size, true
	p.waiting.Store(2)
	return true
}

// ended takes back the place of a pair whose copies have ended, and the memory of its request.
func (m *Mirror) ended(p *Pair) {
	m.give(p, p.request)
	m.mu.Lock()
	m.inFlight--
	m.mu.Unlock()
	p.arrive()
	m.copies.Done()
}

// take makes room for n more bytes of a pair.
func (m *Mirror) take(p *Pair, n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held+n > p.target.MaxBytes {
		return false
	}
	m.held += n
	p.held += n
	return true
}

func (m *Mirror) give(p *Pair, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held -= n
	p.held -= n
}

// Held is the number of bytes that pairs take.
func (m *Mirror) Held() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// finishable queues a complete pair.
func (m *Mirror) finishable(p *Pair) {
	m.mu.Lock()
	room := len(m.complete) < maxWaiting
	if room {
		m.complete = append(m.complete, p)
	}
	m.mu.Unlock()
	if !room {
		p.Spoil()
		return
	}
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// Ready is where a token comes when pairs are complete.
func (m *Mirror) Ready() <-chan struct{} {
	if m == nil {
		return nil
	}
	return m.ready
}

// Take returns the complete pairs. Each is the caller's to finish, or to spoil.
func (m *Mirror) Take() []*Pair {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.complete
	m.complete = nil
	return taken
}

// Drain sends no more copies, and waits for those in flight until ctx ends; the others end at once, and their pairs are lost.
func (m *Mirror) Drain(ctx context.Context) {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	stop := context.AfterFunc(ctx, m.abort)
	m.copies.Wait()
	stop()
	m.abort()
	m.transport.CloseIdleConnections()
}

// guard keeps a fault of ours from ending the process.
func (m *Mirror) guard() {
	if v := recover(); v != nil {
		m.fault(v)
	}
}

func (m *Mirror) fault(v any) {
	m.Log.Error("a fault in mirroring", "fault", v, "stack", string(debug.Stack()))
	m.Metrics.Current().Fault(telemetry.FaultMirror)
}
