// SPDX-License-Identifier: Apache-2.0

// Package auth owns who may use a queue: signing in by OpenID Connect, by a reverse proxy's header or as a local user,
// the tokens of machines, sessions, roles, and the refusal of what another site makes a browser send. It knows nothing of
// items and answers, and imports no Kubernetes package.
//
// A browser holds no more than the secret of its session, and the database no more than the digest of that. What a session
// allows is looked up again with each request, so that a role, a user or a token that was taken back is gone at once.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
)

// Person is who sends a request. The name signs the answers.
type Person struct {
	review.Person
	// Machine says that a bearer token came with the request: it cannot have been sent by another site.
	Machine bool

	// secret is that of the session; empty where there is none.
	secret string
}

// Grant gives a role to people whom a provider or a proxy vouches for.
type Grant struct {
	Role          review.Role
	Users, Groups []string
}

// OIDC is a client at a provider of OpenID Connect.
type OIDC struct {
	IssuerURL, ClientID string
	// SecretFile holds the client's secret; none where empty: a public client with PKCE. SecretIssuerFile holds the address of
	// the only provider that may be sent it.
	SecretFile, SecretIssuerFile string
	// GroupsClaim names the claim with a person's groups.
	GroupsClaim string
}

// ProxyHeader trusts a reverse proxy to have found out who somebody is.
type ProxyHeader struct {
	// User and Groups are the names of headers; Groups may be empty. Groups are separated by commas.
	User, Groups string
}

// Options configure an Auth.
type Options struct {
	Sessions Sessions
	// ExternalURL is where browsers reach us; needed for OIDC.
	ExternalURL string
	OIDC        *OIDC
	ProxyHeader *ProxyHeader
	// UsersFile and TokensFile hold local users and the tokens of machines; none where empty.
	UsersFile, TokensFile string
	Grants                []Grant

	Clock func() time.Time
	Log   *slog.Logger
}

// Auth knows who may do what.
type Auth struct {
	Options
	external *url.URL
	users    *watched[map[string]localUser]
	tokens   *watched[map[[32]byte]machine]
	oidc     *provider
	throttle *throttle
	cross    *http.CrossOriginProtection
	hashing  chan struct{}
	nobody   func() []byte
}

// New checks what can be checked without asking a provider: files that cannot be used are errors now.
func New(o Options) (*Auth, error) {
	a := &Auth{
		Options: o, throttle: newThrottle(o.Clock),
		cross: http.NewCrossOriginProtection(), hashing: make(chan struct{}, 2), nobody: sync.OnceValue(nobody),
	}
	if o.ExternalURL != "" {
		u, err := url.Parse(o.ExternalURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("the external URL %q is none: want https://HOST", o.ExternalURL)
		}
		if u.Path != "" && u.Path != "/" {
			return nil, fmt.Errorf("the external URL %q has a path: the page needs a host of its own", o.ExternalURL)
		}
		a.external = u
	}
	if o.UsersFile != "" {
		a.users = watch(o.UsersFile, parseUsers)
		if _, err := a.users.get(); err != nil {
			return nil, fmt.Errorf("reading the local users: %w", err)
		}
	}
	if o.TokensFile != "" {
		a.tokens = watch(o.TokensFile, parseTokens)
		if _, err := a.tokens.get(); err != nil {
			return nil, fmt.Errorf("reading the tokens: %w", err)
		}
	}
	if o.OIDC != nil {
		if a.external == nil {
			return nil, errors.New("signing in by OpenID Connect needs the external URL, which the provider sends people back to")
		}
		a.oidc = &provider{OIDC: *o.OIDC, redirect: a.external.JoinPath(CallbackPath).String()}
		if _, err := a.oidc.secret(); err != nil {
			return nil, err
		}
	}
	if o.OIDC == nil && o.ProxyHeader == nil && o.UsersFile == "" && o.TokensFile == "" {
		return nil, errors.New("nobody could sign in: configure OpenID Connect, a proxy's header, local users or tokens")
	}
	return a, nil
}

// Ways say what a sign-in page can offer.
type Ways struct{ OIDC, Local, Proxy bool }

// Ways are the configured ways for people to sign in.
func (a *Auth) Ways() Ways {
	return Ways{OIDC: a.oidc != nil, Local: a.users != nil, Proxy: a.ProxyHeader != nil}
}

var (
	// errUnknown means that a request says of no one who is known that they sent it.
	errUnknown = errors.New("not signed in")
	// errNoRole means that somebody is known and may do nothing.
	errNoRole = errors.New("no role")
)

// identify finds who sent a request: by a token, by the word of the proxy if it stands before us, or by the session.
func (a *Auth) identify(r *http.Request) (Person, error) {
	named := a.ProxyHeader != nil && r.Header.Get(a.ProxyHeader.User) != ""
	if token, ok := bearer(r); ok {
		p, err := a.machineOf(token)
		if !named || !errors.Is(err, errUnknown) {
			return p, err
		}
		// A proxy may pass on the token by which it knows somebody, which is none of ours.
	}
	if named {
		return a.proxied(r)
	}
	return a.sessionOf(r)
}

// roleOf is the greatest role that a person was granted.
func (a *Auth) roleOf(name string, groups []string) review.Role {
	greatest := review.Nobody
	for _, g := range a.Grants {
		if slices.Contains(g.Users, name) ||
			slices.ContainsFunc(groups, func(group string) bool { return slices.Contains(g.Groups, group) }) {
			greatest = max(greatest, g.Role)
		}
	}
	return greatest
}

// granted are those of the groups that a grant names; the others change nothing, and a cookie is small.
func (a *Auth) granted(groups []string) []string {
	var out []string
	for _, g := range a.Grants {
		for _, group := range g.Groups {
			if slices.Contains(groups, group) && !slices.Contains(out, group) {
				out = append(out, group)
			}
		}
	}
	return out
}

type personKey struct{}

// From is who sent the request that ctx belongs to. It panics where Require let nobody through: that would be a handler
// without a guard.
func From(ctx context.Context) Person {
	p, ok := ctx.Value(personKey{}).(Person)
	if !ok {
		panic("auth: a handler behind no guard asked who is there")
	}
	return p
}
