// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"sync"
)

// Body is what was recorded of the body of a request or an answer.
type Body struct {
	// Bytes are its first bytes, at most as many as the Exchange's limit.
	Bytes []byte
	// Length counts all bytes that passed, recorded or not.
	Length int64
	// Truncated says that Bytes lacks the rest of a body that is longer than the limit.
	Truncated bool
	// Complete says that the body ended where its sender meant it to end.
	Complete bool

	limit    int64
	reserved int64 // what the budget has given for the capacity of Bytes
	starved  bool  // the budget had no more to give
	hashing  bool
	hash     hash.Hash // of the whole body; only once it is known to be longer than the limit
}

const (
	firstBuffer = 512
	// maxPooled keeps one large body from pinning its buffer in the pool for ever.
	maxPooled = 64 << 10
)

// SHA256 is the hexadecimal digest of the whole body, also of the part that was not kept. It is empty if the body was
// longer than the limit and the Exchange was not told to hash.
func (b *Body) SHA256() string {
	switch {
	case b.hash != nil:
		return hex.EncodeToString(b.hash.Sum(nil))
	case b.Truncated:
		return ""
	}
	sum := sha256.Sum256(b.Bytes)
	return hex.EncodeToString(sum[:])
}

// Whole says that Bytes are all that has passed.
func (b *Body) Whole() bool { return !b.Truncated && !b.starved }

func (b *Body) write(p []byte, budget *Budget) {
	b.Length += int64(len(p))
	if b.starved {
		return
	}
	if b.hash != nil {
		b.hash.Write(p)
	}
	room := b.limit - int64(len(b.Bytes))
	if room < int64(len(p)) {
		if !b.Truncated && b.hashing {
			b.hash = sha256.New()
			b.hash.Write(b.Bytes)
			b.hash.Write(p)
		}
		b.Truncated = true
		p = p[:room]
	}
	if len(p) == 0 || !b.grow(int64(len(b.Bytes)+len(p)), budget) {
		return
	}
	b.Bytes = append(b.Bytes, p...)
}

// grow makes room for need bytes, if the budget allows it.
func (b *Body) grow(need int64, budget *Budget) bool {
	if need <= b.reserved {
		return true
	}
	size := max(need, int64(cap(b.Bytes)), min(2*b.reserved, b.limit), firstBuffer)
	if !budget.take(size - b.reserved) {
		b.starved = true
		return false
	}
	b.reserved = size
	if int64(cap(b.Bytes)) < size {
		grown := make([]byte, len(b.Bytes), size)
		copy(grown, b.Bytes)
		b.Bytes = grown
	}
	return true
}

func (b *Body) reset(budget *Budget) {
	budget.give(b.reserved)
	kept := b.Bytes[:0]
	if cap(kept) > maxPooled {
		kept = nil
	}
	*b = Body{Bytes: kept}
}

// requestTee copies what the transport reads of the client's body. The transport may go on reading after the answer is
// complete, so a lock separates the last read from the hand-over of the record.
type requestTee struct {
	io.ReadCloser
	budget *Budget

	// length is what the request's head says of the body's.
	length int64

	mu   sync.Mutex
	body *Body // nil once sealed
	// complete is called once, when the body has ended; nil once it was, and if nobody wants to know.
	complete func()
}

func (t *requestTee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.body != nil {
		t.body.write(p[:n], t.budget)
		if err == io.EOF {
			t.body.Complete = true
		}
		if t.complete != nil && (err == io.EOF || t.body.Length == t.length) {
			t.offer()
		}
	}
	return n, err
}

func (t *requestTee) offer() {
	if f := t.complete; f != nil {
		t.complete = nil
		f()
	}
}

func (t *requestTee) seal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.body = nil
}
