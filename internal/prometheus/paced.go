// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"sync"
	"time"

	"github.com/vedette-dev/vedette/internal/monitor"
)

// Asker answers which thresholds of a monitor are violated, as Client does.
type Asker interface {
	Thresholds(ctx context.Context, server Server, namespace, name string) ([]monitor.Sample, error)
}

// Paced asks about each monitor at most once in a period, and repeats the answer in between: reconciliations come as often
// as pods change, and a server that hangs must not hold them up each time. It is safe for concurrent use.
type Paced struct {
	ask    Asker
	period time.Duration
	now    func() time.Time

	mu      sync.Mutex
	answers map[question]reply
}

type question struct {
	server          Server
	namespace, name string
}

type reply struct {
	at      time.Time
	samples []monitor.Sample
	err     error
}

// NewPaced makes a Paced that asks ask.
func NewPaced(ask Asker, period time.Duration, now func() time.Time) *Paced {
	return &Paced{ask: ask, period: period, now: now, answers: map[question]reply{}}
}

// Thresholds is the answer of the present period. The caller must not change it.
func (p *Paced) Thresholds(ctx context.Context, server Server, namespace, name string) ([]monitor.Sample, error) {
	q, at := question{server, namespace, name}, p.now()
	if r, ok := p.recent(q, at); ok {
		return r.samples, r.err
	}
	samples, err := p.ask.Thresholds(ctx, server, namespace, name)
	if ctx.Err() == nil { // what the caller gave up says nothing about the server
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answers[q] = reply{at, samples, err}
	}
	return samples, err
}

// recent finds an answer, and forgets those that are too old, also of monitors that are gone.
func (p *Paced) recent(q question, at time.Time) (reply, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, r := range p.answers {
		if at.Sub(r.at) >= p.period {
			delete(p.answers, key)
		}
	}
	r, ok := p.answers[q]
	return r, ok
}
