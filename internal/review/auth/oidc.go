// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// CallbackPath is where a provider sends people back to.
const CallbackPath = "/sign-in/callback"

const (
	flowCookie = "flow"
	// flowLife is how long somebody may take at the provider's.
	flowLife = 10 * time.Minute
	// providerTimeout bounds each call to a provider.
	providerTimeout = 10 * time.Second
)

// flow is what a browser holds while somebody is at the provider's. That it comes back with the state shows that it is the
// browser in which they began.
type flow struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	To       string `json:"to"`
	Expires  int64  `json:"expires"`
}

// provider is found when somebody first signs in, so that we start while it is away.
type provider struct {
	OIDC
	redirect string

	mu    sync.Mutex
	found *oidc.Provider
}

var providerClient = &http.Client{Timeout: providerTimeout}

// client finds the provider.
func (p *provider) client(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	secret, err := p.secret()
	if err != nil {
		return nil, nil, err
	}
	if p.found == nil {
		found, err := oidc.NewProvider(ctx, p.IssuerURL)
		if err != nil {
			return nil, nil, fmt.Errorf("asking the provider at %s about itself: %w", p.IssuerURL, err)
		}
		p.found = found
	}
	c := &oauth2.Config{
		ClientID: p.ClientID, Endpoint: p.found.Endpoint(), RedirectURL: p.redirect,
		Scopes: p.scopes(), ClientSecret: secret,
	}
	return p.found, c, nil
}

// secret is the client's secret. No other provider is sent it than the one that is named beside it: whoever says which provider
// people sign in with need not be allowed to read the secret. It is read every time, as both may be renewed.
func (p *provider) secret() (string, error) {
	if p.SecretFile == "" {
		return "", nil
	}
	issuer, err := os.ReadFile(p.SecretIssuerFile)
	if err != nil {
		return "", fmt.Errorf("reading which provider the client's secret is for: %w", err)
	}
	if string(bytes.TrimSpace(issuer)) != p.IssuerURL {
		return "", fmt.Errorf("the client's secret is not for the provider at %s: whoever may write its Secret says for which one, in the item oidc-issuer", p.IssuerURL)
	}
	secret, err := os.ReadFile(p.SecretFile)
	if err != nil {
		return "", fmt.Errorf("reading the client's secret: %w", err)
	}
	return string(bytes.TrimSpace(secret)), nil
}

// scopes are what we ask for. Some providers name groups in a scope of that name, and refuse scopes that they do not know.
func (p *provider) scopes() []string {
	var known struct {
		Scopes []string `json:"scopes_supported"`
	}
	scopes := []string{oidc.ScopeOpenID, "email", "profile"}
	if p.found.Claims(&known) == nil && p.GroupsClaim != "" && slices.Contains(known.Scopes, p.GroupsClaim) {
		scopes = append(scopes, p.GroupsClaim)
	}
	return scopes
}

// StartOIDC sends a browser to the provider; back here, it goes on to the path.
func (a *Auth) StartOIDC(w http.ResponseWriter, r *http.Request, to string) error {
	if a.oidc == nil {
		return ErrRefused
	}
	_, client, err := a.oidc.client(oidc.ClientContext(r.Context(), providerClient))
	if err != nil {
		return err
	}
	f := flow{
		State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: to,
		Expires: a.Clock().Add(flowLife).Unix(),
	}
	held, err := json.Marshal(f)
	if err != nil {
		return err
	}
	http.SetCookie(w, a.cookie(r, flowCookie, base64.RawURLEncoding.EncodeToString(held), flowLife))
	http.Redirect(w, r, client.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), http.StatusSeeOther)
	return nil
}

// FinishOIDC signs in whom the provider vouches for, and says where to go on.
func (a *Auth) FinishOIDC(w http.ResponseWriter, r *http.Request) (to string, err error) {
	if a.oidc == nil {
		return "", ErrRefused
	}
	f, err := a.flowOf(r)
	if err != nil {
		return "", err
	}
	http.SetCookie(w, a.cookie(r, flowCookie, "", 0))
	if problem := r.FormValue("error"); problem != "" {
		return "", fmt.Errorf("%w: the provider says %.100q: %.300q", ErrRefused, problem, r.FormValue("error_description"))
	}
	who, err := a.vouched(oidc.ClientContext(r.Context(), providerClient), r.FormValue("code"), f)
	if err != nil {
		return "", err
	}
	return f.To, a.begin(w, r, who)
}

// flowOf is the flow that this browser began.
func (a *Auth) flowOf(r *http.Request) (flow, error) {
	var f flow
	held := a.held(r, flowCookie)
	if held == "" {
		return f, fmt.Errorf("%w: this browser did not begin to sign in here, or took longer than %s", ErrRefused, flowLife)
	}
	b, err := base64.RawURLEncoding.DecodeString(held)
	if err != nil || json.Unmarshal(b, &f) != nil || f.State == "" || a.Clock().Unix() >= f.Expires ||
		subtle.ConstantTimeCompare([]byte(f.State), []byte(r.FormValue("state"))) != 1 {
		return f, fmt.Errorf("%w: the answer belongs to no sign-in of this browser", ErrRefused)
	}
	f.To = LocalPath(f.To)
	return f, nil
}

// vouched exchanges the code, and checks what the provider says of a person.
func (a *Auth) vouched(ctx context.Context, code string, f flow) (session, error) {
	found, client, err := a.oidc.client(ctx)
	if err != nil {
		return session{}, err
	}
	tokens, err := client.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
			return session{}, fmt.Errorf("%w: the provider takes the code for none of its own: %.100q", ErrRefused, refused.ErrorCode)
		}
		return session{}, fmt.Errorf("asking the provider for tokens: %w", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: a.oidc.ClientID, Now: a.Clock}).Verify(ctx, raw)
	if err != nil {
		return session{}, fmt.Errorf("%w: the provider's word cannot be trusted: %w", ErrRefused, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return session{}, fmt.Errorf("%w: the provider's word is about another sign-in", ErrRefused)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return session{}, fmt.Errorf("%w: the claims are none: %w", ErrRefused, err)
	}
	if err := a.complete(ctx, found, tokens, id.Subject, claims); err != nil {
		return session{}, err
	}
	s := session{Name: nameIn(id.Subject, claims), Groups: a.granted(groupsIn(claims, a.oidc.GroupsClaim))}
	if err := checkName(s.Name); err != nil {
		return session{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return s, nil
}

// complete asks for the claims that many providers leave out of the ID token.
func (a *Auth) complete(ctx context.Context, found *oidc.Provider, tokens *oauth2.Token, subject string, claims map[string]any) error {
	_, email := claims["email"]
	_, groups := claims[a.oidc.GroupsClaim]
	if email && (groups || a.oidc.GroupsClaim == "") || found.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return fmt.Errorf("asking the provider about a person: %w", err)
	}
	if info.Subject != subject {
		return fmt.Errorf("%w: the provider speaks of two people", ErrRefused)
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("%w: the claims are none: %w", ErrRefused, err)
	}
	for k, v := range more {
		if _, known := claims[k]; !known {
			claims[k] = v
		}
	}
	return nil
}

// nameIn is the address, where the provider has verified it, and otherwise the subject: what people may write into their
// own profile could be somebody else's name.
func nameIn(subject string, claims map[string]any) string {
	if email, _ := claims["email"].(string); email != "" && claims["email_verified"] == true {
		return email
	}
	return subject
}

func groupsIn(claims map[string]any, claim string) []string {
	switch v := claims[claim].(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// LocalPath is the path if it leads to our own pages, and else the first page.
func LocalPath(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}
