// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
)

func TestLocalUsersSignInAndOut(t *testing.T) {
	d := newDesk(t, nil)
	b := d.browser(t)
	b.want("/Annotator", http.StatusUnauthorized, "Sign in first.")
	if status, text := b.signIn("ann", "wrong"); status != http.StatusUnauthorized {
		t.Fatalf("a wrong password: %d %s", status, text)
	}
	if status, text := b.signIn("ann", "secret"); status != http.StatusOK {
		t.Fatalf("signing in: %d %s", status, text)
	}
	b.want("/Annotator", http.StatusOK, "ann Annotator")
	b.want("/Reviewer", http.StatusForbidden, "takes the role Reviewer; you have the role Annotator")

	stolen := *b.Client
	stolen.Jar = newJar(t)
	u, _ := url.Parse(b.base)
	stolen.Jar.SetCookies(u, b.Jar.Cookies(u))
	b.send("POST", "/sign-out", nil)
	b.want("/Annotator", http.StatusUnauthorized, "Sign in first.")
	(&browser{Client: &stolen, t: t, base: b.base}).want("/Annotator", http.StatusUnauthorized, "Sign in first.")
}

func TestASessionEndsWithWhatItStandsOn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T, *desk)
		status int
		text   string
	}{
		"nothing changed":                {func(*testing.T, *desk) {}, http.StatusOK, "ann Annotator"},
		"the day is over":                {func(_ *testing.T, d *desk) { d.clock.move(sessionLife) }, http.StatusUnauthorized, "Sign in"},
		"the user is gone":               {func(t *testing.T, d *desk) { write(t, d.users, "# nobody") }, http.StatusUnauthorized, "Sign in"},
		"the password is another":        {func(t *testing.T, d *desk) { write(t, d.users, "ann:"+hashed(t, "new")+":annotator", "") }, http.StatusUnauthorized, "Sign in"},
		"the file cannot be understood":  {func(t *testing.T, d *desk) { write(t, d.users, "ann:annotator") }, http.StatusServiceUnavailable, "cannot be told right now"},
		"the database cannot be reached": {func(_ *testing.T, d *desk) { d.sessions.broken = errors.New("no route") }, http.StatusServiceUnavailable, "cannot be told right now"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			b := d.browser(t)
			if status, text := b.signIn("ann", "secret"); status != http.StatusOK {
				t.Fatalf("signing in: %d %s", status, text)
			}
			c.change(t, d)
			b.want("/Annotator", c.status, c.text)
		})
	}
}

func TestTheDatabaseKeepsNoSecrets(t *testing.T) {
	d := newDesk(t, nil)
	b := d.browser(t)
	b.signIn("ann", "secret")
	u, _ := url.Parse(b.base)
	for _, c := range b.Jar.Cookies(u) {
		if _, kept := d.sessions.sessions[c.Value]; kept {
			t.Errorf("the cookie %s is a key of the database", c.Name)
		}
	}
	if len(d.sessions.sessions) != 1 {
		t.Errorf("%d sessions, want 1", len(d.sessions.sessions))
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	d := newDesk(t, nil)
	b := d.browser(t)
	for range freeAttempts {
		if status, text := b.signIn("ann", "guess"); status != http.StatusUnauthorized || strings.Contains(text, "wait") {
			t.Fatalf("a guess: %d %s", status, text)
		}
	}
	if _, text := b.signIn("ann", "secret"); !strings.Contains(text, "wait 2s") {
		t.Fatalf("the right password right after many wrong ones: %s", text)
	}
	if status, _ := b.signIn("rob", "hidden"); status != http.StatusOK {
		t.Error("another user of the address has to wait, too")
	}
	d.clock.move(firstWait)
	if _, text := b.signIn("ann", "guess"); strings.Contains(text, "wait") {
		t.Errorf("after the wait: %s", text)
	}
	if _, text := b.signIn("ann", "secret"); !strings.Contains(text, "wait 4s") {
		t.Errorf("one more failure doubles the wait: %s", text)
	}
	d.clock.move(2 * firstWait)
	if status, text := b.signIn("ann", "secret"); status != http.StatusOK {
		t.Errorf("the right password after the wait: %d %s", status, text)
	}
}

func TestGuessingManyNamesIsSlowedDownAndForgotten(t *testing.T) {
	c := &clock{now: time.Unix(1e9, 0)}
	th := newThrottle(c.Now)
	for range freeAttemptsOfAddress {
		th.failed(strings.Repeat("x", int(c.now.Unix()%7)+1), "10.0.0.1")
		c.move(time.Second)
	}
	if th.wait("never tried", "10.0.0.1") == 0 || th.wait("never tried", "10.0.0.2") != 0 {
		t.Error("an address that failed often does not wait, or another does")
	}
	for i := range 2 * maxFailures {
		th.failed(time.Duration(i).String(), "10.0.0.3")
	}
	if len(th.failures) > maxFailures+1 {
		t.Errorf("%d failures are remembered, want at most %d", len(th.failures), maxFailures)
	}
	for range 100 {
		th.failed("ann", "10.0.0.9")
	}
	if w := th.wait("ann", "10.0.0.9"); w != longestWait {
		t.Errorf("the wait after many failures is %s, want %s", w, longestWait)
	}
}

func TestFailuresAreForgottenInTime(t *testing.T) {
	c := &clock{now: time.Unix(1e9, 0)}
	th := newThrottle(c.Now)
	for range 2 * freeAttemptsOfAddress {
		th.failed("ann", "10.0.0.1")
	}
	c.move(forgetAfter + time.Second)
	th.failed("ann", "10.0.0.1")
	if w := th.wait("ann", "10.0.0.1"); w != 0 {
		t.Errorf("one failure, long after many: a wait of %s", w)
	}

	for range 10 * freeAttemptsOfAddress { // days of an address that many share: each mistypes once, and then signs in
		th.failed("bea", "10.0.0.2")
		th.succeeded("bea", "10.0.0.2")
		c.move(10 * time.Minute)
	}
	if w := th.wait("cas", "10.0.0.2"); w != 0 {
		t.Errorf("people who mistype now and then lock out the others of their address for %s", w)
	}
}

// attempt is a request that tries to change something.
type attempt struct {
	headers []string
	form    bool   // with the token of the session
	token   string // or with this one
	status  int
}

func TestOnlyWhoMayAndMeansToChangesSomething(t *testing.T) {
	const post = "POST"
	auth := []string{"Authorization", "Bearer " + token}
	for name, a := range map[string]struct {
		attempt
		user, password, path string
	}{
		"a form of one's own":                  {attempt{form: true, status: 200}, "ann", "secret", "/Annotator"},
		"a form of one's own, told to be so":   {attempt{form: true, headers: []string{"Sec-Fetch-Site", "same-origin"}, status: 200}, "ann", "secret", "/Annotator"},
		"nobody":                               {attempt{status: 401}, "", "", "/Annotator"},
		"nobody with a token":                  {attempt{token: "x", status: 401}, "", "", "/Annotator"},
		"no token":                             {attempt{status: 403}, "ann", "secret", "/Annotator"},
		"the token of another session":         {attempt{token: formToken("another"), status: 403}, "ann", "secret", "/Annotator"},
		"the wrong role":                       {attempt{form: true, status: 403}, "ann", "secret", "/Reviewer"},
		"the wrong role for the highest":       {attempt{form: true, status: 403}, "rob", "hidden", "/Admin"},
		"another site, as browsers say":        {attempt{form: true, headers: []string{"Sec-Fetch-Site", "cross-site"}, status: 403}, "ann", "secret", "/Annotator"},
		"a sibling site":                       {attempt{form: true, headers: []string{"Sec-Fetch-Site", "same-site"}, status: 403}, "ann", "secret", "/Annotator"},
		"another site, as old browsers say":    {attempt{form: true, headers: []string{"Origin", "https://evil.example"}, status: 403}, "ann", "secret", "/Annotator"},
		"a machine":                            {attempt{headers: auth, status: 200}, "", "", "/Admin"},
		"a machine that another site uses":     {attempt{headers: append([]string{"Sec-Fetch-Site", "cross-site"}, auth...), status: 403}, "", "", "/Admin"},
		"an unknown machine":                   {attempt{headers: []string{"Authorization", "Bearer nope"}, status: 401}, "", "", "/Annotator"},
		"an unknown machine in a session":      {attempt{form: true, headers: []string{"Authorization", "Bearer nope"}, status: 401}, "ann", "secret", "/Annotator"},
		"an empty token of a machine":          {attempt{headers: []string{"Authorization", "Bearer "}, status: 401}, "", "", "/Annotator"},
		"a proxy's header that nobody enabled": {attempt{headers: []string{"X-Forwarded-User", "rob"}, status: 401}, "", "", "/Annotator"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			b := d.browser(t)
			form := url.Values{TokenField: {a.token}}
			if a.user != "" {
				if status, text := b.signIn(a.user, a.password); status != http.StatusOK {
					t.Fatalf("signing in: %d %s", status, text)
				}
			}
			if a.form {
				_, _, tok := b.send("GET", "/Annotator", nil)
				form.Set(TokenField, tok)
			}
			if status, text, _ := b.send(post, a.path, form, a.headers...); status != a.status {
				t.Errorf("%d %s, want %d", status, text, a.status)
			}
		})
	}
}

func TestASignInNeedsAFormOfOurs(t *testing.T) {
	d := newDesk(t, nil)
	good := url.Values{"name": {"ann"}, "password": {"secret"}}
	if status, _, _ := d.browser(t).send("POST", "/sign-in", good); status != http.StatusForbidden {
		t.Errorf("without a token: %d", status)
	}
	_, _, other := d.browser(t).send("GET", "/sign-in", nil)
	b := d.browser(t)
	_, _, own := b.send("GET", "/sign-in", nil)
	good.Set(TokenField, other)
	if status, _, _ := b.send("POST", "/sign-in", good); status != http.StatusForbidden {
		t.Errorf("with the token of another browser: %d", status)
	}
	good.Set(TokenField, own)
	if status, _, _ := b.send("POST", "/sign-in", good, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("from another site: %d", status)
	}
	if status, _, _ := b.send("POST", "/sign-in", good); status != http.StatusOK {
		t.Errorf("with its own token: %d", status)
	}
}

func TestAProxyIsBelievedWhereItIsEnabled(t *testing.T) {
	d := newDesk(t, func(o *Options) {
		o.ProxyHeader = &ProxyHeader{User: "X-Forwarded-User", Groups: "X-Forwarded-Groups"}
		o.Grants = []Grant{
			{Role: review.Annotator, Groups: []string{"everybody"}},
			{Role: review.Admin, Groups: []string{"platform"}, Users: []string{"zoe"}},
			{Role: review.Reviewer, Groups: []string{"leads"}},
		}
	})
	for name, c := range map[string]struct {
		headers []string
		status  int
		text    string
	}{
		"a group grants a role":         {[]string{"X-Forwarded-User", "ann", "X-Forwarded-Groups", "everybody"}, 200, "ann Annotator"},
		"the greatest role holds":       {[]string{"X-Forwarded-User", "ann", "X-Forwarded-Groups", "platform, leads,everybody"}, 200, "ann Admin"},
		"a name grants a role":          {[]string{"X-Forwarded-User", "zoe"}, 200, "zoe Admin"},
		"who was granted nothing":       {[]string{"X-Forwarded-User", "eve"}, 403, "You have no role in this queue"},
		"two names are nobody's":        {[]string{"X-Forwarded-User", "zoe", "X-Forwarded-User", "eve"}, 401, "Sign in"},
		"a name with control character": {[]string{"X-Forwarded-User", "zo\u0085e\x01"}, 401, "Sign in"},
		"no name":                       {nil, 401, "Sign in"},
		"a name, and the proxy's token": {[]string{"X-Forwarded-User", "zoe", "Authorization", "Bearer the.proxys.own"}, 200, "zoe Admin"},
		"a token of ours goes first":    {[]string{"X-Forwarded-User", "ann", "Authorization", "Bearer " + token}, 200, "token:studio Admin"},
		"an unknown token alone":        {[]string{"Authorization", "Bearer the.proxys.own"}, 401, "Sign in"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, d.server.URL+"/Annotator", nil)
			for i := 0; i < len(c.headers); i += 2 {
				r.Header.Add(c.headers[i], c.headers[i+1])
			}
			w := httptest.NewRecorder()
			d.server.Config.Handler.ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.text)
			}
		})
	}
	b := d.browser(t)
	_, _, tok := b.send("GET", "/Annotator", nil, "X-Forwarded-User", "zoe")
	if status, _, _ := b.send("POST", "/Annotator", url.Values{}, "X-Forwarded-User", "zoe"); status != http.StatusForbidden {
		t.Errorf("a change without a token: %d", status)
	}
	if status, _, _ := b.send("POST", "/Annotator", url.Values{}, "X-Forwarded-User", "zoe", "Authorization", "Bearer the.proxys.own"); status != http.StatusForbidden {
		t.Errorf("a change without a token for forms, with one of the proxy's: %d", status)
	}
	if status, text, _ := b.send("POST", "/Annotator", url.Values{TokenField: {tok}}, "X-Forwarded-User", "zoe"); status != http.StatusOK {
		t.Errorf("a change with the page's token: %d %s", status, text)
	}
}

func TestCookiesKnowWhetherThereIsTLS(t *testing.T) {
	for name, c := range map[string]struct {
		external, forwarded string
		want                string
		secure              bool
	}{
		"plain, as behind port-forward": {want: "vedette-session"},
		"behind an ingress with TLS":    {forwarded: "https", want: "__Host-vedette-session", secure: true},
		"as the configuration says":     {external: "https://queue.example", want: "__Host-vedette-session", secure: true},
		"in spite of what is forwarded": {external: "http://queue.example", forwarded: "https", want: "vedette-session"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, func(o *Options) { o.ExternalURL = c.external })
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Header.Set("X-Forwarded-Proto", c.forwarded)
			got := d.cookie(r, sessionCookie, "x", time.Hour)
			if got.Name != c.want || got.Secure != c.secure || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Path != "/" {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, lines ...string) string {
		path := filepath.Join(dir, name)
		write(t, path, lines...)
		return path
	}
	users := file("users", "ann:"+hashed(t, "x")+":admin")
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"nobody can sign in":                   {Options{}, "nobody could sign in"},
		"OIDC without a way back":              {Options{OIDC: &OIDC{}}, "needs the external URL"},
		"an external URL that is not":          {Options{UsersFile: users, ExternalURL: "queue.example"}, "want https://HOST"},
		"an external URL with a path":          {Options{UsersFile: users, ExternalURL: "https://x/queue"}, "a host of its own"},
		"no file":                              {Options{UsersFile: dir + "/none"}, "no such file"},
		"too few fields":                       {Options{UsersFile: file("a", "", "ann:admin")}, "line 2 has 2 fields: want 3"},
		"a plain password":                     {Options{UsersFile: file("b", "ann:secret:admin")}, "line 1: the password is no bcrypt hash: make one with htpasswd -nB NAME"},
		"a role that is none":                  {Options{UsersFile: file("c", "ann:"+hashed(t, "x")+":root")}, "line 1: no such role: want annotator, reviewer or admin"},
		"a user twice":                         {Options{UsersFile: file("d", "ann:"+hashed(t, "x")+":admin", "ann:"+hashed(t, "y")+":admin")}, "line 2: the same user is there twice"},
		"a name that is empty":                 {Options{UsersFile: file("e", ":"+hashed(t, "x")+":admin")}, "a name has 1 to 200 bytes"},
		"a hash that takes for ever":           {Options{UsersFile: file("f", "ann:"+strings.Replace(hashed(t, "x"), "$04$", "$31$", 1)+":admin")}, "cost 31"},
		"a file that is too large":             {Options{UsersFile: file("g", strings.Repeat("#", maxFileBytes))}, "more than"},
		"a plain token":                        {Options{TokensFile: file("h", "ci:token:admin")}, "no SHA-256 digest"},
		"a token twice":                        {Options{TokensFile: file("i", "ci:"+sum("x")+":admin", "cd:"+sum("x")+":admin")}, "line 2: an earlier line has the same token"},
		"a client's secret that is for nobody": {Options{ExternalURL: "https://x", OIDC: &OIDC{IssuerURL: "https://login", SecretFile: users}}, "which provider the client's secret is for"},
		"a client's secret that is for another": {Options{ExternalURL: "https://x", OIDC: &OIDC{
			IssuerURL: "https://evil", SecretFile: file("k", "s3cr3t"), SecretIssuerFile: file("l", "https://login"),
		}}, "is not for the provider at https://evil"},
		"a token without a role": {Options{TokensFile: file("j", "ci:"+sum("x")+":")}, "line 1: no such role"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Clock, c.o.Log = time.Now, slog.New(slog.DiscardHandler)
			if _, err := New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestErrorsTellNothingOfASecret: whoever names a Secret that is not meant for us must not read in the log what it holds.
func TestErrorsTellNothingOfASecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, content := range []string{
		"hunter2", "hunter2:hunter2", "hunter2:hunter2:hunter2", "hunter2:" + hashed(t, "x") + ":hunter2", "hunter2:" + sum("x") + ":hunter2",
		strings.Repeat("hunter2", 100) + ":" + sum("x") + ":admin", "hunter2\x7f:" + hashed(t, "x") + ":admin", `{"hunter2": "a:b:hunter2"}`,
	} {
		write(t, path, content)
		for name, o := range map[string]Options{
			"users": {UsersFile: path}, "tokens": {TokensFile: path},
			"issuer": {ExternalURL: "https://x", OIDC: &OIDC{IssuerURL: "https://login", SecretFile: path, SecretIssuerFile: path}},
		} {
			o.Clock, o.Log = time.Now, slog.New(slog.DiscardHandler)
			if _, err := New(o); err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s of %.30q: %v", name, content, err)
			}
		}
	}
}

func TestLocalPath(t *testing.T) {
	for to, want := range map[string]string{
		"/items/1?state=done": "/items/1?state=done", "": "/", "items": "/", "//evil.example": "/", "https://evil.example": "/",
		`/\evil.example`: "/", "/a\r\nSet-Cookie: x": "/", "/\t/evil.example": "/",
	} {
		if got := LocalPath(to); got != want {
			t.Errorf("LocalPath(%q) = %q, want %q", to, got, want)
		}
	}
}

func TestHeadersKeepBrowsersCareful(t *testing.T) {
	w := httptest.NewRecorder()
	Headers(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy %q lacks %s", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
		t.Errorf("the policy %q allows what is not our own", csp)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", w.Header())
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("ann:$2a$04$abcdefghijklmnopqrstuuZ:admin\n#x\n"))
	f.Add([]byte("ci:" + sum("x") + ":admin"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if users, err := parseUsers(b); err == nil {
			for name, u := range users {
				if checkName(name) != nil || u.role < review.Annotator || u.role > review.Admin {
					t.Errorf("user %q has role %v", name, u.role)
				}
			}
		}
		if machines, err := parseTokens(b); err == nil {
			for _, m := range machines {
				if !slices.Contains([]review.Role{review.Annotator, review.Reviewer, review.Admin}, m.role) {
					t.Errorf("%q has role %v", m.name, m.role)
				}
			}
		}
	})
}
