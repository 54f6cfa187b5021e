// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// responseWriter copies what the client has been sent into an Exchange.
type responseWriter struct {
	http.ResponseWriter
	ex     *Exchange
	clock  func() time.Time
	failed bool // the client did not take what was written
}

// Unwrap lets http.ResponseController reach the server's writer, to flush and to hijack.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		h := w.Header()
		if _, ok := h[headerRequestID]; !ok {
			h[headerRequestID] = []string{w.ex.RequestID}
		}
		w.ex.Status = status
		w.ex.FirstByte = w.clock().Sub(w.ex.Start)
		w.ex.ResponseContent = contentOf(h)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.ex.Response.write(p[:n], w.ex.budget)
	if err != nil {
		w.failed = true
	}
	return n, err
}

// bareWriter keeps net/http from adding headers that the model server did not send, and from taking the rest of a
// request's body for the next request.
type bareWriter struct {
	http.ResponseWriter
	body   *endReader // nil where it does not matter
	ending *atomic.Bool
}

// Unwrap lets http.ResponseController reach the server's writer, to flush and to hijack.
func (w bareWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w bareWriter) WriteHeader(status int) {
	if status >= 200 {
		h := w.Header()
		for _, name := range []string{"Content-Type", "Date"} {
			if _, ok := h[name]; !ok {
				h[name] = nil
			}
		}
		if w.ending.Load() || w.body != nil && !w.body.ended.Load() {
			h.Set("Connection", "close")
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// endReader knows whether a body was read to its end. In full-duplex mode net/http cannot use a connection again
// whose request was answered before that.
type endReader struct {
	io.ReadCloser
	ended atomic.Bool
}

func (r *endReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err == io.EOF {
		r.ended.Store(true)
	}
	return n, err
}
