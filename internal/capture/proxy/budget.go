// SPDX-License-Identifier: Apache-2.0

package proxy

import "sync/atomic"

// Budget bounds the bytes that all recorded bodies hold together, from the first byte that is read until their
// Exchange is released. It never waits: what does not fit is not recorded.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget makes a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used is the number of bytes that are taken.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *Budget) give(n int64) { b.used.Add(-n) }
