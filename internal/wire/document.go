// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrVersion means that a document is of a version that this program cannot read.
var ErrVersion = errors.New("unsupported version of the document")

// encode renders a document with its revision, the hash of all the rest, filled in. Equal documents give equal bytes.
func encode[T any](what string, document *T, revision *string) ([]byte, error) {
	*revision = ""
	b, err := json.Marshal(document)
	if err == nil {
		sum := sha256.Sum256(b)
		*revision = hex.EncodeToString(sum[:])[:10]
		b, err = json.MarshalIndent(document, "", "  ")
	}
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", what, err)
	}
	return append(b, '\n'), nil
}

// decode reads a document, whose version is got, and must be want. It ignores unknown keys and says whether there were any.
func decode[T any](what string, b []byte, limit int, document *T, got *int, want int) (unknownKeys bool, err error) {
	if len(b) > limit {
		return false, fmt.Errorf("reading %s: %d bytes are more than %d", what, len(b), limit)
	}
	if err := json.Unmarshal(b, document); err != nil {
		return false, fmt.Errorf("reading %s: %w", what, err)
	}
	if *got != want {
		return false, fmt.Errorf("reading %s: %w: got %d, want %d", what, ErrVersion, *got, want)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(new(T)) != nil, nil
}
