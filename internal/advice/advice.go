// SPDX-License-Identifier: Apache-2.0

// Package advice answers over HTTP what the verdict on the candidate of a ShadowRollout is, to controllers that promote by
// themselves, such as Flagger and Argo Rollouts. It reads the cache, writes nothing, and keeps nothing. What the verdict is,
// package rollout says; it imports no controller.
package advice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/rollout"
)

const (
	// path is that of the verdict on a rollout.
	path = "/v1/namespaces/{namespace}/shadowrollouts/{name}/verdict"
	// readTimeout bounds a read of the cache, which waits until it is filled.
	readTimeout = 5 * time.Second
	// maxFindings bounds an answer.
	maxFindings = 100
)

// The parameters of a request.
const (
	// parameterRevision names the revision that is asked about; the candidate where it is absent.
	parameterRevision = "revision"
	// parameterIs is the verdict for which a gate opens.
	parameterIs = "is"
)

var hexadecimal = regexp.MustCompile(`^[0-9a-f]{10}$`)

// decided are the verdicts that a gate can open for.
var decided = []v1alpha1.Verdict{v1alpha1.VerdictPass, v1alpha1.VerdictFail}

// question is what is asked: the revision, none where it is the candidate, and the verdict for which a gate opens.
type question struct {
	revision v1alpha1.Revision
	is       v1alpha1.Verdict
}

// verdict is the answer to a GET. All but the time is always there, as conditions of others name it.
type verdict struct {
	Revision        v1alpha1.Revision         `json:"revision"`
	PrimaryRevision v1alpha1.Revision         `json:"primaryRevision"`
	Verdict         v1alpha1.Verdict          `json:"verdict"`
	Reason          string                    `json:"reason"`
	Message         string                    `json:"message"`
	Pairs           int64                     `json:"pairs"`
	Findings        []v1alpha1.RolloutFinding `json:"findings"`
	Time            time.Time                 `json:"time,omitzero"`
}

// Handler answers, from what the reader has of the namespaces; of all where none are named.
//
// GET gives the verdict as JSON, and is 200 whatever it is: an error would count against the candidate. POST is a gate, as
// Flagger's webhooks are: 200 while the verdict is the one that "is" names, Pass where it names none; 409 until there is a
// verdict, also where the rollout cannot be read; and 403 once it is the other. Neither reads the body.
func Handler(reader client.Reader, namespaces []string) http.Handler {
	mux, s := http.NewServeMux(), source{reader, namespaces}
	mux.HandleFunc("GET "+path, s.answer(show, http.StatusServiceUnavailable, parameterRevision))
	mux.HandleFunc("POST "+path, s.answer(gate, http.StatusConflict, parameterRevision, parameterIs))
	return mux
}

// source is where rollouts are read, and the namespaces that it has; all where none are named.
type source struct {
	client.Reader
	namespaces []string
}

// has says whether rollouts of the namespace can be read. Of another, the reader would answer by an error.
func (s source) has(namespace string) bool {
	return len(s.namespaces) == 0 || slices.Contains(s.namespaces, namespace)
}

// answer finds the rollout, and has write say what is asked of it by parameters that are known. Unread is the status of the answer
// when it cannot be read.
func (s source) answer(write func(http.ResponseWriter, *v1alpha1.ShadowRollout, question), unread int, known ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		q, err := parse(r.URL.RawQuery, known)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		found, key := &v1alpha1.ShadowRollout{}, client.ObjectKey{Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
		if !s.has(key.Namespace) {
			http.Error(w, "there is no such ShadowRollout: its namespace is not watched", http.StatusNotFound)
			return
		}
		err = s.Get(ctx, key, found)
		switch {
		case apierrors.IsNotFound(err), err == nil && found.DeletionTimestamp != nil:
			http.Error(w, "there is no such ShadowRollout", http.StatusNotFound)
		case err != nil:
			log.FromContext(ctx).Error(err, "a rollout could not be read for its verdict")
			http.Error(w, "the ShadowRollout could not be read: the manager's log says more", unread)
		default:
			write(w, found, q)
		}
	}
}

// parse reads a query. A parameter that is not known is refused: one that was misspelt would ask about another revision than
// was meant.
func parse(query string, known []string) (question, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return question{}, errors.New("the query cannot be read")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(known, name):
			return question{}, fmt.Errorf("unknown parameter: there are %q", known)
		case len(given) > 1:
			return question{}, fmt.Errorf("the parameter %s is given twice", name)
		}
	}
	q := question{is: v1alpha1.VerdictPass}
	if values.Has(parameterRevision) {
		q.revision = v1alpha1.Revision(values.Get(parameterRevision))
		if !hexadecimal.MatchString(string(q.revision)) {
			return question{}, fmt.Errorf("%s must be ten hexadecimal digits, as in status.candidate.revision", parameterRevision)
		}
	}
	if values.Has(parameterIs) {
		q.is = v1alpha1.Verdict(values.Get(parameterIs))
		if !slices.Contains(decided, q.is) {
			return question{}, fmt.Errorf("%s must be one of %q", parameterIs, decided)
		}
	}
	return q, nil
}

// show writes the verdict.
func show(w http.ResponseWriter, r *v1alpha1.ShadowRollout, q question) {
	a := rollout.Advise(r, q.revision)
	v := verdict{
		Revision: a.Revision, PrimaryRevision: r.Status.PrimaryRevision, Verdict: a.Verdict, Reason: a.Reason, Message: message(a),
		Findings: []v1alpha1.RolloutFinding{}, Time: a.Time.UTC(),
	}
	if c := &r.Status.Candidate; a.Revision != "" && c.Revision == a.Revision {
		v.Findings = worstFirst(c.Findings)
		if c.Pairs != nil {
			v.Pairs = *c.Pairs
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // nobody is left to be told that it was not read
}

// worstFirst are the findings that an answer has room for: those first that stand in the way.
func worstFirst(findings []v1alpha1.RolloutFinding) []v1alpha1.RolloutFinding {
	order := []v1alpha1.Verdict{v1alpha1.VerdictFail, v1alpha1.VerdictError, v1alpha1.VerdictInconclusive, v1alpha1.VerdictPass}
	sorted := slices.SortedStableFunc(slices.Values(findings), func(a, b v1alpha1.RolloutFinding) int {
		return slices.Index(order, a.Verdict) - slices.Index(order, b.Verdict)
	})
	return append([]v1alpha1.RolloutFinding{}, sorted[:min(len(sorted), maxFindings)]...)
}

// gate is open while the verdict is the one that is asked for. It refuses as a client's fault: an error of the server Flagger may
// repeat at once, and drops its text.
func gate(w http.ResponseWriter, r *v1alpha1.ShadowRollout, q question) {
	a := rollout.Advise(r, q.revision)
	code := http.StatusConflict
	switch {
	case a.Verdict == q.is:
		code = http.StatusOK
	case slices.Contains(decided, a.Verdict):
		code = http.StatusForbidden
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintf(w, "%s (%s): %s\n", a.Verdict, a.Reason, message(a))
}

// open are the reasons without a verdict whose words are the manager's own, about revisions, criteria and segments. Those of others
// may be the scheduler's or the kubelet's, and name what else is in the namespace.
var open = []string{
	v1alpha1.ReasonProgressing, v1alpha1.ReasonNoCandidate, v1alpha1.ReasonAnalysisRunning, v1alpha1.ReasonInsufficientTraffic,
	v1alpha1.ReasonDeadlineExceeded, v1alpha1.ReasonMetricsUnavailable, v1alpha1.ReasonPaused, v1alpha1.ReasonNothingCaptured,
	rollout.ReasonOtherRevision,
}

// message is what somebody who has shown no credentials is told of why.
func message(a rollout.Advice) string {
	if slices.Contains(decided, a.Verdict) || slices.Contains(open, a.Reason) {
		return a.Message
	}
	return "see the condition CandidateFit of the ShadowRollout"
}
