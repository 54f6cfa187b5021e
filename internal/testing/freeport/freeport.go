// SPDX-License-Identifier: Apache-2.0

// Package freeport finds ports for servers that must be told one: a program of its own, or one that comes back at the same address.
package freeport

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// The ports to choose from are below those that systems give to connections, and to servers that leave the choice to them: between
// the choice and its use, and while a server is down, nobody else is given one.
const first, count = 20_000, 10_000

// Get returns a port of this machine's loopback that nobody listens on.
func Get(tb testing.TB) int {
	tb.Helper()
	var err error
	for range 100 {
		n := first + rand.IntN(count)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n))); err == nil {
			_ = l.Close() // nothing was accepted
			return n
		}
	}
	tb.Fatalf("no port from %d to %d is free: %v", first, first+count-1, err)
	return 0
}

// Address is Get with its host.
func Address(tb testing.TB) string {
	tb.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(Get(tb)))
}
