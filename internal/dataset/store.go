// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/vedette-dev/vedette/internal/record/columnar"
	"github.com/vedette-dev/vedette/internal/store"
)

// partRows is how many rows a part has: so many that a part is worth a request, so few that it can be held in memory.
const partRows = 100_000

// Encoded is a part that is ready to be stored.
type Encoded struct {
	Part
	Data []byte
}

// EncodeParts cuts sorted rows into parts. It yields one at a time: they need not be in memory together.
func EncodeParts(features []Feature, rows []Row, each func(Encoded) error) error {
	for n := 0; n*partRows < len(rows); n++ {
		of := rows[n*partRows : min((n+1)*partRows, len(rows))]
		var b bytes.Buffer
		if err := Write(&b, features, of); err != nil {
			return err
		}
		sum := sha256.Sum256(b.Bytes())
		part := Part{Name: PartName(n), Rows: int64(len(of)), Bytes: int64(b.Len()), SHA256: hex.EncodeToString(sum[:])}
		if err := each(Encoded{part, b.Bytes()}); err != nil {
			return err
		}
	}
	return nil
}

// Store writes a version: its parts, and then its manifest. A version that is there already is left as it is, and what an
// interrupted attempt left is completed. It says whether the version is new.
func Store(ctx context.Context, b *store.Bucket, l store.Layout, m Manifest, rows []Row) (created bool, err error) {
	err = EncodeParts(m.Content.Features, rows, func(p Encoded) error {
		err := b.Create(ctx, l.DatasetFile(m.Digest, p.Name), bytes.NewReader(p.Data))
		if errors.Is(err, store.ErrExists) {
			return nil // of the same digest, and so the same
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing the parts of a dataset: %w", err)
	}
	data, err := m.Encode()
	if err != nil {
		return false, err
	}
	err = b.Create(ctx, l.DatasetFile(m.Digest, ManifestFile), bytes.NewReader(data))
	if errors.Is(err, store.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Load reads the manifest of a version.
func Load(ctx context.Context, b *store.Bucket, l store.Layout, of string) (Manifest, error) {
	if !digest.MatchString(of) {
		return Manifest{}, fmt.Errorf("%.80q is no digest of a dataset: want 64 hex digits", of)
	}
	data, err := b.Get(ctx, l.DatasetFile(of, ManifestFile), maxManifestBytes)
	if err != nil {
		return Manifest{}, err
	}
	m, err := Decode(data)
	if err == nil && m.Digest != of {
		return Manifest{}, fmt.Errorf("%w: the manifest in the folder of %s is that of %s", ErrDamaged, of, m.Digest)
	}
	return m, err
}

// Current reads the manifest of a version, or of the one that took its place when subjects were erased.
func Current(ctx context.Context, b *store.Bucket, l store.Layout, of string) (Manifest, error) {
	m, missing := Load(ctx, b, l, of)
	if !errors.Is(missing, store.ErrNotFound) {
		return m, missing
	}
	for folder, err := range b.Folders(ctx, l.AllDatasets()) {
		if err != nil {
			return Manifest{}, err
		}
		if !digest.MatchString(folder) {
			continue
		}
		m, err := Load(ctx, b, l, folder)
		switch p := m.Provenance; {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, ErrDamaged):
			continue // it can take no place
		case err != nil:
			return Manifest{}, err
		case p.Replaces == of || slices.Contains(p.Earlier, of):
			return m, nil
		}
	}
	return Manifest{}, fmt.Errorf("there is no dataset %s in the store, and none that replaces it: %w", of, missing)
}

// EachRow calls visit with every row of a version, after checking that each part is what the manifest says. A row is valid until
// the next one.
func EachRow(ctx context.Context, b *store.Bucket, l store.Layout, m Manifest, visit func(*Row) error) error {
	for _, p := range m.Content.Parts {
		data, err := b.Get(ctx, l.DatasetFile(m.Digest, p.Name), p.Bytes)
		if err != nil && !errors.Is(err, store.ErrTooLarge) {
			return err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != p.SHA256 {
			return fmt.Errorf("%w: %s is not what the manifest says", ErrDamaged, p.Name)
		}
		for r, err := range Read(io.NewSectionReader(bytes.NewReader(data), 0, p.Bytes), p.Bytes, m.Content.Features) {
			if errors.Is(err, columnar.ErrDamaged) {
				return fmt.Errorf("%w: %s: %w", ErrDamaged, p.Name, err)
			}
			if err != nil {
				return err
			}
			if err := visit(r); err != nil {
				return err
			}
		}
	}
	return nil
}
