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
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

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
	dead := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), protocols(1))
	tests := map[string]struct {
		upstream   string
		wantStatus int
		wantReason string
		want       Result
	}{
		"not there":        {"127.0.0.1:1", 503, ReasonUnreachable, Unreachable},
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
	// An exchange is handed over, and its answer read, before its handler has returned: the server waits for all of them.
	if err := f.server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.budget.Used() != 0 || f.proxy.InFlight() != 0 {
		t.Errorf("%d bytes and %d requests are left", f.budget.Used(), f.proxy.InFlight())
	}
}
