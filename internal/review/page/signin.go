// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"net/http"

	"github.com/vedette-dev/vedette/internal/review/auth"
)

type signInPage struct {
	frame
	Ways              auth.Ways
	To, Name, Problem string
}

func (p *Pages) signInForm(w http.ResponseWriter, r *http.Request) error {
	return p.showSignIn(w, r, http.StatusOK, "", "")
}

func (p *Pages) showSignIn(w http.ResponseWriter, r *http.Request, status int, name, problem string) error {
	return p.render(w, status, "signin", signInPage{
		frame: frame{Title: "Sign in", Queue: p.Desk.Document().Queue, Token: p.Auth.FormToken(w, r, auth.Person{})},
		Ways:  p.Auth.Ways(), To: auth.LocalPath(to(r)), Name: name, Problem: problem,
	})
}

// to is where somebody wanted to go: the address of a page says so, or the form that it has sent.
func to(r *http.Request) string {
	if r.Method == http.MethodPost {
		return r.PostFormValue("to")
	}
	return r.URL.Query().Get("to")
}

func (p *Pages) signIn(w http.ResponseWriter, r *http.Request) error {
	name := r.PostFormValue("name")
	if !p.Auth.CheckForm(r, auth.Person{}) {
		return p.showSignIn(w, r, http.StatusForbidden, name, "The form was too old, or not ours. Try again.")
	}
	err := p.Auth.SignIn(w, r, name, r.PostFormValue("password"))
	var slow *auth.ThrottledError
	switch {
	case errors.As(err, &slow):
		return p.showSignIn(w, r, http.StatusTooManyRequests, name, upper(slow.Error())+".")
	case errors.Is(err, auth.ErrRefused):
		return p.showSignIn(w, r, http.StatusUnauthorized, name, "No one has this name and this password.")
	case err != nil:
		return err
	}
	http.Redirect(w, r, auth.LocalPath(to(r)), http.StatusSeeOther)
	return nil
}

func (p *Pages) startOIDC(w http.ResponseWriter, r *http.Request) error {
	err := p.Auth.StartOIDC(w, r, auth.LocalPath(to(r)))
	if errors.Is(err, auth.ErrRefused) {
		return errNoPage
	}
	if err != nil {
		p.Log.Error("the identity provider cannot be used", "error", err)
		return p.showSignIn(w, r, http.StatusBadGateway, "", "The identity provider does not answer as it should. Try again in a moment.")
	}
	return nil
}

func (p *Pages) finishOIDC(w http.ResponseWriter, r *http.Request) error {
	to, err := p.Auth.FinishOIDC(w, r)
	switch {
	case errors.Is(err, auth.ErrRefused):
		p.Log.Info("a sign-in was refused", "error", err)
		return p.showSignIn(w, r, http.StatusForbidden, "", "The sign-in did not work out. Try again from here.")
	case err != nil:
		p.Log.Error("the identity provider cannot be used", "error", err)
		return p.showSignIn(w, r, http.StatusBadGateway, "", "The identity provider does not answer as it should. Try again in a moment.")
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (p *Pages) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := p.Auth.SignOut(w, r); err != nil {
		return err
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}
