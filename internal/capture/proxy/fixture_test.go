// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testLimit  = 4 << 10
	testBudget = 1 << 20
)

// recorder takes every request to /infer.
type recorder struct {
	budget *Budget
	hash   bool
	ended  chan *Exchange
	panics chan any
	begin  func()
	offer  func(*http.Request, *Exchange)
}

func (r *recorder) Begin(req *http.Request) *Exchange {
	if req.URL.Path != "/infer" {
		return nil
	}
	if r.begin != nil {
		r.begin()
	}
	ex := NewExchange(r.budget, testLimit, r.hash)
	ex.Offers = r.offer != nil
	return ex
}

func (r *recorder) Offer(req *http.Request, ex *Exchange) { r.offer(req, ex) }

func (r *recorder) End(ex *Exchange) { r.ended <- ex }
func (r *recorder) Panicked(v any)   { r.panics <- v }

// fixture is a backend behind a proxy.
type fixture struct {
	*recorder
	proxy  *Proxy
	server *http.Server
	url    string
	client *http.Client
}

func protocols(version int) *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(version == 1)
	p.SetUnencryptedHTTP2(version == 2)
	return &p
}

// start serves h on loopback with the given versions of HTTP and returns its address.
func start(t *testing.T, h http.Handler, p *http.Protocols) string {
	t.Helper()
	_, address := serve(t, h, p)
	return address
}

func serve(t *testing.T, h http.Handler, p *http.Protocols) (server *http.Server, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server = &http.Server{Handler: h, Protocols: p, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go server.Serve(l) //nolint:errcheck // It ends with Close.
	t.Cleanup(func() { server.Close() })
	return server, l.Addr().String()
}

func newFixture(t *testing.T, upstream string, clientVersion int) *fixture {
	t.Helper()
	r := &recorder{budget: NewBudget(testBudget), ended: make(chan *Exchange, 100), panics: make(chan any, 100)}
	p := New(Options{Upstream: upstream, Recorder: r, Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(p.Close)
	both := protocols(1)
	both.SetUnencryptedHTTP2(true)
	server, address := serve(t, p, both)
	transport := &http.Transport{Protocols: protocols(clientVersion), DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &fixture{recorder: r, proxy: p, server: server, url: "http://" + address, client: &http.Client{Transport: transport}}
}

func backend(t *testing.T, version int, h http.HandlerFunc) *fixture {
	t.Helper()
	return newFixture(t, start(t, h, protocols(version)), version)
}

func (f *fixture) post(t *testing.T, path string, body io.Reader, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	res, err := f.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}
