// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, Protocols: p, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go s.Serve(l) //nolint:errcheck // It ends with Close.
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func newFixture(t *testing.T, upstream string, clientVersion int) *fixture {
	t.Helper()
	r := &recorder{budget: NewBudget(testBudget), ended: make(chan *Exchange, 100), panics: make(chan any, 100)}
	p := New(Options{Upstream: upstream, Recorder: r, Clock: time.Now, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(p.Close)
	both := protocols(1)
	both.SetUnencryptedHTTP2(true)
	address := start(t, p, both)
	transport := &http.Transport{Protocols: protocols(clientVersion), DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &fixture{recorder: r, proxy: p, url: "http://" + address, client: &http.Client{Transport: transport}}
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

func TestForwardsAndRecords(t *testing.T) {
	for name, version := range map[string]int{"HTTP/1.1": 1, "HTTP/2": 2} {
		t.Run(name, func(t *testing.T) {
			var got http.Header
			f := backend(t, version, func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Clone()
				body, _ := io.ReadAll(r.Body)
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, "%s %s %s", r.Proto, r.URL.RequestURI(), body)
			})
			res, body := f.post(t, "/infer?a=1;b&c=%zz", strings.NewReader("ping"), http.Header{
				"X-Request-Id":    {"abc"},
				"Traceparent":     {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
				"X-Forwarded-For": {"10.0.0.1"},
				"User-Agent":      nil,
			})
			if want := fmt.Sprintf("HTTP/%d.%d /infer?a=1;b&c=%%zz ping", version, 2-version); body != want {
				t.Errorf("body %q, want %q", body, want)
			}
			if id := res.Header.Get("X-Request-Id"); id != "abc" {
				t.Errorf("x-request-id of the answer is %q", id)
			}
			for h, want := range map[string]string{"X-Request-Id": "abc", "X-Forwarded-For": "10.0.0.1", "User-Agent": "", "Accept-Encoding": ""} {
				if got.Get(h) != want {
					t.Errorf("the model server got %s %q, want %q", h, got.Get(h), want)
				}
			}
			ex := <-f.ended
			defer ex.Release()
			type summary struct {
				ID, Trace, Span, Request, Response string
				Status                             int
				Result                             Result
				Whole                              bool
			}
			have := summary{
				ex.RequestID, ex.TraceID, ex.SpanID, string(ex.Request.Bytes), string(ex.Response.Bytes), ex.Status, ex.Result,
				ex.Request.Complete && ex.Response.Complete && !ex.Request.Truncated && !ex.Response.Truncated,
			}
			want := summary{"abc", "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "ping", body, 200, Answered, true}
			if d := cmp.Diff(want, have); d != "" {
				t.Errorf("record (-want +got):\n%s", d)
			}
			if ex.Latency < ex.FirstByte || ex.FirstByte <= 0 {
				t.Errorf("first byte after %v, end after %v", ex.FirstByte, ex.Latency)
			}
		})
	}
}

func TestMakesIDs(t *testing.T) {
	var got http.Header
	f := backend(t, 1, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() })
	res, _ := f.post(t, "/infer", nil, nil)
	ex := <-f.ended
	defer ex.Release()
	if len(ex.RequestID) != 32 || got.Get("X-Request-Id") != ex.RequestID || res.Header.Get("X-Request-Id") != ex.RequestID {
		t.Errorf("id %q, forwarded %q, answered %q", ex.RequestID, got.Get("X-Request-Id"), res.Header.Get("X-Request-Id"))
	}
	if trace, span := parseTraceparent(got.Get("Traceparent")); trace == "" || trace != ex.TraceID || span != ex.SpanID {
		t.Errorf("traceparent %q, record %q %q", got.Get("Traceparent"), ex.TraceID, ex.SpanID)
	}
}

func TestOtherRequestsAreLeftAlone(t *testing.T) {
	var got http.Header
	f := backend(t, 1, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header()["Date"] = nil
		w.Header()["Content-Type"] = nil
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, "<html>") //nolint:errcheck // The client checks.
	})
	res, body := f.post(t, "/other", nil, http.Header{"User-Agent": nil})
	if len(got) > 1 || body != "<html>" { // Content-Length: 0
		t.Errorf("the model server got %v", got)
	}
	if d := cmp.Diff(http.Header{"Content-Length": {"6"}}, res.Header); d != "" {
		t.Errorf("headers of the answer (-want +got):\n%s", d)
	}
}

func TestStreamsWithoutDelay(t *testing.T) {
	next := make(chan struct{})
	f := backend(t, 1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/infer", nil)
	res, err := f.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for i := range 3 { // Each event arrives although the next is not sent before it was seen.
		line, err := lines.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d: %q, %v", i, line, err)
		}
		lines.ReadString('\n') //nolint:errcheck // The next read tells.
		next <- struct{}{}
	}
	ex := <-f.ended
	defer ex.Release()
	if got := string(ex.Response.Bytes); got != "data: 0\n\ndata: 1\n\ndata: 2\n\n" {
		t.Errorf("recorded %q", got)
	}
}

func TestTrailers(t *testing.T) {
	for name, version := range map[string]int{"HTTP/1.1": 1, "HTTP/2 as gRPC sends them": 2} {
		t.Run(name, func(t *testing.T) {
			var got http.Header
			f := backend(t, version, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body) //nolint:errcheck // The trailer tells.
				got = r.Trailer
				w.Header().Set("Trailer", "Grpc-Status")
				w.WriteHeader(http.StatusOK)
				io.WriteString(w, "frames") //nolint:errcheck // The client checks.
				w.Header().Set("Grpc-Status", "4")
				w.Header().Set(http.TrailerPrefix+"Grpc-Message", "late")
			})
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/infer", io.MultiReader(strings.NewReader("x")))
			req.Header.Set("Te", "trailers")
			req.Trailer = http.Header{"Checksum": {"7"}}
			res, err := f.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			io.Copy(io.Discard, res.Body) //nolint:errcheck // The trailer tells.
			if d := cmp.Diff(http.Header{"Grpc-Status": {"4"}, "Grpc-Message": {"late"}}, res.Trailer); d != "" {
				t.Errorf("trailers of the answer (-want +got):\n%s", d)
			}
			if got.Get("Checksum") != "7" {
				t.Errorf("trailers of the request: %v", got)
			}
			(<-f.ended).Release()
		})
	}
}

func TestHTTP2ClientOfAnHTTP1Server(t *testing.T) {
	address := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }), protocols(1)) //nolint:errcheck // The client checks.
	f := newFixture(t, address, 2)
	for range 2 { // The second time it is known.
		if _, body := f.post(t, "/other", strings.NewReader("x"), nil); body != "HTTP/1.1" {
			t.Errorf("the model server saw %q", body)
		}
	}
}

func TestInformationalAndEmptyAnswers(t *testing.T) {
	f := backend(t, 1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.Header().Set("Etag", `"1"`)
		w.WriteHeader(map[string]int{http.MethodPost: 204, http.MethodPut: 304, http.MethodHead: 200}[r.Method])
	})
	for method, want := range map[string]int{http.MethodPost: 204, http.MethodPut: 304, http.MethodHead: 200} {
		var hints []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
				hints = append(hints, h.Get("Link"))
				return nil
			},
		})
		req, _ := http.NewRequestWithContext(ctx, method, f.url+"/infer", nil)
		res, err := f.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want || res.Header.Get("Etag") != `"1"` || len(hints) != 1 || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: status %d, hints %q, headers %v", method, res.StatusCode, hints, res.Header)
		}
		ex := <-f.ended
		if ex.Status != want {
			t.Errorf("%s: recorded status %d", method, ex.Status)
		}
		ex.Release()
	}
}

func TestExpectContinue(t *testing.T) {
	body := &counter{Reader: strings.NewReader("sent when asked for")}
	var before int64
	f := backend(t, 1, func(w http.ResponseWriter, r *http.Request) {
		before = body.n.Load()
		io.Copy(w, r.Body) //nolint:errcheck // The client checks.
	})
	f.client.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	_, got := f.post(t, "/infer", body, http.Header{"Expect": {"100-continue"}})
	if before != 0 || got != "sent when asked for" {
		t.Errorf("%d bytes were sent before the model server wanted them; it got %q", before, got)
	}
	(<-f.ended).Release()
}

type counter struct {
	io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func TestUpgrade(t *testing.T) {
	f := backend(t, 1, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n") //nolint:errcheck // The client checks.
		io.Copy(conn, rw)                                                                                        //nolint:errcheck // It ends with the client.
	})
	for _, path := range []string{"/other", "/infer"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n", path)
		r := bufio.NewReader(conn)
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s: %v %v", path, res, err)
		}
		io.WriteString(conn, "hello") //nolint:errcheck // The read tells.
		echo := make([]byte, 5)
		if _, err := io.ReadFull(r, echo); err != nil || string(echo) != "hello" {
			t.Errorf("%s: %q, %v", path, echo, err)
		}
		conn.Close()
	}
	(<-f.ended).Release()
}

// echo answers with the request's body while it arrives.
func echo(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).EnableFullDuplex() //nolint:errcheck // The client would not get all back.
	io.Copy(w, r.Body)                               //nolint:errcheck // The client checks.
}

func TestLargeBodiesPassAndAreCut(t *testing.T) {
	const size = 100 << 20
	f := backend(t, 1, echo)
	f.hash = true
	sent, got := sha256.New(), sha256.New()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/infer", io.TeeReader(io.LimitReader(zeros{}, size), sent))
	res, err := f.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(got, res.Body); n != size || err != nil {
		t.Fatalf("got %d bytes back: %v", n, err)
	}
	ex := <-f.ended
	defer ex.Release()
	want := hex.EncodeToString(sent.Sum(nil))
	for name, b := range map[string]*Body{"request": &ex.Request, "response": &ex.Response} {
		if len(b.Bytes) != testLimit || b.Length != size || !b.Truncated || !b.Complete || b.SHA256() != want {
			t.Errorf("%s: %d of %d bytes, truncated %v, complete %v, digest as sent: %v",
				name, len(b.Bytes), b.Length, b.Truncated, b.Complete, b.SHA256() == want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestClientGivesUp(t *testing.T) {
	tests := map[string]struct {
		answer     bool
		wantStatus int
	}{
		"before the answer": {wantStatus: 0},
		"in the middle":     {answer: true, wantStatus: 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			arrived := make(chan struct{})
			f := backend(t, 1, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body) //nolint:errcheck // Until then the server does not listen for the client.
				if tt.answer {
					io.WriteString(w, "part") //nolint:errcheck // The client checks.
					w.(http.Flusher).Flush()
				}
				close(arrived)
				<-r.Context().Done() // The model server hears of it.
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-arrived
				if !tt.answer {
					cancel()
				}
			}()
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/infer", strings.NewReader("x"))
			res, err := f.client.Do(req)
			if tt.answer {
				if err != nil {
					t.Fatal(err)
				}
				io.ReadFull(res.Body, make([]byte, 4)) //nolint:errcheck // What follows tells.
				cancel()
				res.Body.Close()
			} else if !errors.Is(err, context.Canceled) {
				t.Fatalf("the client got %v", err)
			}
			ex := <-f.ended
			defer ex.Release()
			if ex.Result != Cancelled || ex.Status != tt.wantStatus || ex.Response.Complete && tt.answer {
				t.Errorf("result %d, status %d, complete %v", ex.Result, ex.Status, ex.Response.Complete)
			}
		})
	}
}

func TestModelServerFails(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	dead := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), protocols(1))
	tests := map[string]struct {
		upstream   string
		wantStatus int
		wantReason string
		want       Result
	}{
		"not there":        {closed.Addr().String(), 503, ReasonUnreachable, Unreachable},
		"hangs up at once": {dead, 502, ReasonBroken, Broken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/infer", "/other"} {
				f := newFixture(t, tt.upstream, 1)
				res, body := f.post(t, path, strings.NewReader("x"), nil)
				if res.StatusCode != tt.wantStatus || res.Header.Get(HeaderReason) != tt.wantReason || !strings.Contains(body, tt.wantReason) {
					t.Errorf("%s: %d %v %s", path, res.StatusCode, res.Header, body)
				}
				if path == "/infer" {
					ex := <-f.ended
					if ex.Result != tt.want || ex.Status != tt.wantStatus || len(ex.Response.Bytes) != 0 {
						t.Errorf("recorded result %d, status %d, body %q", ex.Result, ex.Status, ex.Response.Bytes)
					}
					ex.Release()
				}
			}
		})
	}
}

func TestModelServerBreaksOffItsAnswer(t *testing.T) {
	f := backend(t, 1, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "part") //nolint:errcheck // The client checks.
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/infer", nil)
	res, err := f.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the client was not told: %v", err)
	}
	ex := <-f.ended
	defer ex.Release()
	if ex.Result != Broken || ex.Response.Complete {
		t.Errorf("result %d, complete %v", ex.Result, ex.Response.Complete)
	}
}

func TestEarlyAnswerWhileTheClientStillSends(t *testing.T) {
	f := backend(t, 1, func(w http.ResponseWriter, r *http.Request) {
		io.ReadFull(r.Body, make([]byte, 1)) //nolint:errcheck // The client checks.
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	})
	// Go's client gives an answer up when it can send no more; this one reads it.
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// More than a server reads before it gives up.
		_, _ = fmt.Fprintf(conn, "POST /infer HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", 1<<20, strings.Repeat("x", 1<<20)) // where the sending ends is not the test
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", res.StatusCode)
	}
	_ = conn.Close() // it gives the rest up
	<-sent
	(<-f.ended).Release()
}

func TestBudgetBoundsWhatIsRecorded(t *testing.T) {
	f := backend(t, 1, echo)
	f.budget.limit = 3 << 10
	var held []*Exchange
	starved := 0
	for i := range 4 {
		_, body := f.post(t, "/infer", strings.NewReader(strings.Repeat("x", 1000)), nil)
		if len(body) != 1000 {
			t.Fatalf("call %d: %d bytes arrived", i, len(body))
		}
		ex := <-f.ended
		if ex.Starved() {
			starved++
		}
		held = append(held, ex)
	}
	if used := f.budget.Used(); used > 3<<10 || starved < 3 {
		t.Errorf("%d bytes are taken, %d of 4 calls had no room", used, starved)
	}
	for _, ex := range held {
		ex.Release()
	}
	if used := f.budget.Used(); used != 0 {
		t.Errorf("%d bytes are still taken", used)
	}
}

func TestRecorderPanics(t *testing.T) {
	f := backend(t, 1, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") }) //nolint:errcheck // The client checks.
	f.begin = func() { panic("ours") }
	if _, body := f.post(t, "/infer", nil, nil); body != "fine" {
		t.Errorf("got %q", body)
	}
	if v := <-f.panics; v != "ours" {
		t.Errorf("told of %v", v)
	}
}

func TestConcurrentCalls(t *testing.T) {
	f := backend(t, 1, echo)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				want := fmt.Sprintf("%d-%d", i, j)
				res, err := f.client.Post(f.url+"/infer", "", strings.NewReader(want))
				if err != nil {
					t.Error(err)
					return
				}
				got, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if string(got) != want {
					t.Errorf("got %q, want %q", got, want)
				}
				ex := <-f.ended
				if !bytes.Equal(ex.Request.Bytes, ex.Response.Bytes) || len(ex.Request.Bytes) == 0 {
					t.Errorf("recorded %q and %q", ex.Request.Bytes, ex.Response.Bytes)
				}
				ex.Release()
			}
		})
	}
	all.Wait()
	if f.budget.Used() != 0 || f.proxy.InFlight() != 0 {
		t.Errorf("%d bytes and %d requests are left", f.budget.Used(), f.proxy.InFlight())
	}
}

func TestOffersWhatIsCompleteBeforeItIsAnswered(t *testing.T) {
	for name, tt := range map[string]struct {
		version int
		body    func() io.Reader
		want    string
	}{
		"a body of known length":            {1, func() io.Reader { return strings.NewReader("abc") }, "abc"},
		"a body of unknown length":          {1, func() io.Reader { return io.MultiReader(strings.NewReader("ab"), strings.NewReader("c")) }, "abc"},
		"over HTTP/2":                       {2, func() io.Reader { return strings.NewReader("abc") }, "abc"},
		"over HTTP/2, of unknown length":    {2, func() io.Reader { return io.MultiReader(strings.NewReader("ab"), strings.NewReader("c")) }, "abc"},
		"no body":                           {1, func() io.Reader { return nil }, ""},
		"no body, over HTTP/2":              {2, func() io.Reader { return nil }, ""},
		"more than the limit, which is cut": {1, func() io.Reader { return io.LimitReader(zeros{}, testLimit+1) }, strings.Repeat("\x00", testLimit)},
	} {
		t.Run(name, func(t *testing.T) {
			offered := make(chan string, 2)
			answer := make(chan struct{})
			f := backend(t, tt.version, func(http.ResponseWriter, *http.Request) { <-answer })
			f.offer = func(r *http.Request, ex *Exchange) {
				if r.Header.Get(headerRequestID) != ex.RequestID || ex.Request.Truncated != (len(tt.want) == testLimit) {
					t.Errorf("offered with id %q, not %q, and truncated %v", r.Header.Get(headerRequestID), ex.RequestID, ex.Request.Truncated)
				}
				offered <- string(ex.Request.Bytes)
				close(answer)
			}
			f.post(t, "/infer", tt.body(), nil)
			if got := <-offered; got != tt.want {
				t.Errorf("offered %d bytes, want %d", len(got), len(tt.want))
			}
			(<-f.ended).Release()
			if len(offered) > 0 {
				t.Error("offered twice")
			}
		})
	}
}

func TestABodyThatNeverEndsIsNotOffered(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"the client gives up":           iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("abcdef"))),
		"nobody reads on":               strings.NewReader("abcdef"),
		"it ends once it was handed on": strings.NewReader("a"),
	} {
		t.Run(name, func(t *testing.T) {
			ex := NewExchange(NewBudget(testBudget), testLimit, false)
			defer ex.Release()
			tee := &requestTee{ReadCloser: io.NopCloser(body), budget: ex.budget, body: &ex.Request, length: -1, complete: func() { t.Error("offered") }}
			for range 3 {
				tee.Read(make([]byte, 1)) //nolint:errcheck // Whether it is offered is what counts.
				if name != "the client gives up" {
					break
				}
			}
			tee.seal()
			tee.Read(make([]byte, 1)) //nolint:errcheck // So it is.
		})
	}
}
