// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// ErrRefused means that somebody could not be signed in, for a reason that concerns them and not us.
var ErrRefused = errors.New("refused")

// ThrottledError means that too many attempts failed.
type ThrottledError struct{ Wait time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts failed: wait %s", e.Wait.Round(time.Second))
}

// SignIn signs a local user in.
func (a *Auth) SignIn(w http.ResponseWriter, r *http.Request, name, password string) error {
	if a.users == nil {
		return ErrRefused
	}
	if len(name) > maxNameBytes {
		name = name[:maxNameBytes]
	}
	// Hashing is what costs: two at a time, so that attempts cannot take the machine from those who work, nor many at once
	// slip past the throttle.
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	address := addressOf(r)
	if wait := a.throttle.wait(name, address); wait > 0 {
		return &ThrottledError{Wait: wait}
	}
	u, err := a.checkPassword(name, password)
	if errors.Is(err, ErrRefused) {
		a.throttle.failed(name, address)
	}
	if err != nil {
		return err
	}
	a.throttle.succeeded(name, address)
	return a.begin(w, r, session{Name: name, Stamp: u.stamp()})
}

// addressOf is the client's, or that of the proxy before us: what a client says of its own address counts for nothing.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// TokenField and TokenHeader bring the token that shows that a request comes from a page of ours.
const (
	TokenField  = "token"
	TokenHeader = "X-CSRF-Token"
)

const (
	visitCookie = "visit"
	visitLife   = 24 * time.Hour
)

// FormToken is the token for the forms of a page. Where there is no session, because somebody is yet to sign in or a proxy
// vouches for them, it is bound to a cookie of its own: nobody is signed in as somebody else without knowing.
func (a *Auth) FormToken(w http.ResponseWriter, r *http.Request, p Person) string {
	if p.secret != "" {
		return formToken(p.secret)
	}
	visit := a.held(r, visitCookie)
	if len(visit) != len(rand.Text()) {
		visit = rand.Text()
		http.SetCookie(w, a.cookie(r, visitCookie, visit, visitLife))
	}
	return formToken(visit)
}

// CheckForm reports whether a request comes from a page of ours that was made for p.
func (a *Auth) CheckForm(r *http.Request, p Person) bool {
	secret := p.secret
	if secret == "" {
		secret = a.held(r, visitCookie)
	}
	token := r.Header.Get(TokenHeader)
	if token == "" {
		token = r.PostFormValue(TokenField)
	}
	return secret != "" && a.cross.Check(r) == nil && hmac.Equal([]byte(formToken(secret)), []byte(token))
}
