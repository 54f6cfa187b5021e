// SPDX-License-Identifier: Apache-2.0

// Package traffic owns the replay of real flights against a model server: it sends them as inference requests at a
// bounded rate and concurrency, plants anomalies among them, and counts exactly what it sent. It knows nothing of
// Vedette: to the server, and to a sidecar before it, it is a client like any other.
package traffic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/time/rate"

	"github.com/vedette-dev/vedette/test/data"
)

// Protocol is what the server speaks.
type Protocol string

// The protocols.
const (
	OpenInferenceV2 Protocol = "v2"
	KServeV1        Protocol = "v1"
)

// RequestIDHeader carries the id that makes each request unique.
const RequestIDHeader = "X-Request-Id"

// Config says what is replayed, how, and to where.
type Config struct {
	// URL is the server's root, for example "http://flights.demo:8080".
	URL string
	// Model is the model's name in URLs.
	Model string
	// Protocol is OpenInferenceV2 or KServeV1.
	Protocol Protocol
	// Flights are sent in this order.
	Flights []data.Flight
	// Batch is the number of flights in a request, at least 1.
	Batch int
	// Rate bounds the flights sent per second; 0 does not.
	Rate float64
	// Concurrency bounds the requests under way, each on a connection that is kept; at least 1.
	Concurrency int
	// Anomalies is the share of flights, in [0, 1], that are sent with something wrong; see Anomaly.
	Anomalies float64
	// IDPrefix starts every request id: requests of two replays with different prefixes never share an id.
	IDPrefix string
	// Transport sends the requests; one of its own, which it closes at the end, when nil.
	Transport http.RoundTripper
}

// Result counts what a replay did. Requests is the sum of Responses and TransportErrors.
type Result struct {
	// Requests and Instances are those that were sent; a flight is an instance.
	Requests  int64 `json:"requests"`
	Instances int64 `json:"instances"`
	// Responses are the complete responses by status code.
	Responses map[int]int64 `json:"responses"`
	// TransportErrors are requests without a complete response. The server may or may not have seen them.
	TransportErrors int64 `json:"transportErrors"`
	// FirstError describes the first transport error that a worker met.
	FirstError string `json:"firstError,omitempty"`
	// Planted are the anomalies, in the order of their request ids.
	Planted []Planted `json:"planted,omitempty"`
}

// OK says whether every request was answered with 200.
func (r Result) OK() bool { return r.Requests == r.Responses[http.StatusOK] }

// Replay sends the flights. It returns when all are answered, or early with an error when ctx ends; the result counts
// what was sent until then. No request is sent twice: the transport retries a POST only when it wrote nothing of it.
func Replay(ctx context.Context, c Config) (Result, error) {
	if err := c.validate(); err != nil {
		return Result{}, err
	}
	if c.Transport == nil {
		t := &http.Transport{MaxIdleConns: c.Concurrency, MaxIdleConnsPerHost: c.Concurrency, DisableCompression: true}
		defer t.CloseIdleConnections()
		c.Transport = t
	}
	requests := make(chan request)
	results := make([]Result, c.Concurrency)
	var workers sync.WaitGroup
	for i := range results {
		workers.Go(func() {
			for r := range requests {
				c.send(ctx, r, &results[i])
			}
		})
	}
	err := c.produce(ctx, requests)
	close(requests)
	workers.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("replaying flights: %w", err)
	}
	return merge(results), err
}

// validate finds what would make a replay meaningless.
func (c Config) validate() error {
	var errs []error
	if c.URL == "" || c.Model == "" {
		errs = append(errs, errors.New("url and model must not be empty"))
	}
	if c.Protocol != OpenInferenceV2 && c.Protocol != KServeV1 {
		errs = append(errs, fmt.Errorf("protocol is %q, want %q or %q", c.Protocol, OpenInferenceV2, KServeV1))
	}
	if c.Batch < 1 || c.Concurrency < 1 {
		errs = append(errs, fmt.Errorf("batch is %d and concurrency %d, want at least 1", c.Batch, c.Concurrency))
	}
	if !(c.Rate >= 0) || !(c.Anomalies >= 0 && c.Anomalies <= 1) {
		errs = append(errs, fmt.Errorf("rate is %v and anomalies %v, want at least 0, and 0 to 1", c.Rate, c.Anomalies))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("configuring the replay: %w", err)
	}
	return nil
}

// produce hands requests to the workers, no faster than the rate allows, until all flights are sent or ctx ends.
func (c Config) produce(ctx context.Context, requests chan<- request) error {
	limit := rate.Inf
	if c.Rate > 0 {
		limit = rate.Limit(c.Rate)
	}
	limiter := rate.NewLimiter(limit, c.Batch)
	for r := range c.requests() {
		if err := limiter.WaitN(ctx, len(r.instances)); err != nil {
			return err
		}
		select {
		case requests <- r:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// send sends one request and counts what became of it.
func (c Config) send(ctx context.Context, r request, result *Result) {
	result.Requests++
	result.Instances += int64(len(r.instances))
	if r.anomaly != None {
		result.Planted = append(result.Planted, Planted{RequestID: r.id, FlightID: r.instances[0].FlightID, Anomaly: r.anomaly})
	}
	status, err := c.post(ctx, r)
	if err != nil {
		result.TransportErrors++
		if result.FirstError == "" {
			result.FirstError = fmt.Sprintf("%.300s", err)
		}
		return
	}
	if result.Responses == nil {
		result.Responses = map[int]int64{}
	}
	result.Responses[status]++
}

// post sends one request and reads its response to the end, so that the connection can be used again.
func (c Config) post(ctx context.Context, r request) (int, error) {
	path, body, err := c.encode(r)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(RequestIDHeader, r.id)
	resp, err := c.Transport.RoundTrip(req)
	if err != nil {
		return 0, fmt.Errorf("sending the request: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, fmt.Errorf("reading the response: %w", err)
	}
	return resp.StatusCode, nil
}

// merge adds the workers' results up.
func merge(results []Result) Result {
	sum := Result{Responses: map[int]int64{}}
	for _, r := range results {
		sum.Requests += r.Requests
		sum.Instances += r.Instances
		sum.TransportErrors += r.TransportErrors
		sum.Planted = append(sum.Planted, r.Planted...)
		for status, n := range r.Responses {
			sum.Responses[status] += n
		}
		if sum.FirstError == "" {
			sum.FirstError = r.FirstError
		}
	}
	slices.SortFunc(sum.Planted, comparePlanted)
	return sum
}
