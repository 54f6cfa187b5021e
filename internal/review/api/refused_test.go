// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/testing/annotation"
	"github.com/vedette-dev/vedette/internal/wire"
)

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
	for _, f := range []string{"/next", "/undo", "/items/" + id + "/answer", "/items/" + id + "/adjudicate", "/sign-out"} {
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
	if w := ada.send("POST", "/items/"+id+"/adjudicate", nil); w.Code != 403 {
		t.Errorf("an annotator adjudicates: %d", w.Code)
	}
	if after := c.snapshot(); after != before {
		t.Errorf("something has changed:\n%s\n%s", before, after)
	}
	if changing < 11 {
		t.Errorf("only %d requests were tried", changing)
	}
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
