// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
)

// next takes the next item, and goes there.
func (p *Pages) next(w http.ResponseWriter, r *http.Request) error { return p.proceed(w, r, "") }

// proceed goes on to the next item after one was answered, or back to the list when nothing is left.
func (p *Pages) proceed(w http.ResponseWriter, r *http.Request, answered string) error {
	q := url.Values{}
	if answered != "" {
		q.Set("answered", answered)
	}
	v, err := p.Desk.Next(r.Context(), auth.From(r.Context()).Person)
	to := "/items/" + url.PathEscape(v.ID)
	switch {
	case errors.Is(err, review.ErrEmpty), errors.Is(err, review.ErrBudget):
		q.Set("nothing", "1")
		to = "/"
	case err != nil:
		return err
	}
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// answer records an answer, a skip or an escalation, as the button says.
func (p *Pages) answer(w http.ResponseWriter, r *http.Request) error {
	a, err := answerIn(r)
	if err != nil {
		return err
	}
	if _, err := p.Desk.Answer(r.Context(), auth.From(r.Context()).Person, a); err != nil {
		return err
	}
	return p.proceed(w, r, a.Item)
}

// adjudicate records the word of a reviewer.
func (p *Pages) adjudicate(w http.ResponseWriter, r *http.Request) error {
	a, err := answerIn(r)
	if err != nil {
		return err
	}
	if _, err := p.Desk.Adjudicate(r.Context(), auth.From(r.Context()).Person, a); err != nil {
		return err
	}
	http.Redirect(w, r, "/?state=conflict", http.StatusSeeOther)
	return nil
}

// undo takes the last answer back, and goes to its item.
func (p *Pages) undo(w http.ResponseWriter, r *http.Request) error {
	v, err := p.Desk.Undo(r.Context(), auth.From(r.Context()).Person, r.PostFormValue("key"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/items/"+url.PathEscape(v.ID), http.StatusSeeOther)
	return nil
}

func answerIn(r *http.Request) (review.Answer, error) {
	if err := r.ParseForm(); err != nil {
		return review.Answer{}, fmt.Errorf("%w: %w", review.ErrInvalid, err)
	}
	a := review.Answer{Key: r.PostForm.Get("key"), Item: r.PathValue("id"), Label: review.Label{
		Class: strings.TrimSpace(r.PostForm.Get("class")), Value: math.NaN(),
		Critical: r.PostForm.Get("critical") != "", Comment: strings.TrimSpace(r.PostForm.Get("comment")),
	}}
	if number := strings.TrimSpace(r.PostForm.Get("value")); number != "" {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return a, fmt.Errorf("%w: %.40q is no number", review.ErrInvalid, number)
		}
		a.Label.Value = v
	}
	switch r.PostForm.Get("do") {
	case "skip":
		a.Skipped = true
	case "escalate":
		a.Label.Escalated = true
	}
	return a, nil
}
