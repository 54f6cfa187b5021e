// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// eraseDatasets restates the versions of datasets that hold rows of the subject: a version without them takes the place of
// each, and says so. A version is its content: it has another digest.
func (r *run) eraseDatasets(ctx context.Context) error {
	versions, err := r.versions(ctx)
	if err != nil {
		return err
	}
	for _, m := range versions {
		if replaced := m.Provenance.Replaces; replaced != "" {
			// Cut short, an earlier run has left parts of the version that is replaced.
			if err := r.deleteAll(ctx, datasets, r.layout.DatasetFolder(replaced), func(store.Item) bool { return true }); err != nil {
				return err
			}
			delete(versions, replaced)
			if m.Provenance.Erasure == r.Erasure {
				r.Restated = append(r.Restated, wire.Restatement{From: replaced, To: m.Digest}) // by a run that was cut short, perhaps
			}
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(versions)) {
		if err := r.lease.keep(ctx); err != nil {
			return err
		}
		err := r.eraseDataset(ctx, versions[digest])
		if errors.Is(err, dataset.ErrDamaged) {
			r.count(datasets, func(t *Tally) { t.FilesDamaged++ })
			r.Log.Warn("a damaged dataset is left as it is", "digest", digest, "error", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("in the dataset %s: %w", digest, err)
		}
	}
	return nil
}

// versions are the manifests of all versions that are whole, by digest.
func (r *run) versions(ctx context.Context) (map[string]dataset.Manifest, error) {
	versions := map[string]dataset.Manifest{}
	for digest, err := range r.Bucket.Folders(ctx, r.layout.AllDatasets()) {
		if err != nil {
			return nil, err
		}
		m, err := dataset.Load(ctx, r.Bucket, r.layout, digest)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue // It is being built, or that was cut short.
		case errors.Is(err, dataset.ErrDamaged):
			r.count(datasets, func(t *Tally) { t.FilesDamaged++ })
			r.Log.Warn("a damaged dataset is left as it is", "digest", digest, "error", err)
			continue
		case err != nil:
			return nil, err
		}
		versions[digest] = m
	}
	return versions, nil
}

func (r *run) eraseDataset(ctx context.Context, m dataset.Manifest) error {
	var rows []dataset.Row
	var gone, kept int64
	err := dataset.EachRow(ctx, r.Bucket, r.layout, m, func(row *dataset.Row) error {
		if r.erase.Match(row.RecordID, row.LabelKey, "") != "" {
			if r.holds.row(row.RecordID, row.LabelKey, row.Time) == nil {
				gone++
				return nil
			}
			kept++
		}
		copied := *row
		copied.Segments, copied.Features = slices.Clone(row.Segments), slices.Clone(row.Features)
		rows = append(rows, copied)
		return nil
	})
	if err != nil {
		return err
	}
	r.count(datasets, func(t *Tally) { t.RowsHeld += kept })
	if gone == 0 {
		return nil
	}
	p := m.Provenance
	if p.Replaces != "" {
		p.Earlier = append(slices.Clone(p.Earlier), p.Replaces)
	}
	p.Replaces, p.Erasure = m.Digest, r.Erasure
	next, err := restated(m.Content, rows, p, gone)
	if err != nil {
		return err
	}
	next.Provenance.URI = store.Address(r.Env.Config.Store.URL, r.layout.DatasetFolder(next.Digest))
	if _, err := dataset.Store(ctx, r.Bucket, r.layout, next, rows); err != nil {
		return err
	}
	if err := r.deleteAll(ctx, datasets, r.layout.DatasetFolder(m.Digest), func(store.Item) bool { return true }); err != nil {
		return err
	}
	r.count(datasets, func(t *Tally) { t.RowsErased += gone })
	r.Restated = append(r.Restated, wire.Restatement{From: m.Digest, To: next.Digest})
	return nil
}

// restated is the manifest of the rows that are left of a version.
func restated(c dataset.Content, rows []dataset.Row, p dataset.Provenance, gone int64) (dataset.Manifest, error) {
	regression := len(c.Classes) == 0
	c.Rows, c.Weight, c.Parts, c.Labels = int64(len(rows)), 0, nil, dataset.LabelSet(rows)
	c.Classes, c.Segments, c.Versions, c.Sources = map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}
	for i := range rows {
		row := &rows[i]
		if !regression {
			c.Classes[row.Label()]++
		}
		for _, s := range row.Segments {
			c.Segments[s]++
		}
		c.Versions[row.Version]++
		c.Sources[row.Source]++
		c.Weight += row.Weight
	}
	if c.Excluded = maps.Clone(c.Excluded); gone > 0 {
		if c.Excluded == nil {
			c.Excluded = map[string]int64{}
		}
		c.Excluded[dataset.LeftErased] += gone
	}
	err := dataset.EncodeParts(c.Features, rows, func(e dataset.Encoded) error {
		c.Parts = append(c.Parts, e.Part)
		return nil
	})
	if err != nil {
		return dataset.Manifest{}, err
	}
	return dataset.Seal(c, p)
}
