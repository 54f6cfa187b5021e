// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/store"
)

// partition is the files of one hour of one version; of labels, of one day.
type partition struct {
	folder store.Folder
	// prefix is what all keys start with, with a slash at its end.
	prefix   string
	from, to time.Time
	items    []store.Item
	// strays are not files of rows, such as what a writer left that was killed.
	strays []store.Item
	// opened are small files that are about to be read again, and openedBytes what they hold in memory.
	opened      map[string]*store.Object
	openedBytes int64
}

const (
	day       = 24 * time.Hour
	extension = ".parquet"
)

// atOnce is how many partitions are worked on at a time: most of a run is waiting for the store.
const atOnce = 4

// partitions calls visit with each partition of a folder that has files, on the days that are wanted, with several at a
// time. Days that are not are not listed.
func (r *run) partitions(ctx context.Context, folder store.Folder, wanted func(start time.Time) bool, visit func(context.Context, *partition) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(1 + atOnce)
	group.Go(func() error {
		for d, err := range r.Bucket.Days(ctx, r.layout, folder) {
			if err != nil {
				return err
			}
			if !wanted(d.Start) {
				continue
			}
			parts, err := r.ofDay(ctx, folder, d)
			if err != nil {
				return err
			}
			for _, p := range parts {
				group.Go(func() error {
					if err := errors.Join(ctx.Err(), r.lease.keep(ctx)); err != nil {
						return err
					}
					if err := visit(ctx, p); err != nil {
						return fmt.Errorf("in %s: %w", p.prefix, err)
					}
					return nil
				})
			}
		}
		return nil
	})
	return group.Wait()
}

func (r *run) ofDay(ctx context.Context, folder store.Folder, d store.Day) ([]*partition, error) {
	var parts []*partition
	for item, err := range r.Bucket.List(ctx, d.Prefix) {
		if err != nil {
			return nil, err
		}
		prefix := path.Dir(item.Key) + "/"
		if len(parts) == 0 || parts[len(parts)-1].prefix != prefix {
			p := &partition{folder: folder, prefix: prefix, from: d.Start, to: d.Start.Add(day)}
			if sub := strings.TrimSuffix(prefix[len(d.Prefix):], "/"); sub != "" {
				hour, ok := d.HourOf(sub)
				if !ok {
					continue // A folder of somebody else's.
				}
				p.from, p.to = hour, hour.Add(time.Hour)
			}
			parts = append(parts, p)
		}
		p := parts[len(parts)-1]
		if strings.HasSuffix(item.Key, extension) {
			p.items = append(p.items, item)
		} else {
			p.strays = append(p.strays, item)
		}
	}
	return parts, nil
}

// openBytes bounds what the opened files of a partition hold in memory.
const openBytes = 16 << 20

// open opens a file, and remembers it where it is small: the second look then costs no request.
func (r *run) open(ctx context.Context, p *partition, item store.Item) (*store.Object, error) {
	if object, ok := p.opened[item.Key]; ok {
		return object, nil
	}
	object, err := r.Bucket.OpenItem(ctx, item)
	if err == nil && p.openedBytes+item.Size <= openBytes {
		if p.opened == nil {
			p.opened = map[string]*store.Object{}
		}
		p.opened[item.Key] = object
		p.openedBytes += item.Size
	}
	return object, err
}

// Names of files that hold the rows of others: by their content, so that the same rows always give the same name. The
// second kind says that no row has a body, so that nobody needs to look again.
const bare = "-without-bodies"

func nameOf(digest string, bodies bool) string {
	name := store.CompactedPrefix + digest[:32]
	if !bodies {
		name += bare
	}
	return name
}

func base(key string) string { return strings.TrimSuffix(path.Base(key), extension) }

func isCompacted(key string) bool { return strings.HasPrefix(path.Base(key), store.CompactedPrefix) }

func isBare(key string) bool { return isCompacted(key) && strings.HasSuffix(base(key), bare) }

// settle finishes what an earlier run has begun: it deletes files whose rows are in another, and leaves in the partition
// those that count.
func (r *run) settle(ctx context.Context, p *partition) error {
	live, err := analyze.Live(ctx, r.Bucket, p.items)
	if err != nil {
		return err
	}
	for _, item := range p.items {
		if slices.ContainsFunc(live, func(l store.Item) bool { return l.Key == item.Key }) {
			continue
		}
		if err := r.delete(ctx, p.folder, item.Key); err != nil {
			return err
		}
	}
	p.items = live
	return nil
}

// delete removes a file. One that is gone already was removed by a run that was cut short.
func (r *run) delete(ctx context.Context, folder store.Folder, key string) error {
	if err := r.lease.keep(ctx); err != nil {
		return err
	}
	err := r.Bucket.Delete(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		r.count(folder, func(t *Tally) { t.FilesDeleted++ })
	}
	return err
}
