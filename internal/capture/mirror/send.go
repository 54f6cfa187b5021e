// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vedette-dev/vedette/internal/naming"
)

const (
	dialTimeout = 2 * time.Second
	// idleTimeout is shorter than the keep-alive timeouts of common model servers, as in the proxy.
	idleTimeout = time.Second
	idleConns   = 64
	// maxHeader bounds the head of an answer, which counts against no other bound.
	maxHeader   = 64 << 10
	firstBuffer = 1 << 10
)

// newTransport makes connections that are the copies' alone: the primary's never wait for them.
func newTransport() *http.Transport {
	var only1 http.Protocols
	only1.SetHTTP1(true)
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		Protocols:              &only1,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idleConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// send starts the copies of a request.
func (m *Mirror) send(p *Pair, r *http.Request, body []byte) {
	t := p.target
	shadow := copyOf(r, body, t.Address, t.Model)
	mark(shadow, naming.ShadowCopy, t.Header)
	var replica *http.Request
	if p.probability > 0 {
		replica = copyOf(r, body, m.Upstream, "")
		mark(replica, naming.ShadowReplica, t.Header)
	}
	go func() {
		defer m.ended(p)
		ctx, cancel := context.WithTimeout(m.base, t.Timeout())
		defer cancel()
		var both sync.WaitGroup
		if replica != nil {
			both.Go(func() { m.ask(p, &p.replica, replica.WithContext(ctx)) })
		}
		m.ask(p, &p.shadow, shadow.WithContext(ctx))
		both.Wait()
	}()
}

func mark(r *http.Request, value, more string) {
	r.Header.Set(naming.HeaderShadow, value)
	if more != "" {
		r.Header.Set(more, "true")
	}
}

// hopByHop are the headers that belong to a connection, and those that the transport writes itself.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding",
	"Upgrade", "Expect", "Content-Length",
}

// sizeOf is about what the head of a request takes: headers may be as long as a body.
func sizeOf(r *http.Request) int64 {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		n += len(name)
		for _, v := range values {
			n += len(v)
		}
	}
	return int64(n)
}

// copyOf is r as it goes to host. It shares nothing with r that may change.
func copyOf(r *http.Request, body []byte, host, model string) *http.Request {
	h := r.Header.Clone()
	for _, line := range r.Header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	maps.DeleteFunc(h, func(name string, _ []string) bool { return slices.Contains(hopByHop, name) })
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // or the transport would write its own
	}
	u := *r.URL
	u.Scheme, u.Host = "http", host
	if model != "" {
		rename(&u, model)
	}
	out := &http.Request{Method: r.Method, URL: &u, Host: r.Host, Header: h, Body: http.NoBody}
	if len(body) > 0 {
		out.ContentLength = int64(len(body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		out.Body, _ = out.GetBody() // it cannot fail
	}
	return out
}

// rename puts another model into the path of an inference call of a protocol that has it there; other paths stay.
func rename(u *url.URL, model string) {
	escaped := u.EscapedPath()
	for _, root := range []string{"/v2/models/", "/v1/models/"} {
		i := strings.LastIndex(escaped, root)
		if i < 0 {
			continue
		}
		i += len(root)
		end := len(escaped)
		if n := strings.IndexAny(escaped[i:], "/:"); n >= 0 {
			end = i + n
		}
		renamed := escaped[:i] + url.PathEscape(model) + escaped[end:]
		if path, err := url.PathUnescape(renamed); err == nil {
			u.Path, u.RawPath = path, renamed
		}
		return
	}
}

// result is how a copy ended.
type result uint8

const (
	// notAsked: no copy was sent, or it did not end by itself.
	notAsked result = iota
	answered
	timedOut
	unreachable
	broken
)

// side is what came of a copy.
type side struct {
	result           result
	status           int
	latency          time.Duration
	body             []byte
	encoding, length string // see decode.Payload
	// cut says that body is not all; dropped that it is not because there was no room.
	cut, dropped bool
}

func (m *Mirror) ask(p *Pair, s *side, r *http.Request) {
	defer m.guard()
	var got side
	res, err := m.transport.RoundTrip(r)
	if err == nil {
		got.status = res.StatusCode
		got.encoding, got.length = res.Header.Get("Content-Encoding"), res.Header.Get("Inference-Header-Content-Length")
		err = m.read(p, &got, res)
		_ = res.Body.Close() // what it had to say is read
	}
	got.latency = m.Clock().Sub(p.whole)
	switch {
	case err == nil:
		got.result = answered
	case errors.Is(r.Context().Err(), context.Canceled):
		got.result = notAsked // We end.
	case r.Context().Err() != nil:
		got.result = timedOut
	case isDial(err):
		got.result = unreachable
	default:
		got.result = broken
	}
	*s = got
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// read reads the body of an answer to its end, and keeps it if it is not longer than bodies may be, and there is room.
func (m *Mirror) read(p *Pair, s *side, res *http.Response) error {
	limit := p.plan.Config.Capture.BodyLimitBytes
	for {
		if len(s.body) == cap(s.body) && !m.grow(p, s, max(res.ContentLength, 0), limit) {
			n, err := io.Copy(io.Discard, res.Body)
			if n == 0 {
				s.dropped = false // It was all.
				return err
			}
			m.give(p, int64(cap(s.body)))
			s.body, s.cut = nil, true
			return err
		}
		n, err := res.Body.Read(s.body[len(s.body):cap(s.body)])
		s.body = s.body[:len(s.body)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// grow makes room for more of a body. While it is copied, it takes the room of both.
func (m *Mirror) grow(p *Pair, s *side, expected, limit int64) bool {
	have := int64(cap(s.body))
	size := min(max(2*have, expected, firstBuffer), limit)
	if size <= have {
		return false
	}
	if !m.take(p, size) {
		s.dropped = true
		return false
	}
	grown := make([]byte, len(s.body), size)
	copy(grown, s.body)
	s.body = grown
	m.give(p, have)
	return true
}
