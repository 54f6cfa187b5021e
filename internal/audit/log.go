// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/vedette-dev/vedette/internal/store"
)

// recent is how many entries a log looks back at when it is opened, to know what was entered already. A change is appended
// again only when the word that it was entered was lost, so that the first time is among the last entries.
const recent = 1024

// readers is how many entries are read at once.
const readers = 16

// attempts bounds how often an entry is tried at the next place because another writer took it.
const attempts = 8

// Errors of a log.
var (
	// ErrDamaged means that the log cannot be continued: its end is not what was written.
	ErrDamaged = errors.New("the end of the audit log is damaged")
	// ErrContended means that others keep writing to the log. There should be one writer.
	ErrContended = errors.New("others write to the audit log")
)

// Log appends to an audit log. It is safe for concurrent use. Several Logs may write to one store that creates only what is
// absent: the chain never forks.
type Log struct {
	bucket  *store.Bucket
	cluster string
	// lock and seen, the head for those who ask, are there while an append waits for the store.
	lock atomic.Pointer[store.Lock]
	seen atomic.Pointer[Head]

	mu     sync.Mutex
	opened bool
	head   Head
	// known are the numbers of the last entries by their ids, and order the ids, the oldest first.
	known map[string]uint64
	order []string
}

// NewLog makes the log of a cluster in a bucket. Entries are locked against removal as lock says, where it says so.
func NewLog(b *store.Bucket, cluster string, lock store.Lock) *Log {
	l := &Log{bucket: b, cluster: cluster, known: map[string]uint64{}}
	l.lock.Store(&lock)
	l.seen.Store(&Head{})
	return l
}

// relock makes entries from now on be locked as lock says.
func (l *Log) relock(lock store.Lock) { l.lock.Store(&lock) }

// Open finds the end of the log; it is of no use to call it before Append, but to see whether the log can be continued. A log that
// is open looks only for what others have added.
func (l *Log) Open(ctx context.Context) (Head, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(ctx); err != nil {
		return l.head, err
	}
	return l.head, l.follow(ctx)
}

// Head is the end of the log as far as it is known.
func (l *Log) Head() Head { return *l.seen.Load() }

// Append enters a draft at the end of the log, unless it was entered before. It says which number it has.
func (l *Log) Append(ctx context.Context, d Draft) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(ctx); err != nil {
		return 0, err
	}
	for range attempts {
		if n, ok := l.known[text(d.ID)]; ok {
			return n, nil
		}
		e, err := seal(d, l.head.Sequence+1, l.previous())
		if err != nil {
			return 0, err
		}
		err = l.create(ctx, e)
		if err == nil {
			l.add(e)
			return e.Sequence, nil
		}
		if !errors.Is(err, store.ErrExists) {
			return 0, err
		}
		// Somebody was faster, or an attempt of ours that seemed to fail did not.
		if err := l.follow(ctx); err != nil {
			return 0, err
		}
	}
	return 0, ErrContended
}

func (l *Log) previous() string {
	if l.head.Sequence == 0 {
		return genesis
	}
	return l.head.Hash
}

func (l *Log) create(ctx context.Context, e Entry) error {
	b, err := e.Encode()
	if err != nil {
		return err
	}
	lock := *l.lock.Load()
	if lock.Mode != "" {
		lock.Until = e.Time.Add(lock.For)
	}
	return l.bucket.CreateLocked(ctx, store.AuditEntry(l.cluster, e.Sequence), bytes.NewReader(b), lock)
}

func (l *Log) add(e Entry) {
	l.found(Head{Sequence: e.Sequence, Hash: e.Hash})
	l.remember(e)
}

func (l *Log) found(h Head) {
	l.head = h
	l.seen.Store(&h)
}

func (l *Log) remember(e Entry) {
	if _, twice := l.known[e.ID]; twice {
		return
	}
	l.known[e.ID] = e.Sequence
	if l.order = append(l.order, e.ID); len(l.order) > recent {
		delete(l.known, l.order[0])
		l.order = l.order[1:]
	}
}

// open finds the last entry, and what was entered lately.
func (l *Log) open(ctx context.Context) error {
	if l.opened {
		return nil
	}
	var last uint64
	for item, err := range l.bucket.List(ctx, store.AuditPrefix(l.cluster)) {
		if err != nil {
			return err
		}
		if n, ok := store.ParseAuditEntry(l.cluster, item.Key); ok {
			last = max(last, n)
		}
	}
	first := uint64(1)
	if last > recent {
		first = last - recent + 1
	}
	for _, r := range readAll(ctx, l.bucket, l.cluster, first, last) {
		switch {
		case r.err == nil:
			l.remember(r.entry)
		case errors.Is(r.err, ErrChanged), errors.Is(r.err, store.ErrNotFound), errors.Is(r.err, store.ErrTooLarge):
			// What is wrong in the middle is for Verify to tell. Only the end must be whole to be continued.
		default:
			return r.err
		}
		if r.number == last {
			if r.err != nil {
				return fmt.Errorf("%w: entry %d: %w", ErrDamaged, last, r.err)
			}
			l.found(Head{Sequence: last, Hash: r.entry.Hash})
		}
	}
	l.opened = true
	return nil
}

// follow adds what others have written behind the known end.
func (l *Log) follow(ctx context.Context) error {
	for {
		e, err := read(ctx, l.bucket, l.cluster, l.head.Sequence+1)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil && !errors.Is(err, ErrChanged) {
			return err
		}
		if err != nil || e.Previous != l.previous() {
			return fmt.Errorf("%w: entry %d does not continue entry %d", ErrDamaged, l.head.Sequence+1, l.head.Sequence)
		}
		l.add(e)
	}
}

// read reads one entry and checks that it stands where it says.
func read(ctx context.Context, b *store.Bucket, cluster string, number uint64) (Entry, error) {
	data, err := b.Get(ctx, store.AuditEntry(cluster, number), maxEntryBytes)
	if err != nil {
		return Entry{}, err
	}
	e, err := Decode(data)
	if err == nil && e.Sequence != number {
		return e, fmt.Errorf("%w: it is entry %d", errMoved, e.Sequence)
	}
	return e, err
}

// errMoved means that an entry stands in another's place.
var errMoved = fmt.Errorf("%w: it stands in another's place", ErrChanged)

// result is one entry as it was found.
type result struct {
	number uint64
	entry  Entry
	err    error
}

// readAll reads the entries from first to last, in their order.
func readAll(ctx context.Context, b *store.Bucket, cluster string, first, last uint64) []result {
	if last == 0 || last < first {
		return nil
	}
	results := make([]result, last-first+1)
	var wg sync.WaitGroup
	for r := range min(readers, len(results)) {
		wg.Go(func() {
			for i := r; i < len(results); i += readers {
				n := first + uint64(i)
				results[i].number = n
				results[i].entry, results[i].err = read(ctx, b, cluster, n)
			}
		})
	}
	wg.Wait()
	return results
}
