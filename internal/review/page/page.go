// SPDX-License-Identifier: Apache-2.0

// Package page owns the pages of an annotation queue: what people see, and the forms with which they answer. The server
// renders everything; a small script only lets the keyboard press the buttons. There are no assets from elsewhere. It
// imports no Kubernetes package.
package page

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/desk"
)

// Options configure the pages.
type Options struct {
	Desk  *desk.Desk
	Auth  *auth.Auth
	Clock func() time.Time
	Log   *slog.Logger
}

// Pages serves the pages.
type Pages struct {
	Options
	templates map[string]*template.Template
	assets    map[string]asset
}

//go:embed templates static
var files embed.FS

type asset struct {
	content []byte
	// name holds a digest of the content, so that a browser may keep it for ever.
	name string
}

// New parses what is embedded.
func New(o Options) (*Pages, error) {
	p := &Pages{Options: o, templates: map[string]*template.Template{}, assets: map[string]asset{}}
	entries, err := files.ReadDir("static")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		content, err := files.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(e.Name())
		p.assets[e.Name()] = asset{content, strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext}
	}
	address := func(name string) (string, error) {
		a, ok := p.assets[name]
		if !ok {
			return "", fmt.Errorf("no asset %q", name)
		}
		return "/static/" + a.name, nil
	}
	for _, name := range []string{"queue", "item", "progress", "signin", "problem"} {
		t, err := template.New(name+".html").Funcs(template.FuncMap{"asset": address}).ParseFS(files, "templates/layout.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("parsing the pages: %w", err)
		}
		p.templates[name] = t
	}
	return p, nil
}

// Register adds the pages to mux.
func (p *Pages) Register(mux *http.ServeMux) {
	guard := &auth.Guard{Auth: p.Auth, Deny: p.deny}
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}":                    p.queue,
		"POST /next":                  p.next,
		"GET /items/{id}":             p.item,
		"POST /items/{id}/answer":     p.answer,
		"POST /items/{id}/adjudicate": p.adjudicate,
		"POST /undo":                  p.undo,
		"GET /progress":               p.progress,
		"POST /sign-out":              p.signOut,
	} {
		mux.Handle(pattern, limited(guard.Require(review.Annotator, p.handle(h))))
	}
	mux.Handle("GET /sign-in", limited(p.handle(p.signInForm)))
	mux.Handle("POST /sign-in", limited(p.handle(p.signIn)))
	mux.Handle("GET /sign-in/oidc", limited(p.handle(p.startOIDC)))
	mux.Handle("GET "+auth.CallbackPath, limited(p.handle(p.finishOIDC)))
	mux.Handle("GET /static/{name}", limited(http.HandlerFunc(p.static)))
	mux.Handle("/", limited(guard.Require(review.Annotator, p.handle(func(http.ResponseWriter, *http.Request) error { return errNoPage }))))
}

// maxForm bounds a form: a comment, and little else.
const maxForm = 64 << 10

// limited stands before every page, also those that read no form: whoever is not signed in may send anything.
func limited(next http.Handler) http.Handler { return http.MaxBytesHandler(next, maxForm) }

// static serves the style sheet, the script and the icon. They hold nothing of the queue.
func (p *Pages) static(w http.ResponseWriter, r *http.Request) {
	for _, a := range p.assets {
		if a.name == r.PathValue("name") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(a.content))
			return
		}
	}
	http.NotFound(w, r)
}

// frame is what all pages have in common.
type frame struct {
	Title, Queue, Page string
	Person             *review.Person
	Token              string
	// Key makes what a form does happen once, however often it is sent.
	Key  string
	Note *note
	// Start is the text of the button that leads to the next item.
	Start string
}

// note says what has just happened.
type note struct {
	Text      string
	Undo, Bad bool
}

func (p *Pages) frame(w http.ResponseWriter, r *http.Request, title, name string) frame {
	person := auth.From(r.Context())
	return frame{
		Title: title, Queue: p.Desk.Document().Queue, Page: name, Person: &person.Person,
		Token: p.Auth.FormToken(w, r, person), Key: rand.Text(),
	}
}

// render writes a page, or nothing: a template that fails must not leave half of one.
func (p *Pages) render(w http.ResponseWriter, status int, name string, data any) error {
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, name+".html", data); err != nil {
		return fmt.Errorf("rendering the page %q: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // A browser that went away needs no page.
	return nil
}

var errNoPage = errors.New("there is no such page")

// handle turns errors into pages.
func (p *Pages) handle(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			p.fail(w, r, err)
		}
	})
}

// trouble is what people are told of an error.
type trouble struct {
	frame
	Text, Back, BackText string
}

func (p *Pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, title, text := explain(err)
	if status == http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		p.Log.Error("a page failed", "path", r.URL.Path, "error", err)
	}
	p.problem(w, status, title, text, "/", "Back to the queue")
}

func (p *Pages) problem(w http.ResponseWriter, status int, title, text, back, backText string) {
	t := trouble{frame: frame{Title: title, Queue: p.Desk.Document().Queue}, Text: text, Back: back, BackText: backText}
	if err := p.render(w, status, "problem", t); err != nil {
		p.Log.Error("a page failed", "error", err)
		http.Error(w, title, status)
	}
}

// explain says what an error means to the person.
func explain(err error) (status int, title, text string) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errNoPage):
		return http.StatusNotFound, "There is no such page", "The address may have been mistyped."
	case errors.Is(err, review.ErrNotFound):
		return http.StatusNotFound, "There is no such item", "It may have been kept as long as the queue keeps items, or erased."
	case errors.Is(err, review.ErrLease):
		return http.StatusConflict, "You hold this item no more", "It went back to the queue when its time was up, or somebody else has answered it. Nothing was recorded."
	case errors.Is(err, review.ErrAnswered):
		return http.StatusConflict, "This item is answered already", "Nothing was recorded."
	case errors.Is(err, review.ErrInvalid):
		return http.StatusUnprocessableEntity, "The answer does not fit the question", upper(err.Error()) + "."
	case errors.Is(err, review.ErrForbidden):
		return http.StatusForbidden, "Your role does not allow this", "Ask those who run the queue."
	case errors.Is(err, review.ErrNothingToUndo):
		return http.StatusConflict, "There is nothing to undo", "You have not answered anything, or a reviewer has adjudicated it since."
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, "That is too much", "A comment has room for 4,096 bytes."
	}
	return http.StatusInternalServerError, "Something went wrong", "It was noted in the log of the queue. What you did before is safe."
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// deny answers who may not: a page is asked for by a sign-in, anything else refused.
func (p *Pages) deny(w http.ResponseWriter, r *http.Request, d auth.Denial) {
	switch {
	case d.Status == http.StatusUnauthorized && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		http.Redirect(w, r, "/sign-in?to="+template.URLQueryEscaper(r.URL.RequestURI()), http.StatusSeeOther)
	case d.Status == http.StatusUnauthorized:
		p.problem(w, d.Status, "You are not signed in", "Your session may have ended. Nothing was recorded.", "/sign-in", "Sign in")
	case d.Status == http.StatusServiceUnavailable:
		p.problem(w, d.Status, "The queue cannot tell who you are", d.Reason, r.URL.Path, "Try again")
	case d.Name != "":
		p.problem(w, d.Status, "You may not do this", fmt.Sprintf("%s You are signed in as %s.", d.Reason, d.Name), "/", "Back to the queue")
	default:
		p.problem(w, d.Status, "You may not do this", d.Reason, "/", "Back to the queue")
	}
}
