// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/naming"
)

// answering is a server that answers a question about a try with series, each a set of labels and a value.
func answering(t *testing.T, series ...string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, want := range []string{`namespace="payments"`, `rollout="fraud"`, `candidate="c"`, `attempt="7"`, "[4200s]", "last_over_time", "max by (pod, run,"} {
			if q := r.FormValue("query"); !strings.Contains(q, want) {
				t.Errorf("asked %s, without %s", q, want)
			}
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, strings.Join(series, ","))
	}))
	t.Cleanup(server.Close)
	return server
}

// counted is a series of a counter as Prometheus answers: its name, labels as they stand in JSON, and a value.
func counted(name, labels string, value float64) string {
	return fmt.Sprintf(`{"metric":{"__name__":"vedette_pair%s","segment":"all",%s},"value":[1700000000,"%v"]}`, name, labels, value)
}

func ask(t *testing.T, server *httptest.Server) (criteria.Evidence, error) {
	t.Helper()
	return NewClient(nil, "", time.Now).Evidence(t.Context(), Server{URL: server.URL}, Try{Namespace: "payments", Rollout: "fraud", Candidate: "c", Attempt: "7", Since: time.Hour})
}

func TestEveryCounterIsReadToItsPlace(t *testing.T) {
	got, err := ask(t, answering(t,
		counted("s_total", `"outcome":"compared"`, 12), counted("s_total", `"outcome":"dropped"`, 3),
		counted("_status_total", `"primary":"ok","shadow":"error"`, 2), counted("_status_total", `"primary":"invalid","shadow":"ok"`, 1),
		counted("_agreement_total", `"shadow":"same","replica":"none"`, 5), counted("_agreement_total", `"shadow":"other","replica":"none"`, 4),
		counted("_agreement_total", `"shadow":"other","replica":"same"`, 2), counted("_agreement_total", `"shadow":"same","replica":"other"`, 1),
		counted("_difference_sum_total", `"of":"score","direction":"up"`, 1.5), counted("_difference_sum_total", `"of":"score","direction":"down"`, 0.5),
		counted("_difference_squares_total", `"of":"score"`, 2.25), counted("_difference_count_total", `"of":"score"`, 12),
		counted("_score_crossings_total", `"cut":"0.5","direction":"up"`, 3), counted("_score_crossings_total", `"cut":"0.5","direction":"down"`, 1),
		counted("_score_crossings_total", `"cut":"0.55","direction":"up"`, 7), counted("_scores_total", `"of":""`, 11),
		counted("_latency_total", `"side":"primary","bucket":"160"`, 12), counted("_latency_total", `"side":"shadow","bucket":"161"`, 11),
		counted("_of_a_later_release_total", `"what":"ever"`, 9),
	))
	if err != nil {
		t.Fatal(err)
	}
	want := criteria.Counts{
		Outcomes: map[string]int64{"compared": 12, "dropped": 3}, Same: 5, Other: 4, Triples: [2][2]int64{{0, 1}, {2, 0}},
		Differences: map[criteria.Quantity]criteria.Moments{criteria.Score: {N: 12, Up: 1.5, Down: 0.5, Squares: 2.25}},
		Scored:      11,
		Crossings:   map[string]criteria.Crossings{"0.5": {Up: 3, Down: 1}},
		Latency:     [2]map[int]int64{{160: 12}, {161: 11}},
	}
	want.Status[criteria.OK][criteria.Failed], want.Status[criteria.Invalid][criteria.OK] = 2, 1
	if diff := cmp.Diff(criteria.Evidence{"all": want}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnswersThatAreNoCountsAreErrors(t *testing.T) {
	for name, series := range map[string]string{
		"a counter below zero":       counted("s_total", `"outcome":"compared"`, -1),
		"a counter that is NaN":      strings.Replace(counted("s_total", `"outcome":"compared"`, 0), `"0"`, `"NaN"`, 1),
		"a status that nobody knows": counted("_status_total", `"primary":"ok","shadow":"odd"`, 1),
		"an answer that is neither":  counted("_agreement_total", `"shadow":"odd","replica":"none"`, 1),
		"a crossing of no direction": counted("_score_crossings_total", `"cut":"0.5","direction":"none"`, 1),
		"a bucket that is no number": counted("_latency_total", `"side":"shadow","bucket":"x"`, 1),
	} {
		if e, err := ask(t, answering(t, series)); err == nil {
			t.Errorf("%s gives %+v", name, e)
		}
	}
}

// What is judged at each cut is spread over all that there are.
func TestScoresAreJudgedAtTheCutsThatAreCounted(t *testing.T) {
	if criteria.Cuts != len(naming.ScoreCuts) {
		t.Errorf("judged at %d cuts, counted at %d", criteria.Cuts, len(naming.ScoreCuts))
	}
	var series []string
	for _, cut := range naming.ScoreCutLabels {
		series = append(series, counted("_score_crossings_total", fmt.Sprintf(`"cut":%q,"direction":"up"`, cut), 1))
	}
	e, err := ask(t, answering(t, series...))
	if err != nil || len(e["all"].Crossings) != criteria.Cuts {
		t.Errorf("%d cuts are read, %v", len(e["all"].Crossings), err)
	}
}

func TestWhatNobodyHasCountedIsNoEvidence(t *testing.T) {
	if e, err := ask(t, answering(t)); err != nil || len(e) > 0 {
		t.Errorf("%v, %v", e, err)
	}
}
