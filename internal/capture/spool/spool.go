// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// ErrFull means that neither the spool nor what it may push out has room left.
var ErrFull = errors.New("the spool is full")

// Observer counts. Its methods must not call back into the spool.
type Observer interface {
	// Stored counts the rows of a file that was uploaded.
	Stored(tier string, rows int64)
	// Lost counts the rows of a file that will never be uploaded.
	Lost(tier string, rows int64)
	// Sink says whether the last upload succeeded.
	Sink(up bool)
}

// Options configure a Spool.
type Options struct {
	// Dir is the directory; it is made if it is missing.
	Dir string
	// Limit is the most bytes that all files may take.
	Limit int64
	// Tiers are the tiers by value, the least first.
	Tiers    []string
	Observer Observer
	Log      *slog.Logger
}

// Spool is the directory with files that wait for upload. It is safe for concurrent use.
type Spool struct {
	Options
	ready  chan struct{} // holds a token when a file may be waiting
	broken error         // why no file can be taken

	mu      sync.Mutex
	bytes   int64
	opened  uint64
	waiting []*entry // oldest first
}

type entry struct {
	tier, key string
	path      string
	rows      int64
	size      int64
	uploading bool
}

const (
	openDir  = "open"
	readyDir = "ready"
)

// Open takes over the files that a predecessor left in the directory. A directory that cannot be used makes a spool that
// takes no file: what is handed to it is lost and counted.
func Open(o Options) *Spool {
	s := &Spool{Options: o, ready: make(chan struct{}, 1)}
	if err := s.open(); err != nil {
		s.broken = fmt.Errorf("opening the spool: %w", err)
		o.Log.Error("rows will be lost until the container is started anew", "error", s.broken)
	}
	s.wake()
	return s
}

func (s *Spool) open() error {
	if err := os.RemoveAll(filepath.Join(s.Dir, openDir)); err != nil {
		return fmt.Errorf("removing incomplete files: %w", err)
	}
	for _, d := range []string{openDir, readyDir} {
		if err := os.MkdirAll(filepath.Join(s.Dir, d), 0o700); err != nil {
			return err
		}
	}
	if err := s.takeOver(); err != nil {
		return fmt.Errorf("reading what a predecessor left: %w", err)
	}
	return nil
}

// takeOver lists the complete files.
func (s *Spool) takeOver() error {
	root := filepath.Join(s.Dir, readyDir)
	modified := map[*entry]int64{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		e, ok := parse(filepath.ToSlash(rel))
		if !ok || !slices.Contains(s.Tiers, e.tier) {
			s.Log.Warn("a file in the spool is not ours: left alone", "path", path)
			return nil
		}
		e.path, e.size = path, info.Size()
		modified[e] = info.ModTime().UnixNano()
		s.waiting = append(s.waiting, e)
		s.bytes += e.size
		return nil
	})
	slices.SortFunc(s.waiting, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(modified[a], modified[b]), strings.Compare(a.path, b.path))
	})
	for s.bytes > s.Limit && s.evict(len(s.Tiers)) {
	}
	return err
}

func parse(rel string) (*entry, bool) {
	tier, rest, ok1 := strings.Cut(rel, "/")
	i := strings.LastIndexByte(rest, '~')
	if !ok1 || i < 0 {
		return nil, false
	}
	rows, err := strconv.ParseInt(rest[i+1:], 10, 64)
	return &entry{tier: tier, key: rest[:i], rows: rows}, err == nil && rows >= 0
}

// Bytes is what all files take.
func (s *Spool) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Waiting is the number of files that wait for upload.
func (s *Spool) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

func (s *Spool) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// reserve makes room for n bytes of a tier.
func (s *Spool) reserve(tier string, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rank := slices.Index(s.Tiers, tier)
	for s.bytes+n > s.Limit {
		if !s.evict(rank) {
			return ErrFull
		}
	}
	s.bytes += n
	return nil
}

func (s *Spool) release(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes -= n
}

// evict removes the newest file of the least tier below rank that has one, and says whether there was one.
func (s *Spool) evict(rank int) bool {
	for _, tier := range s.Tiers[:max(rank, 0)] {
		for _, e := range slices.Backward(s.waiting) {
			if e.tier != tier || e.uploading {
				continue
			}
			s.forget(e)
			s.Log.Warn("the spool is full: a file was dropped", "key", e.key, "rows", e.rows)
			s.Observer.Lost(e.tier, e.rows)
			return true
		}
	}
	return false
}

// remove deletes the file of e, and the folders that it leaves empty.
func (s *Spool) remove(e *entry) {
	s.bytes -= e.size
	if err := os.Remove(e.path); err != nil {
		s.Log.Error("removing a file from the spool", "error", err)
	}
	root := filepath.Join(s.Dir, readyDir)
	for dir := filepath.Dir(e.path); dir != root && os.Remove(dir) == nil; dir = filepath.Dir(dir) {
	}
}

// next marks the oldest file as being uploaded; nil if none waits.
func (s *Spool) next() *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return nil
	}
	s.waiting[0].uploading = true
	return s.waiting[0]
}

// uploaded forgets e, which has arrived.
func (s *Spool) uploaded(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(e)
	s.Observer.Stored(e.tier, e.rows)
}

// lose gives e up.
func (s *Spool) lose(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(e)
	s.Observer.Lost(e.tier, e.rows)
}

func (s *Spool) forget(e *entry) {
	if i := slices.Index(s.waiting, e); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
	s.remove(e)
}

// postpone keeps e for another attempt. With behind set, the others come first: its failure may be its own.
func (s *Spool) postpone(e *entry, behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.uploading = false
	if i := slices.Index(s.waiting, e); behind && i >= 0 {
		s.waiting = append(slices.Delete(s.waiting, i, i+1), e)
	}
}
