// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/test/harness"
)

func TestCeil(t *testing.T) {
	whole := time.Date(2001, 6, 1, 12, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct{ at, want time.Time }{
		"a whole minute is its own": {whole, whole},
		"just after":                {whole.Add(1), whole.Add(time.Minute)},
		"just before":               {whole.Add(-1), whole},
	} {
		if got := ceil(c.at); !got.Equal(c.want) {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestCommandReachesTheClusterOfTheDemo(t *testing.T) {
	cases := map[string]struct {
		local      bool
		line, want string
	}{
		"kubectl on our own cluster":        {true, "kubectl get nodes", "go run ./hack/cluster kubectl get nodes"},
		"kubectl on KUBECONFIG's cluster":   {false, "kubectl get nodes", "kubectl get nodes"},
		"a document":                        {true, "docs/store.md", "docs/store.md"},
		"kubectl alone, for a list of more": {true, "kubectl", "go run ./hack/cluster kubectl"},
	}
	for name, c := range cases {
		d := &demo{cluster: &harness.Cluster{Local: c.local}}
		if got := d.command(c.line); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestQueriesOfADashboard(t *testing.T) {
	var board dashboard
	err := json.Unmarshal([]byte(`{"title":"x","panels":[
		{"title":"a","targets":[{"expr":"up"},{"expr":"down"}]},
		{"title":"row","panels":[{"title":"b","targets":[{"expr":"left"}]}]},
		{"title":"text"}]}`), &board)
	if err != nil {
		t.Fatal(err)
	}
	want := []query{{"panel a", "up"}, {"panel a", "down"}, {"panel b", "left"}}
	if diff := cmp.Diff(want, board.queries(), cmp.AllowUnexported(query{})); diff != "" {
		t.Error(diff)
	}
}

func TestTryQuery(t *testing.T) {
	cases := map[string]struct {
		expression, sent, err string
		empty                 bool
	}{
		"variables are filled in": {
			expression: `rate(x{namespace="$namespace",segment=~"${segment:regex}"}[$__rate_interval])`,
			sent:       `rate(x{namespace="flights",segment=~".*"}[1m])`,
		},
		"no series":           {expression: `x`, sent: `x`, empty: true, err: "no series"},
		"an unknown variable": {expression: `x{pod="$pod"}`, err: "unknown variables pod"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.FormValue("query"); got != c.sent {
					t.Errorf("sent %s, want %s", got, c.sent)
				}
				result := `[{"metric":{},"value":[1,"1"]}]`
				if c.empty {
					result = `[]`
				}
				_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":` + result + `}}`))
			}))
			defer server.Close()
			d := &demo{prometheus: harness.Prometheus{URL: server.URL}}
			err := d.tryQuery(t.Context(), query{"panel", c.expression})
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
		})
	}
}
