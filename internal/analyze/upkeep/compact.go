// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record/columnar"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Settled is how old an hour must be before its files are touched: the longest that a sidecar's spool keeps a file for a
// store that cannot be reached.
const Settled = 48 * time.Hour

// Bounds of one replacement. What is larger than half of a bundle is not read again.
const (
	bundleBytes = 256 << 20
	bundleFiles = 4096
)

// Compact makes of the files of each hour, version and tier one, sorted and without repetitions, as soon as no more are to
// be expected, and takes out what belongs to subjects that were erased. A file that comes even later is merged by the next
// run.
func Compact(ctx context.Context, e *Env) (*Report, wire.Verdict, error) {
	r, err := begin(ctx, e, KindCompact)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	defer r.end(ctx)
	settled := func(start time.Time) bool { return !start.Add(Settled).After(r.Now) }
	for _, folder := range []store.Folder{store.Predictions, store.Records, store.Pairs, store.Profiles, store.LabelFolder} {
		if err := r.partitions(ctx, folder, settled, r.compact); err != nil {
			return nil, wire.Verdict{}, err
		}
	}
	if err := r.eraseInbox(ctx); err != nil {
		return nil, wire.Verdict{}, err
	}
	return r.finish(ctx, fmt.Sprintf("%d files were replaced by %d",
		r.total(func(t *Tally) int64 { return int64(t.FilesDeleted) }), r.total(func(t *Tally) int64 { return int64(t.FilesWritten) })))
}

// finish stores the report of a run that did something, and answers with the verdict.
func (r *run) finish(ctx context.Context, message string) (*Report, wire.Verdict, error) {
	v := r.verdict(message + r.exceptions())
	if len(r.Folders) == 0 {
		return &r.Report, v, nil
	}
	var err error
	if v.Report, err = r.store(ctx); err != nil {
		return nil, wire.Verdict{}, err
	}
	return &r.Report, v, nil
}

func (r *run) compact(ctx context.Context, p *partition) error {
	if p.to.Add(Settled).After(r.Now) {
		return nil
	}
	for _, item := range p.strays {
		// A writer that was killed has left it. Nobody else writes files that are none of ours.
		if strings.HasSuffix(item.Key, ".tmp") && item.Modified.Add(Settled).Before(r.Now) {
			if err := r.delete(ctx, p.folder, item.Key); err != nil {
				return err
			}
		}
	}
	if len(p.items) == 0 || len(p.items) == 1 && isCompacted(p.items[0].Key) {
		return nil
	}
	if err := r.settle(ctx, p); err != nil {
		return err
	}
	groups, err := r.groups(ctx, p)
	if err != nil {
		return err
	}
	for _, bundle := range groups {
		err := r.merge(ctx, p, bundle)
		if errors.Is(err, columnar.ErrDamaged) {
			// Its footer could be read, its rows cannot: the others are merged without it.
			if bundle, err = r.sound(ctx, p, bundle); err == nil && len(bundle) > 0 {
				err = r.merge(ctx, p, bundle)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) merge(ctx context.Context, p *partition, items []store.Item) error {
	if p.folder == store.Profiles {
		return r.mergeProfiles(ctx, p, items)
	}
	err := r.rewrite(ctx, p, items, true, r.withoutErased())
	return err
}

// sound are the files that can be read to their end, unless that leaves one that is compacted already.
func (r *run) sound(ctx context.Context, p *partition, items []store.Item) ([]store.Item, error) {
	var sound []store.Item
	for _, item := range items {
		err := r.readThrough(ctx, p, item)
		if err == nil {
			sound = append(sound, item)
		}
		if err := r.damaged(p.folder, err, item.Key); err != nil {
			return nil, err
		}
	}
	if len(sound) == 1 && isCompacted(sound[0].Key) {
		return nil, nil
	}
	return sound, nil
}

func (r *run) readThrough(ctx context.Context, p *partition, item store.Item) error {
	object, err := r.open(ctx, p, item)
	if err != nil {
		return err
	}
	file, err := columnar.Open(object, object.Size())
	if err != nil {
		return err
	}
	for _, err := range file.Rows() {
		if err != nil {
			return err
		}
	}
	return nil
}

// damaged notes a file that cannot be read, and lets the run go on with others.
func (r *run) damaged(folder store.Folder, err error, key string) error {
	if !errors.Is(err, columnar.ErrDamaged) {
		return err
	}
	r.Log.Warn("a damaged file is left as it is", "file", key, "error", err)
	r.count(folder, func(t *Tally) {
		t.FilesDamaged++
		if len(t.Damaged) < maxNamed {
			t.Damaged = append(t.Damaged, key)
		}
	})
	return nil
}

// maxNamed bounds lists of names in reports.
const maxNamed = 20

// groups are the files to be merged with each other: of one schema, in bundles of bounded size. A file alone is merged with
// nothing, but sorted, once.
func (r *run) groups(ctx context.Context, p *partition) ([][]store.Item, error) {
	type bundle struct {
		items []store.Item
		bytes int64
	}
	var order []string
	open := map[string]*bundle{}
	var done [][]store.Item
	complete := func(b *bundle) {
		if len(b.items) > 1 || len(b.items) == 1 && !isCompacted(b.items[0].Key) {
			done = append(done, b.items)
		}
	}
	for _, item := range p.items {
		if isCompacted(item.Key) && item.Size > bundleBytes/2 {
			continue
		}
		schema, err := r.schemaOf(ctx, p, item)
		if err != nil {
			if err := r.damaged(p.folder, err, item.Key); err != nil {
				return nil, err
			}
			continue
		}
		if schema == "" {
			r.count(p.folder, func(t *Tally) { t.Foreign++ })
			continue
		}
		b, ok := open[schema]
		if !ok {
			b = &bundle{}
			open[schema] = b
			order = append(order, schema)
		}
		if len(b.items) > 0 && (b.bytes+item.Size > bundleBytes || len(b.items) == bundleFiles) {
			complete(b)
			*b = bundle{}
		}
		b.items, b.bytes = append(b.items, item), b.bytes+item.Size
	}
	for _, schema := range order {
		complete(open[schema])
	}
	return done, nil
}

// schemaOf is the schema of a file, as text; empty for profiles with columns that cannot be merged.
func (r *run) schemaOf(ctx context.Context, p *partition, item store.Item) (string, error) {
	object, err := r.open(ctx, p, item)
	if err != nil {
		return "", err
	}
	if p.folder == store.Profiles {
		file, err := profile.NewReader(object, object.Size())
		if err != nil || file.Foreign() {
			return "", err
		}
		return "profiles", nil
	}
	file, err := columnar.Open(object, object.Size())
	if err != nil {
		return "", err
	}
	// Encodings may differ from file to file; types may not.
	return file.Schema().String(), nil
}

// withoutErased drops what belongs to subjects that were erased, unless a hold covers it.
func (r *run) withoutErased() judge {
	return func(v view, row parquet.Row) fate {
		if r.erase.Empty() {
			return keep
		}
		record, key := text(row, v.record), text(row, v.key)
		switch {
		case r.erase.Match(record, key, text(row, v.request)) == "":
			return keep
		case r.holds.row(record, key, v.time(row)) != nil:
			return held
		}
		return erased
	}
}

// mergeWidth is how many files of profiles are merged at a time; more are merged in rounds, which gives the same.
const mergeWidth = 64

// mergeProfiles merges files of profiles, exactly. They are fetched first: reading many in turn from the store would hold
// parts of all of them in memory.
func (r *run) mergeProfiles(ctx context.Context, p *partition, items []store.Item) error {
	dir, err := os.MkdirTemp(r.Dir, "profiles-*")
	if err != nil {
		return fmt.Errorf("merging profiles: %w", err)
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			r.Log.Warn("temporary files are left", "error", err)
		}
	}()
	var names, origins []string
	var files []*os.File
	defer func() {
		for _, f := range files {
			_ = f.Close() // Only read, or written and read again since.
		}
	}()
	for _, item := range items {
		file, err := os.CreateTemp(dir, "input-*")
		if err != nil {
			return fmt.Errorf("merging profiles: %w", err)
		}
		files = append(files, file)
		object, err := r.open(ctx, p, item)
		if err != nil {
			return err
		}
		if _, err := io.Copy(file, io.NewSectionReader(object, 0, object.Size())); err != nil {
			return fmt.Errorf("fetching %q: %w", item.Key, err)
		}
		more, err := replacedIn(file)
		if err != nil {
			return err
		}
		names, origins = append(names, base(item.Key)), append(origins, more...)
	}
	for len(files) > mergeWidth {
		var merged []*os.File
		for from := 0; from < len(files); from += mergeWidth {
			file, err := os.CreateTemp(dir, "merged-*")
			if err != nil {
				return fmt.Errorf("merging profiles: %w", err)
			}
			merged = append(merged, file)
			if _, err := mergeFiles(file, nil, files[from:min(from+mergeWidth, len(files))]); err != nil {
				return err
			}
		}
		for _, f := range files {
			_ = f.Close() // It was only read.
		}
		files = merged
	}
	return r.replace(ctx, p, items, append(names, origins...), func(w io.Writer, metadata map[string]string) (int64, bool, error) {
		rows, err := mergeFiles(w, metadata, files)
		return rows, true, err
	})
}

func replacedIn(file *os.File) ([]string, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading a temporary file: %w", err)
	}
	f, err := columnar.Open(file, info.Size())
	if err != nil {
		return nil, err
	}
	return analyze.Replaced(f)
}

// mergeFiles writes the series of files, each key once.
func mergeFiles(w io.Writer, metadata map[string]string, files []*os.File) (rows int64, err error) {
	readers := make([]*profile.Reader, len(files))
	for i, f := range files {
		info, err := f.Stat()
		if err != nil {
			return 0, fmt.Errorf("reading a temporary file: %w", err)
		}
		if readers[i], err = profile.NewReader(f, info.Size()); err != nil {
			return 0, err
		}
	}
	out, err := profile.NewWriter(w, metadata)
	if err != nil {
		return 0, err
	}
	for s, err := range profile.Merged(readers...) {
		if err != nil {
			return 0, err
		}
		if err := out.Write(s); err != nil {
			return 0, err
		}
		rows++
	}
	return rows, out.Close()
}
