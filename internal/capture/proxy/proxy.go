// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

// HeaderReason tells a client that the proxy itself answered, and why.
const HeaderReason = "Vedette-Reason"

// Values of HeaderReason.
const (
	ReasonUnreachable = "upstream-unreachable"
	ReasonBroken      = "upstream-broken"
)

// Recorder decides what is recorded, and takes the records. Its methods run on the goroutine of a request: they must
// neither block nor take long. If one panics, the request goes on without being recorded.
type Recorder interface {
	// Begin returns the record of an inference call, or nil for anything else. It must not change the request.
	Begin(r *http.Request) *Exchange
	// Offer is called once, if the Recorder has asked for it by Exchange.Offers, when the body of the request is recorded to
	// its end: before it has been answered, so that a copy can go elsewhere at the same time. It is not called for a body
	// whose end is never seen. Of r only what does not change may be read, and nothing once Offer has returned: unlike the others, it
	// may run on the goroutine that sends the request on. It must not panic.
	Offer(r *http.Request, ex *Exchange)
	// End takes an exchange that has ended; it is the Recorder's to release.
	End(ex *Exchange)
	// Panicked says that Begin or End did.
	Panicked(v any)
}

// Options configure a Proxy. All are required.
type Options struct {
	// Upstream is the model server's host:port.
	Upstream string
	Recorder Recorder
	Clock    func() time.Time
	Log      *slog.Logger
}

// Proxy is an http.Handler that forwards everything to the model server.
type Proxy struct {
	recorder Recorder
	clock    func() time.Time
	upstream *upstream
	forward  httputil.ReverseProxy

	inFlight atomic.Int64
	served   atomic.Int64
	ending   atomic.Bool
}

// New makes a Proxy.
func New(o Options) *Proxy {
	p := &Proxy{recorder: o.Recorder, clock: o.Clock, upstream: newUpstream(o.Upstream)}
	p.forward = httputil.ReverseProxy{
		Rewrite:       p.rewrite,
		Transport:     p.upstream,
		FlushInterval: -1, // every write at once: streams of tokens must not wait
		BufferPool:    buffers{},
		ErrorHandler:  p.fail,
		ErrorLog:      slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return p
}

// InFlight is the number of requests that are being served.
func (p *Proxy) InFlight() int64 { return p.inFlight.Load() }

// Served is the number of requests that have ended.
func (p *Proxy) Served() int64 { return p.served.Load() }

// Ending makes every answer from now on the last of its connection, so that clients that keep connections go elsewhere before the
// model server ends.
func (p *Proxy) Ending() { p.ending.Store(true) }

// Close drops the idle connections to the model server.
func (p *Proxy) Close() { p.upstream.closeIdle() }

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.inFlight.Add(1)
	body := r.Body
	defer func() {
		// The server knows by its own body whether the client still sends. It then gives the client time to read the answer,
		// which a connection that is closed at once would take away.
		r.Body = body
		p.inFlight.Add(-1)
		p.served.Add(1)
	}()
	bare := bareWriter{ResponseWriter: w, ending: &p.ending}
	if r.ProtoMajor == 1 && r.ContentLength != 0 {
		// The model server may answer before it has read all. By default net/http would take the rest of the body away
		// from it; it is a server of ours, so there is no error.
		_ = http.NewResponseController(w).EnableFullDuplex()
		bare.body = &endReader{ReadCloser: r.Body}
		r.Body = bare.body
	}
	w = bare
	ex := p.begin(r)
	if ex == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	p.record(w, r, ex)
}

func (p *Proxy) record(w http.ResponseWriter, r *http.Request, ex *Exchange) {
	out := &responseWriter{ResponseWriter: w, ex: ex, clock: p.clock}
	tee := &requestTee{ReadCloser: r.Body, budget: ex.budget, body: &ex.Request}
	if ex.Offers {
		// The reverse proxy changes a clone of the request only, but for the body, which Offer has no need of.
		tee.length, tee.complete = r.ContentLength, func() { p.recorder.Offer(r, ex) }
	}
	if r.ContentLength == 0 {
		tee.offer()
	}
	r.Body = tee
	defer func() {
		// The reverse proxy aborts the connection by a panic when an answer ends early.
		aborted := recover()
		tee.seal()
		ex.Latency = p.clock().Sub(ex.Start)
		ex.Request.Complete = ex.Request.Complete || ex.Request.Length == r.ContentLength
		ex.Response.Complete = aborted == nil
		switch {
		case ex.Result != Answered:
		case out.failed, aborted != nil && r.Context().Err() != nil:
			ex.Result = Cancelled
		case aborted != nil:
			ex.Result = Broken
		}
		p.end(ex)
		if aborted != nil {
			panic(aborted)
		}
	}()
	p.forward.ServeHTTP(out, r)
}

func (p *Proxy) begin(r *http.Request) (ex *Exchange) {
	defer func() {
		if v := recover(); v != nil {
			p.recorder.Panicked(v)
			ex = nil
		}
	}()
	if ex = p.recorder.Begin(r); ex == nil {
		return nil
	}
	ex.Start = p.clock()
	ex.Path = r.URL.Path
	ex.RequestContent = contentOf(r.Header)
	identify(ex, r.Header)
	return ex
}

func (p *Proxy) end(ex *Exchange) {
	defer func() {
		if v := recover(); v != nil {
			p.recorder.Panicked(v)
		}
	}()
	p.recorder.End(ex)
}

// rewrite aims the request at the model server and undoes what httputil.ReverseProxy changes.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme, r.Out.URL.Host = "http", p.upstream.address
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = v
		}
	}
	// The server fills in the values when it has read the body: both requests need the same map.
	r.Out.Trailer = r.In.Trailer
}

// fail answers a request whose answer never came.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	result, status, reason, text := Broken, http.StatusBadGateway, ReasonBroken,
		"the model server ended the connection before it answered"
	switch {
	case r.Context().Err() != nil:
		result = Cancelled
	case isDial(err):
		result, status, reason = Unreachable, http.StatusServiceUnavailable, ReasonUnreachable
		text = "the model server cannot be reached on " + p.upstream.address
	}
	if out, ok := w.(*responseWriter); ok {
		out.ex.Result = result
		// What the proxy says is no answer of the model: it is not recorded as one.
		w = out.ResponseWriter
		w.Header()[headerRequestID] = []string{out.ex.RequestID}
		if result != Cancelled {
			out.ex.Status = status
		}
	}
	if result == Cancelled {
		return // nobody listens
	}
	body, _ := json.Marshal(map[string]string{"error": text, "reason": reason}) // strings always encode
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set(HeaderReason, reason)
	h.Set("Connection", "close") // the client's next connection may find a pod whose model server is up
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

// buffers lends the reverse proxy its copy buffers.
type buffers struct{}

const bufferSize = 32 << 10

var pool = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func (buffers) Get() []byte  { return pool.Get().(*[bufferSize]byte)[:] }
func (buffers) Put(b []byte) { pool.Put((*[bufferSize]byte)(b)) }
