// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/monitor"
)

// counter counts what it is asked, and answers with the count.
type counter struct {
	asked int
	err   error
}

func (c *counter) Thresholds(context.Context, Server, string, string) ([]monitor.Sample, error) {
	c.asked++
	return []monitor.Sample{{Threshold: "p99", Segment: "all", Value: float64(c.asked)}}, c.err
}

func TestPaced(t *testing.T) {
	now := time.Unix(1000, 0)
	server := &counter{err: errors.New("timeout")}
	p := NewPaced(server, time.Minute, func() time.Time { return now })
	ask := func(name string) error {
		t.Helper()
		_, err := p.Thresholds(t.Context(), Server{URL: "http://prometheus"}, "payments", name)
		return err
	}
	for range 3 {
		if err := ask("fraud"); !errors.Is(err, server.err) {
			t.Errorf("got %v", err)
		}
	}
	if server.asked != 1 {
		t.Errorf("a server that hangs was asked %d times in a period", server.asked)
	}
	if _ = ask("churn"); server.asked != 2 {
		t.Error("one monitor got the answer of another")
	}
	now, server.err = now.Add(time.Minute), nil
	if err := ask("fraud"); err != nil || server.asked != 3 {
		t.Errorf("after the period: %v, asked %d times", err, server.asked)
	}
	if len(p.answers) != 1 {
		t.Errorf("%d answers are kept, of monitors that nobody asks about", len(p.answers))
	}
}

func TestAnAnswerThatNobodyWaitedForIsNone(t *testing.T) {
	server := &counter{}
	p := NewPaced(server, time.Minute, func() time.Time { return time.Unix(1000, 0) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if _, err := p.Thresholds(ctx, Server{URL: "http://prometheus"}, "payments", "fraud"); err != nil {
			t.Fatal(err)
		}
	}
	if server.asked != 2 {
		t.Errorf("asked %d times", server.asked)
	}
}
