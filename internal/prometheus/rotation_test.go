// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"errors"
	"sync"
	"testing"
	"time"
)

func TestANewTokenIsTakenUp(t *testing.T) {
	s := serve(t, func(s *server) { s.answer = only("Bearer new") })
	k := &secrets{}
	items := func(token string) map[string]string {
		return map[string]string{"url": s.URL, "token": token, "ca.crt": s.authority()}
	}
	k.set("prom", items("old"))
	now := time.Unix(1000, 0)
	c := NewClient(k, "system", func() time.Time { return now })
	ask := func() error { return c.Check(t.Context(), Server{URL: s.URL, Secret: "prom"}) }
	for range 3 {
		if err := ask(); !errors.Is(err, ErrRefused) {
			t.Fatalf("the old token: %v", err)
		}
	}
	if len(s.opened) != 1 || k.reads != 1 {
		t.Errorf("three questions took %d connections, and the Secret was read %d times", len(s.opened), k.reads)
	}

	now = now.Add(secretAge)
	if err := ask(); !errors.Is(err, ErrRefused) || len(s.opened) != 1 || k.reads != 2 {
		t.Errorf("a Secret that has not changed: %v, %d connections, read %d times", err, len(s.opened), k.reads)
	}

	k.set("prom", items("new"))
	now = now.Add(secretAge)
	if err := ask(); err != nil {
		t.Errorf("the new token: %v", err)
	}
	select {
	case <-s.closed:
	case <-time.After(time.Minute):
		t.Error("the connection with the old token was not closed")
	}

	k.set("another", items("new"))
	now = now.Add(secretAge)
	for range 2 {
		if err := ask(); !says("is missing")(err) {
			t.Errorf("a Secret that was removed: %v", err)
		}
	}
	if k.reads != 4 {
		t.Errorf("it was read %d times", k.reads)
	}
	select {
	case <-s.closed:
	case <-time.After(time.Minute):
		t.Error("the connection with the removed token was not closed")
	}

	k.set("prom", items("new"))
	now = now.Add(secretAge)
	if err := ask(); err != nil {
		t.Errorf("it is back: %v", err)
	}
}

func TestASecretThatCannotBeReadIsReadAgain(t *testing.T) {
	s := serve(t, nil)
	k := &secrets{err: errors.New("the API server is busy")}
	k.set("prom", map[string]string{"ca.crt": s.authority()})
	c := NewClient(k, "system", func() time.Time { return time.Unix(1000, 0) })
	ask := func() error { return c.Check(t.Context(), Server{URL: s.URL, Secret: "prom"}) }
	if err := ask(); !errors.Is(err, k.err) {
		t.Errorf("got %v", err)
	}
	k.err = nil
	if err := ask(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestManyAskAtOnce(t *testing.T) {
	s := serve(t, nil)
	k := &secrets{}
	k.set("prom", map[string]string{"ca.crt": s.authority()})
	c := NewClient(k, "system", time.Now)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := c.Check(t.Context(), Server{URL: s.URL, Secret: "prom"}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if k.reads != 1 {
		t.Errorf("the Secret was read %d times", k.reads)
	}
}

func TestConnectionsThatNobodyUsesAreClosed(t *testing.T) {
	s := serve(t, nil)
	k := &secrets{}
	k.set("prom", map[string]string{"ca.crt": s.authority()})
	now := time.Unix(1000, 0)
	c := NewClient(k, "system", func() time.Time { return now })
	if err := c.Check(t.Context(), Server{URL: s.URL, Secret: "prom"}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(idleAge)
	if err := c.Check(t.Context(), Server{URL: s.URL, Secret: "another"}); !says("is missing")(err) {
		t.Errorf("got %v", err)
	}
	select {
	case <-s.closed:
	case <-time.After(time.Minute):
		t.Error("the connection of the class that is gone was not closed")
	}
	if len(c.known) != 1 {
		t.Errorf("%d connections are kept", len(c.known))
	}
}
