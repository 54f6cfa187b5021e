// SPDX-License-Identifier: Apache-2.0

package page_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/testing/annotation"
	"github.com/vedette-dev/vedette/internal/wire"
)

// visitor is somebody with a browser that knows no JavaScript.
type visitor struct {
	t      *testing.T
	client *http.Client
	url    string
	page   string
	status int
	at     *url.URL
}

func newVisitor(t *testing.T, q *annotation.Queue) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, client: &http.Client{Jar: jar}, url: q.URL}
}

func (v *visitor) read(answer *http.Response, err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.page, v.status, v.at = string(b), answer.StatusCode, answer.Request.URL
}

func (v *visitor) get(path string) { v.t.Helper(); v.read(v.client.Get(v.url + path)) }

// send sends a form of the page, as it stands there: with the token and the key.
func (v *visitor) send(action string, more ...string) {
	v.t.Helper()
	form := url.Values{}
	for _, hidden := range regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`).FindAllStringSubmatch(v.page, -1) {
		form.Set(hidden[1], hidden[2])
	}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	v.read(v.client.PostForm(v.url+action, form))
}

func (v *visitor) want(status int, parts ...string) {
	v.t.Helper()
	if v.status != status {
		v.t.Fatalf("%s: %d, want %d\n%s", v.at, v.status, status, v.page)
	}
	for _, p := range parts {
		if !strings.Contains(v.page, p) {
			v.t.Errorf("%s: %q is not on the page", v.at, p)
		}
	}
}

func (v *visitor) signIn(name string) {
	v.t.Helper()
	v.get("/sign-in")
	v.send("/sign-in", "name", name, "password", annotation.Password)
	v.want(200)
}

func TestEverythingWorksWithoutAScript(t *testing.T) {
	q := annotation.New(t, func(d *wire.Review) { d.Overlap = 1 })
	q.Add(annotation.Payment(1))
	q.Add(annotation.Payment(2))
	v := newVisitor(t, q)
	v.get("/items/x?after=y")
	v.want(200, "Sign in")
	if got := v.at.RequestURI(); got != "/sign-in?to=%2Fitems%2Fx%3Fafter%3Dy" {
		t.Errorf("sent to %s", got)
	}
	v.send("/sign-in", "name", "ada", "password", "wrong")
	v.want(401, "No one has this name and this password.", `value="ada"`)
	v.send("/sign-in", "name", "ada", "password", annotation.Password)
	v.want(404, "There is no such item")
	v.get("/")
	v.want(200, "2 items wait for an answer")
	v.send("/next")
	v.want(200, "Was this payment fraud?", "Held for you until")
	first := v.at.Path
	v.send(first+"/answer", "class", "no such class")
	v.want(422, "none of genuine, fraud")
	v.get(first)
	v.send(first+"/answer", "class", "fraud", "comment", "<script>alert(1)</script>")
	v.want(200, "Saved: fraud.")
	v.send("/undo")
	v.want(200, "Held for you until")
	if v.at.Path != first {
		t.Errorf("undo leads to %s", v.at)
	}
	v.send(first+"/answer", "class", "genuine", "comment", "<script>alert(1)</script>")
	second := v.at.Path
	v.send(second+"/answer", "do", "skip")
	v.want(200, "Skipped. Nothing waits for you just now", `action="/undo"`)
	v.get(first)
	v.want(200, "What you answered", "&lt;script&gt;")
	v.send(first+"/answer", "class", "fraud", "key", "another")
	v.want(409, "Nothing was recorded.")
	v.get("/progress")
	v.want(200, "What you did", "You answered")
	v.get("/nothing")
	v.want(404, "There is no such page")
	v.get("/")
	v.send("/sign-out")
	v.want(200, "Sign in")
	v.get("/progress")
	if v.at.Path != "/sign-in" {
		t.Errorf("after signing out, %s is shown", v.at)
	}
}

// meter counts what is read of a body without an end.
type meter struct{ read int }

func (m *meter) Read(b []byte) (int, error) {
	m.read += len(b)
	if m.read > 16<<20 {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(b, bytes.Repeat([]byte("x"), len(b))), nil
}

func TestNobodyFillsTheMemory(t *testing.T) {
	q := annotation.New(t, nil)
	const head = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"
	for _, target := range []string{"GET /sign-in", "POST /sign-in", "GET /sign-in/oidc", "GET /sign-in/callback", "GET /static/x", "GET /", "POST /next", "GET /none"} {
		method, path, _ := strings.Cut(target, " ")
		body := &meter{}
		r := httptest.NewRequestWithContext(t.Context(), method, path, io.MultiReader(strings.NewReader(head), body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		q.Handler.ServeHTTP(httptest.NewRecorder(), r)
		if body.read > 128<<10 {
			t.Errorf("%s reads %d bytes of what somebody sends who is not signed in", target, body.read)
		}
	}
}

func TestPagesHoldNothingFromElsewhere(t *testing.T) {
	q := annotation.New(t, nil)
	q.Add(annotation.Payment(1))
	v := newVisitor(t, q)
	v.signIn("rita")
	for _, path := range []string{"/", "/progress"} {
		v.get(path)
		if found := regexp.MustCompile(`(?:src|href)="(?:https?:)?//[^"]*"|style="|\son\w+="|<style|<script>`).FindString(v.page); found != "" {
			t.Errorf("%s holds %s", path, found)
		}
	}
	for _, asset := range regexp.MustCompile(`/static/[^"]+`).FindAllString(v.page, -1) {
		answer, err := v.client.Get(v.url + asset)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %s, kept %q", asset, answer.Status, answer.Header.Get("Cache-Control"))
		}
	}
}
