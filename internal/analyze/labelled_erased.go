// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/store"
)

// forget learns which subjects were asked to be erased by now, drops their rows, and says how many those were.
func (b *labelled) forget(ctx context.Context) (int, error) {
	var err error
	if b.erased, err = erasure.Load(ctx, b.e.Bucket, b.e.layout()); err != nil {
		return 0, err
	}
	before := len(b.rows)
	b.rows = slices.DeleteFunc(b.rows, func(r dataset.Row) bool { return b.erased.Match(r.RecordID, r.LabelKey, "") != "" })
	gone := before - len(b.rows)
	if gone > 0 {
		b.excluded[leftErased] += int64(gone)
	}
	return gone, nil
}

// storeRest writes the version, without the subjects whose erasure was asked for while it was made, and says whether it is new. An
// erasure writes its request and then looks for versions; we write the version and then look for requests: so one of the two
// finds the rows, whoever is first.
func (b *labelled) storeRest(ctx context.Context) (dataset.Manifest, bool, error) {
	if _, err := b.forget(ctx); err != nil {
		return dataset.Manifest{}, false, err
	}
	for {
		if len(b.rows) == 0 {
			return dataset.Manifest{}, false, &problem{ReasonNoLabelledRows, fmt.Errorf(
				"none of the %d rows of labels is about a prediction of the window that was kept with its features and that the rules let in (left out: %s)", b.labels, counted(b.excluded))}
		}
		m, created, err := b.store(ctx)
		if err != nil {
			return m, false, err
		}
		gone, err := b.forget(ctx)
		if err != nil || gone == 0 {
			return m, created, err
		}
		if !created {
			continue // an erasure finds what was there already, or whoever else has just made it removes it
		}
		if err := b.remove(ctx, m); err != nil {
			return m, false, fmt.Errorf("the dataset %s holds %d rows of subjects whose erasure was asked for meanwhile, and could not be removed: ask for the erasure again: %w", m.Digest, gone, err)
		}
	}
}

// remove deletes a version, its rows first.
func (b *labelled) remove(ctx context.Context, m dataset.Manifest) error {
	var names []string
	for _, p := range m.Content.Parts {
		names = append(names, p.Name)
	}
	for _, name := range append(names, dataset.ManifestFile) {
		if err := b.e.Bucket.Delete(ctx, b.e.layout().DatasetFile(m.Digest, name)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}
