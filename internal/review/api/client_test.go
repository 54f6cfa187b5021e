// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/vedette-dev/vedette/internal/review/api"
	"github.com/vedette-dev/vedette/internal/testing/annotation"
	"github.com/vedette-dev/vedette/internal/wire"
)

func load(t testing.TB) (*openapi3.T, routers.Router) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, router
}

func init() {
	openapi3filter.RegisterBodyDecoder("application/yaml", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/xml", openapi3filter.FileBodyDecoder)
}

// client sends requests, and holds every one and every answer against the document.
type client struct {
	t      *testing.T
	q      *annotation.Queue
	router routers.Router
	token  string
	cookie *http.Cookie
	form   string
	// asked are the operations that were asked for with success.
	asked map[string]bool
}

func newClient(t *testing.T, change func(*wire.Review)) *client {
	_, router := load(t)
	return &client{t: t, q: annotation.New(t, change), router: router, token: annotation.Token, asked: map[string]bool{}}
}

// as is a client with the session of a local user.
func (c *client) as(name string) *client {
	c.t.Helper()
	other := &client{t: c.t, q: c.q, router: c.router, asked: c.asked}
	form := httptest.NewRecorder()
	c.q.Handler.ServeHTTP(form, httptest.NewRequestWithContext(c.t.Context(), http.MethodGet, "/sign-in", nil))
	visit := form.Result().Cookies()[0]
	body := "name=" + name + "&password=" + strings.ReplaceAll(annotation.Password, " ", "+") + "&token=" + between(form.Body.String(), `name="token" value="`, `"`)
	r := httptest.NewRequestWithContext(c.t.Context(), http.MethodPost, "/sign-in", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(visit)
	w := httptest.NewRecorder()
	c.q.Handler.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		if strings.HasSuffix(cookie.Name, "session") {
			other.cookie = cookie
		}
	}
	if other.cookie == nil {
		c.t.Fatalf("%s cannot sign in: %d %s", name, w.Code, w.Body)
	}
	page := httptest.NewRecorder()
	r = httptest.NewRequestWithContext(c.t.Context(), http.MethodGet, "/", nil)
	r.AddCookie(other.cookie)
	c.q.Handler.ServeHTTP(page, r)
	other.form = between(page.Body.String(), `name="token" value="`, `"`)
	return other
}

func between(s, from, to string) string {
	_, rest, _ := strings.Cut(s, from)
	out, _, _ := strings.Cut(rest, to)
	return out
}

// send sends a request; headers are given as name and value in turn.
func (c *client) send(method, target string, body any, headers ...string) *httptest.ResponseRecorder {
	c.t.Helper()
	var text []byte
	media := "application/json"
	switch b := body.(type) {
	case nil:
		media = ""
	case string:
		text = []byte(b)
	case lines:
		text, media = []byte(b), "application/x-ndjson"
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			c.t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(c.t.Context(), method, "http://queue.example"+target, bytes.NewReader(text))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.cookie != nil {
		r.AddCookie(c.cookie)
		r.Header.Set("X-CSRF-Token", c.form)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.q.Handler.ServeHTTP(w, r)
	c.conforms(r, w, text)
	return w
}

// conforms checks an answer against the document, and the request too, where it was accepted.
func (c *client) conforms(r *http.Request, w *httptest.ResponseRecorder, body []byte) {
	c.t.Helper()
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		return
	}
	route, params, err := c.router.FindRoute(r)
	if err != nil {
		if w.Code < 400 {
			c.t.Errorf("%s %s is not in the document: %v", r.Method, r.URL.Path, err)
		}
		return
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	r.Body = io.NopCloser(bytes.NewReader(body))
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	if w.Code < 400 {
		if err := openapi3filter.ValidateRequest(c.t.Context(), in); err != nil {
			c.t.Errorf("%s %s was accepted, and is not as the document says: %v", r.Method, r.URL.Path, err)
		}
		c.asked[route.Operation.OperationID] = true
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: w.Code, Header: w.Header(), Options: options}
	out.SetBodyBytes(w.Body.Bytes())
	if err := openapi3filter.ValidateResponse(c.t.Context(), out); err != nil {
		c.t.Errorf("%s %s: the answer %d is not as the document says: %v\n%s", r.Method, r.URL.Path, w.Code, err, w.Body)
	}
}

// lines are a body of one document a line.
type lines string

func (c *client) want(w *httptest.ResponseRecorder, status int, parts ...string) {
	c.t.Helper()
	if w.Code != status {
		c.t.Fatalf("%d, want %d: %s", w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			c.t.Errorf("%q is not in %s", p, w.Body)
		}
	}
}

// next takes an item, and tells its id.
func (c *client) next() string {
	c.t.Helper()
	w := c.send("POST", "/api/v1/next", nil)
	c.want(w, http.StatusOK)
	var doc struct {
		Item *struct {
			ID string `json:"id"`
		} `json:"item"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.Item == nil {
		c.t.Fatalf("no next item: %s", w.Body)
	}
	return doc.Item.ID
}

func key(k string) []string { return []string{"Idempotency-Key", k} }

// exchange goes through what other tools use.
func (c *client) exchange(done string) {
	c.t.Helper()
	c.want(c.send("GET", "/api/v1/export?state=done", nil), 200, done, `"answers":[`)
	pending := c.pending()
	c.want(c.send("POST", "/api/v1/import", lines(fmt.Sprintf("{\"item\":%q,\"person\":\"eve\",\"class\":\"fraud\"}\n\n{\"item\":\"none\",\"person\":\"eve\",\"class\":\"fraud\"}\n{\"item\":7}\n", pending[0]))),
		200, `"recorded":1`, `"refused":2`, `"line":3`, `"line":4`)
	c.want(c.send("GET", "/api/v1/items/"+pending[0]+"/answers", nil), 200, `"person":"import:eve"`)
	c.want(c.send("POST", "/api/v1/import", lines(fmt.Sprintf("{\"item\":%q,\"person\":\"import:eve\",\"class\":\"fraud\"}", pending[0]))), 200, `"recorded":1`)
	c.want(c.send("GET", "/api/v1/items/"+pending[0], nil), 200, `"state":"pending"`) // It is one person's, and takes two.
	c.want(c.send("POST", "/api/v1/labels?monitor=fraud", []any{map[string]any{"record_id": "r1", "class": "fraud"}, map[string]any{"class": "fraud"}}),
		202, `"recorded":1`, `"refused":1`)
	c.want(c.send("POST", "/api/v1/labels?monitor=fraud", map[string]any{"record_id": "r2", "event": "cost", "amount": 12.5}), 202, `"recorded":1`)
	c.want(c.send("POST", "/api/v1/labels?monitor=fraud", lines("{\"label_key\":\"tx-1\",\"label\":\"fraud\"}\n")), 202, `"recorded":1`)
	c.want(c.send("GET", "/api/v1/labelstudio/config?monitor=fraud", nil), 200, `<Choice value="fraud" hotkey="2"/>`)
	c.want(c.send("GET", "/api/v1/labelstudio/tasks", nil), 200, `"item_id"`, `"choices"`, `"score"`)
	annotation := map[string]any{
		"id": 7, "completed_by": map[string]any{"id": 3, "email": "lea@example.com"}, "was_cancelled": false, "updated_at": "2026-11-26T09:00:00Z",
		"result": []any{
			map[string]any{"from_name": "label", "to_name": "why", "type": "choices", "value": map[string]any{"choices": []string{"fraud"}}},
			map[string]any{"from_name": "critical", "to_name": "why", "type": "choices", "value": map[string]any{"choices": []string{"critical error"}}},
			map[string]any{"from_name": "comment", "to_name": "why", "type": "textarea", "value": map[string]any{"text": []string{"stolen card"}}},
		},
	}
	task := func(item string) map[string]any {
		return map[string]any{"id": 1, "data": map[string]any{"item_id": item}}
	}
	hook := map[string]any{"action": "ANNOTATION_CREATED", "annotation": annotation, "task": task(pending[1]), "project": map[string]any{"id": 1}}
	for range 2 { // It repeats what it thinks has failed.
		c.want(c.send("POST", "/api/v1/labelstudio/webhook", hook), 200, `"recorded":1`)
	}
	c.want(c.send("GET", "/api/v1/items/"+pending[1]+"/answers", nil), 200, `"label-studio:3"`, `"critical":true`, "stolen card")
	c.want(c.send("POST", "/api/v1/labelstudio/webhook", map[string]any{"action": "PROJECT_UPDATED", "project": map[string]any{}}), 200, `"ignored":1`)
	hook["action"], hook["annotation"] = "ANNOTATION_UPDATED", map[string]any{"id": 7, "completed_by": 3, "updated_at": "2026-11-26T09:05:00Z", "result": annotation["result"]}
	c.want(c.send("POST", "/api/v1/labelstudio/webhook", hook), 200, `"ignored":1`, `"refused":0`)
	same := task(pending[1])
	same["annotations"] = []any{map[string]any{"id": 7, "completed_by": 3, "updated_at": "2026-11-26T09:05:00Z", "result": annotation["result"]}}
	c.want(c.send("POST", "/api/v1/labelstudio/annotations", []any{same}), 200, `"refused":1`) // by number, it is the same person
	exported := task(pending[2])
	exported["annotations"] = []any{annotation, map[string]any{"id": 8, "completed_by": 4, "was_cancelled": true, "result": []any{}}}
	c.want(c.send("POST", "/api/v1/labelstudio/annotations", []any{exported}), 200, `"recorded":2`)
	c.want(c.send("GET", "/api/v1/argilla/records?question_id=q1", nil), 200, `"external_id"`, `"question_id":"q1"`)
	response := func(status, value string) map[string]any {
		return map[string]any{"id": "a1", "user_id": "u1", "status": status, "values": map[string]any{"label": map[string]any{"value": value}}}
	}
	c.want(c.send("POST", "/api/v1/argilla/records", map[string]any{"items": []any{
		map[string]any{"external_id": pending[3], "fields": map[string]string{}, "responses": []any{response("submitted", "genuine"), response("draft", "fraud")}},
		map[string]any{"external_id": pending[4], "responses": []any{response("discarded", "")}},
		map[string]any{"external_id": pending[4], "responses": []any{response("submitted", "no such class"), response("lost", "")}},
	}}), 200, `"recorded":2`, `"ignored":1`, `"refused":2`)
}

func (c *client) pending() []string {
	c.t.Helper()
	var doc struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	w := c.send("GET", "/api/v1/items", nil)
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		c.t.Fatal(err)
	}
	var ids []string
	for _, it := range doc.Items {
		ids = append(ids, it.ID)
	}
	return ids
}

// snapshot is what the queue holds.
func (c *client) snapshot() string {
	c.t.Helper()
	w := c.send("GET", "/api/v1/export", nil)
	h, err := c.q.Health(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return w.Body.String() + fmt.Sprintf("%+v", h)
}
