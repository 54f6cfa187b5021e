// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
)

// Sessions keeps who is signed in, for all replicas and over restarts. It knows a session by the digest of what the
// browser holds, so that nobody who reads it can be somebody else.
type Sessions interface {
	PutSession(ctx context.Context, digest string, value []byte, expires time.Time) error
	// GetSession gives nothing where there is no session, or none that holds at that time.
	GetSession(ctx context.Context, digest string, now time.Time) ([]byte, error)
	EndSession(ctx context.Context, digest string) error
}

// sessionLife is how long somebody stays signed in: a working day.
const sessionLife = 12 * time.Hour

// session is who is signed in.
type session struct {
	Name string `json:"name"`
	// Groups are those that the provider named at sign-in, as far as they grant anything.
	Groups []string `json:"groups,omitempty"`
	// Stamp is that of a local user; empty for others.
	Stamp string `json:"stamp,omitempty"`
}

// secure reports whether the browser speaks TLS, to us or to what stands before us.
func (a *Auth) secure(r *http.Request) bool {
	if a.external != nil {
		return a.external.Scheme == "https"
	}
	// A client that lies about it harms its own cookie.
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// cookie makes a cookie that scripts cannot read. Under TLS its name has the prefix that binds it to this very host.
func (a *Auth) cookie(r *http.Request, name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: a.cookieName(r, name), Value: value, Path: "/", HttpOnly: true, Secure: a.secure(r),
		SameSite: http.SameSiteLaxMode, MaxAge: int(life / time.Second),
	}
	if life <= 0 {
		c.MaxAge = -1
	}
	return c
}

func (a *Auth) cookieName(r *http.Request, name string) string {
	if a.secure(r) {
		return "__Host-vedette-" + name
	}
	return "vedette-" + name
}

// held is what the browser holds under a name; "" for nothing.
func (a *Auth) held(r *http.Request, name string) string {
	c, err := r.Cookie(a.cookieName(r, name))
	if err != nil {
		return ""
	}
	return c.Value
}

const sessionCookie = "session"

// begin signs somebody in, under a secret that is new each time.
func (a *Auth) begin(w http.ResponseWriter, r *http.Request, s session) error {
	value, err := json.Marshal(s)
	if err != nil {
		return err
	}
	secret := rand.Text()
	if err := a.Sessions.PutSession(r.Context(), digest(secret), value, a.Clock().Add(sessionLife)); err != nil {
		return fmt.Errorf("keeping the session: %w", err)
	}
	http.SetCookie(w, a.cookie(r, sessionCookie, secret, sessionLife))
	return nil
}

// SignOut ends the session of a browser, here and there.
func (a *Auth) SignOut(w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, a.cookie(r, sessionCookie, "", 0))
	if secret := a.held(r, sessionCookie); secret != "" {
		return a.Sessions.EndSession(r.Context(), digest(secret))
	}
	return nil
}

// sessionOf finds who a session belongs to, and what they may do today.
func (a *Auth) sessionOf(r *http.Request) (Person, error) {
	secret := a.held(r, sessionCookie)
	if secret == "" {
		return Person{}, errUnknown
	}
	value, err := a.Sessions.GetSession(r.Context(), digest(secret), a.Clock())
	if err != nil {
		return Person{}, fmt.Errorf("looking up the session: %w", err)
	}
	var s session
	if value == nil || json.Unmarshal(value, &s) != nil {
		return Person{}, errUnknown
	}
	role, err := a.roleToday(s)
	if err != nil {
		return Person{}, err
	}
	p := Person{Person: review.Person{Name: s.Name, Role: role}, secret: secret}
	if role == review.Nobody {
		return p, errNoRole
	}
	return p, nil
}

// roleToday is what somebody may do who signed in earlier.
func (a *Auth) roleToday(s session) (review.Role, error) {
	if s.Stamp == "" {
		if a.oidc == nil {
			return review.Nobody, errUnknown
		}
		return a.roleOf(s.Name, s.Groups), nil
	}
	if a.users == nil {
		return review.Nobody, errUnknown
	}
	users, err := a.users.get()
	if err != nil {
		return review.Nobody, err
	}
	if u, ok := users[s.Name]; ok && u.stamp() == s.Stamp {
		return u.role, nil
	}
	return review.Nobody, errUnknown
}

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// formToken shows that a form comes from a page that was made for who holds the secret.
func formToken(secret string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte("form"))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
