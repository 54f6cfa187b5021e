// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
	f.proxy.upstream.http1.ExpectContinueTimeout = time.Minute // a busy model server may need longer than we wait
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
