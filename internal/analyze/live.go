// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/internal/record/columnar"
	"github.com/vedette-dev/vedette/internal/store"
)

// relists is how often a folder is listed anew because its files were replaced while they were read.
const relists = 3

// foldersOf yields the files of each folder together. Files of one folder follow each other.
func foldersOf(items iter.Seq2[store.Item, error]) iter.Seq2[[]store.Item, error] {
	return func(yield func([]store.Item, error) bool) {
		var folder []store.Item
		for item, err := range items {
			if err != nil {
				yield(nil, err)
				return
			}
			if len(folder) > 0 && path.Dir(folder[0].Key) != path.Dir(item.Key) {
				if !yield(folder, nil) {
					return
				}
				folder = nil
			}
			folder = append(folder, item)
		}
		if len(folder) > 0 {
			yield(folder, nil)
		}
	}
}

// relist lists the folder of a file.
func relist(ctx context.Context, e *Env, key string) ([]store.Item, error) {
	var items []store.Item
	for item, err := range e.Bucket.List(ctx, path.Dir(key)+"/") {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("%q was deleted while it was read: %w", key, store.ErrNotFound)
	}
	return items, nil
}

// Live leaves out, of the files of one folder, those whose rows are in another of them: they were replaced, and are about to
// be deleted. Rows tell by their ids that they are read twice; profiles do not.
func Live(ctx context.Context, b *store.Bucket, items []store.Item) ([]store.Item, error) {
	gone := map[string]bool{}
	for _, item := range items {
		if !strings.HasPrefix(path.Base(item.Key), store.CompactedPrefix) {
			continue
		}
		names, err := replacedBy(ctx, b, item)
		if errors.Is(err, columnar.ErrDamaged) {
			continue // Whoever reads its rows tells of it. What it has replaced counts on, if it is still there.
		}
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			gone[name+".parquet"] = true
		}
	}
	if len(gone) == 0 {
		return items, nil
	}
	return slices.DeleteFunc(slices.Clone(items), func(item store.Item) bool { return gone[path.Base(item.Key)] }), nil
}

func replacedBy(ctx context.Context, b *store.Bucket, item store.Item) ([]string, error) {
	object, err := b.OpenItem(ctx, item)
	if err != nil {
		return nil, err
	}
	file, err := columnar.Open(object, object.Size())
	if err != nil {
		return nil, err
	}
	return Replaced(file)
}

// Replaced are the names of the files, without their extension, whose rows a file holds in their place.
func Replaced(file *columnar.File) ([]string, error) {
	text, ok := file.Metadata(store.ReplacesKey)
	if !ok {
		return nil, nil
	}
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, fmt.Errorf("%w: the names of the files that it replaced: %w", columnar.ErrDamaged, err)
	}
	return names, nil
}
