// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/vedette-dev/vedette/internal/review"
)

// people are those whom the provider knows.
type people map[string]*storage.User

func (p people) GetUserByID(id string) *storage.User { return p[id] }

func (p people) GetUserByUsername(name string) *storage.User { return p[name] }

func (people) ExampleClientID() string { return "service" }

// directory names the groups of people beside what the storage knows.
type directory struct {
	*storage.Storage
	groups map[string][]string
}

func (d directory) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	if groups := d.groups[subject]; groups != nil {
		info.AppendClaims("groups", groups)
	}
	return d.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin)
}

func (d directory) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	return d.Storage.SetUserinfoFromRequest(ctx, info, r, scopes)
}

// newProvider runs a certified implementation of a provider, with a client whose redirect is that of the desk.
func newProvider(t *testing.T, redirect string) *httptest.Server {
	t.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler)) // it logs there
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	known := people{
		"rita": {ID: "rita", Username: "rita", Password: "pw", Email: "rita@example.com", EmailVerified: true},
		"mala": {ID: "mala", Username: "mala", Password: "pw", Email: "rita@example.com"}, // claims it, unverified
	}
	store := storage.NewStorageWithClients(known, map[string]*storage.Client{"vedette": storage.WebClient("vedette", "client-secret", redirect)})
	groups := map[string][]string{"rita": {"review-leads", "others"}}
	handler = exampleop.SetupServer(server.URL, directory{store, groups}, nil, false)
	return server
}

type oidcDesk struct {
	*desk
	provider *httptest.Server
	issuer   string // the file beside the client's secret
}

func newOIDCDesk(t *testing.T) *oidcDesk {
	t.Helper()
	o := &oidcDesk{}
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	write(t, secret, "client-secret")
	o.issuer = filepath.Join(dir, "issuer")
	// The provider needs our address, and we need the provider's.
	mux := http.NewServeMux()
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	o.provider = newProvider(t, front.URL+CallbackPath)
	write(t, o.issuer, o.provider.URL)
	o.desk = newDesk(t, func(opt *Options) {
		opt.ExternalURL = front.URL
		opt.OIDC = &OIDC{IssuerURL: o.provider.URL, ClientID: "vedette", SecretFile: secret, SecretIssuerFile: o.issuer, GroupsClaim: "groups"}
		opt.Grants = []Grant{{Role: review.Reviewer, Groups: []string{"review-leads"}}, {Role: review.Admin, Users: []string{"rita@elsewhere"}}}
	})
	mux.Handle("/", o.server.Config.Handler)
	o.server = front
	return o
}

// visit begins to sign in, and enters name and password at the provider's. It stops before the way back where told so.
func (o *oidcDesk) visit(t *testing.T, b *browser, name string) (back *url.URL) {
	t.Helper()
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == CallbackPath {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}
	defer func() { b.CheckRedirect = nil }()
	answer, err := b.Get(b.base + "/sign-in/oidc?to=/Reviewer")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	login := answer.Request.URL
	if login.Path != "/login/username" {
		t.Fatalf("the provider asks at %s: %s", login, answer.Status)
	}
	answer, err = b.PostForm(login.String(), url.Values{
		"username": {name}, "password": {"pw"}, "id": {login.Query().Get("authRequestID")},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if back == nil {
		t.Fatalf("the provider sends nobody back: %s at %s", answer.Status, answer.Request.URL)
	}
	return back
}

// TestNoOtherProviderIsSentTheClientsSecret: not even one that somebody was sent to before the Secret was changed.
func TestNoOtherProviderIsSentTheClientsSecret(t *testing.T) {
	o := newOIDCDesk(t)
	b := o.browser(t)
	back := o.visit(t, b, "rita")
	write(t, o.issuer, "https://login.example")
	if status, text, _ := b.send("GET", back.RequestURI(), nil); status == http.StatusOK {
		t.Errorf("%d %s: the secret was sent to a provider that it is not for", status, text)
	}
	if status, _, _ := b.send("GET", "/sign-in/oidc", nil); status == http.StatusOK || status == http.StatusSeeOther {
		t.Errorf("%d: people are sent to a provider that would not be sent the secret", status)
	}
}

func TestOIDCAgainstARealProvider(t *testing.T) {
	o := newOIDCDesk(t)
	b := o.browser(t)
	back := o.visit(t, b, "rita")
	status, text, _ := b.send("GET", back.RequestURI(), nil)
	if status != http.StatusOK || text != "rita@example.com Reviewer" {
		t.Fatalf("signed in: %d %s", status, text)
	}
	b.want("/Annotator", http.StatusOK, "rita@example.com Reviewer")
	b.want("/Admin", http.StatusForbidden, "takes the role Admin")

	if status, text, _ := b.send("GET", back.RequestURI(), nil); status != http.StatusForbidden {
		t.Errorf("the way back a second time: %d %s", status, text)
	}
}

func TestAnUnverifiedAddressIsNobodysName(t *testing.T) {
	o := newOIDCDesk(t)
	b := o.browser(t)
	back := o.visit(t, b, "mala")
	if status, text, _ := b.send("GET", back.RequestURI(), nil); status != http.StatusForbidden || !strings.Contains(text, "no role") {
		t.Errorf("signed in: %d %s", status, text)
	}
}

func TestTheWayBackIsOfTheBrowserThatBegan(t *testing.T) {
	o := newOIDCDesk(t)
	mine := o.browser(t)
	back := o.visit(t, mine, "rita")
	changed := func(key, value string) string {
		q := back.Query()
		q.Set(key, value)
		return back.Path + "?" + q.Encode()
	}
	began := func(t *testing.T) *browser {
		b := o.browser(t)
		o.visit(t, b, "rita")
		return b
	}
	for name, c := range map[string]struct {
		browser func(*testing.T) *browser
		path    string
		want    string
	}{
		"a browser that began nothing":      {o.browser, back.RequestURI(), "did not begin to sign in here"},
		"a browser that began another":      {began, back.RequestURI(), "belongs to no sign-in of this browser"},
		"no state":                          {began, changed("state", ""), "belongs to no sign-in of this browser"},
		"what the provider refuses is told": {func(*testing.T) *browser { return mine }, changed("error", "access_denied"), "access_denied"},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.browser(t)
			if status, text, _ := b.send("GET", c.path, nil); status != http.StatusForbidden || !strings.Contains(text, c.want) {
				t.Errorf("%d %s, want %s", status, text, c.want)
			}
			b.want("/Annotator", http.StatusUnauthorized, "")
		})
	}
}

func TestACodeIsWorthNothingWithoutItsVerifier(t *testing.T) {
	o := newOIDCDesk(t)
	victim, thief := o.browser(t), o.browser(t)
	code := o.visit(t, victim, "rita").Query().Get("code")
	q := o.visit(t, thief, "mala").Query()
	q.Set("code", code)
	if status, text, _ := thief.send("GET", CallbackPath+"?"+q.Encode(), nil); status != http.StatusForbidden {
		t.Errorf("the code of another: %d %s", status, text)
	}
	thief.want("/Annotator", http.StatusUnauthorized, "")
}

func TestSigningInTakesTooLong(t *testing.T) {
	o := newOIDCDesk(t)
	b := o.browser(t)
	back := o.visit(t, b, "rita")
	o.clock.move(flowLife)
	if status, text, _ := b.send("GET", back.RequestURI(), nil); status != http.StatusForbidden {
		t.Errorf("%d %s", status, text)
	}
}

func TestAProviderThatIsAwayKeepsNobodyFromStarting(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	d := newDesk(t, func(o *Options) {
		o.ExternalURL = "http://queue.example"
		o.OIDC = &OIDC{IssuerURL: away.URL, ClientID: "vedette"}
		o.Clock = time.Now
	})
	b := d.browser(t)
	if status, text, _ := b.send("GET", "/sign-in/oidc", nil); status != http.StatusBadGateway || !strings.Contains(text, away.URL) {
		t.Errorf("%d %s", status, text)
	}
}
