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
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/vedette-dev/vedette/internal/review"
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

// TestEveryOperation asks for everything that the document has, and for nothing that it has not.
func TestEveryOperation(t *testing.T) {
	c := newClient(t, nil)
	for n := range 12 {
		c.q.Add(annotation.Payment(n))
	}
	ada, bo, rita := c.as("ada"), c.as("bo"), c.as("rita")
	c.want(c.send("GET", "/api/v1/openapi.yaml", nil), 200, "openapi: 3.1.0")
	c.want(ada.send("GET", "/api/v1/me", nil), 200, `"name":"ada"`, `"role":"Annotator"`)
	c.want(c.send("GET", "/api/v1/me", nil), 200, `"name":"token:ci"`, `"role":"Admin"`)

	id := ada.next()
	if again := ada.next(); again != id {
		t.Errorf("the next item is %s, then %s", id, again)
	}
	c.want(ada.send("GET", "/api/v1/items/"+id, nil), 200, `"held_until":`, `"why":[`)
	c.want(ada.send("POST", "/api/v1/items/"+id+"/answer", map[string]any{"class": "fraud", "comment": "sure"}, key("k1")...), 200, `"state":"pending"`)
	c.want(ada.send("POST", "/api/v1/items/"+id+"/answer", map[string]any{"class": "fraud", "comment": "sure"}, key("k1")...), 200)
	c.want(ada.send("POST", "/api/v1/items/"+id+"/answer", map[string]any{"class": "genuine"}, key("k1")...), 409, "the key was used")
	c.want(ada.send("POST", "/api/v1/undo", nil, key("k2")...), 200, id)
	c.want(ada.send("POST", "/api/v1/items/"+id+"/answer", map[string]any{"class": "fraud"}, key("k3")...), 200)
	if other := bo.next(); other != id {
		t.Fatalf("bo gets %s, want the item that ada has answered", other)
	}
	c.want(bo.send("POST", "/api/v1/items/"+id+"/answer", map[string]any{"class": "genuine", "critical": true}, key("k1")...), 200, `"state":"conflict"`)
	c.want(bo.send("GET", "/api/v1/items/"+id+"/answers", nil), 200, "bo")
	if w := bo.send("GET", "/api/v1/items/"+id+"/answers", nil); strings.Contains(w.Body.String(), "ada") {
		t.Error("bo sees what ada answered")
	}
	c.want(rita.send("GET", "/api/v1/items/"+id+"/answers", nil), 200, "ada", "bo")
	c.want(rita.send("POST", "/api/v1/items/"+id+"/adjudicate", map[string]any{"class": "fraud"}, key("k1")...), 200, `"state":"done"`)
	skipped := ada.next()
	c.want(ada.send("POST", "/api/v1/items/"+skipped+"/skip", nil, key("k4")...), 200)
	escalated := ada.next()
	c.want(ada.send("POST", "/api/v1/items/"+escalated+"/escalate", map[string]any{"comment": "odd"}, key("k5")...), 200)
	c.want(c.send("GET", "/api/v1/items?state=done&monitor=fraud&origin=outlier&limit=5", nil), 200, id)
	c.want(ada.send("GET", "/api/v1/items/"+escalated+"/similar", nil), 200, id)
	c.want(rita.send("GET", "/api/v1/stats", nil), 200, `"person":"ada"`, `"left_today":`)
	if w := ada.send("GET", "/api/v1/stats", nil); strings.Contains(w.Body.String(), `"bo"`) {
		t.Error("an annotator sees what others did")
	}
	c.exchange(id)

	var missing []string
	doc, _ := load(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !c.asked[op.OperationID] {
				missing = append(missing, method+" "+path)
			}
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		t.Errorf("the document has what was never asked for with success: %v", missing)
	}
}

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

// TestALabelIsCorrectedBack says that what was sent before may be sent again, and that a retry says so by its key.
func TestALabelIsCorrectedBack(t *testing.T) {
	c := newClient(t, nil)
	send := func(class, k string, want int64) {
		t.Helper()
		var headers []string
		if k != "" {
			headers = key(k)
		}
		c.want(c.send("POST", "/api/v1/labels?monitor=fraud", map[string]any{"record_id": "r1", "class": class}, headers...), 202, `"recorded":1`)
		if h, err := c.q.Health(t.Context()); err != nil || h.Unpublished != want {
			t.Errorf("%s with the key %q: %d labels on their way, want %d; %v", class, k, h.Unpublished, want, err)
		}
	}
	send("fraud", "", 1)
	send("genuine", "", 2)
	send("fraud", "", 3)
	send("genuine", "a", 4)
	send("genuine", "a", 4)
	send("fraud", "a", 5) // a key that comes again with something else must not lose it
	send("genuine", "b", 6)
}

func TestManyLabels(t *testing.T) {
	c := newClient(t, nil)
	var body strings.Builder
	for n := range 12_000 {
		fmt.Fprintf(&body, "{\"record_id\":\"r%d\",\"class\":\"fraud\"}\n", n)
	}
	c.want(c.send("POST", "/api/v1/labels?monitor=fraud", lines(body.String())), 202, `"recorded":12000`)
	if h, err := c.q.Health(t.Context()); err != nil || h.Unpublished != 12_000 {
		t.Errorf("%d labels on their way, %v", h.Unpublished, err)
	}
	c.want(c.send("POST", "/api/v1/labels?monitor=fraud", lines(strings.Repeat(body.String(), 12))), 413, "too large")
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

// TestNobodyChangesAnythingWhoMayNot sends every changing request as nobody, from another site, without a token for forms
// and with too small a role; the database stays as it was.
func TestNobodyChangesAnythingWhoMayNot(t *testing.T) {
	c := newClient(t, nil)
	for n := range 4 {
		c.q.Add(annotation.Payment(n))
	}
	ada := c.as("ada")
	id := ada.next()
	c.q.Say("bo", id, annotation.Class("fraud"))
	before := c.snapshot()
	doc, _ := load(t)
	small := map[string]string{"adjudicate": "ada", "import": "rita", "postLabels": "rita", "postLabelStudioAnnotations": "rita", "labelStudioWebhook": "rita", "postArgillaRecords": "rita"}
	clients := map[string]*client{"ada": ada, "rita": c.as("rita")}
	bodies := map[string]any{
		"import": lines(fmt.Sprintf("{\"item\":%q,\"person\":\"eve\",\"class\":\"fraud\"}", id)), "postLabels": map[string]any{"record_id": "r", "class": "fraud"},
		"postLabelStudioAnnotations": []any{}, "labelStudioWebhook": map[string]any{"action": "X"}, "postArgillaRecords": map[string]any{"items": []any{}},
	}
	changing := 0
	for path, item := range doc.Paths.Map() {
		op := item.Post
		if op == nil {
			continue
		}
		changing++
		target := strings.ReplaceAll(path, "{id}", id)
		body, ok := bodies[op.OperationID]
		if !ok {
			body = map[string]any{"class": "fraud"}
		}
		nobody := &client{t: t, q: c.q, router: c.router, asked: map[string]bool{}}
		try := func(name string, who *client, status int, headers ...string) {
			t.Helper()
			if w := who.send("POST", target, body, append(key("k"), headers...)...); w.Code != status {
				t.Errorf("%s, %s: %d %s, want %d", path, name, w.Code, w.Body, status)
			}
		}
		try("nobody", nobody, 401)
		try("an unknown token", &client{t: t, q: c.q, router: c.router, token: "wrong", asked: map[string]bool{}}, 401)
		try("a session without a token for forms", ada, 403, "X-CSRF-Token", "")
		try("a session with another's token", ada, 403, "X-CSRF-Token", clients["rita"].form)
		try("another site with a session", ada, 403, "Sec-Fetch-Site", "cross-site")
		try("another site with a token", c, 403, "Origin", "https://evil.example")
		try("a proxy's header that is not enabled", nobody, 401, "X-Forwarded-User", "max")
		if who := small[op.OperationID]; who != "" {
			try("the role of "+who, clients[who], 403)
		}
	}
	for _, f := range []string{"/next", "/undo", "/items/" + id + "/answer", "/items/" + id + "/settle", "/sign-out"} {
		for name, headers := range map[string][]string{
			"nobody": nil, "without a token": {"Cookie", ada.cookie.String()},
			"another site": {"Cookie", ada.cookie.String(), "Sec-Fetch-Site", "cross-site", "X-CSRF-Token", ada.form},
		} {
			nobody := &client{t: t, q: c.q, router: c.router, asked: map[string]bool{}}
			if w := nobody.send("POST", f, nil, headers...); w.Code != 401 && w.Code != 403 {
				t.Errorf("the form %s, %s: %d", f, name, w.Code)
			}
		}
	}
	if w := ada.send("POST", "/items/"+id+"/settle", nil); w.Code != 403 {
		t.Errorf("an annotator settles: %d", w.Code)
	}
	if after := c.snapshot(); after != before {
		t.Errorf("something has changed:\n%s\n%s", before, after)
	}
	if changing < 11 {
		t.Errorf("only %d requests were tried", changing)
	}
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

// TestWhatIsRedactedIsNowhere redacts a feature of items that are in the database already, and looks everywhere.
func TestWhatIsRedactedIsNowhere(t *testing.T) {
	c := newClient(t, func(d *wire.Review) { d.Redact = nil })
	const secret = "Birthday"
	p := annotation.Payment(7)
	for i, f := range p.Item.Prediction.Features {
		if f.Name == "memo" {
			p.Item.Prediction.Features[i].Value.Str = secret + " present"
		}
	}
	p.Item.Reasons = append(p.Item.Reasons, "rule:f.memo.contains('"+secret+"')")
	p.Item.Prediction.Violations = []string{"memo:" + secret}
	c.q.Add(p)
	ada := c.as("ada")
	id := ada.next()
	looks := func() []string {
		var found []string
		for _, target := range []string{
			"/", "/items/" + id, "/progress", "/api/v1/items", "/api/v1/items/" + id, "/api/v1/items/" + id + "/similar", "/api/v1/stats",
			"/api/v1/export", "/api/v1/labelstudio/tasks", "/api/v1/argilla/records?question_id=q",
		} {
			who := c
			if !strings.HasPrefix(target, "/api/") {
				who = ada
			}
			if w := who.send("GET", target, nil); w.Code != 200 {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			} else if strings.Contains(w.Body.String(), secret) {
				found = append(found, target)
			}
		}
		if w := ada.send("POST", "/api/v1/next", nil); strings.Contains(w.Body.String(), secret) {
			found = append(found, "next")
		}
		return found
	}
	if found := looks(); len(found) < 6 {
		t.Fatalf("before it is redacted, it is at %q: the test looks at the wrong places", found)
	}
	redacted := c.q.Document
	redacted.Redact, redacted.Revision = []string{"memo"}, "r2"
	c.q.Configure(redacted)
	if found := looks(); len(found) > 0 {
		t.Errorf("what is redacted is at %q", found)
	}
}

func TestProblems(t *testing.T) {
	c := newClient(t, nil)
	c.q.Add(annotation.Payment(1))
	ada := c.as("ada")
	id := ada.next()
	answer := "/api/v1/items/" + id + "/answer"
	for name, p := range map[string]struct {
		w      *httptest.ResponseRecorder
		status int
		detail string
	}{
		"no key":                 {ada.send("POST", answer, map[string]any{"class": "fraud"}), 400, "Idempotency-Key is missing"},
		"no such class":          {ada.send("POST", answer, map[string]any{"class": "maybe"}, key("a")...), 422, "none of genuine, fraud"},
		"a misspelt key":         {ada.send("POST", answer, map[string]any{"klass": "fraud"}, key("a")...), 400, "unknown field"},
		"no JSON":                {ada.send("POST", answer, "fraud", key("a")...), 400, "cannot be understood"},
		"another media type":     {ada.send("POST", answer, lines("{}"), key("a")...), 415, "want application/json"},
		"too much":               {ada.send("POST", answer, map[string]any{"comment": strings.Repeat("x", 70_000)}, key("a")...), 413, "too large"},
		"an item that is not":    {ada.send("GET", "/api/v1/items/none", nil), 404, "no such item"},
		"an address that is not": {ada.send("GET", "/api/v1/nothing", nil), 404, "no such address"},
		"nothing to undo":        {ada.send("POST", "/api/v1/undo", nil, key("b")...), 409, "nothing to undo"},
		"an unknown state":       {ada.send("GET", "/api/v1/items?state=lost", nil), 400, "none of pending"},
		"an unknown origin":      {ada.send("GET", "/api/v1/items?origin=mars", nil), 400, "none of outlier"},
		"a limit of none":        {ada.send("GET", "/api/v1/items?limit=0", nil), 400, "from 1 to 500"},
		"a page that is none":    {ada.send("GET", "/api/v1/items?after=!", nil), 422, "none that was given out"},
		"one monitor of many":    {c.send("POST", "/api/v1/labels", map[string]any{}), 422, "name one"},
		"labels that are none":   {c.send("POST", "/api/v1/labels?monitor=fraud", "[1"), 400, "cannot be understood"},
		"an unknown monitor":     {c.send("GET", "/api/v1/labelstudio/config?monitor=x", nil), 422, "no monitor"},
		"a hook without payload": {c.send("POST", "/api/v1/labelstudio/webhook", map[string]any{"action": "ANNOTATION_CREATED"}), 400, "0 annotations and 0 tasks"},
	} {
		t.Run(name, func(t *testing.T) {
			var doc struct {
				Status int    `json:"status"`
				Detail string `json:"detail"`
			}
			if err := json.Unmarshal(p.w.Body.Bytes(), &doc); err != nil {
				t.Fatalf("%v: %s", err, p.w.Body)
			}
			if p.w.Code != p.status || doc.Status != p.status || !strings.Contains(doc.Detail, p.detail) || p.w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s, want %d and %q", p.w.Code, p.w.Body, p.status, p.detail)
			}
		})
	}
}

func TestNothingIsLeft(t *testing.T) {
	c := newClient(t, nil)
	c.want(c.as("ada").send("POST", "/api/v1/next", nil), 200, `{"item":null,"reason":"empty"}`)
	c = newClient(t, func(d *wire.Review) { d.Budget.ItemsPerDay, d.Overlap = 1, 1 })
	c.q.Add(annotation.Payment(1), annotation.Payment(2))
	c.as("ada").next()
	c.want(c.as("bo").send("POST", "/api/v1/next", nil), 200, `"reason":"budget"`)
}

func TestPagesOfAList(t *testing.T) {
	c := newClient(t, nil)
	for n := range 5 {
		c.q.Add(annotation.Payment(n))
	}
	w := c.send("GET", "/api/v1/labelstudio/tasks?limit=2", nil)
	seen := strings.Count(w.Body.String(), `"item_id"`)
	for link := w.Header().Get("Link"); link != ""; link = w.Header().Get("Link") {
		w = c.send("GET", between(link, "<", ">"), nil)
		seen += strings.Count(w.Body.String(), `"item_id"`)
	}
	if seen != 5 {
		t.Errorf("%d tasks on all pages, want 5", seen)
	}
}

func TestANumberIsAsked(t *testing.T) {
	c := newClient(t, nil)
	p := annotation.Payment(1)
	p.Item.Monitor, p.Item.Prediction.Class, p.Item.Prediction.Score = "price", "", 12.5
	c.q.Add(p)
	c.want(c.send("GET", "/api/v1/labelstudio/config?monitor=price", nil), 200, `<Number name="label"`)
	c.want(c.send("GET", "/api/v1/labelstudio/tasks?monitor=price", nil), 200, `{"number":12.5}`)
	c.want(c.send("GET", "/api/v1/argilla/records?question_id=q&monitor=price", nil), 200, `"value":12.5`)
	ada := c.as("ada")
	id := ada.next()
	c.want(ada.send("POST", "/api/v1/items/"+id+"/answer", map[string]any{"value": 13}, key("a")...), 200)
	var l review.Label
	if answers, err := c.q.Answers(t.Context(), id); err != nil || len(answers) != 1 {
		t.Fatalf("answers %v, %v", answers, err)
	} else if l = answers[0].Label; l.Value != 13 {
		t.Errorf("the answer is %+v", l)
	}
}
