// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/store"
)

// One run at a time works on a monitor's folder: a file must not be copied by one while another erases from it. A run that
// was killed holds its lease until it expires; the next waits that long.
const (
	leaseLength = 10 * time.Minute
	leaseRenew  = 2 * time.Minute
	leasePoll   = 15 * time.Second
	leaseWait   = time.Hour
)

// lease is the right to change what is in a monitor's folder.
type lease struct {
	env *Env
	key string
	// renewing guards what follows.
	renewing sync.Mutex
	held     leaseDocument
	renewed  time.Time
}

type leaseDocument struct {
	Kind  string    `json:"kind"`
	Run   string    `json:"run"`
	Until time.Time `json:"until"`
}

func takeLease(ctx context.Context, e *Env, l store.Layout, kind string) (*lease, error) {
	le := &lease{env: e, key: l.Prefix() + "upkeep/lease.json", held: leaseDocument{Kind: kind, Run: e.Run}}
	for began := e.Clock(); ; {
		other, err := le.try(ctx)
		if err != nil || other == nil {
			return le, err
		}
		if e.Clock().Sub(began) >= leaseWait {
			return nil, analyze.Because(ReasonBusy, fmt.Errorf("run %s (%s) works on the folder of the monitor, and has for %s: look at its Job, or run this one again when it has ended", other.Run, other.Kind, leaseWait))
		}
		if err := e.Wait(ctx, leasePoll); err != nil {
			return nil, fmt.Errorf("waiting for run %s (%s) to end: %w", other.Run, other.Kind, err)
		}
	}
}

// try takes the lease, or gives back who holds it.
func (l *lease) try(ctx context.Context) (*leaseDocument, error) {
	now := l.env.Clock()
	l.held.Until, l.renewed = now.Add(leaseLength).UTC(), now
	err := l.create(ctx)
	if err == nil || !errors.Is(err, store.ErrExists) {
		return nil, err
	}
	other, err := l.read(ctx)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &other, nil // It was given back just now.
	case err != nil:
		return nil, err
	case other.Run == l.held.Run:
		return nil, nil // It is ours: the first attempt arrived.
	case now.Before(other.Until):
		return &other, nil
	}
	if err := l.env.Bucket.Delete(ctx, l.key); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return &other, nil // Whoever creates it next has it.
}

func (l *lease) document() ([]byte, error) {
	b, err := json.Marshal(l.held)
	if err != nil {
		return nil, fmt.Errorf("writing the lease: %w", err)
	}
	return b, nil
}

func (l *lease) create(ctx context.Context) error {
	document, err := l.document()
	if err != nil {
		return err
	}
	return l.env.Bucket.Create(ctx, l.key, bytes.NewReader(document))
}

func (l *lease) read(ctx context.Context) (leaseDocument, error) {
	var d leaseDocument
	b, err := l.env.Bucket.Get(ctx, l.key, 4<<10)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return leaseDocument{}, nil //nolint:nilerr // Nobody holds a lease that says nothing: it has expired.
	}
	return d, nil
}

// keep renews the lease when it is time to, and fails when it is another's by now. It is called before each change.
func (l *lease) keep(ctx context.Context) error {
	l.renewing.Lock()
	defer l.renewing.Unlock()
	now := l.env.Clock()
	if now.Sub(l.renewed) < leaseRenew {
		return nil
	}
	switch current, err := l.read(ctx); {
	case err != nil:
		return fmt.Errorf("renewing the lease: %w", err)
	case current.Run != l.held.Run:
		return analyze.Because(ReasonBusy, fmt.Errorf("run %s (%s) has taken over the folder of the monitor, because this one did not get on: run it again", current.Run, current.Kind))
	}
	l.held.Until, l.renewed = now.Add(leaseLength).UTC(), now
	document, err := l.document()
	if err != nil {
		return err
	}
	return l.env.Bucket.Put(ctx, l.key, document)
}

// release gives the lease back, unless it is another's by now.
func (l *lease) release(ctx context.Context) error {
	switch current, err := l.read(ctx); {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case current.Run != l.held.Run:
		return nil
	}
	return l.env.Bucket.Delete(ctx, l.key)
}
