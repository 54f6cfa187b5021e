// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/vedette-dev/vedette/internal/review"
)

// Denial is why a request was not let through.
type Denial struct {
	// Status is 401 (nobody is signed in), 403, or 503 (the files that say who is who cannot be read).
	Status int
	// Name is who was denied, if that is known.
	Name string
	// Reason is a sentence for the person.
	Reason string
}

// Guard stands before the handlers. Deny answers what it does not let through: a page or a document.
type Guard struct {
	Auth *Auth
	Deny func(http.ResponseWriter, *http.Request, Denial)
}

// Require lets through who has at least the role, if the request comes from a page of ours or from a machine. What it
// lets through finds the person by From.
func (g *Guard) Require(role review.Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, denial := g.Auth.admit(r, role)
		if denial != nil {
			if denial.Status == http.StatusServiceUnavailable {
				g.Auth.Log.Error("who may use the queue cannot be told", "error", denial.Reason)
				denial.Reason = "Who may use this queue cannot be told right now."
			}
			g.Deny(w, r, *denial)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), personKey{}, p)))
	})
}

func (a *Auth) admit(r *http.Request, role review.Role) (Person, *Denial) {
	if a.cross.Check(r) != nil {
		return Person{}, &Denial{Status: http.StatusForbidden, Reason: "The request was sent by another site."}
	}
	p, err := a.identify(r)
	switch {
	case errors.Is(err, errUnknown):
		return p, &Denial{Status: http.StatusUnauthorized, Reason: "Sign in first."}
	case errors.Is(err, errNoRole):
		return p, &Denial{Status: http.StatusForbidden, Name: p.Name, Reason: "You have no role in this queue: ask those who run it for one."}
	case err != nil:
		return p, &Denial{Status: http.StatusServiceUnavailable, Reason: err.Error()}
	case p.Role < role:
		return p, &Denial{Status: http.StatusForbidden, Name: p.Name, Reason: "This takes the role " + role.String() + "; you have the role " + p.Role.String() + "."}
	case !safe(r.Method) && !p.Machine && !a.CheckForm(r, p):
		return p, &Denial{Status: http.StatusForbidden, Name: p.Name, Reason: "The form is of another session: load the page again."}
	}
	return p, nil
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
