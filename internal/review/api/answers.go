// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/desk"
)

// keyHeader makes a repeated request do what it does once.
const keyHeader = "Idempotency-Key"

func keyIn(r *http.Request) (string, error) {
	key := r.Header.Get(keyHeader)
	if key == "" {
		return "", fmt.Errorf("%w: the header %s is missing: send a new random one with each answer, and the same with each retry of it", errRequest, keyHeader)
	}
	return key, nil
}

type record func(context.Context, review.Person, review.Answer) (desk.View, error)

// give records an answer, and tells of the item as it is then.
func (a *API) give(w http.ResponseWriter, r *http.Request, how record, answer review.Answer) error {
	key, err := keyIn(r)
	if err != nil {
		return err
	}
	answer.Key, answer.Item = key, r.PathValue("id")
	v, err := how(r.Context(), auth.From(r.Context()).Person, answer)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, newItem(&v))
}

func (a *API) answer(w http.ResponseWriter, r *http.Request) error {
	var doc labelDoc
	if err := read(r, &doc); err != nil {
		return err
	}
	return a.give(w, r, a.Desk.Answer, review.Answer{Label: doc.label()})
}

func (a *API) skip(w http.ResponseWriter, r *http.Request) error {
	return a.give(w, r, a.Desk.Answer, review.Answer{Skipped: true})
}

func (a *API) escalate(w http.ResponseWriter, r *http.Request) error {
	var doc labelDoc
	if err := read(r, &doc); err != nil {
		return err
	}
	doc.Escalated = true
	return a.give(w, r, a.Desk.Answer, review.Answer{Label: doc.label()})
}

func (a *API) adjudicate(w http.ResponseWriter, r *http.Request) error {
	var doc labelDoc
	if err := read(r, &doc); err != nil {
		return err
	}
	return a.give(w, r, a.Desk.Adjudicate, review.Answer{Label: doc.label()})
}

func (a *API) undo(w http.ResponseWriter, r *http.Request) error {
	key, err := keyIn(r)
	if err != nil {
		return err
	}
	v, err := a.Desk.Undo(r.Context(), auth.From(r.Context()).Person, key)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, newItem(&v))
}
