// SPDX-License-Identifier: Apache-2.0

// Package reload owns how the sidecar notices that its mounted files have changed: the configuration document, the
// mirror document, the pod's labels and annotations, and the key of hashes. It reads and compares; what follows from a change is not its own.
package reload

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Files are where to look. An empty name is a file that is missing.
type Files struct {
	// Config is the configuration document.
	Config string
	// Mirror is the mirror document.
	Mirror string
	// Pod is the directory with the files "labels" and "annotations" of the downward API.
	Pod string
	// HashKey is the key of keyed hashes.
	HashKey string
}

// Snapshot is what the files said at one time.
type Snapshot struct {
	// Config is nil while there is no document.
	Config              *wire.Config
	UnknownKeys         bool
	Labels, Annotations map[string]string
	HashKey             []byte
}

// Watcher compares by content: the kubelet replaces symbolic links, and times of modification say little. It is not
// safe for concurrent use.
type Watcher struct {
	files            Files
	last, lastMirror [sha256.Size]byte
}

// NewWatcher makes a Watcher that has seen nothing yet.
func NewWatcher(f Files) *Watcher { return &Watcher{files: f} }

// Read returns what the files say if that has changed since the last call; otherwise, changed is false. A document
// that cannot be read is an error once, and not again until it changes. One that says PassThrough is never an error: if
// it cannot be read, Config is its mode and whose it is.
func (w *Watcher) Read() (s Snapshot, changed bool, err error) {
	var contents [4][]byte
	names := [4]string{w.files.Config, "", "", w.files.HashKey}
	if w.files.Pod != "" {
		names[1], names[2] = filepath.Join(w.files.Pod, "labels"), filepath.Join(w.files.Pod, "annotations")
	}
	h := sha256.New()
	var failures []error
	for i, name := range names {
		contents[i], err = readOptional(name)
		if err != nil {
			failures = append(failures, err)
			h.Write([]byte(err.Error()))
		}
		// The length keeps contents apart; that of a file that is missing is -1.
		size := int64(-1)
		if contents[i] != nil {
			size = int64(len(contents[i]))
		}
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(size)))
		h.Write(contents[i])
	}
	var digest [sha256.Size]byte
	h.Sum(digest[:0])
	if digest == w.last {
		return Snapshot{}, false, nil
	}
	w.last = digest
	config, unknown, err := decode(contents[0])
	switch {
	case config != nil && config.Mode == wire.ModePassThrough:
	case len(failures) > 0:
		return Snapshot{}, false, fmt.Errorf("reading the mounted files: %w", errors.Join(failures...))
	case err != nil:
		return Snapshot{}, false, err
	}
	return Snapshot{
		Config:      config,
		UnknownKeys: unknown,
		Labels:      plan.ParseDownward(contents[1]),
		Annotations: plan.ParseDownward(contents[2]),
		HashKey:     contents[3],
	}, true, nil
}

// decode reads a document; nil is none. Of one that cannot be read it tries the mode.
func decode(document []byte) (c *wire.Config, unknown bool, err error) {
	if document == nil {
		return nil, false, nil
	}
	whole, unknown, err := wire.Decode(document)
	if err == nil {
		return &whole, unknown, nil
	}
	if head, ok := wire.DecodeHead(document); ok && head.Mode == wire.ModePassThrough {
		return &head, true, nil
	}
	return nil, false, err
}

// readOptional is nil for a file that does not exist.
func readOptional(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if b == nil && err == nil {
		b = []byte{}
	}
	return b, err
}
