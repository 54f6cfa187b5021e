// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
)

const (
	headerRequestID   = "X-Request-Id"
	headerCloudEvent  = "Ce-Id"
	headerTraceparent = "Traceparent"

	maxRequestID = 128
)

// identify fills in the ids of ex from the request's headers. What is missing is made up and added to them, so that
// model server, client and record know the call by the same name.
func identify(ex *Exchange, h http.Header) {
	id := bound(h.Get(headerRequestID))
	if id == "" {
		if id = bound(h.Get(headerCloudEvent)); id == "" {
			id = randomHex(16)
		}
		h.Set(headerRequestID, id)
	}
	ex.RequestID = id

	if parent := h.Get(headerTraceparent); parent != "" {
		ex.TraceID, ex.SpanID = parseTraceparent(parent)
		return
	}
	ex.TraceID, ex.SpanID = randomHex(16), randomHex(8)
	// Not sampled: whether the call is traced is not ours to decide.
	h.Set(headerTraceparent, "00-"+ex.TraceID+"-"+ex.SpanID+"-00")
}

// parseTraceparent reads trace and parent id of a W3C traceparent; both are empty if it is malformed.
func parseTraceparent(s string) (trace, span string) {
	parts := strings.Split(s, "-")
	if len(parts) < 4 || len(parts[0]) != 2 || !isHex(parts[1], 32) || !isHex(parts[2], 16) {
		return "", ""
	}
	return parts[1], parts[2]
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}

// bound cuts s to maxRequestID bytes and replaces what is not printable ASCII.
func bound(s string) string {
	s = s[:min(len(s), maxRequestID)]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

func randomHex(n int) string {
	var b [16]byte
	for i := 0; i < n; i += 8 {
		v := rand.Uint64()
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	return hex.EncodeToString(b[:n])
}
