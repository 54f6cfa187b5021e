// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"sync"
	"time"
)

// throttle slows down guessing: who failed several times in a row has to wait, twice as long after each further
// failure. It counts per name and address, so that nobody can lock another out from elsewhere, and per address.
type throttle struct {
	now func() time.Time

	mu       sync.Mutex
	failures map[string]*failures
}

type failures struct {
	count int
	until time.Time // no attempt before
	last  time.Time
}

const (
	// freeAttempts may fail before there is a wait: per name and address, and per address, which many may share.
	freeAttempts, freeAttemptsOfAddress = 5, 50

	firstWait, longestWait = 2 * time.Second, 15 * time.Minute
	// forgetAfter is when failures are forgotten, maxFailures how many are remembered.
	forgetAfter, maxFailures = time.Hour, 10_000
)

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, failures: map[string]*failures{}}
}

func throttleKeys(name, address string) (both, alone string) {
	return address + "\x00" + name, address
}

// wait is how long an attempt has to wait; none if zero.
func (t *throttle) wait(name, address string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	var longest time.Duration
	both, alone := throttleKeys(name, address)
	for _, key := range []string{both, alone} {
		if f := t.failures[key]; f != nil {
			longest = max(longest, f.until.Sub(now))
		}
	}
	return longest
}

// failed counts a failure.
func (t *throttle) failed(name, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	both, alone := throttleKeys(name, address)
	t.count(both, freeAttempts)
	t.count(alone, freeAttemptsOfAddress)
}

func (t *throttle) count(key string, free int) {
	now := t.now()
	f := t.failures[key]
	if f == nil || now.Sub(f.last) > forgetAfter {
		t.forget(now)
		f = &failures{}
		t.failures[key] = f
	}
	f.count, f.last = f.count+1, now
	if over := f.count - free; over >= 0 {
		f.until = now.Add(min(firstWait<<min(over, 20), longestWait))
	}
}

// forget makes room, for a while, so that it costs little: what is old goes first, and then anything.
func (t *throttle) forget(now time.Time) {
	if len(t.failures) < maxFailures {
		return
	}
	for key, f := range t.failures {
		if now.Sub(f.last) > forgetAfter {
			delete(t.failures, key)
		}
	}
	for key := range t.failures {
		if len(t.failures) < maxFailures*3/4 {
			return
		}
		delete(t.failures, key)
	}
}

// succeeded forgets the failures of a name at an address, and half of those of the address: behind one that many share, those
// who mistype add up, and those who sign in show that it is no attacker's alone.
func (t *throttle) succeeded(name, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	both, alone := throttleKeys(name, address)
	delete(t.failures, both)
	if f := t.failures[alone]; f != nil {
		f.count /= 2
	}
}
