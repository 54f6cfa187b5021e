// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
)

func TestEndingLetsKeptConnectionsGo(t *testing.T) {
	f := backend(t, 1, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	// Go's client may give a connection up by itself, when the machine is busy; this one never does.
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for i, ending := range []bool{false, false, true} {
		if ending {
			f.proxy.Ending()
		}
		fmt.Fprint(conn, "POST /predict HTTP/1.1\r\nHost: m\r\nContent-Length: 2\r\n\r\n{}")
		res, err := http.ReadResponse(answers, nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("answer %d: %v, %v", i, res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if res.Body.Close(); res.Close != ending {
			t.Errorf("answer %d says that it is the last of its connection: %t, want %t", i, res.Close, ending)
		}
	}
	if _, err := answers.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection is kept: %v", err)
	}
}

func TestEndingLetsKeptHTTP2ConnectionsGo(t *testing.T) {
	f := backend(t, 2, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	reused := func() (reused bool) {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/predict", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := f.client.Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return reused
	}
	if reused() || !reused() {
		t.Error("the connection is not kept")
	}
	f.proxy.Ending()
	if !reused() {
		t.Error("the connection is closed before its last answer")
	}
	for reused() { // the client may send more before it reads that it is to go
	}
}
