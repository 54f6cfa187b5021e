// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vedette-dev/vedette/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counts is an Observer.
type counts struct {
	mu           sync.Mutex
	stored, lost map[string]int64
	sink         []bool
}

func newCounts() *counts { return &counts{stored: map[string]int64{}, lost: map[string]int64{}} }

func (c *counts) Stored(tier string, rows int64) { c.add(c.stored, tier, rows) }
func (c *counts) Lost(tier string, rows int64)   { c.add(c.lost, tier, rows) }

func (c *counts) add(m map[string]int64, tier string, rows int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m[tier] += rows
}

func (c *counts) Sink(up bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.sink); n == 0 || c.sink[n-1] != up {
		c.sink = append(c.sink, up)
	}
}

// bucket is a Sink whose failures are scripted.
type bucket struct {
	mu      sync.Mutex
	fail    func(attempt int, key string) error
	attempt int
	objects map[string]string
	order   []string
}

func (b *bucket) Create(_ context.Context, key string, body io.Reader) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempt++
	if b.fail != nil {
		if err := b.fail(b.attempt, key); err != nil {
			return err
		}
	}
	if _, ok := b.objects[key]; ok {
		return fmt.Errorf("creating: %w", store.ErrExists)
	}
	content, err := io.ReadAll(body)
	if b.objects == nil {
		b.objects = map[string]string{}
	}
	b.objects[key] = string(content)
	b.order = append(b.order, key)
	return err
}

func open(t *testing.T, dir string, limit int64, c *counts) *Spool {
	t.Helper()
	return Open(Options{
		Dir: dir, Limit: limit, Tiers: []string{"records", "predictions"}, Observer: c, Log: slog.New(slog.DiscardHandler),
	})
}

func put(t *testing.T, s *Spool, tier, key, content string, rows int64) error {
	t.Helper()
	f, err := s.Create(tier, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, content); err != nil {
		f.Abort(rows)
		return err
	}
	return f.Commit(rows)
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestUploadsInOrderAndForgets(t *testing.T) {
	dir, c := t.TempDir(), newCounts()
	s := open(t, dir, 1000, c)
	for i := range 3 {
		if err := put(t, s, "predictions", fmt.Sprintf("a/dt=1/%d.parquet", i), "content", 2); err != nil {
			t.Fatal(err)
		}
	}
	b := &bucket{}
	u := NewUploader(s)
	u.SetSink(b)
	if err := u.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a/dt=1/0.parquet", "a/dt=1/1.parquet", "a/dt=1/2.parquet"}, b.order); d != "" {
		t.Errorf("uploads (-want +got):\n%s", d)
	}
	if left := files(t, dir); len(left) > 0 || s.Bytes() != 0 || c.stored["predictions"] != 6 {
		t.Errorf("%q are left, %d bytes, %v rows stored", left, s.Bytes(), c.stored)
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, readyDir)); len(entries) > 0 {
		t.Errorf("empty folders are left: %v", entries)
	}
}

func TestASuccessorUploadsWhatIsComplete(t *testing.T) {
	dir, c := t.TempDir(), newCounts()
	killed := open(t, dir, 1000, newCounts())
	if err := put(t, killed, "predictions", "k/complete.parquet", "whole", 3); err != nil {
		t.Fatal(err)
	}
	half, err := killed.Create("predictions", "k/half.parquet")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(half, "hal") //nolint:errcheck // What becomes of it is the test.

	b := &bucket{objects: map[string]string{}}
	s := open(t, dir, 1000, c)
	if s.Bytes() != 5 {
		t.Errorf("%d bytes were taken over", s.Bytes())
	}
	u := NewUploader(s)
	u.SetSink(b)
	if err := u.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"k/complete.parquet": "whole"}, b.objects); d != "" || c.stored["predictions"] != 3 {
		t.Errorf("%v rows; objects (-want +got):\n%s", c.stored, d)
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}

func TestAnUploadThatArrivedBeforeTheEndIsNotRepeated(t *testing.T) {
	c := newCounts()
	s := open(t, t.TempDir(), 1000, c)
	if err := put(t, s, "predictions", "k", "mine again", 3); err != nil {
		t.Fatal(err)
	}
	b := &bucket{objects: map[string]string{"k": "mine"}}
	u := NewUploader(s)
	u.SetSink(b)
	if err := u.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.objects["k"] != "mine" || c.stored["predictions"] != 3 || s.Waiting() != 0 {
		t.Errorf("the object is %q, %v rows stored, %d files wait", b.objects["k"], c.stored, s.Waiting())
	}
}

func TestTheLimitHoldsAndLossesAreCounted(t *testing.T) {
	c := newCounts()
	s := open(t, t.TempDir(), 100, c)
	forty := string(make([]byte, 40))
	for _, key := range []string{"r1", "r2"} {
		if err := put(t, s, "records", key, forty, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(t, s, "records", "r3", forty, 1); !errors.Is(err, ErrFull) {
		t.Errorf("a third file of the least tier: %v", err)
	}
	if err := put(t, s, "predictions", "p1", forty, 10); err != nil {
		t.Errorf("a file of more value than what is there: %v", err)
	}
	if err := put(t, s, "predictions", "p2", forty, 10); err != nil {
		t.Errorf("another: %v", err)
	}
	if err := put(t, s, "predictions", "p3", forty, 10); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	b := &bucket{}
	u := NewUploader(s)
	u.SetSink(b)
	if err := u.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"p1", "p2"}, b.order); d != "" {
		t.Errorf("what is kept (-want +got):\n%s", d)
	}
	if c.lost["records"] != 3 || c.lost["predictions"] != 10 || c.stored["predictions"] != 20 || s.Bytes() != 0 {
		t.Errorf("lost %v, stored %v, %d bytes", c.lost, c.stored, s.Bytes())
	}
}

func TestAFileThatIsBeingUploadedIsNotPushedOut(t *testing.T) {
	c := newCounts()
	s := open(t, t.TempDir(), 100, c)
	if err := put(t, s, "records", "r1", string(make([]byte, 80)), 1); err != nil {
		t.Fatal(err)
	}
	during := &bucket{fail: func(int, string) error {
		if err := put(t, s, "predictions", "p1", string(make([]byte, 40)), 1); !errors.Is(err, ErrFull) {
			t.Errorf("a file took the place of one in flight: %v", err)
		}
		return nil
	}}
	u := NewUploader(s)
	u.SetSink(during)
	if err := u.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.stored["records"] != 1 || c.lost["records"] != 0 || c.lost["predictions"] != 1 {
		t.Errorf("stored %v, lost %v", c.stored, c.lost)
	}
}

func TestAnOutageIsSatOut(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := newCounts()
		s := open(t, dir, 1000, c)
		var up atomic.Bool
		b := &bucket{fail: func(int, string) error {
			if !up.Load() {
				return fmt.Errorf("creating: %w", store.ErrUnreachable)
			}
			return nil
		}}
		u := NewUploader(s)
		u.SetSink(b)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			u.Run(ctx)
		}()
		for i := range 4 {
			if err := put(t, s, "predictions", strconv.Itoa(i), "x", 1); err != nil {
				t.Fatal(err)
			}
			pause(ctx, 15*time.Second) // of the bubble's clock
		}
		synctest.Wait()
		if b.attempt < 5 || b.attempt > 20 || s.Waiting() != 4 {
			t.Errorf("%d attempts in a minute of outage, %d files wait", b.attempt, s.Waiting())
		}
		up.Store(true)
		pause(ctx, 2*longestWait)
		synctest.Wait()
		if d := cmp.Diff([]string{"0", "1", "2", "3"}, b.order); d != "" || c.stored["predictions"] != 4 {
			t.Errorf("stored %v; (-want +got):\n%s", c.stored, d)
		}
		if d := cmp.Diff([]bool{false, true}, c.sink); d != "" {
			t.Errorf("the state of the sink (-want +got):\n%s", d)
		}
		cancel()
		<-done
	})
}

func TestOneBadFileDoesNotStopTheOthers(t *testing.T) {
	c := newCounts()
	s := open(t, t.TempDir(), 1000, c)
	for _, key := range []string{"bad", "good"} {
		if err := put(t, s, "predictions", key, "x", 1); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	b := &bucket{fail: func(_ int, key string) error {
		if key == "bad" {
			return errors.New("the name is too long")
		}
		return nil
	}}
	u := NewUploader(s)
	u.SetSink(b)
	if more, err := u.one(ctx); !more || err == nil {
		t.Errorf("the bad file: %v, %v", more, err)
	}
	if more, err := u.one(ctx); !more || err != nil {
		t.Errorf("the good file: %v, %v", more, err)
	}
	cancel()
	if err := u.Drain(ctx); !errors.Is(err, context.Canceled) || s.Waiting() != 1 {
		t.Errorf("the end: %v, with %d files left", err, s.Waiting())
	}
}

func TestASpoolThatCannotBeUsedLosesAndCounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, file, 1000, newCounts())
	if _, err := s.Create("records", "k"); err == nil {
		t.Error("a file was begun in a directory that is none")
	}
}

func TestFilesOfOthersAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ready/readme", "ready/other/k~1", "ready/records/k~x", "ready/records/k"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s := open(t, dir, 1000, newCounts()); s.Waiting() != 0 || len(files(t, dir)) != 4 {
		t.Errorf("%d files wait, %q are there", s.Waiting(), files(t, dir))
	}
}
