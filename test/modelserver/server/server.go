// SPDX-License-Identifier: Apache-2.0

// Package server owns the HTTP face of the demo's model server: Open Inference Protocol v2 and KServe V1, as JSON. It
// is a real server of a real model. Of Vedette it knows the header of copied requests; no import leads there.
package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// Bounds on what one request may ask for.
const (
	maxBodyBytes = 16 << 20
	maxRows      = 10_000
)

// Config is what a server needs.
type Config struct {
	// Model scores.
	Model *model.Model
	// Name is the model's name in URLs.
	Name string
	// Faults are what is wrong with it, so that a test can see that it is found.
	Faults
}

// Faults play a bad model.
type Faults struct {
	// Delay is added to every inference, ServingDelay to those that a client waits for: a trial with copies of requests does not
	// show it.
	Delay, ServingDelay time.Duration
	// Fail is how often an inference fails: one in so many; 0 never.
	Fail int64
	// Wrong is the origin of the flights for which the opposite is predicted; empty for none.
	Wrong string
}

// server answers requests.
type server struct {
	Config
	inferences *atomic.Int64
}

// copied is the header that tells a server of a request that it is a copy, whose answer no client waits for.
const copied = "Vedette-Shadow"

// errPlanned is the failure that Faults.Fail asks for.
var errPlanned = errors.New("this inference fails, as it was told to")

// New returns the handler of all paths of both protocols. Errors are {"error": "…"}.
func New(c Config) http.Handler {
	s := server{c, new(atomic.Int64)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2", s.v2Server)
	mux.HandleFunc("GET /v2/health/live", always(map[string]bool{"live": true}))
	mux.HandleFunc("GET /v2/health/ready", always(map[string]bool{"ready": true}))
	mux.HandleFunc("GET /v2/models/{model}", s.named(s.v2Model))
	mux.HandleFunc("GET /v2/models/{model}/ready", s.named(always(map[string]any{"name": c.Name, "ready": true})))
	mux.HandleFunc("POST /v2/models/{model}/infer", s.named(s.v2Infer))
	mux.HandleFunc("GET /v1/models", always(map[string][]string{"models": {c.Name}}))
	mux.HandleFunc("GET /v1/models/{model}", s.named(always(map[string]any{"name": c.Name, "ready": true})))
	mux.HandleFunc("POST /v1/models/{call}", s.v1Predict)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, fmt.Errorf("no %s %.200q here", r.Method, r.URL.Path))
	})
	return mux
}

// named lets only requests for our model through.
func (s server) named(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name := r.PathValue("model"); name != s.Name {
			writeError(w, http.StatusNotFound, fmt.Errorf("model %.64q is not here, only %q is", name, s.Name))
			return
		}
		next(w, r)
	}
}

// always answers the same.
func always(body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, body) }
}

// read reads a request's body. It answers the request itself when it cannot.
func read(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err == nil {
		return body, true
	}
	status := http.StatusBadRequest
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		status = http.StatusRequestEntityTooLarge
	}
	writeError(w, status, fmt.Errorf("reading the body: %w", err))
	return nil, false
}

// score scores the instances of a request, no faster than the configured delays. It fails when the client goes, and as often as it
// is told to.
func (s server) score(r *http.Request, instances []model.Features) ([]float64, error) {
	delay := s.Delay
	if r.Header.Get(copied) == "" {
		delay += s.ServingDelay
	}
	if delay > 0 {
		t := time.NewTimer(delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if n := s.inferences.Add(1); s.Fail > 0 && n%s.Fail == 0 {
		return nil, errPlanned
	}
	scores := make([]float64, len(instances))
	for i, f := range instances {
		if scores[i] = s.Model.Score(f); s.Wrong != "" && f.Origin == s.Wrong {
			scores[i] = 1 - scores[i]
		}
	}
	return scores, nil
}

// writeJSON writes body with its length, so that a client knows when it is complete.
func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil { // only a programming mistake: bodies are our own types
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // an error means that the client has gone
}

// fail answers an inference that failed, unless the client has gone.
func fail(w http.ResponseWriter, err error) {
	if errors.Is(err, errPlanned) {
		writeError(w, http.StatusInternalServerError, err)
	}
}

// writeError writes err as both protocols want it, cut to a sensible length.
func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": fmt.Sprintf("%.500s", err)})
}
