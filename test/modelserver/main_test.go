// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/store"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestServeFinishesRequestsUnderWay(t *testing.T) {
	under, finish := make(chan struct{}), make(chan struct{})
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(under)
			<-finish
			_, _ = io.WriteString(w, "done")
		}))
	}()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answer <- string(b)
	}()

	<-under
	stop()
	close(finish)
	if got := <-answer; got != "done" {
		t.Errorf("got %q, want the request to be finished", got)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestServeSpeaksBothVersionsOfHTTP(t *testing.T) {
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	}()
	h1, h2 := new(http.Protocols), new(http.Protocols)
	h1.SetHTTP1(true)
	h2.SetUnencryptedHTTP2(true)
	for want, protocols := range map[string]*http.Protocols{"HTTP/1.1": h1, "HTTP/2.0": h2} {
		transport := &http.Transport{Protocols: protocols}
		resp, err := (&http.Client{Transport: transport}).Get("http://" + l.Addr().String())
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(b) != want || err != nil {
			t.Errorf("got %q, %v, want %q", b, err, want)
		}
		transport.CloseIdleConnections()
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestServeReportsWhyItCannot(t *testing.T) {
	l := listen(t)
	l.Close()
	if err := serve(t.Context(), l, http.NotFoundHandler()); err == nil {
		t.Error("got no error from a closed listener")
	}
}

func TestTheModelComesFromTheStore(t *testing.T) {
	url := "file://" + t.TempDir()
	b, err := store.Open(t.Context(), url, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Put(t.Context(), "models/v2.json", []byte(`{"version": "v2", "weights": {"intercept": 1}}`)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		from          source
		version, says string
	}{
		"none is named":   {source{}, "2001-01", ""},
		"one that it has": {source{model: url + "/models/v2.json", store: url}, "v2", ""},
		"one that is not": {source{model: url + "/models/v3.json", store: url}, "", "reading the model"},
		"one elsewhere":   {source{model: "s3://other/models/v2.json", store: url}, "", "is not in the store"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := tc.from.load(t.Context())
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("got %v, want an error that says %q", err, tc.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.Version != tc.version {
				t.Errorf("got version %s, want %s", m.Version, tc.version)
			}
		})
	}
}
