// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestCheck(t *testing.T) {
	cases := map[string]struct {
		prepare func(t *testing.T, e *Env)
		outcome wire.Outcome
		reason  string
		says    string
	}{
		"no baseline wanted": {
			prepare: func(_ *testing.T, e *Env) { e.Config.Baseline = wire.Baseline{} }, outcome: wire.OutcomeSucceeded,
		},
		"a trailing baseline needs nothing": {
			prepare: func(_ *testing.T, e *Env) {
				e.Config.Baseline = wire.Baseline{Name: wire.BaselineTrailing, TrailingSeconds: 60}
			}, outcome: wire.OutcomeSucceeded,
		},
		"neither baseline nor dataset": {
			prepare: func(*testing.T, *Env) {}, outcome: wire.OutcomeFailed, reason: ReasonDatasetMissing, says: "upload it as",
		},
		"a dataset, and no baseline": {
			prepare: func(t *testing.T, e *Env) {
				put(t, e, e.layout().Prefix()+"datasets/may.csv", csvOf(flightsOf(10, 1)))
			}, outcome: wire.OutcomeFailed, reason: ReasonBaselineMissing, says: `run "analyze baseline"`,
		},
		"all is there": {
			prepare: func(t *testing.T, e *Env) {
				put(t, e, e.layout().Prefix()+"datasets/may.csv", csvOf(flightsOf(400, 1)))
				if _, err := Baseline(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}, outcome: wire.OutcomeSucceeded,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := testEnv(t)
			c.prepare(t, e)
			v := Check(t.Context(), e)
			if v.Outcome != c.outcome || v.Reason != c.reason || !strings.Contains(v.Message, c.says) {
				t.Errorf("%s %s %q, want %s %s that says %q", v.Outcome, v.Reason, v.Message, c.outcome, c.reason, c.says)
			}
			for item, err := range e.Bucket.List(t.Context(), e.layout().Prefix()+probeFolder) {
				t.Errorf("the check left %s behind (%v)", item.Key, err)
			}
		})
	}
}

// TestCheckWritesAsTheSidecarsDo has a store that knows the analyst, and a writer whom it refuses.
func TestCheckWritesAsTheSidecarsDo(t *testing.T) {
	e := testEnv(t)
	e.Config.Baseline = wire.Baseline{}
	e.Writer = e.Bucket
	if v := Check(t.Context(), e); v.Outcome != wire.OutcomeSucceeded {
		t.Errorf("a writer that may write: %s %s %q", v.Outcome, v.Reason, v.Message)
	}
	for item, err := range e.Bucket.List(t.Context(), e.layout().Prefix()+probeFolder) {
		t.Errorf("the check left %s behind (%v)", item.Key, err)
	}

	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer refuses.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	for name, c := range map[string]struct{ endpoint, credentials, reason string }{
		"refused":                   {refuses.URL, credentialsIn(t), ReasonWriterRefused},
		"without a Secret":          {refuses.URL, t.TempDir(), ReasonWriterRefused},
		"a store that is not there": {gone.URL, credentialsIn(t), ReasonUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			writer, err := store.Open(t.Context(), "s3://bucket?endpoint="+c.endpoint, c.credentials)
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			e.Writer = writer
			if v := Check(t.Context(), e); v.Outcome != wire.OutcomeFailed || v.Reason != c.reason || !strings.Contains(v.Message, "sidecars") {
				t.Errorf("%s %s %q, want Failed %s", v.Outcome, v.Reason, v.Message, c.reason)
			}
		})
	}
}

// credentialsIn makes a folder with credentials.
func credentialsIn(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestCheckTellsRefusedFromUnreachable(t *testing.T) {
	refused := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>`)
	}))
	defer refused.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	careless := newCarelessS3(t)

	credentials := credentialsIn(t)
	for reason, endpoint := range map[string]string{
		ReasonCredentialsRefused: refused.URL, ReasonUnreachable: gone.URL, ReasonNotExclusive: careless,
	} {
		t.Run(reason, func(t *testing.T) {
			t.Setenv("AWS_MAX_ATTEMPTS", "1")
			e := testEnv(t)
			bucket, err := store.Open(t.Context(), "s3://bucket?endpoint="+endpoint, credentials)
			if err != nil {
				t.Fatal(err)
			}
			defer bucket.Close()
			e.Bucket = bucket
			if v := Check(t.Context(), e); v.Outcome != wire.OutcomeFailed || v.Reason != reason {
				t.Errorf("%s %s %q, want Failed %s", v.Outcome, v.Reason, v.Message, reason)
			}
		})
	}
}

// newCarelessS3 is a server that takes every upload, whatever its conditions.
func newCarelessS3(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"x"`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
