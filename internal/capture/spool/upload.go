// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/vedette-dev/vedette/internal/store"
)

const (
	firstBackoff  = time.Second
	longestWait   = 15 * time.Second
	uploadTimeout = time.Minute
)

// Sink is where files go. *store.Bucket is one.
type Sink interface {
	// Create writes a new object. It fails with store.ErrExists if there is one of that name.
	Create(ctx context.Context, key string, body io.Reader) error
}

// Uploader sends the files of a Spool to the sink, oldest first, one at a time.
type Uploader struct {
	spool *Spool
	sink  atomic.Pointer[Sink]
}

// NewUploader makes an uploader that waits for its sink.
func NewUploader(s *Spool) *Uploader { return &Uploader{spool: s} }

// SetSink changes where files go from the next one on; nil means that they wait.
func (u *Uploader) SetSink(s Sink) {
	if s == nil {
		u.sink.Store(nil)
		return
	}
	u.sink.Store(&s)
	u.spool.wake()
}

// Run uploads until ctx ends. A failure is tried again for ever, after a wait that grows.
func (u *Uploader) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.spool.ready:
		}
		wait := firstBackoff
		for ctx.Err() == nil {
			more, err := u.one(ctx)
			if err == nil && !more {
				break
			}
			if err == nil {
				wait = firstBackoff
				continue
			}
			u.spool.Log.Warn("an upload failed", "error", err, "again in", wait)
			pause(ctx, jitter(wait))
			wait = min(2*wait, longestWait)
		}
	}
}

// Drain uploads what waits until nothing is left or ctx ends. Run must have returned.
func (u *Uploader) Drain(ctx context.Context) error {
	wait := firstBackoff / 4
	for {
		more, err := u.one(ctx)
		switch {
		case err == nil && !more:
			return u.left(nil)
		case ctx.Err() != nil:
			return u.left(errors.Join(ctx.Err(), err))
		case err != nil:
			pause(ctx, jitter(wait))
		}
	}
}

func (u *Uploader) left(err error) error {
	if n := u.spool.Waiting(); n > 0 {
		return errors.Join(fmt.Errorf("%d files were not uploaded: they stay in the spool for a successor in the same pod", n), err)
	}
	return nil
}

// one uploads the oldest file, and says whether there was one, and a sink.
func (u *Uploader) one(ctx context.Context) (more bool, err error) {
	sink := u.sink.Load()
	if sink == nil {
		return false, nil
	}
	e := u.spool.next()
	if e == nil {
		return false, nil
	}
	f, err := os.Open(e.path)
	if err != nil {
		u.spool.Log.Error("a file in the spool cannot be read: its rows are lost", "error", err)
		u.spool.lose(e)
		return true, nil
	}
	defer f.Close() //nolint:errcheck // It was only read.
	sending, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	err = (*sink).Create(sending, e.key, f)
	if err != nil && !errors.Is(err, store.ErrExists) {
		// What the store says of itself holds for all files; anything else may be the fault of this one.
		u.spool.postpone(e, !errors.Is(err, store.ErrUnreachable) && !errors.Is(err, store.ErrCredentials))
		if ctx.Err() == nil {
			u.spool.Observer.Sink(false)
		}
		return true, err
	}
	u.spool.uploaded(e)
	u.spool.Observer.Sink(true)
	return true, nil
}

// jitter spreads d by a quarter to either side, so that pods that failed together do not come back together.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rand.Int64N(int64(d/2)))
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
