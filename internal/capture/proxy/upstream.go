// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	dialTimeout = 2 * time.Second
	// idleTimeout is shorter than the keep-alive timeouts of common model servers (gunicorn 2s, uvicorn 5s): a POST
	// cannot be sent again when it meets a connection that the server is just closing.
	idleTimeout = time.Second
	idleConns   = 1024
)

// upstream is the model server. What comes in over HTTP/1.1 goes out over HTTP/1.1; what comes in over HTTP/2 goes out
// over HTTP/2 with prior knowledge if the server understands it, else over HTTP/1.1.
type upstream struct {
	address      string
	http1, http2 *http.Transport

	mu     sync.Mutex
	speaks int // the major version that HTTP/2 requests are sent with; 0 until probed
}

func newUpstream(address string) *upstream {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
	}
	var only1, only2 http.Protocols
	only1.SetHTTP1(true)
	only2.SetUnencryptedHTTP2(true)
	transport := func(p *http.Protocols) *http.Transport {
		return &http.Transport{
			DialContext:           dial,
			Protocols:             p,
			DisableCompression:    true,
			MaxIdleConnsPerHost:   idleConns,
			IdleConnTimeout:       idleTimeout,
			ExpectContinueTimeout: time.Second,
		}
	}
	return &upstream{address: address, http1: transport(&only1), http2: transport(&only2)}
}

// RoundTrip implements http.RoundTripper.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.ProtoMajor < 2 {
		return u.http1.RoundTrip(r)
	}
	version, err := u.probe(r.Context())
	if err != nil {
		return nil, err
	}
	if version == 1 {
		return u.http1.RoundTrip(r)
	}
	res, err := u.http2.RoundTrip(r)
	if err != nil && r.Context().Err() == nil {
		// The server may have been replaced by one that speaks another version.
		u.learn(0)
	}
	return res, err
}

func (u *upstream) learn(version int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.speaks = version
}

func (u *upstream) closeIdle() {
	u.http1.CloseIdleConnections()
	u.http2.CloseIdleConnections()
}

// preface is the client's connection preface with an empty SETTINGS frame.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// probe finds out once whether the server speaks HTTP/2: if so it opens with a SETTINGS frame.
func (u *upstream) probe(ctx context.Context) (int, error) {
	u.mu.Lock()
	known := u.speaks
	u.mu.Unlock()
	if known != 0 {
		return known, nil
	}
	conn, err := u.http1.DialContext(ctx, "tcp", u.address)
	if err != nil {
		return 0, err
	}
	hangUp := func() { _ = conn.Close() } // nothing was sent that matters
	defer hangUp()
	stop := context.AfterFunc(ctx, hangUp)
	defer stop()
	timer := time.AfterFunc(dialTimeout, hangUp)
	defer timer.Stop()

	version := 1
	var head [9]byte
	if _, err := io.WriteString(conn, preface); err == nil {
		if _, err := io.ReadFull(conn, head[:]); err == nil && head[3] == 0x4 {
			version = 2
		}
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	u.learn(version)
	return version, nil
}

// isDial says whether err means that no connection could be made.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
