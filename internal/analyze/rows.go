// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
)

// rowsRead says what was read of a tier.
type rowsRead struct {
	files   int
	damaged []string
	// rows were visited; repeated ones were not: their record had been.
	rows, repeated int64
}

// eachRow calls visit with every row of a tier whose time is in the window, with the named columns and the features in
// the order of the schema. The row is valid until the next one. A record that is in several files is visited once: they
// are of one version and hour, so that only the ids of an hour are remembered.
func eachRow(ctx context.Context, e *Env, tier store.Folder, w Window, columns []string, visit func(*record.Row) error) (rowsRead, error) {
	var out rowsRead
	seen := newIDSet()
	for folder, err := range foldersOf(e.Bucket.Between(ctx, e.layout(), tier, w.From, w.To)) {
		if err != nil {
			return out, err
		}
		seen.clear()
		fresh := func(r *record.Row) error {
			switch {
			case r.Time.Before(w.From), !r.Time.Before(w.To):
				return nil
			case !seen.add(r.RecordID):
				out.repeated++
				return nil
			}
			out.rows++
			return visit(r)
		}
		if err := out.folder(ctx, e, folder, func(key string) error { return readRows(ctx, e, key, columns, fresh) }); err != nil {
			return out, err
		}
	}
	return out, nil
}

// folder reads the files of one folder. One that was replaced since it was listed is looked for again: rows that were
// visited already are not visited twice.
func (out *rowsRead) folder(ctx context.Context, e *Env, items []store.Item, read func(key string) error) error {
	done := map[string]bool{}
	for attempt := 0; ; attempt++ {
		err := out.each(e, items, done, read)
		if !errors.Is(err, store.ErrNotFound) || attempt == relists {
			return err
		}
		if items, err = relist(ctx, e, items[0].Key); err != nil {
			return err
		}
	}
}

func (out *rowsRead) each(e *Env, items []store.Item, done map[string]bool, read func(key string) error) error {
	for _, item := range items {
		if done[item.Key] {
			continue
		}
		err := read(item.Key)
		switch {
		case errors.Is(err, record.ErrDamaged):
			e.Log.Warn("a damaged file is read only up to the damage", "file", item.Key, "error", err)
			out.damaged = append(out.damaged, item.Key)
		case err != nil:
			return err
		default:
			out.files++
		}
		done[item.Key] = true
	}
	return nil
}

func readRows(ctx context.Context, e *Env, key string, columns []string, visit func(*record.Row) error) error {
	object, err := e.Bucket.Open(ctx, key)
	if err != nil {
		return err
	}
	reader, err := record.NewReader(object, object.Size(), slices.Concat([]string{"record_id", "ts"}, columns)...)
	if err != nil {
		return err
	}
	at := make([]int, len(e.Config.Schema.Features))
	for i, f := range e.Config.Schema.Features {
		at[i] = slices.Index(reader.Features, f.Name)
	}
	features := make([]record.Value, len(at))
	for r, err := range reader.Rows() {
		if err != nil {
			return err
		}
		for i, j := range at {
			features[i] = record.Value{}
			if j >= 0 {
				features[i] = r.Features[j]
			}
		}
		row := *r
		row.Features = features
		if err := visit(&row); err != nil {
			return err
		}
	}
	return nil
}

// idSet remembers ids by a hash of 64 bits. That any of ten million is wrongly taken for another has a chance of 3 in a
// million.
type idSet struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func newIDSet() *idSet {
	return &idSet{seed: maphash.MakeSeed(), hashes: map[uint64]struct{}{}}
}

// clear forgets all ids.
func (s *idSet) clear() { clear(s.hashes) }

// add reports whether the id is new. Rows without an id are always new.
func (s *idSet) add(id string) bool {
	if id == "" {
		return true
	}
	h := maphash.String(s.seed, id)
	if _, seen := s.hashes[h]; seen {
		return false
	}
	s.hashes[h] = struct{}{}
	return true
}
