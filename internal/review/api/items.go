// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/desk"
)

// Pages of lists.
const (
	defaultLimit = 50
	maxLimit     = 500
	maxSimilar   = 20
)

// nextDoc is the item to answer, or why there is none.
type nextDoc struct {
	Item *item `json:"item"`
	// Reason is empty or budget where there is no item.
	Reason string `json:"reason,omitempty"`
}

func (a *API) next(w http.ResponseWriter, r *http.Request) error {
	v, err := a.Desk.Next(r.Context(), auth.From(r.Context()).Person)
	switch {
	case errors.Is(err, review.ErrEmpty):
		return write(w, http.StatusOK, nextDoc{Reason: "empty"})
	case errors.Is(err, review.ErrBudget):
		return write(w, http.StatusOK, nextDoc{Reason: "budget"})
	case err != nil:
		return err
	}
	it := newItem(&v)
	return write(w, http.StatusOK, nextDoc{Item: &it})
}

type listDoc struct {
	Items []item `json:"items"`
	// Next is the parameter after of the next page; absent at the end.
	Next string `json:"next,omitempty"`
}

func (a *API) items(w http.ResponseWriter, r *http.Request) error {
	f, err := filterIn(r)
	if err != nil {
		return err
	}
	views, next, err := a.Desk.List(r.Context(), f)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, listDoc{newItems(views), next})
}

func newItems(views []desk.View) []item {
	items := make([]item, len(views))
	for i := range views {
		items[i] = newItem(&views[i])
	}
	return items
}

func filterIn(r *http.Request) (db.Filter, error) {
	q := r.URL.Query()
	f := db.Filter{State: review.Pending, Monitor: q.Get("monitor"), Origin: review.Origin(q.Get("origin")), After: q.Get("after"), Limit: defaultLimit}
	if s := q.Get("state"); s != "" {
		f.State = review.State(s)
	}
	switch f.State {
	case review.Pending, review.Conflict, review.Done, review.Expired:
	default:
		return f, fmt.Errorf("%w: state %.20q is none of pending, conflict, done, expired", errRequest, f.State)
	}
	switch f.Origin {
	case "", review.Outlier, review.Random:
	default:
		return f, fmt.Errorf("%w: origin %.20q is none of outlier, random", errRequest, f.Origin)
	}
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxLimit {
			return f, fmt.Errorf("%w: limit is a number from 1 to %d", errRequest, maxLimit)
		}
		f.Limit = n
	}
	return f, nil
}

func (a *API) item(w http.ResponseWriter, r *http.Request) error {
	v, err := a.Desk.Item(r.Context(), auth.From(r.Context()).Person, r.PathValue("id"))
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, newItem(&v))
}

func (a *API) similar(w http.ResponseWriter, r *http.Request) error {
	views, err := a.Desk.Similar(r.Context(), r.PathValue("id"), maxSimilar)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, listDoc{Items: newItems(views)})
}

type answersDoc struct {
	Answers []answerDoc `json:"answers"`
}

func (a *API) answers(w http.ResponseWriter, r *http.Request) error {
	answers, err := a.Desk.Answers(r.Context(), auth.From(r.Context()).Person, r.PathValue("id"))
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, answersDoc{newAnswers(answers)})
}
