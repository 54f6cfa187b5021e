// SPDX-License-Identifier: Apache-2.0

package advice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

const (
	serves = v1alpha1.Revision("aaaaaaaaaa")
	tried  = v1alpha1.Revision("bbbbbbbbbb")
)

// then is when everything was found.
var then = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// fixture is a server of verdicts, and the rollout payments' "fraud" in a namespace of its own.
type fixture struct {
	t   *testing.T
	c   client.Client
	r   *v1alpha1.ShadowRollout
	url string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	server := apiserver.Get(t)
	f := &fixture{t: t, c: server.Client(t, server.Config), r: wrappers.MakeRollout(server.Namespace(t, nil), "fraud").Obj()}
	if err := f.c.Create(t.Context(), f.r); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(Handler(f.c, nil))
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

// is gives the rollout a status, with a verdict on its candidate.
func (f *fixture) is(fit metav1.ConditionStatus, reason, message string, change ...func(*v1alpha1.ShadowRolloutStatus)) {
	f.t.Helper()
	f.r.Status = v1alpha1.ShadowRolloutStatus{
		PrimaryRevision: serves,
		Candidate: v1alpha1.CandidateStatus{
			Revision: tried, LastEvaluationTime: metav1.NewTime(then), Verdict: v1alpha1.VerdictInconclusive, Pairs: new(int64(1200)),
			Findings: []v1alpha1.RolloutFinding{
				{Criterion: "errors", Segment: "all", Verdict: v1alpha1.VerdictPass, Estimate: "0.001", High: "0.004", Samples: 1200},
				{Criterion: "errors", Segment: "big", Verdict: v1alpha1.VerdictInconclusive, Need: 300},
			},
		},
	}
	for _, c := range change {
		c(&f.r.Status)
	}
	set := conditions.Writer{Conditions: &f.r.Status.Conditions, Generation: f.r.Generation, Now: then}
	set.Set(v1alpha1.ConditionCandidateFit, fit, reason, message)
	if err := f.c.Status().Update(f.t.Context(), f.r); err != nil {
		f.t.Fatal(err)
	}
}

// unseen takes the status back, as that of a rollout that no controller has looked at.
func (f *fixture) unseen() {
	f.t.Helper()
	f.r.Status = v1alpha1.ShadowRolloutStatus{PrimaryRevision: serves}
	if err := f.c.Status().Update(f.t.Context(), f.r); err != nil {
		f.t.Fatal(err)
	}
}

// The states of a trial, as a controller leaves them.
func (f *fixture) trying() {
	f.is(metav1.ConditionUnknown, v1alpha1.ReasonAnalysisRunning, "not shown yet: errors in segment big")
}

func (f *fixture) unreadable() {
	f.is(metav1.ConditionUnknown, v1alpha1.ReasonMetricsUnavailable, "Prometheus does not answer", func(s *v1alpha1.ShadowRolloutStatus) {
		s.Candidate.Verdict, s.Candidate.Errors = v1alpha1.VerdictError, 9
	})
}

func (f *fixture) passed() {
	f.is(metav1.ConditionTrue, v1alpha1.ReasonAdvised, "revision bbbbbbbbbb has passed", func(s *v1alpha1.ShadowRolloutStatus) {
		s.Decision = v1alpha1.RolloutDecision{Revision: tried, Verdict: v1alpha1.VerdictPass, Time: metav1.NewTime(then)}
	})
}

func (f *fixture) failed() {
	f.is(metav1.ConditionFalse, v1alpha1.ReasonAnalysisFailed, "revision bbbbbbbbbb is not to serve: errors in segment big: 0.2", func(s *v1alpha1.ShadowRolloutStatus) {
		s.Decision = v1alpha1.RolloutDecision{Revision: tried, Verdict: v1alpha1.VerdictFail, Time: metav1.NewTime(then)}
		s.Rejected = []v1alpha1.RejectedRevision{{Revision: tried, Reason: v1alpha1.ReasonAnalysisFailed, Message: "errors in segment big: 0.2", Time: metav1.NewTime(then)}}
	})
}

// ask sends a request about the rollout and returns the status of the answer, and its body.
func (f *fixture) ask(method, query, body string) (int, string) {
	f.t.Helper()
	return f.send(method, "/v1/namespaces/"+f.r.Namespace+"/shadowrollouts/fraud/verdict?"+query, strings.NewReader(body))
}

func (f *fixture) send(method, path string, body io.Reader) (int, string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

func TestTheVerdictIsServed(t *testing.T) {
	f := newFixture(t)
	f.passed()
	code, body := f.ask(http.MethodGet, "", "")
	var got verdict
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	want := verdict{
		Revision: tried, PrimaryRevision: serves, Verdict: v1alpha1.VerdictPass, Reason: v1alpha1.ReasonAdvised, Message: "revision bbbbbbbbbb has passed",
		Pairs: 1200, Time: then,
		Findings: []v1alpha1.RolloutFinding{ // what stands in the way comes first
			{Criterion: "errors", Segment: "big", Verdict: v1alpha1.VerdictInconclusive, Need: 300},
			{Criterion: "errors", Segment: "all", Verdict: v1alpha1.VerdictPass, Estimate: "0.001", High: "0.004", Samples: 1200},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryKeyIsThereBeforeAnythingIsTried(t *testing.T) {
	f := newFixture(t)
	code, body := f.ask(http.MethodGet, "", "")
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	want := map[string]any{
		"revision": "", "primaryRevision": "", "verdict": "Inconclusive", "reason": "Progressing", "message": got["message"], "pairs": 0.0, "findings": []any{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnotherRevisionDoesNotGetTheVerdictOfThisOne(t *testing.T) {
	f := newFixture(t)
	f.passed()
	if code, body := f.ask(http.MethodGet, "revision=bbbbbbbbbb", ""); code != http.StatusOK || !strings.Contains(body, `"verdict":"Pass"`) {
		t.Errorf("of the candidate: %d %s", code, body)
	}
	code, body := f.ask(http.MethodGet, "revision=cccccccccc", "")
	if code != http.StatusOK || !strings.Contains(body, `"verdict":"Inconclusive"`) || !strings.Contains(body, `"pairs":0`) || strings.Contains(body, "errors") {
		t.Errorf("of another: %d %s", code, body)
	}
	if code, body := f.ask(http.MethodPost, "revision=cccccccccc", "{}"); code != http.StatusConflict {
		t.Errorf("the gate of another: %d %s", code, body)
	}
}

func TestWhatIsAskedWrongly(t *testing.T) {
	f := newFixture(t)
	f.passed()
	for name, tt := range map[string]struct {
		method, query string
		want          int
	}{
		"a parameter that is misspelt":           {http.MethodGet, "revison=bbbbbbbbbb", http.StatusBadRequest},
		"a revision that is none":                {http.MethodGet, "revision=latest", http.StatusBadRequest},
		"no revision":                            {http.MethodGet, "revision=", http.StatusBadRequest},
		"two revisions":                          {http.MethodGet, "revision=bbbbbbbbbb&revision=cccccccccc", http.StatusBadRequest},
		"a query that cannot be read":            {http.MethodGet, "revision=%zz", http.StatusBadRequest},
		"a verdict of something that is no gate": {http.MethodGet, "is=Pass", http.StatusBadRequest},
		"a gate that never opens":                {http.MethodPost, "is=Inconclusive", http.StatusBadRequest},
		"a gate in lower case":                   {http.MethodPost, "is=fail", http.StatusBadRequest},
		"something to be written":                {http.MethodPut, "", http.StatusMethodNotAllowed},
		"something to be deleted":                {http.MethodDelete, "", http.StatusMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			if code, body := f.ask(tt.method, tt.query, ""); code != tt.want || body == "" {
				t.Errorf("%d %q, want %d and why", code, body, tt.want)
			}
		})
	}
	for _, path := range []string{"/v1/namespaces/" + f.r.Namespace + "/shadowrollouts/other/verdict", "/v1/namespaces/other/shadowrollouts/fraud/verdict", "/", "/metrics"} {
		if code, body := f.send(http.MethodGet, path, nil); code != http.StatusNotFound {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
}

func TestARolloutThatIsBeingDeletedHasNoVerdict(t *testing.T) {
	f := newFixture(t)
	f.passed()
	f.r.Finalizers = []string{"vedette.dev/test"}
	if err := f.c.Update(t.Context(), f.r); err != nil {
		t.Fatal(err)
	}
	if err := f.c.Delete(t.Context(), f.r); err != nil {
		t.Fatal(err)
	}
	if code, body := f.ask(http.MethodPost, "", "{}"); code != http.StatusNotFound {
		t.Errorf("%d %s", code, body)
	}
}

// unread is a cache that does not answer.
type unread struct{ client.Reader }

func (unread) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("the cache is not started, secret")
}

func TestWhatCannotBeReadIsNoVerdict(t *testing.T) {
	for method, want := range map[string]int{http.MethodGet: http.StatusServiceUnavailable, http.MethodPost: http.StatusConflict} {
		w := httptest.NewRecorder()
		Handler(unread{}, nil).ServeHTTP(w, httptest.NewRequest(method, "/v1/namespaces/payments/shadowrollouts/fraud/verdict", nil))
		if w.Code != want || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
}

// TestANamespaceThatIsNotWatched has no rollouts that could be asked about, and its cache, which says so by an error, is not asked.
func TestANamespaceThatIsNotWatched(t *testing.T) {
	r := wrappers.MakeRollout("payments", "fraud").Obj()
	for name, tt := range map[string]struct {
		namespaces []string
		want       int
	}{
		"all are":  {nil, http.StatusOK},
		"it is":    {[]string{"a", "payments"}, http.StatusOK},
		"it isn't": {[]string{"a", "payment"}, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			var reader client.Reader = one{r: r}
			if tt.want != http.StatusOK {
				reader = unread{}
			}
			w := httptest.NewRecorder()
			Handler(reader, tt.namespaces).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/namespaces/payments/shadowrollouts/fraud/verdict", nil))
			if w.Code != tt.want {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// TestNobodyIsToldWhatElseThereIs: an answer, which needs no credentials, does not repeat what the scheduler or the kubelet says, nor
// name other objects.
func TestNobodyIsToldWhatElseThereIs(t *testing.T) {
	f := newFixture(t)
	const secret = `no node takes the shadow: node(s) had untolerated taint {team: risk}, secret "fraud-key" not found`
	unreadable := func(s *v1alpha1.ShadowRolloutStatus) { s.Candidate.Verdict = v1alpha1.VerdictError }
	for name, state := range map[string]func(){
		"a shadow that cannot be scheduled": func() { f.is(metav1.ConditionUnknown, v1alpha1.ReasonShadowUnschedulable, secret) },
		"while Prometheus did not answer":   func() { f.is(metav1.ConditionUnknown, v1alpha1.ReasonShadowUnschedulable, secret, unreadable) },
		"a Secret is missing":               func() { f.is(metav1.ConditionUnknown, v1alpha1.ReasonReferenceMissing, secret) },
		"a reason that is new":              func() { f.is(metav1.ConditionUnknown, "SomethingElse", secret) },
	} {
		t.Run(name, func(t *testing.T) {
			state()
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				if _, body := f.ask(method, "", ""); strings.Contains(body, "taint") || strings.Contains(body, "fraud-key") || !strings.Contains(body, "see the condition CandidateFit") {
					t.Errorf("%s: %s", method, body)
				}
			}
		})
	}
	f.trying()
	if _, body := f.ask(http.MethodPost, "", ""); !strings.Contains(body, "errors in segment big") {
		t.Errorf("what is open is not told any more: %s", body)
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	var findings []v1alpha1.RolloutFinding
	for i := range 1056 {
		findings = append(findings, v1alpha1.RolloutFinding{Criterion: "errors", Segment: v1alpha1.ItemName(fmt.Sprint("s", i)), Verdict: v1alpha1.VerdictPass})
	}
	findings[1000].Verdict = v1alpha1.VerdictFail
	got := worstFirst(findings)
	if len(got) != maxFindings || got[0].Segment != "s1000" || got[1].Segment != "s0" {
		t.Errorf("%d findings, the first %+v", len(got), got[:2])
	}
	if findings[0].Segment != "s0" {
		t.Error("what is in the cache was sorted")
	}
}

// one is a reader that has a rollout under every name.
type one struct {
	client.Reader
	r *v1alpha1.ShadowRollout
}

func (o one) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	o.r.DeepCopyInto(into.(*v1alpha1.ShadowRollout))
	return nil
}

// FuzzHandler asks anything: only a question that is understood opens a gate, and nothing else than that is answered.
func FuzzHandler(f *testing.F) {
	r := wrappers.MakeRollout("payments", "fraud").Obj()
	r.Status.Decision = v1alpha1.RolloutDecision{Revision: tried, Verdict: v1alpha1.VerdictPass}
	r.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionCandidateFit, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAdvised}}
	h := Handler(one{r: r}, nil)
	f.Add("POST", "payments", "revision=bbbbbbbbbb", []byte(`{"name":"fraud"}`))
	f.Add("POST", "payments", "is=Fail", []byte("{"))
	f.Add("GET", "a/../b", "revision=cccccccccc&revision=", []byte{})
	f.Add("PATCH", "%2e%2e", ";", []byte{0})
	f.Fuzz(func(t *testing.T, method, namespace, query string, body []byte) {
		u := &url.URL{Path: "/v1/namespaces/" + namespace + "/shadowrollouts/fraud/verdict", RawQuery: query}
		req := (&http.Request{Method: method, URL: u, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body)))}).WithContext(t.Context())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		asked, err := url.ParseQuery(query)
		opens := err == nil && (asked.Get("revision") == string(tried) || !asked.Has("revision")) && (asked.Get("is") == "Pass" || !asked.Has("is"))
		if w.Code == http.StatusOK && method == http.MethodPost && !opens {
			t.Errorf("%s %s opened the gate", method, u)
		}
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s: %s", method, u, w.Body)
		}
	})
}
