// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/db"
)

// problem is a document of RFC 9457.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

var (
	errNoRoute  = errors.New("there is no such address: see /api/v1/openapi.yaml")
	errMedia    = errors.New("the body is of a type that is not taken here")
	errNotReady = errors.New("the queue is not configured for this yet")
	// errRequest wraps what is wrong with a request itself.
	errRequest = errors.New("the request cannot be understood")
)

func (a *API) deny(w http.ResponseWriter, _ *http.Request, d auth.Denial) {
	if d.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="vedette"`)
	}
	writeProblem(w, d.Status, d.Reason)
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	detail := err.Error()
	if status == http.StatusInternalServerError {
		if !errors.Is(err, context.Canceled) {
			a.Log.Error("a request failed", "path", r.URL.Path, "error", err)
		}
		detail = "It was noted in the log of the queue. What was acknowledged before is safe; try again with the same key."
	}
	writeProblem(w, status, detail)
}

func statusOf(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, review.ErrNotFound), errors.Is(err, errNoRoute):
		return http.StatusNotFound
	case errors.Is(err, review.ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, review.ErrLease), errors.Is(err, review.ErrAnswered), errors.Is(err, review.ErrNothingToUndo), errors.Is(err, db.ErrKeyReused):
		return http.StatusConflict
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errMedia):
		return http.StatusUnsupportedMediaType
	case errors.Is(err, errRequest):
		return http.StatusBadRequest
	case errors.Is(err, review.ErrInvalid):
		return http.StatusUnprocessableEntity
	case errors.Is(err, errNotReady):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	b, err := json.Marshal(problem{Title: http.StatusText(status), Status: status, Detail: detail})
	if err != nil {
		b = []byte(`{}`) // There are only text and a number in it: this cannot be.
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // A client that went away needs no answer.
}

func write(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
	return nil
}

// mediaType is the type of the body, without parameters.
func mediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

const (
	mediaJSON      = "application/json"
	mediaJSONLines = "application/x-ndjson"
)

// read decodes a body of JSON. Keys that nobody knows are refused: a misspelt one would be lost without a word.
func read(r *http.Request, v any) error {
	if mediaType(r) != mediaJSON {
		return fmt.Errorf("%w: want %s", errMedia, mediaJSON)
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	return decoded(d.Decode(v))
}

// readLenient decodes a body that another tool made, which may say more than we want to know.
func readLenient(r *http.Request, v any) error {
	if mediaType(r) != mediaJSON {
		return fmt.Errorf("%w: want %s", errMedia, mediaJSON)
	}
	return decoded(json.NewDecoder(r.Body).Decode(v))
}

func decoded(err error) error {
	var tooLarge *http.MaxBytesError
	if err == nil || errors.As(err, &tooLarge) {
		return err
	}
	return fmt.Errorf("%w: %w", errRequest, err)
}
