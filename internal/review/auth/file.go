// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// maxFileBytes bounds a file of users or tokens; a Secret cannot be larger.
const maxFileBytes = 1 << 20

// watched is what a mounted file says now: it is read again when it has changed, so that a person who was taken out of a
// Secret is out without a restart.
type watched[T any] struct {
	path  string
	parse func([]byte) (T, error)

	mu      sync.Mutex
	size    int64
	changed time.Time
	value   T
	err     error
	read    bool
}

func watch[T any](path string, parse func([]byte) (T, error)) *watched[T] {
	return &watched[T]{path: path, parse: parse}
}

// get is the value of the file. A file that cannot be used gives an error, and not what it said before: what it said may
// be what was to be taken back.
func (w *watched[T]) get() (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	info, err := os.Stat(w.path)
	if err != nil {
		w.read = false
		var none T
		return none, err
	}
	if w.read && info.Size() == w.size && info.ModTime().Equal(w.changed) {
		return w.value, w.err
	}
	w.size, w.changed, w.read = info.Size(), info.ModTime(), true
	w.value, w.err = w.load()
	return w.value, w.err
}

func (w *watched[T]) load() (T, error) {
	var none T
	f, err := os.Open(w.path)
	if err != nil {
		return none, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return none, err
	}
	if len(b) > maxFileBytes {
		return none, fmt.Errorf("%s: more than %d bytes", w.path, maxFileBytes)
	}
	v, err := w.parse(b)
	if err != nil {
		return none, fmt.Errorf("%s: %w", w.path, err)
	}
	return v, nil
}

// fields reads lines of n fields that colons separate; what follows the last separator may hold colons. Empty lines and
// those that begin with # say nothing. Errors name the line and nothing that it holds: whoever reads the log need not be
// allowed to read the Secret, and somebody may have named a Secret that holds something else.
func fields(b []byte, n int, each func(line int, f []string) error) error {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, maxFileBytes+1)
	for line := 1; s.Scan(); line++ {
		text := strings.TrimSpace(s.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		f := strings.SplitN(text, ":", n)
		if len(f) != n {
			return fmt.Errorf("line %d has %d fields: want %d, separated by colons", line, len(f), n)
		}
		if err := each(line, f); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	return s.Err()
}
