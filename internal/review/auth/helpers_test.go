// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/vedette-dev/vedette/internal/review"
)

// memory keeps sessions as a database would.
type memory struct {
	mu       sync.Mutex
	sessions map[string][]byte
	expires  map[string]time.Time
	broken   error
}

func newMemory() *memory {
	return &memory{sessions: map[string][]byte{}, expires: map[string]time.Time{}}
}

func (m *memory) PutSession(_ context.Context, digest string, value []byte, expires time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[digest], m.expires[digest] = value, expires
	return m.broken
}

func (m *memory) GetSession(_ context.Context, digest string, now time.Time) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !now.Before(m.expires[digest]) {
		return nil, m.broken
	}
	return m.sessions[digest], m.broken
}

func (m *memory) EndSession(_ context.Context, digest string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, digest)
	return m.broken
}

// clock is one that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func hashed(t testing.TB, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func sum(token string) string {
	s := sha256.Sum256([]byte(token))
	return hex.EncodeToString(s[:])
}

// write replaces a file as the kubelet does, with another time of change.
func write(t testing.TB, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

const token = "a-long-and-random-token"

type desk struct {
	*Auth
	clock    *clock
	sessions *memory
	users    string
	server   *httptest.Server
}

// newDesk serves a guarded page for each role, a form to sign in with, and one that changes something.
func newDesk(t *testing.T, change func(*Options)) *desk {
	t.Helper()
	d := &desk{
		clock: &clock{now: time.Now()}, sessions: newMemory(), users: filepath.Join(t.TempDir(), "users"),
	}
	write(t, d.users, "ann:"+hashed(t, "secret")+":annotator", "rob:"+hashed(t, "hidden")+":reviewer")
	tokens := filepath.Join(t.TempDir(), "tokens")
	write(t, tokens, "# machines", "studio:"+sum(token)+":admin")
	o := Options{
		Sessions: d.sessions, UsersFile: d.users, TokensFile: tokens, Clock: d.clock.Now, Log: slog.New(slog.DiscardHandler),
	}
	mux := http.NewServeMux()
	d.server = httptest.NewServer(mux)
	t.Cleanup(d.server.Close)
	if change != nil {
		change(&o)
	}
	var err error
	if d.Auth, err = New(o); err != nil {
		t.Fatal(err)
	}
	guard := &Guard{Auth: d.Auth, Deny: func(w http.ResponseWriter, _ *http.Request, denial Denial) {
		http.Error(w, denial.Reason, denial.Status)
	}}
	for _, role := range []review.Role{review.Annotator, review.Reviewer, review.Admin} {
		mux.Handle("/"+role.String(), guard.Require(role, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p := From(r.Context())
			w.Header().Set("Token", d.FormToken(w, r, p))
			fmt.Fprintf(w, "%s %s", p.Name, p.Role)
		})))
	}
	mux.HandleFunc("GET /sign-in", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Token", d.FormToken(w, r, Person{}))
	})
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		if !d.CheckForm(r, Person{}) {
			http.Error(w, "no token", http.StatusForbidden)
			return
		}
		if err := d.SignIn(w, r, r.FormValue("name"), r.FormValue("password")); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		}
	})
	mux.HandleFunc("POST /sign-out", func(w http.ResponseWriter, r *http.Request) {
		if err := d.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /sign-in/oidc", func(w http.ResponseWriter, r *http.Request) {
		if err := d.StartOIDC(w, r, r.FormValue("to")); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
	mux.HandleFunc("GET "+CallbackPath, func(w http.ResponseWriter, r *http.Request) {
		to, err := d.FinishOIDC(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
	return d
}

// browser is a client with cookies.
type browser struct {
	*http.Client
	t    *testing.T
	base string
}

func (d *desk) browser(t *testing.T) *browser {
	return &browser{Client: &http.Client{Jar: newJar(t)}, t: t, base: d.server.URL}
}

// send sends a request with headers, given as name and value in turn, and tells status, text and the token for forms.
func (b *browser) send(method, path string, form url.Values, headers ...string) (status int, text, token string) {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSpace(string(read)), answer.Header.Get("Token")
}

// signIn signs a local user in.
func (b *browser) signIn(name, password string) (status int, text string) {
	b.t.Helper()
	_, _, form := b.send("GET", "/sign-in", nil)
	status, text, _ = b.send("POST", "/sign-in", url.Values{"name": {name}, "password": {password}, TokenField: {form}})
	return status, text
}

// want checks what a page says.
func (b *browser) want(path string, status int, text string) {
	b.t.Helper()
	if s, got, _ := b.send("GET", path, nil); s != status || !strings.Contains(got, text) {
		b.t.Errorf("GET %s: %d %q, want %d %q", path, s, got, status, text)
	}
}

func newJar(t *testing.T) http.CookieJar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar
}
