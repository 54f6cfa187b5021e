// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/monitor"
)

func TestThresholds(t *testing.T) {
	series := func(value string) string {
		return fmt.Sprintf(`{"metric":{"__name__":"vedette:threshold_violated","threshold":"p99","segment":"atl"},"value":[1700000000.1,%s]}`, value)
	}
	vector := func(results ...string) string {
		return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(results, ",") + `]}}`
	}
	sample := func(v float64) []monitor.Sample {
		return []monitor.Sample{{Threshold: "p99", Segment: "atl", Value: v}}
	}
	for name, tt := range map[string]struct {
		status  int
		body    string
		want    []monitor.Sample
		wantErr string
	}{
		"violated":                              {body: vector(series(`"1"`)), want: sample(1)},
		"met":                                   {body: vector(series(`"0"`)), want: sample(0)},
		"NaN is handed on, for others to judge": {body: vector(series(`"NaN"`)), want: sample(math.NaN())},
		"infinity too":                          {body: vector(series(`"+Inf"`)), want: sample(math.Inf(1))},
		"nothing has enough samples":            {body: vector(), want: []monitor.Sample{}},
		"Prometheus refuses the query":          {status: 422, body: `{"status":"error","errorType":"execution","error":"too many samples"}`, wantErr: "status 422: too many samples"},
		"something else answers":                {status: 200, body: `<html>sign in</html>`, wantErr: "not Prometheus's"},
		"a gateway fails":                       {status: 502, body: `bad gateway`, wantErr: "status 502"},
		"another type":                          {body: `{"status":"success","data":{"resultType":"scalar","result":[]}}`, wantErr: `type "scalar"`},
		"a value that is none":                  {body: vector(series(`"one"`)), wantErr: "one"},
		"a value that is no string":             {body: vector(series(`1`)), wantErr: "no string"},
		"an answer without end":                 {body: strings.Repeat(" ", maxAnswer+1), wantErr: "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got, want := r.FormValue("query"), `vedette:threshold_violated{namespace="payments",monitor="fraud"}`; r.URL.Path != "/prefix/api/v1/query" || got != want {
					t.Errorf("asked %s for %s, want %s", r.URL.Path, got, want)
				}
				if tt.status != 0 {
					w.WriteHeader(tt.status)
				}
				_, _ = w.Write([]byte(tt.body))
			}))
			defer server.Close()
			got, err := NewClient(nil, "", time.Now).Thresholds(t.Context(), Server{URL: server.URL + "/prefix/"}, "payments", "fraud")
			if tt.wantErr == "" && err != nil || tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Fatalf("error %v, want %q", err, tt.wantErr)
			}
			equalNaN := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
			if diff := cmp.Diff(tt.want, got, equalNaN); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if _, err := NewClient(nil, "", time.Now).Thresholds(t.Context(), Server{URL: server.URL}, "a", "b"); err == nil {
		t.Error("an address where nobody listens gives no error")
	}
}
