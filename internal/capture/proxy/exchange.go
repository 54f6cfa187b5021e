// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"sync"
	"time"
)

// Result is how an exchange ended, as the proxy saw it.
type Result uint8

const (
	// Answered means that the model server's answer reached the client whole.
	Answered Result = iota
	// Unreachable means that no connection to the model server could be made: it is no error of the model.
	Unreachable
	// Cancelled means that the client gave up.
	Cancelled
	// Broken means that the model server ended the connection before its answer was complete.
	Broken
)

// Content is what the headers say about how a body is to be read.
type Content struct {
	Type, Encoding string
	// JSONLength is the header Inference-Header-Content-Length of the binary tensor extension.
	JSONLength string
}

func contentOf(h http.Header) Content {
	return Content{
		Type:       h.Get("Content-Type"),
		Encoding:   h.Get("Content-Encoding"),
		JSONLength: h.Get("Inference-Header-Content-Length"),
	}
}

// Exchange is the record of one inference call.
type Exchange struct {
	// Path is the path of the request's URL.
	Path string
	// RequestID is the client's x-request-id or ce-id, or ours; at most 128 bytes.
	RequestID string
	// TraceID and SpanID are those of the client's traceparent, or ours; empty if the client's could not be read.
	TraceID, SpanID string

	// Start is when the head of the request had been read; FirstByte and Latency count from there to the head and to
	// the end of the answer.
	Start              time.Time
	FirstByte, Latency time.Duration
	// Status is the answer's, also where the proxy itself answered; 0 if there was none.
	Status int
	Result Result

	RequestContent, ResponseContent Content
	Request, Response               Body

	// Plan and Pair are the Recorder's; the proxy does not look at them.
	Plan, Pair any
	// Offers says that the Recorder wants to be offered the request once its body is complete.
	Offers bool

	budget *Budget
}

var exchanges = sync.Pool{New: func() any { return new(Exchange) }}

// NewExchange starts a record whose bodies keep at most limit bytes each, charged to budget. With hash set, longer
// bodies are hashed as they pass.
func NewExchange(budget *Budget, limit int64, hash bool) *Exchange {
	ex := exchanges.Get().(*Exchange)
	ex.budget = budget
	ex.Request.limit, ex.Response.limit = limit, limit
	ex.Request.hashing, ex.Response.hashing = hash, hash
	return ex
}

// Starved says that the budget was exhausted while the exchange was recorded: its bodies are not to be used.
func (ex *Exchange) Starved() bool { return ex.Request.starved || ex.Response.starved }

// Release ends the use of ex and of its bodies.
func (ex *Exchange) Release() {
	request, response := ex.Request, ex.Response
	request.reset(ex.budget)
	response.reset(ex.budget)
	*ex = Exchange{Request: request, Response: response}
	exchanges.Put(ex)
}
