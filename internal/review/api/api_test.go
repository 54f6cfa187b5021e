// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/testing/annotation"
	"github.com/vedette-dev/vedette/internal/wire"
)

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
