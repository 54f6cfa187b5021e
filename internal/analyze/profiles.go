// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/store"
)

// readers is how many files are fetched at a time: the time goes into waiting for the store.
const readers = 8

// maxNamed bounds lists of names in reports.
const maxNamed = 20

// seriesID names a series across windows and versions.
type seriesID struct{ segment, feature string }

// tally holds the merged series of a span of time, cut into consecutive blocks. Blocks tell how much windows of one
// history differ from each other.
type tally struct {
	blocks map[seriesID][]*profile.Series
	count  int

	// Files is how many files were read; Damaged names those that could not be.
	files   int
	damaged []string
	// foreign is how many series were left out because the schema now has another type or origin for them.
	foreign int
}

func newTally(blocks int) *tally {
	return &tally{blocks: map[seriesID][]*profile.Series{}, count: blocks}
}

// add merges a series into a block.
func (t *tally) add(block int, s *profile.Series) {
	id := seriesID{s.Segment, s.Feature}
	blocks, ok := t.blocks[id]
	if !ok {
		blocks = make([]*profile.Series, t.count)
		t.blocks[id] = blocks
	}
	if blocks[block] == nil {
		blocks[block] = profile.NewSeries(s.Key, s.Type, s.Origin)
	}
	if err := blocks[block].Merge(s); err != nil {
		t.foreign++
	}
}

// total merges all blocks of a series; nil when there are none.
func (t *tally) total(id seriesID) *profile.Series {
	return merged(t.blocks[id])
}

func merged(blocks []*profile.Series) *profile.Series {
	var out *profile.Series
	for _, b := range blocks {
		if b == nil {
			continue
		}
		if out == nil {
			out = profile.NewSeries(b.Key, b.Type, b.Origin)
		}
		// Series of one tally are compatible: what is not was left out on the way in.
		_ = out.Merge(b)
	}
	return out
}

// readProfiles merges the profiles of all traffic of a window, in the given number of blocks of equal length.
func readProfiles(ctx context.Context, e *Env, w Window, blocks int, fits identity) (*tally, error) {
	t := newTally(blocks)
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for folder, err := range foldersOf(e.Bucket.Between(ctx, e.layout(), store.Profiles, w.From, w.To)) {
		if err != nil {
			// When a reader has failed, the listing only says that it was cancelled.
			return nil, cmp.Or(group.Wait(), err)
		}
		group.Go(func() error {
			part, err := readFolder(ctx, e, folder, func() *tally { return newTally(blocks) }, func(t *tally, s *profile.Series) {
				switch {
				case s.Window.Before(w.From) || !s.Window.Before(w.To):
				case !fits(s):
					t.foreign++
				default:
					t.add(int(int64(s.Window.Sub(w.From))*int64(blocks)/int64(w.To.Sub(w.From))), s)
				}
			})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			t.merge(part)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.Sort(t.damaged)
	return t, nil
}

// merge adds what another tally of as many blocks holds.
func (t *tally) merge(other *tally) {
	for _, blocks := range other.blocks {
		for i, s := range blocks {
			if s != nil {
				t.add(i, s)
			}
		}
	}
	t.files += other.files
	t.foreign += other.foreign
	t.damaged = append(t.damaged, other.damaged...)
}

// readFolder counts the series of the files of one folder.
func readFolder(ctx context.Context, e *Env, items []store.Item, begin func() *tally, count func(*tally, *profile.Series)) (*tally, error) {
	for attempt := 0; ; attempt++ {
		t := begin()
		err := readLive(ctx, e, items, t, count)
		if !errors.Is(err, store.ErrNotFound) || attempt == relists {
			return t, err
		}
		// A file was replaced since it was listed: what has replaced it is there.
		if items, err = relist(ctx, e, items[0].Key); err != nil {
			return nil, err
		}
	}
}

func readLive(ctx context.Context, e *Env, items []store.Item, t *tally, count func(*tally, *profile.Series)) error {
	live, err := Live(ctx, e.Bucket, items)
	if err != nil {
		return err
	}
	for _, item := range live {
		series, err := readProfile(ctx, e, item.Key)
		switch {
		case errors.Is(err, profile.ErrDamaged):
			e.Log.Warn("a damaged file is left out", "file", item.Key, "error", err)
			t.damaged = append(t.damaged, item.Key)
			continue
		case err != nil:
			return err
		}
		t.files++
		for _, s := range series {
			count(t, s)
		}
	}
	return nil
}

func readProfile(ctx context.Context, e *Env, key string) ([]*profile.Series, error) {
	object, err := e.Bucket.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	return profile.Read(object, object.Size())
}

// coverage is how much of the traffic the profiles of a tally cover.
func (t *tally) coverage() Coverage {
	c := Coverage{Skipped: map[string]int64{}, Files: t.files, Damaged: len(t.damaged), Foreign: t.foreign}
	c.DamagedFiles = t.damaged[:min(len(t.damaged), maxNamed)]
	s := t.total(seriesID{feature: profile.Coverage})
	if s == nil {
		return c
	}
	for name, n := range s.Categories.All() {
		reason, skipped := strings.CutPrefix(name, profile.CoverageSkipped)
		switch {
		case skipped:
			c.Skipped[reason] += n
		case name == profile.CoverageInstances:
			c.Instances = n
		case name == profile.CoverageProfiled:
			c.Profiled = n
		}
	}
	if c.Instances > 0 {
		c.Share = float64(c.Profiled) / float64(c.Instances)
	}
	return c
}

// Coverage says how much of the traffic a report is about.
type Coverage struct {
	// Instances passed; Profiled of them were counted; Skipped were not, by reason.
	Instances int64            `json:"instances"`
	Profiled  int64            `json:"profiled"`
	Skipped   map[string]int64 `json:"skipped,omitempty"`
	// Share is Profiled / Instances, 0 when nothing passed.
	Share float64 `json:"share"`
	// Files were read, Damaged ones left out; the first of those are named.
	Files        int      `json:"files"`
	Damaged      int      `json:"damaged,omitempty"`
	DamagedFiles []string `json:"damagedFiles,omitempty"`
	// Foreign series were left out: they were counted under another schema.
	Foreign int `json:"foreign,omitempty"`
}

// blocksOf is how many blocks a window is cut into: at most limit, none shorter than a profile.
func blocksOf(w Window, limit int) int {
	return max(1, min(limit, int(w.To.Sub(w.From)/time.Minute)))
}
