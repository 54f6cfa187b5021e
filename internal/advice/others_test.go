// SPDX-License-Identifier: Apache-2.0

package advice

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
)

// These tests play Flagger and Argo Rollouts, with what docs/rollouts.md tells people to give them.

var fenced = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// example is the example of a kind on the page about rollouts.
func example(t *testing.T, kind string, into any) {
	t.Helper()
	page, err := os.ReadFile(apiserver.File("docs/rollouts.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fenced.FindAllStringSubmatch(string(page), -1) {
		if strings.Contains(m[1], "\nkind: "+kind+"\n") {
			if err := yaml.Unmarshal([]byte(m[1]), into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("the page has no example of a %s", kind)
}

// target is the path and the query of an address, which must be that of the Service, for the fixture's rollout.
func (f *fixture) target(address string) string {
	f.t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Host != "vedette-verdicts.vedette-system" {
		f.t.Fatalf("%q is not an address of the Service: %v", address, err)
	}
	return strings.Replace(u.RequestURI(), "/namespaces/payments/", "/namespaces/"+f.r.Namespace+"/", 1)
}

// hook calls a webhook as Flagger does, and says whether it takes the answer for a success.
func (f *fixture) hook(address string) (bool, string) {
	payload, err := json.Marshal(map[string]any{
		"name": "fraud", "namespace": f.r.Namespace, "phase": "Progressing", "checksum": "85d557f47b", "metadata": map[string]string{"any": "thing"},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	code, body := f.send(http.MethodPost, f.target(address), strings.NewReader(string(payload)))
	if code >= 500 {
		f.t.Errorf("Flagger drops what a %d says", code)
	}
	return code <= http.StatusAccepted, body
}

func TestFlagger(t *testing.T) {
	var canary struct {
		Spec struct {
			Analysis struct {
				Webhooks []struct{ Name, Type, URL string }
			}
		}
	}
	example(t, "Canary", &canary)
	hooks := map[string]string{}
	for _, h := range canary.Spec.Analysis.Webhooks {
		hooks[h.Type] = h.URL
	}
	if len(hooks) != 2 {
		t.Fatalf("the example has the webhooks %+v", canary.Spec.Analysis.Webhooks)
	}
	f := newFixture(t)
	for name, tt := range map[string]struct {
		state              func()
		promotes, rollback bool
		says               string
	}{
		"nobody has looked yet":         {f.unseen, false, false, "Progressing"},
		"while it is tried, it waits":   {f.trying, false, false, "not shown yet: errors in segment big"},
		"what is not known is no fault": {f.unreadable, false, false, "Prometheus does not answer"},
		"it has passed":                 {f.passed, true, false, "has passed"},
		"it has failed":                 {f.failed, false, true, "errors in segment big: 0.2"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.state()
			promotes, says := f.hook(hooks["confirm-traffic-increase"])
			if promotes != tt.promotes || !strings.Contains(says, tt.says) {
				t.Errorf("confirm-traffic-increase: %t %q", promotes, says)
			}
			if rollback, says := f.hook(hooks["rollback"]); rollback != tt.rollback {
				t.Errorf("rollback: %t %q", rollback, says)
			}
		})
	}
}

// condition is the one form of Argo's conditions that the example uses.
var condition = regexp.MustCompile(`^result == "(\w+)"$`)

func holds(t *testing.T, expression string, result any) bool {
	t.Helper()
	m := condition.FindStringSubmatch(expression)
	if m == nil {
		t.Fatalf("%q is not understood", expression)
	}
	return result == m[1]
}

func TestArgoRollouts(t *testing.T) {
	var template struct {
		Spec struct {
			Metrics []struct {
				Interval                                                        string
				SuccessCondition, FailureCondition                              string
				InconclusiveLimit, FailureLimit, ConsecutiveSuccessLimit, Count int
				Provider                                                        struct {
					Web struct{ URL, JSONPath string }
				}
			}
		}
	}
	example(t, "AnalysisTemplate", &template)
	m := template.Spec.Metrics[0]
	interval, err := time.ParseDuration(m.Interval)
	if err != nil {
		t.Fatal(err)
	}
	if wait := time.Duration(m.InconclusiveLimit) * interval; wait < 3*24*time.Hour || m.FailureLimit != 0 || m.ConsecutiveSuccessLimit != 1 || m.Count != 0 {
		t.Errorf("it waits %s for a verdict, less than a rollout may need: %+v", wait, m)
	}
	parsed := jsonpath.New("metric")
	if err := parsed.Parse(m.Provider.Web.JSONPath); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	for name, tt := range map[string]struct {
		state func()
		want  string
	}{
		"nobody has looked yet":         {f.unseen, "Inconclusive"},
		"while it is tried, it waits":   {f.trying, "Inconclusive"},
		"what is not known is no fault": {f.unreadable, "Inconclusive"},
		"it has passed":                 {f.passed, "Successful"},
		"it has failed":                 {f.failed, "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.state()
			code, body := f.send(http.MethodGet, f.target(m.Provider.Web.URL), nil)
			if code != http.StatusOK {
				t.Fatalf("Argo counts a %d as an error: %s", code, body)
			}
			var data any
			if err := json.Unmarshal([]byte(body), &data); err != nil {
				t.Fatalf("Argo takes what is no JSON for a success: %v", err)
			}
			found, err := parsed.FindResults(data)
			if err != nil {
				t.Fatal(err)
			}
			result, got := found[0][0].Interface(), "Inconclusive"
			switch {
			case holds(t, m.FailureCondition, result):
				got = "Failed"
			case holds(t, m.SuccessCondition, result):
				got = "Successful"
			}
			if got != tt.want {
				t.Errorf("the measurement of %v is %s, want %s", result, got, tt.want)
			}
		})
	}
	if v := v1alpha1.Verdict(condition.FindStringSubmatch(m.SuccessCondition)[1]); v != v1alpha1.VerdictPass {
		t.Errorf("%s is no success", v)
	}
}
