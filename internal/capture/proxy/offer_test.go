// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestOffersWhatIsCompleteBeforeItIsAnswered(t *testing.T) {
	for name, tt := range map[string]struct {
		version int
		body    func() io.Reader
		want    string
	}{
		"a body of known length":            {1, func() io.Reader { return strings.NewReader("abc") }, "abc"},
		"a body of unknown length":          {1, func() io.Reader { return io.MultiReader(strings.NewReader("ab"), strings.NewReader("c")) }, "abc"},
		"over HTTP/2":                       {2, func() io.Reader { return strings.NewReader("abc") }, "abc"},
		"over HTTP/2, of unknown length":    {2, func() io.Reader { return io.MultiReader(strings.NewReader("ab"), strings.NewReader("c")) }, "abc"},
		"no body":                           {1, func() io.Reader { return nil }, ""},
		"no body, over HTTP/2":              {2, func() io.Reader { return nil }, ""},
		"more than the limit, which is cut": {1, func() io.Reader { return io.LimitReader(zeros{}, testLimit+1) }, strings.Repeat("\x00", testLimit)},
	} {
		t.Run(name, func(t *testing.T) {
			offered := make(chan string, 2)
			answer := make(chan struct{})
			f := backend(t, tt.version, func(http.ResponseWriter, *http.Request) { <-answer })
			f.offer = func(r *http.Request, ex *Exchange) {
				if r.Header.Get(headerRequestID) != ex.RequestID || ex.Request.Truncated != (len(tt.want) == testLimit) {
					t.Errorf("offered with id %q, not %q, and truncated %v", r.Header.Get(headerRequestID), ex.RequestID, ex.Request.Truncated)
				}
				offered <- string(ex.Request.Bytes)
				close(answer)
			}
			f.post(t, "/infer", tt.body(), nil)
			if got := <-offered; got != tt.want {
				t.Errorf("offered %d bytes, want %d", len(got), len(tt.want))
			}
			(<-f.ended).Release()
			if len(offered) > 0 {
				t.Error("offered twice")
			}
		})
	}
}

func TestABodyThatNeverEndsIsNotOffered(t *testing.T) {
	for name, body := range map[string]io.Reader{
		"the client gives up":           iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("abcdef"))),
		"nobody reads on":               strings.NewReader("abcdef"),
		"it ends once it was handed on": strings.NewReader("a"),
	} {
		t.Run(name, func(t *testing.T) {
			ex := NewExchange(NewBudget(testBudget), testLimit, false)
			defer ex.Release()
			tee := &requestTee{ReadCloser: io.NopCloser(body), budget: ex.budget, body: &ex.Request, length: -1, complete: func() { t.Error("offered") }}
			for range 3 {
				tee.Read(make([]byte, 1)) //nolint:errcheck // Whether it is offered is what counts.
				if name != "the client gives up" {
					break
				}
			}
			tee.seal()
			tee.Read(make([]byte, 1)) //nolint:errcheck // So it is.
		})
	}
}
