// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Mirrored is what the files said about mirroring at one time.
type Mirrored struct {
	// Document is nil while there is none.
	Document    *wire.Mirror
	UnknownKeys bool
	// Labels are the pod's.
	Labels map[string]string
}

// ReadMirror is as Read, for the mirror document: it is looked at apart, so that neither document keeps a change of the other
// from taking effect. One that cannot be read is an error once, and not again until it changes.
func (w *Watcher) ReadMirror() (m Mirrored, changed bool, err error) {
	document, err1 := readOptional(w.files.Mirror)
	var labels []byte
	var err2 error
	if w.files.Pod != "" {
		labels, err2 = readOptional(filepath.Join(w.files.Pod, "labels"))
	}
	failed := errors.Join(err1, err2)
	state := fmt.Appendf(nil, "%v %v %d ", failed, document == nil, len(document))
	digest := sha256.Sum256(append(append(state, document...), labels...))
	if digest == w.lastMirror {
		return Mirrored{}, false, nil
	}
	w.lastMirror = digest
	if failed != nil {
		return Mirrored{}, false, fmt.Errorf("reading the files about mirroring: %w", failed)
	}
	m.Labels = plan.ParseDownward(labels)
	if document == nil {
		return m, true, nil
	}
	whole, unknown, err := wire.DecodeMirror(document)
	if err != nil {
		return Mirrored{}, false, err
	}
	m.Document, m.UnknownKeys = &whole, unknown
	return m, true, nil
}
